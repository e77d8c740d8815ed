/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the host's end of vsock: a guest of plain rings on one side, a loop on the other. */
#include "test.h"

#include "guest_ring.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/msg.h"

#include "vsock_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUEST_CID  16u
#define GPA        0x100000u
#define MEM_SIZE   0x100000u
#define TX_RING    0x4000u
#define RX_BUFFERS 0x10000u
#define TX_BUFFER  0x80000u
#define RING       64u
#define RX_BYTES   4096u
#define PORT       1000u

struct rd_engine {
	struct rd_queue queues[2];
};

struct fixture {
	uint8_t *bytes;
	struct rd_guest_mem mem;
	struct guest_ring rings[2];
	struct rd_engine engine;
	struct rd_loop *loop;
	struct rd_ctl_launch launch;
	struct rd_nsm_service *nsm;
	struct rd_connector connector;
	int connector_end;
	char dir[32];
	int dir_fd;
	int listener;
	struct rd_vsock_host *host;
};

static struct rd_queue *engine_queue(struct rd_engine *engine, unsigned index)
{
	return &engine->queues[index];
}

static void engine_notify(struct rd_engine *engine, unsigned index)
{
	(void)engine;
	(void)index;
}

static const struct rd_engine_ops engine_ops = {.queue = engine_queue, .notify = engine_notify};

static void on_heartbeat(void *ctx)
{
	(void)ctx;
}

static void on_wrong_heartbeat(void *ctx, uint8_t byte)
{
	(void)ctx;
	(void)byte;
}

static void on_end_report(void *ctx, const struct rd_guest_end *end)
{
	(void)ctx;
	(void)end;
}

static const struct rd_vsock_host_events events = {
	.heartbeat = on_heartbeat,
	.wrong_heartbeat = on_wrong_heartbeat,
	.end_report = on_end_report,
};

static enum rd_status request_leaf(void *ctx, struct rd_view spki)
{
	(void)ctx;
	(void)spki;
	return RD_OK;
}

static void make_guest(struct fixture *f)
{
	static const uint32_t offsets[2] = {0, TX_RING};
	struct rd_guest_region region = {.gpa = {GPA}, .size = MEM_SIZE};

	f->bytes = aligned_alloc(4096, MEM_SIZE);
	assert_non_null(f->bytes);
	memset(f->bytes, 0, MEM_SIZE);
	region.hva = f->bytes;
	rd_guest_mem_init(&f->mem);
	assert_ok(rd_guest_mem_add(&f->mem, &region));
	for (unsigned i = 0; i < 2; i++) {
		struct guest_ring *r = &f->rings[i];
		struct rd_queue_config config;

		*r = (struct guest_ring){
			.at = f->bytes + offsets[i], .gpa = GPA + offsets[i], .size = RING};
		config = ring_config(r, RD_VIRTIO_F_VERSION_1);
		rd_queue_init(&f->engine.queues[i]);
		assert_ok(rd_queue_start(&f->engine.queues[i], &f->mem, &config));
	}
	for (unsigned i = 0; i < RING; i++) {
		ring_desc(&f->rings[RD_VSOCK_QUEUE_RX], i, GPA + RX_BUFFERS + RX_BYTES * i,
			RX_BYTES, RING_WRITE, 0);
		ring_offer(&f->rings[RD_VSOCK_QUEUE_RX], (uint16_t)i);
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct rd_nsm_service_config nsm = {.request_leaf = request_leaf};
	struct rd_vsock_host_config config = {
		.guest_cid = GUEST_CID, .engine_ops = &engine_ops, .events = &events};
	int pair[2];

	assert_non_null(f);
	make_guest(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/rd-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(rd_msg_listen_at(f->dir_fd, "vsock.sock", SOCK_STREAM, 0600, &f->listener));
	assert_ok(rd_loop_new(&f->loop));
	snprintf(f->launch.instance_id, sizeof(f->launch.instance_id), "i-0000000000000000");
	nsm.launch = &f->launch;
	assert_ok(rd_nsm_service_new(&nsm, &f->nsm, NULL));
	assert_ok(rd_msg_pair(pair));
	f->connector = (struct rd_connector)RD_CONNECTOR_INIT;
	f->connector.sock = pair[0];
	f->connector_end = pair[1];
	config.listener = f->listener;
	config.connector = &f->connector;
	config.nsm = f->nsm;
	config.engine = &f->engine;
	config.loop = f->loop;
	assert_ok(rd_vsock_host_new(&config, &f->host, NULL));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	rd_vsock_host_free(&f->host);
	rd_connector_finish(&f->connector);
	rd_fd_close(&f->connector_end);
	rd_nsm_service_free(&f->nsm);
	rd_loop_free(&f->loop);
	rd_fd_close(&f->listener);
	unlinkat(f->dir_fd, "vsock.sock", 0);
	rd_fd_close(&f->dir_fd);
	rmdir(f->dir);
	free(f->bytes);
	free(f);
	return 0;
}

static void stop(void *arg)
{
	rd_loop_stop(arg);
}

static void run_for(struct rd_loop *loop, uint64_t ms)
{
	struct rd_watch *timer;

	assert_ok(rd_loop_timer(loop, stop, loop, &timer));
	assert_ok(rd_watch_arm(timer, ms));
	assert_ok(rd_loop_run(loop));
	rd_watch_free(&timer);
}

/* A packet to the hypervisor's NSM port, and the kick. */
static void send_packet(struct fixture *f, enum rd_vsock_op op, const void *payload, size_t len)
{
	struct rd_vsock_header h = {
		.src_cid = GUEST_CID,
		.dst_cid = RD_CID_HYPERVISOR,
		.src_port = PORT,
		.dst_port = RD_GUEST_PORT_NSM,
		.len = (uint32_t)len,
		.type = RD_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = 1 << 20,
	};
	struct guest_ring *tx = &f->rings[RD_VSOCK_QUEUE_TX];

	rd_vsock_header_encode(&h, f->bytes + TX_BUFFER);
	if (len > 0) {
		memcpy(f->bytes + TX_BUFFER + RD_VSOCK_HEADER_SIZE, payload, len);
	}
	ring_desc(tx, 0, GPA + TX_BUFFER, (uint32_t)(RD_VSOCK_HEADER_SIZE + len), 0, 0);
	ring_offer(tx, 0);
	rd_vsock_host_kicked(f->host);
}

/* How many packets with data have come since this was last asked. */
static unsigned data_packets(struct fixture *f)
{
	unsigned n = 0;
	uint32_t head, written;

	while (ring_take(&f->rings[RD_VSOCK_QUEUE_RX], &head, &written)) {
		n += written > RD_VSOCK_HEADER_SIZE;
	}
	return n;
}

static void requests_that_come_together_take_turns(void **state)
{
	static const char frame[] = "\x0a\0\0\0\x69GetRandom";
	const size_t frame_len = sizeof(frame) - 1;
	struct fixture *f = *state;
	uint8_t flood[40 * (sizeof(frame) - 1)];

	for (unsigned i = 0; i < 40; i++) {
		memcpy(flood + i * frame_len, frame, frame_len);
	}
	send_packet(f, RD_VSOCK_OP_REQUEST, NULL, 0);
	assert_int_equal(data_packets(f), 0);
	send_packet(f, RD_VSOCK_OP_RW, frame, frame_len);
	assert_int_equal(data_packets(f), 1); /* alone it is answered at once */
	send_packet(f, RD_VSOCK_OP_RW, flood, sizeof(flood));
	assert_int_equal(data_packets(f), 1); /* the loop has other things to do */
	run_for(f->loop, 500);
	assert_int_equal(data_packets(f), 39);
}

static uint64_t cpu_ms(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void lack_of_descriptors_does_not_spin_the_loop(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, few;
	char byte;
	uint64_t spent;
	int client;

	assert_ok(rd_msg_connect_at(f->dir_fd, "vsock.sock", SOCK_STREAM, &client));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)client + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	spent = cpu_ms();
	run_for(f->loop, 1000);
	assert_true(cpu_ms() - spent < 50); /* a few ticks */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(send(client, "NONSENSE\n", 9, MSG_NOSIGNAL), 9);
	run_for(f->loop, 2 * RD_VSOCK_TICK_MS);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), 0); /* heard, and refused */
	rd_fd_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			requests_that_come_together_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			lack_of_descriptors_does_not_spin_the_loop, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("vsock host", tests, NULL, NULL);
}
