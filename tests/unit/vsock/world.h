/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest and a host around the vsock device, for tests: the guest is rings in plain memory, the
 * host is an array of streams with dials for how much they take and give.
 */
#ifndef RD_TEST_VSOCK_WORLD_H
#define RD_TEST_VSOCK_WORLD_H

#include "test.h"

#include "guest_ring.h"
#include "vsock/device.h"

#define WORLD_CID      16u
#define WORLD_RING     256u
#define WORLD_RX_BYTES 4096u /* of an rx buffer */
#define WORLD_STREAMS  1100u

struct stream {
	struct rd_vsock_conn *conn; /* NULL once closed */
	struct rd_vsock_address address;
	bool connected;
	bool closed;
	enum rd_status why;
	unsigned shut; /* what ops.shutdown said */
	/* from the guest */
	size_t takes; /* bytes that it will still take */
	enum rd_status write_status;
	uint64_t taken;
	uint8_t last[64]; /* the last bytes that it took */
	size_t last_len;
	/* to the guest */
	size_t gives; /* bytes that it has */
	bool gives_end;
	enum rd_status read_status;
	uint64_t given;
	unsigned reads;
	unsigned writes;
	/* what to do from inside an op */
	bool reset_in_op;
};

struct packet {
	struct rd_vsock_header h;
	uint8_t payload[WORLD_RX_BYTES];
};

struct world {
	uint32_t cid; /* the guest's */
	uint8_t *bytes;
	struct rd_guest_mem mem;
	struct guest_ring rx_ring;
	struct guest_ring tx_ring;
	struct rd_queue rx;
	struct rd_queue tx;
	struct rd_vsock_device *dev;
	uint64_t now_ms;
	uint32_t buf_alloc; /* what the guest says in its headers */
	uint32_t fwd_cnt;
	enum rd_status connect_status; /* what ops.connect says */
	struct stream streams[WORLD_STREAMS];
	unsigned stream_count;
	unsigned scheduled;
	unsigned notified[2];
	unsigned posted; /* rx buffers ever posted */
};

int world_setup(void **state);        /* with WORLD_RING rx buffers posted */
int world_setup_dry(void **state);    /* with none */
int world_setup_parent(void **state); /* the guest is a parent: CID 3 */
int world_teardown(void **state);

void world_post(struct world *w, unsigned count, uint32_t size);
/* Runs the device until it asks for no more. */
void world_run(struct world *w);
/* A chain of the given raw bytes on the tx queue; the device is not run. */
void world_send_raw(struct world *w, const void *head, uint32_t head_len, uint32_t payload_len);
/* A packet from the guest with len bytes of payload (0xa5), and a run. */
void world_send(struct world *w, enum rd_vsock_op op, uint32_t host_port, uint32_t guest_port,
	uint32_t len, uint32_t flags);
struct rd_vsock_header world_header(const struct world *w, enum rd_vsock_op op, uint32_t host_port,
	uint32_t guest_port, uint32_t len);
void world_send_header(struct world *w, const struct rd_vsock_header *h);
/* The next packet that the guest received; its buffer is posted again. False when there is none. */
bool world_receive(struct world *w, struct packet *ret);
/* The next packet is this; returns its header. */
struct rd_vsock_header world_expect(struct world *w, enum rd_vsock_op op, uint32_t guest_port);
void world_expect_nothing(struct world *w);
/* A stream opened by the guest, its RESPONSE received. */
struct stream *world_open(struct world *w, uint32_t host_port, uint32_t guest_port);
void world_tick(struct world *w, uint64_t ms);

#endif
