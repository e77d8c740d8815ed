/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims about a parent and its enclave: two guests of plain rings, their vmms' ends of vsock with
 * a link between them, and redoubtd's end of the commands that the parent's guest gives.
 */
#include "test.h"

#include "ctl/codes.h"
#include "ctl/stream.h"
#include "guest_ring.h"
#include "os/fd.h"
#include "os/loop.h"
#include "os/msg.h"

#include "peer.h"
#include "vsock_host.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define ENCLAVE_CID 16u
#define GPA         0x100000u
#define MEM_SIZE    0x100000u
#define TX_RING     0x4000u
#define RX_BUFFERS  0x10000u
#define TX_BUFFER   0x80000u
#define RING        64u
#define RX_BYTES    4096u
#define UPLOADS     4096u
#define TURN_MS     50

struct rd_engine {
	struct rd_queue queues[2];
};

struct guest {
	uint32_t cid;
	uint8_t *bytes;
	struct rd_guest_mem mem;
	struct guest_ring rings[2];
	struct rd_engine engine;
	struct rd_vsock_host *host;
	uint32_t lost_peer;     /* of the last link that went */
	int command;            /* redoubtd's end of the last command */
	enum rd_status serving; /* what the vmm hears when it wants one */
	struct rd_vsock_header last;
	uint8_t payload[RX_BYTES];
};

struct world {
	struct rd_loop *loop;
	struct guest parent, enclave;
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

static void on_peer_gone(void *ctx, uint32_t cid)
{
	((struct guest *)ctx)->lost_peer = cid;
}

static enum rd_status on_client(void *ctx, int *ret_sock)
{
	struct guest *g = ctx;
	int pair[2];

	RD_TRY(g->serving);
	assert_ok(rd_msg_pair(pair));
	rd_fd_close(&g->command);
	g->command = pair[0];
	*ret_sock = pair[1];
	return RD_OK;
}

static const struct rd_vsock_host_events events = {
	.peer_gone = on_peer_gone,
	.client = on_client,
};

static void make_guest(struct guest *g, uint32_t cid, struct rd_loop *loop)
{
	static const uint32_t offsets[2] = {0, TX_RING};
	struct rd_guest_region region = {.gpa = {GPA}, .size = MEM_SIZE};
	struct rd_vsock_host_config config = {.guest_cid = cid,
		.listener = -1,
		.control_memory = cid == RD_CID_PARENT ? UPLOADS : 0,
		.engine_ops = &engine_ops,
		.engine = &g->engine,
		.loop = loop,
		.events = &events,
		.ctx = g};

	g->cid = cid;
	g->command = -1;
	g->bytes = aligned_alloc(4096, MEM_SIZE);
	assert_non_null(g->bytes);
	memset(g->bytes, 0, MEM_SIZE);
	region.hva = g->bytes;
	rd_guest_mem_init(&g->mem);
	assert_ok(rd_guest_mem_add(&g->mem, &region));
	for (unsigned i = 0; i < 2; i++) {
		struct guest_ring *r = &g->rings[i];
		struct rd_queue_config queue;

		*r = (struct guest_ring){
			.at = g->bytes + offsets[i], .gpa = GPA + offsets[i], .size = RING};
		queue = ring_config(r, RD_VIRTIO_F_VERSION_1);
		rd_queue_init(&g->engine.queues[i]);
		assert_ok(rd_queue_start(&g->engine.queues[i], &g->mem, &queue));
	}
	for (unsigned i = 0; i < RING; i++) {
		ring_desc(&g->rings[RD_VSOCK_QUEUE_RX], i, GPA + RX_BUFFERS + RX_BYTES * i,
			RX_BYTES, RING_WRITE, 0);
		ring_offer(&g->rings[RD_VSOCK_QUEUE_RX], (uint16_t)i);
	}
	assert_ok(rd_vsock_host_new(&config, &g->host, NULL));
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int pair[2];

	assert_non_null(w);
	assert_ok(rd_loop_new(&w->loop));
	make_guest(&w->parent, RD_CID_PARENT, w->loop);
	make_guest(&w->enclave, ENCLAVE_CID, w->loop);
	assert_ok(rd_msg_pair(pair));
	assert_ok(rd_peer_add(w->parent.host, ENCLAVE_CID, pair[0]));
	assert_ok(rd_peer_add(w->enclave.host, RD_CID_PARENT, pair[1]));
	*state = w;
	return 0;
}

static void end_guest(struct guest *g)
{
	rd_vsock_host_free(&g->host);
	rd_fd_close(&g->command);
	free(g->bytes);
	g->bytes = NULL;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	end_guest(&w->parent);
	end_guest(&w->enclave);
	rd_loop_free(&w->loop);
	free(w);
	return 0;
}

static void stop(void *arg)
{
	rd_loop_stop(arg);
}

static void turn(struct world *w)
{
	struct rd_watch *timer;

	assert_ok(rd_loop_timer(w->loop, stop, w->loop, &timer));
	assert_ok(rd_watch_arm(timer, TURN_MS));
	assert_ok(rd_loop_run(w->loop));
	rd_watch_free(&timer);
}

/* A packet of this guest's in its ring, of which it has not told anybody. */
static void offer_packet(struct guest *g, enum rd_vsock_op op, uint32_t cid, uint32_t port,
	uint32_t own_port, struct rd_view payload)
{
	struct rd_vsock_header h = {
		.src_cid = g->cid,
		.dst_cid = cid,
		.src_port = own_port,
		.dst_port = port,
		.len = (uint32_t)payload.len,
		.type = RD_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = 1 << 20,
	};
	struct guest_ring *tx = &g->rings[RD_VSOCK_QUEUE_TX];

	rd_vsock_header_encode(&h, g->bytes + TX_BUFFER);
	if (payload.len > 0) {
		memcpy(g->bytes + TX_BUFFER + RD_VSOCK_HEADER_SIZE, payload.ptr, payload.len);
	}
	ring_desc(tx, 0, GPA + TX_BUFFER, (uint32_t)(RD_VSOCK_HEADER_SIZE + payload.len), 0, 0);
	ring_offer(tx, 0);
}

/* A packet of this guest's, and some time for everybody. */
static void send_packet(struct world *w, struct guest *g, enum rd_vsock_op op, uint32_t cid,
	uint32_t port, uint32_t own_port, struct rd_view payload)
{
	offer_packet(g, op, cid, port, own_port, payload);
	rd_vsock_host_kicked(g->host);
	turn(w);
}

static const struct rd_view nothing;

/* The next packet that the guest got, into last and payload. */
static bool receive(struct guest *g)
{
	uint32_t head, written;
	const uint8_t *buffer;

	if (!ring_take(&g->rings[RD_VSOCK_QUEUE_RX], &head, &written)) {
		return false;
	}
	buffer = g->bytes + RX_BUFFERS + (size_t)RX_BYTES * head;
	assert_ok(rd_vsock_header_decode(rd_view(buffer, RD_VSOCK_HEADER_SIZE), &g->last));
	memcpy(g->payload, buffer + RD_VSOCK_HEADER_SIZE, g->last.len);
	return true;
}

static void expect(struct guest *g, enum rd_vsock_op op, uint32_t cid)
{
	assert_true(receive(g));
	assert_int_equal(g->last.op, op);
	assert_int_equal(g->last.src_cid, cid);
	assert_int_equal(g->last.dst_cid, g->cid);
}

/* `from` connects to port 7000 of `to`, which accepts. */
static void connect_guests(struct world *w, struct guest *from, struct guest *to)
{
	send_packet(w, from, RD_VSOCK_OP_REQUEST, to->cid, 7000, 1234, nothing);
	expect(to, RD_VSOCK_OP_REQUEST, from->cid);
	assert_int_equal(to->last.dst_port, 7000);
	assert_false(receive(from)); /* not before the other guest has answered */
	send_packet(w, to, RD_VSOCK_OP_RESPONSE, from->cid, to->last.src_port, 7000, nothing);
	expect(from, RD_VSOCK_OP_RESPONSE, to->cid);
}

static void enclave_reaches_its_parent_and_back(void **state)
{
	struct world *w = *state;
	struct guest *both[2][2] = {{&w->enclave, &w->parent}, {&w->parent, &w->enclave}};

	for (size_t i = 0; i < 2; i++) {
		struct guest *from = both[i][0], *to = both[i][1];
		uint32_t port;

		connect_guests(w, from, to);
		port = to->last.src_port;
		send_packet(w, from, RD_VSOCK_OP_RW, to->cid, 7000, 1234, rd_view_str("hello"));
		expect(to, RD_VSOCK_OP_RW, from->cid);
		assert_memory_equal(to->payload, "hello", 5);
		send_packet(w, to, RD_VSOCK_OP_RW, from->cid, port, 7000, rd_view_str("back"));
		expect(from, RD_VSOCK_OP_RW, to->cid);
		assert_memory_equal(from->payload, "back", 4);
		send_packet(w, from, RD_VSOCK_OP_RST, to->cid, 7000, 1234, nothing);
		/* The other side hears of the end of both directions. */
		assert_true(receive(to));
		assert_int_equal(to->last.op, RD_VSOCK_OP_SHUTDOWN);
		send_packet(w, to, RD_VSOCK_OP_RST, from->cid, port, 7000, nothing);
		while (receive(to)) {
		}
		while (receive(from)) {
		}
	}
}

static void nobody_listening_is_a_reset(void **state)
{
	struct world *w = *state;

	send_packet(w, &w->enclave, RD_VSOCK_OP_REQUEST, RD_CID_PARENT, 7000, 1234, nothing);
	expect(&w->parent, RD_VSOCK_OP_REQUEST, ENCLAVE_CID);
	send_packet(w, &w->parent, RD_VSOCK_OP_RST, ENCLAVE_CID, w->parent.last.src_port, 7000,
		nothing);
	expect(&w->enclave, RD_VSOCK_OP_RST, RD_CID_PARENT);
}

/* The RST is in the ring when the answer comes: taking the answer takes the RST, too. */
static void who_gives_up_at_the_moment_of_the_answer_is_forgotten(void **state)
{
	struct world *w = *state;

	send_packet(w, &w->enclave, RD_VSOCK_OP_REQUEST, RD_CID_PARENT, 7000, 1234, nothing);
	expect(&w->parent, RD_VSOCK_OP_REQUEST, ENCLAVE_CID);
	offer_packet(&w->enclave, RD_VSOCK_OP_RST, RD_CID_PARENT, 7000, 1234, nothing);
	send_packet(w, &w->parent, RD_VSOCK_OP_RESPONSE, ENCLAVE_CID, w->parent.last.src_port, 7000,
		nothing);
	while (receive(&w->parent)) {
	}
	assert_int_equal(w->parent.last.op, RD_VSOCK_OP_SHUTDOWN);
	while (receive(&w->enclave)) {
	}
	connect_guests(w, &w->enclave, &w->parent);
}

static void nobody_else_is_reached(void **state)
{
	static const uint32_t strangers[] = {4, 15, 17, 0xfffffffe};
	struct world *w = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(strangers); i++) {
		send_packet(w, &w->parent, RD_VSOCK_OP_REQUEST, strangers[i], 7000, 1234, nothing);
		expect(&w->parent, RD_VSOCK_OP_RST, strangers[i]);
	}
	/* The hypervisor's services are those of the guest's kind. */
	send_packet(w, &w->parent, RD_VSOCK_OP_REQUEST, RD_CID_HYPERVISOR, RD_GUEST_PORT_NSM, 1023,
		nothing);
	expect(&w->parent, RD_VSOCK_OP_RST, RD_CID_HYPERVISOR);
	send_packet(w, &w->enclave, RD_VSOCK_OP_REQUEST, RD_CID_HYPERVISOR, RD_GUEST_PORT_CONTROL,
		1023, nothing);
	expect(&w->enclave, RD_VSOCK_OP_RST, RD_CID_HYPERVISOR);
	assert_false(receive(&w->parent) || receive(&w->enclave));
}

static void the_end_of_one_is_told_to_the_other(void **state)
{
	struct world *w = *state;

	connect_guests(w, &w->enclave, &w->parent);
	/* And one that has not been answered yet. */
	send_packet(w, &w->enclave, RD_VSOCK_OP_REQUEST, RD_CID_PARENT, 7001, 1235, nothing);
	rd_vsock_host_free(&w->parent.host);
	turn(w);
	assert_int_equal(w->enclave.lost_peer, RD_CID_PARENT);
	while (receive(&w->enclave) && w->enclave.last.dst_port != 1235) {
		assert_int_equal(w->enclave.last.op, RD_VSOCK_OP_SHUTDOWN);
	}
	assert_int_equal(w->enclave.last.op, RD_VSOCK_OP_RST);
	send_packet(w, &w->enclave, RD_VSOCK_OP_REQUEST, RD_CID_PARENT, 7000, 1236, nothing);
	while (receive(&w->enclave) && w->enclave.last.dst_port != 1236) {
	}
	assert_int_equal(w->enclave.last.op, RD_VSOCK_OP_RST);
}

static void a_link_that_speaks_nonsense_is_dropped(void **state)
{
	struct world *w = *state;
	int pair[2];

	assert_ok(rd_msg_pair(pair));
	assert_ok(rd_peer_add(w->parent.host, 20, pair[0]));
	assert_ok(rd_msg_send(pair[1], rd_view_str("nonsense"), NULL));
	turn(w);
	assert_int_equal(w->parent.lost_peer, 20);
	rd_fd_close(&pair[1]);
	/* A second link to one CID is none. */
	assert_ok(rd_msg_pair(pair));
	assert_status(rd_peer_add(w->parent.host, ENCLAVE_CID, pair[0]), RD_EXISTS);
	rd_fd_close(&pair[1]);
}

static void a_parent_that_begins_anew_lets_go_of_all(void **state)
{
	struct world *w = *state;

	connect_guests(w, &w->enclave, &w->parent);
	rd_peer_drop_all(w->parent.host);
	turn(w);
	assert_int_equal(w->enclave.lost_peer, RD_CID_PARENT);
	send_packet(w, &w->parent, RD_VSOCK_OP_REQUEST, ENCLAVE_CID, 7000, 1234, nothing);
	while (receive(&w->parent) && w->parent.last.dst_port != 1234) {
	}
	assert_int_equal(w->parent.last.op, RD_VSOCK_OP_RST);
}

/* --- the control port --- */

static void open_control(struct world *w, uint32_t own_port)
{
	send_packet(w, &w->parent, RD_VSOCK_OP_REQUEST, RD_CID_HYPERVISOR, RD_GUEST_PORT_CONTROL,
		own_port, nothing);
	assert_true(receive(&w->parent));
}

static void send_control(struct world *w, struct rd_view bytes)
{
	send_packet(w, &w->parent, RD_VSOCK_OP_RW, RD_CID_HYPERVISOR, RD_GUEST_PORT_CONTROL, 1000,
		bytes);
}

/* The next answer: skips packets without data. */
static const struct rd_ctl_message *answer(struct guest *g, size_t fds)
{
	static struct rd_ctl_message m;
	uint32_t len;
	struct rd_cur c;

	do {
		assert_true(receive(g));
	} while (g->last.op != RD_VSOCK_OP_RW);
	c = rd_cur(rd_view(g->payload, g->last.len));
	assert_ok(rd_cur_le32(&c, &len));
	assert_int_equal(len, c.left);
	assert_ok(rd_ctl_decode(rd_view(c.ptr, c.left), fds, RD_CTL_DAEMON_TO_CLIENT, &m));
	return &m;
}

static struct rd_view run_request(struct rd_buf *out, uint64_t memory_mib, const char *image)
{
	static struct rd_ctl_message m = {
		.type = RD_CTL_RUN, .run = {.name = "app", .cpu_count = 1}};

	m.run.memory_mib = memory_mib;
	assert_ok(rd_ctl_stream_put(&m, out));
	assert_ok(rd_buf_le64(out, strlen(image)));
	assert_ok(rd_buf_put_str(out, image));
	return rd_buf_view(out);
}

static uint8_t storage[RX_BYTES];

static void image_arrives_sealed_and_answers_return(void **state)
{
	struct world *w = *state;
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;
	static struct rd_ctl_message m = {.type = RD_CTL_PROGRESS, .progress = {.text = "working"}};
	uint8_t datagram[RX_BYTES];
	char image[16] = "";
	size_t len;

	open_control(w, 1000);
	assert_int_equal(w->parent.last.op, RD_VSOCK_OP_RESPONSE);
	send_control(w, run_request(&out, 64, "an image"));
	assert_ok(rd_msg_recv(w->parent.command, datagram, sizeof(datagram), &len, &fds));
	assert_int_equal(fds.count, 1);
	assert_ok(rd_fd_require_sealed(fds.fd[0]));
	assert_ok(rd_fd_pread_full(fds.fd[0], image, 8, 0));
	assert_string_equal(image, "an image");
	rd_msg_fds_finish(&fds);

	out = rd_buf_fixed(storage, sizeof(storage));
	assert_ok(rd_ctl_encode(&m, &out));
	assert_ok(rd_msg_send(w->parent.command, rd_buf_view(&out), NULL));
	turn(w);
	assert_string_equal(answer(&w->parent, 0)->progress.text, "working");
}

static void console_comes_in_its_descriptors_place(void **state)
{
	struct world *w = *state;
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	static struct rd_ctl_message ask = {.type = RD_CTL_CONSOLE, .target = {.name = "app"}};
	static struct rd_ctl_message m = {.type = RD_CTL_CONSOLE_FD, .console_fd = {.cid = 16}};
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;
	int ends[2];

	open_control(w, 1000);
	assert_ok(rd_ctl_stream_put(&ask, &out));
	send_control(w, rd_buf_view(&out));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	out = rd_buf_fixed(storage, sizeof(storage));
	assert_ok(rd_ctl_encode(&m, &out));
	fds.fd[0] = ends[0];
	fds.count = 1;
	assert_ok(rd_msg_send(w->parent.command, rd_buf_view(&out), &fds));
	rd_fd_close(&ends[0]);
	turn(w);
	assert_int_equal(answer(&w->parent, 1)->console_fd.cid, 16);
	assert_ok(rd_fd_write_full(ends[1], rd_view_str("a line\n")));
	turn(w);
	assert_true(receive(&w->parent));
	assert_memory_equal(w->parent.payload, "a line\n", 7);
	rd_fd_close(&ends[1]);
	turn(w);
	assert_true(receive(&w->parent));
	assert_int_equal(w->parent.last.op, RD_VSOCK_OP_SHUTDOWN);
}

static void refusals_of_the_control_port_are_errors(void **state)
{
	struct world *w = *state;
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	char large[UPLOADS / 2];

	/* Unprivileged. */
	open_control(w, RD_GUEST_PORT_PRIVILEGED_MAX + 1);
	assert_int_equal(w->parent.last.op, RD_VSOCK_OP_RST);
	/* Garbage. */
	open_control(w, 1000);
	send_control(w, rd_view("\xff\xff\xff\xff", 4));
	assert_int_equal(answer(&w->parent, 0)->error.code, RD_E_CONNECTION);
	send_packet(w, &w->parent, RD_VSOCK_OP_RST, RD_CID_HYPERVISOR, RD_GUEST_PORT_CONTROL, 1000,
		nothing);
	while (receive(&w->parent)) {
	}
	/* redoubtd is away. */
	w->parent.serving = RD_CLOSED;
	open_control(w, 1000);
	send_control(w, run_request(&out, 64, "an image"));
	assert_int_equal(answer(&w->parent, 0)->error.code, RD_E_CONNECTION);
	send_packet(w, &w->parent, RD_VSOCK_OP_RST, RD_CID_HYPERVISOR, RD_GUEST_PORT_CONTROL, 1000,
		nothing);
	while (receive(&w->parent)) {
	}
	/* An image for an enclave without memory, and one that is more than a parent may send. */
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	for (unsigned i = 0; i < 3; i++) {
		open_control(w, 1000);
		out = rd_buf_fixed(storage, sizeof(storage));
		run_request(&out, 64, "");
		out.used -= 8;
		assert_ok(rd_buf_le64(&out, i == 0 ? (uint64_t)65 << 20 : UPLOADS + 1));
		send_control(w, rd_buf_view(&out));
		assert_int_equal(answer(&w->parent, 0)->error.code,
			i == 0 ? RD_E_MEMORY_TOO_SMALL : RD_E_MEMORY_NOT_AVAILABLE);
		send_packet(w, &w->parent, RD_VSOCK_OP_RST, RD_CID_HYPERVISOR,
			RD_GUEST_PORT_CONTROL, 1000, nothing);
		while (receive(&w->parent)) {
		}
	}
	assert_int_equal(w->parent.command, -1);
}

static void a_flood_of_commands_is_refused(void **state)
{
	struct world *w = *state;
	unsigned taken = 0, refused = 0;

	for (uint32_t port = 1; port <= 30; port++) {
		open_control(w, port);
		taken += w->parent.last.op == RD_VSOCK_OP_RESPONSE;
		refused += w->parent.last.op == RD_VSOCK_OP_RST;
	}
	assert_int_equal(taken, 12);
	assert_int_equal(refused, 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			enclave_reaches_its_parent_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_listening_is_a_reset, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_gives_up_at_the_moment_of_the_answer_is_forgotten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_else_is_reached, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_end_of_one_is_told_to_the_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_link_that_speaks_nonsense_is_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_parent_that_begins_anew_lets_go_of_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			image_arrives_sealed_and_answers_return, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			console_comes_in_its_descriptors_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			refusals_of_the_control_port_are_errors, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_of_commands_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
