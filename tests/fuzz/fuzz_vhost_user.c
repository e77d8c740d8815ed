/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vhost-user session under a front end that says what the input says.
 *
 * Input: messages one after another, each one byte (descriptors that come with it, modulo 4), then
 * the 12 bytes of its header and as much payload as the header says and the input has. After each,
 * both queues are walked.
 */
#include "base/byteorder.h"
#include "vhost/user.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEM_SIZE 0x10000u
/* Enough for every request several times; a longer input teaches nothing new. */
#define MESSAGES_MAX 64

struct harness {
	uint8_t *bytes;
	int running[2];
};

static enum rd_status on_map(
	void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva)
{
	struct harness *h = ctx;

	(void)fd;
	RD_ENSURE(region->fd_offset <= MEM_SIZE && region->size <= MEM_SIZE - region->fd_offset,
		RD_DENIED);
	*ret_hva = h->bytes + region->fd_offset;
	return RD_OK;
}

static void on_started(void *ctx, unsigned index, int kick_fd)
{
	struct harness *h = ctx;

	(void)kick_fd;
	if (h->running[index]++ != 0) {
		abort();
	}
}

static void on_stopped(void *ctx, unsigned index)
{
	struct harness *h = ctx;

	if (h->running[index]-- != 1) {
		abort();
	}
}

static const struct rd_vhost_ops ops = {
	.map = on_map,
	.queue_started = on_started,
	.queue_stopped = on_stopped,
};

static void walk(struct rd_vhost_session *session)
{
	static struct rd_chain chain;

	for (unsigned i = 0; i < 2; i++) {
		struct rd_queue *q = rd_vhost_queue(session, i);

		for (unsigned n = 0; n < 8 && rd_queue_pop(q, &chain) == RD_OK; n++) {
			rd_queue_push(q, &chain, chain.writable_bytes);
		}
		if (rd_queue_should_notify(q)) {
			rd_vhost_notify(session, i);
		}
	}
}

static enum rd_status one(struct rd_vhost_session *session, struct rd_cur *in)
{
	uint8_t storage[RD_VHOST_MESSAGE_MAX];
	struct rd_buf reply = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cur ahead;
	struct rd_view header;
	struct rd_view message;
	uint8_t fd_count;
	int fds[4];
	size_t len;

	RD_TRY(rd_cur_u8(in, &fd_count));
	ahead = *in;
	RD_TRY(rd_cur_take(&ahead, RD_VHOST_HEADER_SIZE, &header));
	len = rd_get_le32(header.ptr + 8);
	len = len < ahead.left ? len : ahead.left;
	RD_TRY(rd_cur_take(in, RD_VHOST_HEADER_SIZE + len, &message));
	for (unsigned i = 0; i < fd_count % 4u; i++) {
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	RD_TRY(rd_vhost_handle(session, message, fds, fd_count % 4u, &reply));
	walk(session);
	return RD_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t cid[8] = {16};
	struct harness h = {0};
	struct rd_vhost_config config = {
		.features = RD_VIRTIO_F_RINGS,
		.queue_count = 2,
		.device_config = rd_view(cid, sizeof(cid)),
		.ops = &ops,
		.ctx = &h,
		.fd = -1,
	};
	struct rd_vhost_session *session = NULL;
	struct rd_cur in = rd_cur(rd_view(data, size));

	h.bytes = aligned_alloc(4096, MEM_SIZE);
	if (!h.bytes || rd_vhost_session_new(&config, &session) != RD_OK) {
		free(h.bytes);
		return 0;
	}
	/* Rings that have something in them, so that a started queue is walked. */
	memset(h.bytes, 1, MEM_SIZE);
	for (unsigned i = 0; i < MESSAGES_MAX && one(session, &in) == RD_OK; i++) {
	}
	rd_vhost_session_free(&session);
	if (h.running[0] != 0 || h.running[1] != 0) {
		abort();
	}
	free(h.bytes);
	return 0;
}
