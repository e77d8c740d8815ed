/* SPDX-License-Identifier: Apache-2.0 */
/* vhost-user: what a front end may ask, in which shape, and every refusal. */
#include "test.h"

#include "guest_ring.h"
#include "vhost/user.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define GPA       0x100000u
#define USER      UINT64_C(0x7f0000000000)
#define MEM_SIZE  0x10000u
#define RING_SIZE 16u
#define FEATURES  (RD_VIRTIO_F_RINGS)

#define V1         1u
#define NEED_REPLY 9u
#define F_PROTOCOL (UINT64_C(1) << 30)

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_LOG_BASE = 6,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
	RESET_DEVICE = 34,
};

struct fixture {
	struct rd_vhost_session *session;
	uint8_t *bytes;
	enum rd_status map_status;
	struct rd_vhost_region mapped; /* the last that was asked for */
	unsigned maps;
	unsigned started[2];
	unsigned stopped[2];
	int kick[2];
	int sv[2];
	unsigned fds_before;
	uint8_t reply_bytes[RD_VHOST_MESSAGE_MAX];
	struct rd_buf reply;
};

static unsigned open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d)) {
		n++;
	}
	closedir(d);
	return n;
}

static enum rd_status on_map(
	void *ctx, const struct rd_vhost_region *region, int fd, uint8_t **ret_hva)
{
	struct fixture *f = ctx;

	assert_true(fcntl(fd, F_GETFD) >= 0);
	f->maps++;
	f->mapped = *region;
	RD_ENSURE(f->map_status == RD_OK, f->map_status);
	*ret_hva = f->bytes;
	return RD_OK;
}

static void on_started(void *ctx, unsigned index, int kick_fd)
{
	struct fixture *f = ctx;

	f->started[index]++;
	f->kick[index] = kick_fd;
}

static void on_stopped(void *ctx, unsigned index)
{
	struct fixture *f = ctx;

	if (f->kick[index] >= 0) { /* still open: the caller has yet to stop watching it */
		assert_true(fcntl(f->kick[index], F_GETFD) >= 0);
	}
	f->stopped[index]++;
}

static const struct rd_vhost_ops ops = {
	.map = on_map,
	.queue_started = on_started,
	.queue_stopped = on_stopped,
};

static int setup(void **state)
{
	static const uint8_t cid[8] = {16};
	struct fixture *f = calloc(1, sizeof(*f));
	struct rd_vhost_config config = {
		.features = FEATURES,
		.queue_count = 2,
		.device_config = rd_view(cid, sizeof(cid)),
		.ops = &ops,
	};

	assert_non_null(f);
	f->fds_before = open_fds();
	f->bytes = aligned_alloc(4096, MEM_SIZE);
	assert_non_null(f->bytes);
	memset(f->bytes, 0, MEM_SIZE);
	f->kick[0] = f->kick[1] = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->sv), 0);
	config.ctx = f;
	config.fd = f->sv[0];
	assert_ok(rd_vhost_session_new(&config, &f->session));
	f->reply = rd_buf_fixed(f->reply_bytes, sizeof(f->reply_bytes));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rd_vhost_session_free(&f->session);
	assert_int_equal(f->started[0], f->stopped[0]);
	assert_int_equal(f->started[1], f->stopped[1]);
	close(f->sv[0]);
	if (f->sv[1] >= 0) {
		close(f->sv[1]);
	}
	assert_int_equal(open_fds(), f->fds_before);
	free(f->bytes);
	free(f);
	return 0;
}

static struct rd_view build(
	uint8_t storage[1024], uint32_t request, uint32_t flags, struct rd_view payload)
{
	struct rd_buf b = rd_buf_fixed(storage, 1024);

	assert_ok(rd_buf_le32(&b, request));
	assert_ok(rd_buf_le32(&b, flags));
	assert_ok(rd_buf_le32(&b, (uint32_t)payload.len));
	assert_ok(rd_buf_put_view(&b, payload));
	return rd_buf_view(&b);
}

static enum rd_status ask_fds(struct fixture *f, uint32_t request, uint32_t flags,
	struct rd_view payload, int *fds, size_t n)
{
	uint8_t storage[1024];
	enum rd_status st;

	f->reply.used = 0;
	st = rd_vhost_handle(
		f->session, build(storage, request, flags, payload), fds, n, &f->reply);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fds[i], -1); /* taken in every case */
	}
	return st;
}

static enum rd_status ask(struct fixture *f, uint32_t request, struct rd_view payload)
{
	return ask_fds(f, request, V1, payload, NULL, 0);
}

static enum rd_status ask_u64(struct fixture *f, uint32_t request, uint64_t v)
{
	uint8_t bytes[8];

	rd_put_le64(bytes, v);
	return ask(f, request, rd_view(bytes, sizeof(bytes)));
}

static enum rd_status ask_state(struct fixture *f, uint32_t request, uint32_t index, uint32_t value)
{
	return ask_u64(f, request, (uint64_t)value << 32 | index);
}

static enum rd_status ask_fd(struct fixture *f, uint32_t request, uint32_t index)
{
	uint8_t bytes[8];
	int fd = eventfd(0, EFD_CLOEXEC);

	rd_put_le64(bytes, index);
	return ask_fds(f, request, V1, rd_view(bytes, sizeof(bytes)), &fd, 1);
}

static uint64_t reply_u64(struct fixture *f)
{
	assert_int_equal(f->reply.used, RD_VHOST_HEADER_SIZE + 8);
	assert_int_equal(rd_get_le32(f->reply.ptr + 4), 5); /* version 1, reply */
	assert_int_equal(rd_get_le32(f->reply.ptr + 8), 8);
	return rd_get_le64(f->reply.ptr + RD_VHOST_HEADER_SIZE);
}

static size_t put_region(uint8_t *at, uint64_t gpa, uint64_t size, uint64_t user, uint64_t offset)
{
	rd_put_le64(at, gpa);
	rd_put_le64(at + 8, size);
	rd_put_le64(at + 16, user);
	rd_put_le64(at + 24, offset);
	return 32;
}

static enum rd_status ask_memory_at(
	struct fixture *f, uint64_t gpa, uint64_t size, uint64_t user, uint64_t offset)
{
	uint8_t bytes[40] = {1};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	put_region(bytes + 8, gpa, size, user, offset);
	return ask_fds(f, SET_MEM_TABLE, V1, rd_view(bytes, sizeof(bytes)), &fd, 1);
}

static enum rd_status ask_memory(struct fixture *f)
{
	return ask_memory_at(f, GPA, MEM_SIZE, USER, 0x2000);
}

static enum rd_status ask_addr(struct fixture *f, uint32_t index, uint64_t desc)
{
	uint8_t bytes[40] = {0};

	rd_put_le32(bytes, index);
	rd_put_le64(bytes + 8, desc);
	rd_put_le64(bytes + 16, desc + RING_USED_OFFSET);
	rd_put_le64(bytes + 24, desc + RING_AVAIL_OFFSET);
	return ask(f, SET_VRING_ADDR, rd_view(bytes, sizeof(bytes)));
}

/* Everything that a queue needs, in QEMU's order. */
static void start_queue(struct fixture *f, uint32_t index)
{
	assert_ok(ask_u64(f, SET_FEATURES, FEATURES));
	assert_ok(ask_memory(f));
	assert_ok(ask_state(f, SET_VRING_NUM, index, RING_SIZE));
	assert_ok(ask_state(f, SET_VRING_BASE, index, 0));
	assert_ok(ask_addr(f, index, USER));
	assert_int_equal(f->started[index], 0);
	assert_ok(ask_fd(f, SET_VRING_KICK, index));
	assert_int_equal(f->started[index], 1);
}

/* --- negotiation -------------------------------------------------------------------------------
 */

static void features_are_negotiated(void **state)
{
	struct fixture *f = *state;

	assert_ok(ask(f, GET_FEATURES, rd_view("", 0)));
	assert_int_equal(reply_u64(f), FEATURES | F_PROTOCOL);
	assert_ok(ask_u64(f, SET_FEATURES, RD_VIRTIO_F_VERSION_1));
	assert_int_equal(f->reply.used, 0);
	assert_status(ask_u64(f, SET_FEATURES, 1), RD_FORBIDDEN);
	assert_ok(ask(f, GET_PROTOCOL_FEATURES, rd_view("", 0)));
	assert_true(reply_u64(f) & (1u << 9)); /* CONFIG: QEMU asks for the CID with it */
	assert_status(ask_u64(f, SET_PROTOCOL_FEATURES, 1u << 30), RD_FORBIDDEN);
	assert_ok(ask(f, SET_OWNER, rd_view("", 0)));
	assert_string_equal(rd_vhost_last_request(f->session), "SET_OWNER");
}

static void config_holds_the_cid(void **state)
{
	struct fixture *f = *state;
	uint8_t request[20] = {0};

	rd_put_le32(request + 4, 8);
	assert_status(ask(f, GET_CONFIG, rd_view(request, 20)), RD_UNSUPPORTED);
	assert_ok(ask_u64(f, SET_PROTOCOL_FEATURES, 1u << 9));
	assert_ok(ask(f, GET_CONFIG, rd_view(request, 20)));
	assert_int_equal(f->reply.used, RD_VHOST_HEADER_SIZE + 20);
	assert_int_equal(rd_get_le64(f->reply.ptr + RD_VHOST_HEADER_SIZE + 12), 16);
	rd_put_le32(request, 1); /* one byte beyond the end: an empty answer refuses it */
	assert_ok(ask(f, GET_CONFIG, rd_view(request, 20)));
	assert_int_equal(f->reply.used, RD_VHOST_HEADER_SIZE);
	rd_put_le32(request, UINT32_MAX);
	assert_ok(ask(f, GET_CONFIG, rd_view(request, 20)));
	assert_int_equal(f->reply.used, RD_VHOST_HEADER_SIZE);
	rd_put_le32(request + 4, 9); /* says more than it has */
	assert_status(ask(f, GET_CONFIG, rd_view(request, 20)), RD_TRUNCATED);
	assert_status(ask(f, SET_CONFIG, rd_view(request, 20)), RD_UNSUPPORTED);
}

static void queue_number_needs_its_feature(void **state)
{
	struct fixture *f = *state;

	assert_status(ask(f, GET_QUEUE_NUM, rd_view("", 0)), RD_UNSUPPORTED);
	assert_ok(ask_u64(f, SET_PROTOCOL_FEATURES, 1));
	assert_ok(ask(f, GET_QUEUE_NUM, rd_view("", 0)));
	assert_int_equal(reply_u64(f), 2);
}

static void acknowledges_when_asked(void **state)
{
	struct fixture *f = *state;
	uint8_t v[8] = {0};

	assert_ok(ask_fds(f, SET_OWNER, NEED_REPLY, rd_view("", 0), NULL, 0));
	assert_int_equal(f->reply.used, 0); /* not negotiated */
	assert_ok(ask_u64(f, SET_PROTOCOL_FEATURES, 1u << 3));
	assert_ok(ask_fds(f, SET_OWNER, NEED_REPLY, rd_view("", 0), NULL, 0));
	assert_int_equal(reply_u64(f), 0);
	v[0] = 1;
	assert_status(ask_fds(f, SET_FEATURES, NEED_REPLY, rd_view(v, 8), NULL, 0), RD_FORBIDDEN);
	assert_int_equal(reply_u64(f), 1);
	/* what has a reply of its own gets no second one */
	assert_ok(ask_fds(f, GET_FEATURES, NEED_REPLY, rd_view("", 0), NULL, 0));
	assert_int_equal(reply_u64(f), FEATURES | F_PROTOCOL);
}

/* --- shape -------------------------------------------------------------------------------------
 */

static void malformed_messages_end_the_session(void **state)
{
	static const struct {
		uint32_t request;
		uint32_t flags;
		size_t payload;
		enum rd_status want;
	} cases[] = {
		{SET_OWNER, 0, 0, RD_BAD_VERSION},
		{SET_OWNER, 2, 0, RD_BAD_VERSION},
		{SET_OWNER, 5, 0, RD_MALFORMED}, /* a reply */
		{SET_OWNER, V1, 1, RD_TRAILING},
		{SET_FEATURES, V1, 7, RD_TRUNCATED},
		{SET_FEATURES, V1, 9, RD_TRAILING},
		{SET_VRING_ADDR, V1, 39, RD_TRUNCATED},
		{SET_MEM_TABLE, V1, 7, RD_TRUNCATED},
		{SET_MEM_TABLE, V1, 300, RD_TRAILING},
		{SET_OWNER, V1, 513, RD_LIMIT},
		{0, V1, 0, RD_UNSUPPORTED},
		{SET_LOG_BASE, V1, 16, RD_UNSUPPORTED},
		{RESET_DEVICE, V1, 0, RD_UNSUPPORTED}, /* not negotiated */
		{35, V1, 0, RD_UNSUPPORTED},
		{UINT32_MAX, V1, 0, RD_UNSUPPORTED},
	};
	struct fixture *f = *state;
	uint8_t zeros[600] = {0};

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(ask_fds(f, cases[i].request, cases[i].flags,
				      rd_view(zeros, cases[i].payload), NULL, 0),
			cases[i].want);
		assert_int_equal(f->reply.used, 0);
	}
}

static void sizes_must_agree(void **state)
{
	struct fixture *f = *state;
	uint8_t storage[1024];
	struct rd_view m = build(storage, SET_FEATURES, V1, rd_view("\0\0\0\0\0\0\0", 8));

	assert_status(
		rd_vhost_handle(f->session, rd_view(m.ptr, 11), NULL, 0, &f->reply), RD_TRUNCATED);
	assert_status(
		rd_vhost_handle(f->session, rd_view(m.ptr, 19), NULL, 0, &f->reply), RD_TRUNCATED);
	assert_status(
		rd_vhost_handle(f->session, rd_view(m.ptr, 21), NULL, 0, &f->reply), RD_TRAILING);
}

static void descriptors_only_where_they_belong(void **state)
{
	struct fixture *f = *state;
	uint8_t v[8] = {0};
	int fds[2];

	fds[0] = eventfd(0, EFD_CLOEXEC);
	assert_status(ask_fds(f, SET_FEATURES, V1, rd_view(v, 8), fds, 1), RD_FORBIDDEN);
	fds[0] = eventfd(0, EFD_CLOEXEC);
	fds[1] = eventfd(0, EFD_CLOEXEC);
	assert_status(ask_fds(f, SET_VRING_KICK, V1, rd_view(v, 8), fds, 2), RD_FORBIDDEN);
	assert_status(ask_u64(f, SET_VRING_KICK, 0), RD_MISSING);
	v[1] = 1; /* says that it has none */
	fds[0] = eventfd(0, EFD_CLOEXEC);
	assert_status(ask_fds(f, SET_VRING_KICK, V1, rd_view(v, 8), fds, 1), RD_MISSING);
	assert_status(ask_u64(f, SET_VRING_KICK, 0x200), RD_MALFORMED);
}

static void indices_are_bounded(void **state)
{
	struct fixture *f = *state;

	assert_status(ask_state(f, SET_VRING_NUM, 2, 16), RD_OUT_OF_RANGE);
	assert_status(ask_state(f, SET_VRING_BASE, UINT32_MAX, 0), RD_OUT_OF_RANGE);
	assert_status(ask_state(f, GET_VRING_BASE, 2, 0), RD_OUT_OF_RANGE);
	assert_status(ask_state(f, SET_VRING_ENABLE, 2, 1), RD_OUT_OF_RANGE);
	assert_status(ask_addr(f, 2, USER), RD_OUT_OF_RANGE);
	assert_status(ask_fd(f, SET_VRING_KICK, 2), RD_OUT_OF_RANGE);
	assert_status(ask_fd(f, SET_VRING_CALL, 255), RD_OUT_OF_RANGE);
	assert_status(ask_fd(f, SET_VRING_ERR, 2), RD_OUT_OF_RANGE);
	assert_status(ask_state(f, SET_VRING_NUM, 0, 2048), RD_OUT_OF_RANGE);
	assert_status(ask_state(f, SET_VRING_BASE, 0, 65536), RD_OUT_OF_RANGE);
	assert_null(rd_vhost_queue(f->session, 2));
}

/* --- memory ------------------------------------------------------------------------------------
 */

static void memory_is_asked_of_the_caller(void **state)
{
	struct fixture *f = *state;

	assert_ok(ask_memory(f));
	assert_int_equal(f->maps, 1);
	assert_int_equal(f->mapped.gpa.v, GPA);
	assert_int_equal(f->mapped.size, MEM_SIZE);
	assert_int_equal(f->mapped.fd_offset, 0x2000);
	f->map_status = RD_DENIED;
	assert_status(ask_memory(f), RD_DENIED);
}

static void bad_memory_tables_are_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t table[8 + 64] = {2};
	int fds[8];

	assert_status(ask_memory_at(f, GPA, 0, USER, 0), RD_OUT_OF_RANGE);
	assert_status(ask_memory_at(f, UINT64_MAX, 2, USER, 0), RD_OUT_OF_RANGE);
	assert_status(ask_memory_at(f, GPA, 2, UINT64_MAX, 0), RD_OUT_OF_RANGE);
	assert_status(ask_memory_at(f, GPA, 2, USER, UINT64_MAX), RD_OUT_OF_RANGE);

	put_region(table + 8, GPA, 0x2000, USER, 0);
	put_region(table + 40, GPA + 0x1fff, 0x1000, USER + 0x10000, 0);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_status(
		ask_fds(f, SET_MEM_TABLE, V1, rd_view(table, sizeof(table)), fds, 2), RD_OVERLAP);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_status(
		ask_fds(f, SET_MEM_TABLE, V1, rd_view(table, sizeof(table)), fds, 1), RD_MISSING);
	fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_status(ask_fds(f, SET_MEM_TABLE, V1, rd_view(table, 40), fds, 2), RD_TRUNCATED);
	table[0] = 9;
	assert_status(ask(f, SET_MEM_TABLE, rd_view(table, sizeof(table))), RD_LIMIT);
}

/* --- queues ------------------------------------------------------------------------------------
 */

static void queue_starts_when_it_has_everything(void **state)
{
	struct fixture *f = *state;
	struct guest_ring ring = {f->bytes, GPA, RING_SIZE, 0, 0};
	struct rd_queue *q = rd_vhost_queue(f->session, 1);
	static struct rd_chain chain;

	assert_status(rd_queue_pop(q, &chain), RD_CLOSED);
	start_queue(f, 1);
	assert_true(f->kick[1] >= 0);
	assert_int_equal(f->started[0], 0);
	ring_desc(&ring, 3, GPA + 0x8000, 100, 0, 0);
	ring_offer(&ring, 3);
	assert_ok(rd_queue_pop(q, &chain));
	assert_int_equal(chain.readable_bytes, 100);
	assert_ptr_equal(chain.iov[0].iov_base, f->bytes + 0x8000);
}

static void queue_waits_to_be_enabled(void **state)
{
	struct fixture *f = *state;

	assert_ok(ask_u64(f, SET_FEATURES, FEATURES | F_PROTOCOL));
	assert_ok(ask_memory(f));
	assert_ok(ask_state(f, SET_VRING_NUM, 0, RING_SIZE));
	assert_ok(ask_addr(f, 0, USER));
	assert_ok(ask_fd(f, SET_VRING_KICK, 0));
	assert_int_equal(f->started[0], 0);
	assert_ok(ask_state(f, SET_VRING_ENABLE, 0, 1));
	assert_int_equal(f->started[0], 1);
	assert_ok(ask_state(f, SET_VRING_ENABLE, 0, 0));
	assert_int_equal(f->stopped[0], 1);
	assert_ok(ask_state(f, SET_VRING_ENABLE, 0, 1));
	assert_int_equal(f->started[0], 2);
}

static void queue_without_kick_descriptor_is_polled(void **state)
{
	struct fixture *f = *state;

	assert_ok(ask_u64(f, SET_FEATURES, FEATURES));
	assert_ok(ask_memory(f));
	assert_ok(ask_state(f, SET_VRING_NUM, 0, RING_SIZE));
	assert_ok(ask_addr(f, 0, USER));
	assert_ok(ask_u64(f, SET_VRING_KICK, 0x100));
	assert_int_equal(f->started[0], 1);
	assert_int_equal(f->kick[0], -1);
}

static void rings_outside_memory_are_refused(void **state)
{
	static const uint64_t addresses[] = {
		0, USER - 16, USER + MEM_SIZE, USER + MEM_SIZE - 16, GPA, USER + 8};
	struct fixture *f = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(addresses); i++) {
		enum rd_status st;

		assert_ok(ask_u64(f, SET_FEATURES, FEATURES));
		assert_ok(ask_memory(f));
		assert_ok(ask_state(f, SET_VRING_NUM, 0, RING_SIZE));
		assert_ok(ask_addr(f, 0, addresses[i]));
		st = ask_fd(f, SET_VRING_KICK, 0);
		assert_status(st, i == 5 ? RD_NONCANONICAL : RD_OUT_OF_RANGE);
		assert_int_equal(f->started[0], 0);
		assert_ok(ask(f, RESET_OWNER, rd_view("", 0)));
	}
}

static void queue_size_is_checked(void **state)
{
	struct fixture *f = *state;

	assert_ok(ask_memory(f));
	assert_ok(ask_addr(f, 0, USER));
	assert_ok(ask_fd(f, SET_VRING_KICK, 0));
	assert_status(ask_state(f, SET_VRING_NUM, 0, 0), RD_OUT_OF_RANGE);
	assert_status(ask_state(f, SET_VRING_NUM, 0, 12), RD_OUT_OF_RANGE);
	assert_int_equal(f->started[0], 0);
}

static void running_queue_is_not_changed_under_its_device(void **state)
{
	struct fixture *f = *state;

	start_queue(f, 0);
	assert_status(ask_state(f, SET_VRING_NUM, 0, 32), RD_FORBIDDEN);
	assert_status(ask_state(f, SET_VRING_BASE, 0, 5), RD_FORBIDDEN);
	assert_status(ask_addr(f, 0, USER), RD_FORBIDDEN);
	assert_true(rd_queue_started(rd_vhost_queue(f->session, 0)));
}

static void stopping_tells_where_to_resume(void **state)
{
	struct fixture *f = *state;
	struct guest_ring ring = {f->bytes, GPA, RING_SIZE, 0, 0};
	static struct rd_chain chain;

	start_queue(f, 0);
	ring_desc(&ring, 0, GPA + 0x8000, 100, 0, 0);
	ring_offer(&ring, 0);
	assert_ok(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain));
	rd_queue_push(rd_vhost_queue(f->session, 0), &chain, 0);
	assert_ok(ask_state(f, GET_VRING_BASE, 0, 0));
	assert_int_equal(reply_u64(f), UINT64_C(1) << 32);
	assert_int_equal(f->stopped[0], 1);
	assert_false(rd_queue_started(rd_vhost_queue(f->session, 0)));
	/* and from there it goes on */
	assert_ok(ask_fd(f, SET_VRING_KICK, 0));
	assert_int_equal(f->started[0], 2);
	assert_status(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain), RD_AGAIN);
	ring_offer(&ring, 0);
	assert_ok(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain));
}

static void memory_moves_under_running_queues(void **state)
{
	struct fixture *f = *state;
	struct guest_ring ring = {f->bytes, GPA, RING_SIZE, 0, 0};
	uint8_t *moved = aligned_alloc(4096, MEM_SIZE);
	uint8_t *old = f->bytes;
	static struct rd_chain chain;

	assert_non_null(moved);
	start_queue(f, 0);
	ring_desc(&ring, 0, GPA + 0x8000, 100, 0, 0);
	ring_offer(&ring, 0);
	ring_offer(&ring, 0);
	assert_ok(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain));
	rd_queue_push(rd_vhost_queue(f->session, 0), &chain, 0);
	memcpy(moved, old, MEM_SIZE);
	f->bytes = moved;
	assert_ok(ask_memory(f));
	assert_int_equal(f->stopped[0], 0);
	assert_ok(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain));
	assert_ptr_equal(chain.iov[0].iov_base, moved + 0x8000);
	assert_status(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain), RD_AGAIN);
	/* memory without the rings: the session is over, the queue gives nothing */
	assert_status(ask_memory_at(f, GPA, MEM_SIZE, USER + 0x100000, 0), RD_OUT_OF_RANGE);
	assert_status(rd_queue_pop(rd_vhost_queue(f->session, 0), &chain), RD_CLOSED);
	free(old);
}

static void resets_stop_the_queues(void **state)
{
	struct fixture *f = *state;

	start_queue(f, 0);
	assert_ok(ask_u64(f, SET_PROTOCOL_FEATURES, 1u << 13));
	assert_ok(ask(f, RESET_DEVICE, rd_view("", 0)));
	assert_int_equal(f->stopped[0], 1);
	assert_false(rd_queue_started(rd_vhost_queue(f->session, 0)));
}

static void interrupts_and_kicks_are_counted(void **state)
{
	struct fixture *f = *state;
	uint8_t bytes[8] = {0};
	uint64_t count = 0;
	uint64_t one = 1;
	int call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int theirs = dup(call);

	rd_vhost_notify(f->session, 0); /* nobody to tell: harmless */
	assert_ok(ask_fds(f, SET_VRING_CALL, V1, rd_view(bytes, 8), &theirs, 1));
	start_queue(f, 0);
	rd_vhost_notify(f->session, 0);
	rd_vhost_notify(f->session, 0);
	rd_vhost_notify(f->session, 7);
	assert_int_equal(read(call, &count, sizeof(count)), 8);
	assert_int_equal(count, 2);
	close(call);

	assert_int_equal(write(f->kick[0], &one, sizeof(one)), 8);
	rd_vhost_kicked(f->session, 0);
	rd_vhost_kicked(f->session, 0); /* empty: does not block */
	assert_int_equal(read(f->kick[0], &count, sizeof(count)), -1);
}

/* --- the socket --------------------------------------------------------------------------------
 */

static void send_with_fds(int socket, struct rd_view m, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * 16)];
	} control = {0};
	struct iovec iov = {(void *)(uintptr_t)m.ptr, m.len};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(sizeof(int) * n)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	assert_int_equal(sendmsg(socket, &msg, 0), m.len);
}

static void messages_may_dribble(void **state)
{
	struct fixture *f = *state;
	uint8_t storage[1024];
	uint8_t v[8];
	uint8_t answer[64];
	struct rd_view m;

	rd_put_le64(v, FEATURES);
	m = build(storage, SET_FEATURES, V1, rd_view(v, 8));
	for (size_t i = 0; i < m.len; i++) {
		assert_string_equal(rd_vhost_last_request(f->session), "none");
		assert_int_equal(send(f->sv[1], m.ptr + i, 1, 0), 1);
		assert_ok(rd_vhost_readable(f->session));
	}
	assert_string_equal(rd_vhost_last_request(f->session), "SET_FEATURES");
	/* two messages at once, one of them with an answer */
	m = build(storage, SET_OWNER, V1, rd_view("", 0));
	assert_int_equal(send(f->sv[1], m.ptr, m.len, 0), (ssize_t)m.len);
	m = build(storage, GET_FEATURES, V1, rd_view("", 0));
	assert_int_equal(send(f->sv[1], m.ptr, m.len, 0), (ssize_t)m.len);
	assert_ok(rd_vhost_readable(f->session));
	assert_int_equal(recv(f->sv[1], answer, sizeof(answer), MSG_DONTWAIT), 20);
	assert_int_equal(rd_get_le64(answer + 12), FEATURES | F_PROTOCOL);
}

static void descriptors_travel_with_their_message(void **state)
{
	struct fixture *f = *state;
	uint8_t storage[1024];
	uint8_t v[8] = {0};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct rd_view m = build(storage, SET_VRING_CALL, V1, rd_view(v, 8));
	uint64_t count;

	send_with_fds(f->sv[1], rd_view(m.ptr, 5), &fd, 1);
	assert_ok(rd_vhost_readable(f->session));
	assert_int_equal(send(f->sv[1], m.ptr + 5, m.len - 5, 0), (ssize_t)m.len - 5);
	assert_ok(rd_vhost_readable(f->session));
	rd_vhost_notify(f->session, 0);
	assert_int_equal(read(fd, &count, sizeof(count)), 8);
	close(fd);
}

static void too_many_descriptors_end_the_session(void **state)
{
	struct fixture *f = *state;
	uint8_t storage[1024];
	struct rd_view m = build(storage, SET_OWNER, V1, rd_view("", 0));
	int fds[9];

	for (unsigned i = 0; i < 9; i++) {
		fds[i] = f->sv[1];
	}
	send_with_fds(f->sv[1], m, fds, 9);
	assert_status(rd_vhost_readable(f->session), RD_LIMIT);
}

static void hang_up_between_messages_is_orderly(void **state)
{
	struct fixture *f = *state;
	uint8_t storage[1024];
	struct rd_view m = build(storage, SET_OWNER, V1, rd_view("", 0));

	assert_int_equal(send(f->sv[1], m.ptr, m.len, 0), (ssize_t)m.len);
	close(f->sv[1]);
	f->sv[1] = -1;
	assert_status(rd_vhost_readable(f->session), RD_CLOSED);
	assert_string_equal(rd_vhost_last_request(f->session), "SET_OWNER");
}

static void hang_up_within_a_message_is_not(void **state)
{
	struct fixture *f = *state;
	uint8_t storage[1024];
	struct rd_view m = build(storage, SET_FEATURES, V1, rd_view("\0\0\0\0\0\0\0", 8));

	assert_int_equal(send(f->sv[1], m.ptr, 13, 0), 13);
	close(f->sv[1]);
	f->sv[1] = -1;
	assert_status(rd_vhost_readable(f->session), RD_TRUNCATED);
}

static void oversized_message_is_refused_by_its_header(void **state)
{
	struct fixture *f = *state;
	uint8_t header[RD_VHOST_HEADER_SIZE] = {SET_OWNER, 0, 0, 0, V1};

	rd_put_le32(header + 8, UINT32_MAX);
	assert_int_equal(send(f->sv[1], header, sizeof(header), 0), sizeof(header));
	assert_status(rd_vhost_readable(f->session), RD_LIMIT);
}

static void impossible_sessions_are_refused(void **state)
{
	static const uint8_t big[257];
	struct rd_vhost_session *s;
	struct rd_vhost_config config = {.queue_count = RD_VHOST_QUEUES_MAX + 1, .ops = &ops};

	(void)state;
	assert_status(rd_vhost_session_new(&config, &s), RD_USAGE);
	config.queue_count = 1;
	config.device_config = rd_view(big, sizeof(big));
	assert_status(rd_vhost_session_new(&config, &s), RD_USAGE);
}

#define VHOST_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		VHOST_TEST(features_are_negotiated),
		VHOST_TEST(config_holds_the_cid),
		VHOST_TEST(queue_number_needs_its_feature),
		VHOST_TEST(acknowledges_when_asked),
		VHOST_TEST(malformed_messages_end_the_session),
		VHOST_TEST(sizes_must_agree),
		VHOST_TEST(descriptors_only_where_they_belong),
		VHOST_TEST(indices_are_bounded),
		VHOST_TEST(memory_is_asked_of_the_caller),
		VHOST_TEST(bad_memory_tables_are_refused),
		VHOST_TEST(queue_starts_when_it_has_everything),
		VHOST_TEST(queue_waits_to_be_enabled),
		VHOST_TEST(queue_without_kick_descriptor_is_polled),
		VHOST_TEST(rings_outside_memory_are_refused),
		VHOST_TEST(queue_size_is_checked),
		VHOST_TEST(running_queue_is_not_changed_under_its_device),
		VHOST_TEST(stopping_tells_where_to_resume),
		VHOST_TEST(memory_moves_under_running_queues),
		VHOST_TEST(resets_stop_the_queues),
		VHOST_TEST(interrupts_and_kicks_are_counted),
		VHOST_TEST(messages_may_dribble),
		VHOST_TEST(descriptors_travel_with_their_message),
		VHOST_TEST(too_many_descriptors_end_the_session),
		VHOST_TEST(hang_up_between_messages_is_orderly),
		VHOST_TEST(hang_up_within_a_message_is_not),
		VHOST_TEST(oversized_message_is_refused_by_its_header),
		cmocka_unit_test(impossible_sessions_are_refused),
	};

	return cmocka_run_group_tests_name("vhost-user", tests, NULL, NULL);
}
