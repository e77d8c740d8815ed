/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests of vhost-user.
 *
 * A message is u32 request, u32 flags, u32 size, then `size` bytes, all little-endian on our hosts,
 * with descriptors beside it. The table `requests` says for each what it must look like; a handler
 * runs only when it does. A queue runs from the moment when it has a size, addresses inside memory,
 * a kick descriptor and is enabled; it stops at GET_VRING_BASE, which tells the front end where to
 * resume.
 */
#include "vhost/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLAG_VERSION_MASK 3u
#define FLAG_VERSION      1u
#define FLAG_REPLY        (1u << 2)
#define FLAG_NEED_REPLY   (1u << 3)

/* Sits among the device's feature bits: there are protocol features to negotiate. */
#define F_PROTOCOL_FEATURES (UINT64_C(1) << 30)

#define PROTOCOL_F_MQ           (UINT64_C(1) << 0)
#define PROTOCOL_F_REPLY_ACK    (UINT64_C(1) << 3)
#define PROTOCOL_F_CONFIG       (UINT64_C(1) << 9)
#define PROTOCOL_F_RESET_DEVICE (UINT64_C(1) << 13)
#define PROTOCOL_FEATURES                                                                          \
	(PROTOCOL_F_MQ | PROTOCOL_F_REPLY_ACK | PROTOCOL_F_CONFIG | PROTOCOL_F_RESET_DEVICE)

/* In the u64 of SET_VRING_KICK, CALL and ERR. */
#define VRING_INDEX_MASK UINT64_C(0xff)
#define VRING_NO_FD      (UINT64_C(1) << 8)

struct call {
	struct rd_vhost_session *s;
	struct rd_cur in;
	int *fds;
	size_t fd_count;
	struct rd_buf *out; /* reply payload */
};

void rd_vhost_close_fds(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
			fds[i] = -1;
		}
	}
}

/* --- queues ------------------------------------------------------------------------------------
 */

static enum rd_status to_gpa(
	const struct rd_vhost_session *s, uint64_t user_addr, struct rd_gpa *ret_gpa)
{
	for (unsigned i = 0; i < s->mem.count; i++) {
		const struct rd_guest_region *r = &s->mem.regions[i];
		uint64_t offset = user_addr - s->user_addr[i];

		if (user_addr >= s->user_addr[i] && offset < r->size) {
			ret_gpa->v = r->gpa.v + offset;
			return RD_OK;
		}
	}
	return RD_OUT_OF_RANGE;
}

static bool is_enabled(const struct rd_vhost_session *s, const struct vhost_queue *q)
{
	/* Without protocol features there is no SET_VRING_ENABLE: rings are born enabled. */
	return q->enable_set ? q->enable : !(s->features & F_PROTOCOL_FEATURES);
}

static enum rd_status walker_start(struct rd_vhost_session *s, struct vhost_queue *q)
{
	struct rd_queue_config config = {.size = q->num, .base = q->base, .features = s->features};

	RD_TRY(to_gpa(s, q->desc, &config.desc));
	RD_TRY(to_gpa(s, q->avail, &config.avail));
	RD_TRY(to_gpa(s, q->used, &config.used));
	return rd_queue_start(&q->walker, &s->mem, &config);
}

static enum rd_status queue_start(struct rd_vhost_session *s, unsigned index)
{
	struct vhost_queue *q = &s->queues[index];

	if (q->running || !q->num_set || !q->addr_set || !q->kick_set || !is_enabled(s, q)) {
		return RD_OK;
	}
	RD_TRY(walker_start(s, q));
	q->running = true;
	s->ops->queue_started(s->ctx, index, q->kick_fd);
	return RD_OK;
}

static void queue_stop(struct rd_vhost_session *s, unsigned index)
{
	struct vhost_queue *q = &s->queues[index];

	if (q->running) {
		q->running = false;
		q->base = rd_queue_base(&q->walker);
		rd_queue_stop(&q->walker);
		s->ops->queue_stopped(s->ctx, index);
	}
}

static void queue_reset(struct rd_vhost_session *s, unsigned index)
{
	struct vhost_queue *q = &s->queues[index];

	queue_stop(s, index);
	rd_vhost_close_fds(&q->kick_fd, 1);
	rd_vhost_close_fds(&q->call_fd, 1);
	q->num_set = false;
	q->addr_set = false;
	q->kick_set = false;
	q->enable_set = false;
	q->base = 0;
}

static void all_reset(struct rd_vhost_session *s)
{
	for (unsigned i = 0; i < s->queue_count; i++) {
		queue_reset(s, i);
	}
}

static void all_stop(struct rd_vhost_session *s)
{
	for (unsigned i = 0; i < s->queue_count; i++) {
		queue_stop(s, i);
	}
}

/*
 * Rings that run move with the memory that they lie in, from where they are. If one cannot, none
 * goes on: the old memory is the caller's to unmap.
 */
static enum rd_status all_move(struct rd_vhost_session *s)
{
	for (unsigned i = 0; i < s->queue_count; i++) {
		struct vhost_queue *q = &s->queues[i];
		enum rd_status st;

		if (!q->running) {
			continue;
		}
		q->base = rd_queue_base(&q->walker);
		st = walker_start(s, q);
		if (st != RD_OK) {
			all_stop(s);
			return st;
		}
	}
	return RD_OK;
}

/* --- requests ----------------------------------------------------------------------------------
 */

static enum rd_status on_nothing(struct call *c)
{
	(void)c;
	return RD_OK;
}

static enum rd_status on_get_features(struct call *c)
{
	return rd_buf_le64(c->out, c->s->device_features | F_PROTOCOL_FEATURES);
}

static enum rd_status on_set_features(struct call *c)
{
	uint64_t features;

	RD_TRY(rd_cur_le64(&c->in, &features));
	RD_ENSURE(!(features & ~(c->s->device_features | F_PROTOCOL_FEATURES)), RD_FORBIDDEN);
	c->s->features = features;
	return RD_OK;
}

static enum rd_status on_get_protocol_features(struct call *c)
{
	return rd_buf_le64(c->out, PROTOCOL_FEATURES);
}

static enum rd_status on_set_protocol_features(struct call *c)
{
	uint64_t features;

	RD_TRY(rd_cur_le64(&c->in, &features));
	RD_ENSURE(!(features & ~PROTOCOL_FEATURES), RD_FORBIDDEN);
	c->s->protocol_features = features;
	return RD_OK;
}

static enum rd_status on_get_queue_num(struct call *c)
{
	return rd_buf_le64(c->out, c->s->queue_count);
}

static enum rd_status on_reset_owner(struct call *c)
{
	all_reset(c->s);
	return RD_OK;
}

static enum rd_status on_reset_device(struct call *c)
{
	all_reset(c->s);
	c->s->features = 0;
	return RD_OK;
}

static enum rd_status map_region(
	struct call *c, size_t i, struct rd_guest_mem *mem, uint64_t *ret_user_addr)
{
	struct rd_vhost_session *s = c->s;
	struct rd_vhost_region region;
	struct rd_guest_region mapped = {0};

	RD_TRY(rd_cur_le64(&c->in, &region.gpa.v));
	RD_TRY(rd_cur_le64(&c->in, &region.size));
	RD_TRY(rd_cur_le64(&c->in, ret_user_addr));
	RD_TRY(rd_cur_le64(&c->in, &region.fd_offset));
	RD_ENSURE(region.size != 0, RD_OUT_OF_RANGE);
	RD_ENSURE(region.size - 1 <= UINT64_MAX - *ret_user_addr, RD_OUT_OF_RANGE);
	RD_ENSURE(region.size - 1 <= UINT64_MAX - region.fd_offset, RD_OUT_OF_RANGE);
	RD_TRY(s->ops->map(s->ctx, &region, c->fds[i], &mapped.hva));
	mapped.gpa = region.gpa;
	mapped.size = region.size;
	return rd_guest_mem_add(mem, &mapped);
}

static enum rd_status on_set_mem_table(struct call *c)
{
	struct rd_guest_mem mem;
	uint64_t user_addr[RD_GUEST_MEM_REGIONS_MAX] = {0};
	uint32_t count;

	RD_TRY(rd_cur_le32(&c->in, &count));
	RD_TRY(rd_cur_skip(&c->in, 4));
	RD_ENSURE(count <= RD_GUEST_MEM_REGIONS_MAX, RD_LIMIT);
	RD_ENSURE(c->fd_count == count, RD_MISSING);
	rd_guest_mem_init(&mem);
	for (uint32_t i = 0; i < count; i++) {
		RD_TRY(map_region(c, i, &mem, &user_addr[i]));
	}
	/* QEMU sends the whole array, whatever the count. */
	RD_TRY(rd_cur_skip(&c->in, c->in.left));
	c->s->mem = mem;
	memcpy(c->s->user_addr, user_addr, sizeof(user_addr));
	return all_move(c->s);
}

/* The {u32 index, u32 value} of several requests. */
static enum rd_status vring_state(struct call *c, uint32_t *ret_index, uint32_t *ret_value)
{
	RD_TRY(rd_cur_le32(&c->in, ret_index));
	RD_TRY(rd_cur_le32(&c->in, ret_value));
	RD_ENSURE(*ret_index < c->s->queue_count, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status on_set_vring_num(struct call *c)
{
	uint32_t index;
	uint32_t num;

	RD_TRY(vring_state(c, &index, &num));
	RD_ENSURE(num <= RD_QUEUE_SIZE_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE(!c->s->queues[index].running, RD_FORBIDDEN);
	c->s->queues[index].num = (uint16_t)num;
	c->s->queues[index].num_set = true;
	return queue_start(c->s, index);
}

static enum rd_status on_set_vring_addr(struct call *c)
{
	struct vhost_queue *q;
	uint32_t index;
	uint32_t flags;

	RD_TRY(rd_cur_le32(&c->in, &index));
	RD_TRY(rd_cur_le32(&c->in, &flags)); /* dirty logging: not offered, so ignored */
	RD_ENSURE(index < c->s->queue_count, RD_OUT_OF_RANGE);
	q = &c->s->queues[index];
	RD_ENSURE(!q->running, RD_FORBIDDEN);
	RD_TRY(rd_cur_le64(&c->in, &q->desc));
	RD_TRY(rd_cur_le64(&c->in, &q->used));
	RD_TRY(rd_cur_le64(&c->in, &q->avail));
	RD_TRY(rd_cur_skip(&c->in, 8)); /* log address */
	q->addr_set = true;
	return queue_start(c->s, index);
}

static enum rd_status on_set_vring_base(struct call *c)
{
	uint32_t index;
	uint32_t base;

	RD_TRY(vring_state(c, &index, &base));
	RD_ENSURE(base <= UINT16_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE(!c->s->queues[index].running, RD_FORBIDDEN);
	c->s->queues[index].base = (uint16_t)base;
	return RD_OK;
}

static enum rd_status on_get_vring_base(struct call *c)
{
	uint32_t index;
	uint32_t unused;

	RD_TRY(vring_state(c, &index, &unused));
	queue_stop(c->s, index);
	RD_TRY(rd_buf_le32(c->out, index));
	RD_TRY(rd_buf_le32(c->out, c->s->queues[index].base));
	/* Kick and call descriptors come anew with the next start. */
	rd_vhost_close_fds(&c->s->queues[index].kick_fd, 1);
	rd_vhost_close_fds(&c->s->queues[index].call_fd, 1);
	c->s->queues[index].kick_set = false;
	return RD_OK;
}

static enum rd_status on_set_vring_enable(struct call *c)
{
	uint32_t index;
	uint32_t enable;

	RD_TRY(vring_state(c, &index, &enable));
	c->s->queues[index].enable_set = true;
	c->s->queues[index].enable = enable != 0;
	if (!enable) {
		queue_stop(c->s, index);
	}
	return queue_start(c->s, index);
}

/* Takes the descriptor of a KICK, CALL or ERR; -1 when the front end says that there is none. */
static enum rd_status vring_fd(struct call *c, unsigned *ret_index, int *ret_fd)
{
	uint64_t v;
	int flags;

	RD_TRY(rd_cur_le64(&c->in, &v));
	RD_ENSURE(!(v & ~(VRING_INDEX_MASK | VRING_NO_FD)), RD_MALFORMED);
	RD_ENSURE((v & VRING_INDEX_MASK) < c->s->queue_count, RD_OUT_OF_RANGE);
	RD_ENSURE(c->fd_count == ((v & VRING_NO_FD) ? 0 : 1), RD_MISSING);
	*ret_index = (unsigned)(v & VRING_INDEX_MASK);
	*ret_fd = -1;
	if (c->fd_count == 1) {
		/* The other end may be anything; it must not be able to hold us up. */
		flags = fcntl(c->fds[0], F_GETFL);
		RD_ENSURE(flags >= 0, rd_status_from_errno(errno));
		if (!(flags & O_NONBLOCK) && fcntl(c->fds[0], F_SETFL, flags | O_NONBLOCK) != 0) {
			return rd_status_from_errno(errno);
		}
		*ret_fd = rd_steal(&c->fds[0], -1);
	}
	return RD_OK;
}

static enum rd_status on_set_vring_kick(struct call *c)
{
	struct vhost_queue *q;
	unsigned index;
	int fd;

	RD_TRY(vring_fd(c, &index, &fd));
	q = &c->s->queues[index];
	queue_stop(c->s, index);
	rd_vhost_close_fds(&q->kick_fd, 1);
	q->kick_fd = fd;
	q->kick_set = true;
	return queue_start(c->s, index);
}

static enum rd_status on_set_vring_call(struct call *c)
{
	unsigned index;
	int fd;

	RD_TRY(vring_fd(c, &index, &fd));
	rd_vhost_close_fds(&c->s->queues[index].call_fd, 1);
	c->s->queues[index].call_fd = fd;
	/* What was pushed while nobody could be told of it: better one interrupt too many. */
	if (c->s->queues[index].running) {
		rd_vhost_notify(c->s, index);
	}
	return RD_OK;
}

static enum rd_status on_set_vring_err(struct call *c)
{
	unsigned index;
	int fd;

	RD_TRY(vring_fd(c, &index, &fd));
	rd_vhost_close_fds(&fd, 1); /* errors are told in the vmm's own log */
	return RD_OK;
}

static enum rd_status on_get_config(struct call *c)
{
	const struct rd_vhost_session *s = c->s;
	uint32_t offset;
	uint32_t size;
	uint32_t flags;

	RD_TRY(rd_cur_le32(&c->in, &offset));
	RD_TRY(rd_cur_le32(&c->in, &size));
	RD_TRY(rd_cur_le32(&c->in, &flags));
	RD_TRY(rd_cur_skip(&c->in, size));
	if (offset > s->config_len || size > s->config_len - offset) {
		return RD_OK; /* an empty reply is the protocol's refusal */
	}
	RD_TRY(rd_buf_le32(c->out, offset));
	RD_TRY(rd_buf_le32(c->out, size));
	RD_TRY(rd_buf_le32(c->out, flags));
	return rd_buf_put(c->out, s->config + offset, size);
}

/* --- dispatch ----------------------------------------------------------------------------------
 */

struct request {
	const char *name;
	enum rd_status (*handle)(struct call *c);
	size_t size_min;
	size_t size_max;
	size_t fds_max;
	bool replies;
	uint64_t needs; /* protocol features without which it is unknown */
};

#define STATE_SIZE 8
#define ADDR_SIZE  40
#define TABLE_SIZE (8 + 32 * RD_GUEST_MEM_REGIONS_MAX)

static const struct request requests[] = {
	[1] = {"GET_FEATURES", on_get_features, .replies = true},
	[2] = {"SET_FEATURES", on_set_features, 8, 8},
	[3] = {"SET_OWNER", on_nothing},
	[4] = {"RESET_OWNER", on_reset_owner},
	[5] = {"SET_MEM_TABLE", on_set_mem_table, 8, TABLE_SIZE, RD_VHOST_FDS_MAX},
	[8] = {"SET_VRING_NUM", on_set_vring_num, STATE_SIZE, STATE_SIZE},
	[9] = {"SET_VRING_ADDR", on_set_vring_addr, ADDR_SIZE, ADDR_SIZE},
	[10] = {"SET_VRING_BASE", on_set_vring_base, STATE_SIZE, STATE_SIZE},
	[11] = {"GET_VRING_BASE", on_get_vring_base, STATE_SIZE, STATE_SIZE, .replies = true},
	[12] = {"SET_VRING_KICK", on_set_vring_kick, 8, 8, 1},
	[13] = {"SET_VRING_CALL", on_set_vring_call, 8, 8, 1},
	[14] = {"SET_VRING_ERR", on_set_vring_err, 8, 8, 1},
	[15] = {"GET_PROTOCOL_FEATURES", on_get_protocol_features, .replies = true},
	[16] = {"SET_PROTOCOL_FEATURES", on_set_protocol_features, 8, 8},
	[17] = {"GET_QUEUE_NUM", on_get_queue_num, .replies = true, .needs = PROTOCOL_F_MQ},
	[18] = {"SET_VRING_ENABLE", on_set_vring_enable, STATE_SIZE, STATE_SIZE},
	[24] = {"GET_CONFIG", on_get_config, 12, 12 + RD_VHOST_CONFIG_MAX, .replies = true,
		.needs = PROTOCOL_F_CONFIG},
	[34] = {"RESET_DEVICE", on_reset_device, .needs = PROTOCOL_F_RESET_DEVICE},
};

enum rd_status rd_vhost_payload_size(const uint8_t header[RD_VHOST_HEADER_SIZE], uint32_t *ret_size)
{
	struct rd_cur c = rd_cur(rd_view(header, RD_VHOST_HEADER_SIZE));
	uint32_t request;
	uint32_t flags;
	uint32_t size;

	RD_TRY(rd_cur_le32(&c, &request));
	RD_TRY(rd_cur_le32(&c, &flags));
	RD_TRY(rd_cur_le32(&c, &size));
	RD_ENSURE((flags & FLAG_VERSION_MASK) == FLAG_VERSION, RD_BAD_VERSION);
	RD_ENSURE(!(flags & FLAG_REPLY), RD_MALFORMED);
	RD_ENSURE(size <= RD_VHOST_PAYLOAD_MAX, RD_LIMIT);
	*ret_size = size;
	return RD_OK;
}

static const struct request *find_request(const struct rd_vhost_session *s, uint32_t id)
{
	const struct request *r;

	if (id >= RD_ARRAY_LEN(requests) || !requests[id].handle) {
		return NULL;
	}
	r = &requests[id];
	return (r->needs & ~s->protocol_features) ? NULL : r;
}

static enum rd_status run_request(struct rd_vhost_session *s, uint32_t id, struct rd_view payload,
	int *fds, size_t fd_count, struct rd_buf *out)
{
	const struct request *r = find_request(s, id);
	struct call c = {
		.s = s, .in = rd_cur(payload), .fds = fds, .fd_count = fd_count, .out = out};

	s->last_request = r ? r->name : "unknown request";
	RD_ENSURE(r, RD_UNSUPPORTED);
	RD_ENSURE(payload.len >= r->size_min, RD_TRUNCATED);
	RD_ENSURE(payload.len <= r->size_max, RD_TRAILING);
	RD_ENSURE(fd_count <= r->fds_max, RD_FORBIDDEN);
	RD_TRY(r->handle(&c));
	return rd_cur_finish(&c.in);
}

static enum rd_status put_reply(struct rd_buf *reply, uint32_t id, struct rd_view payload)
{
	RD_TRY(rd_buf_le32(reply, id));
	RD_TRY(rd_buf_le32(reply, FLAG_VERSION | FLAG_REPLY));
	RD_TRY(rd_buf_le32(reply, (uint32_t)payload.len));
	return rd_buf_put_view(reply, payload);
}

static enum rd_status handle(struct rd_vhost_session *s, struct rd_view message, int *fds,
	size_t fd_count, struct rd_buf *reply)
{
	uint8_t storage[RD_VHOST_PAYLOAD_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_cur c = rd_cur(message);
	struct rd_view header;
	struct rd_view payload;
	uint32_t id;
	uint32_t flags;
	uint32_t size;
	enum rd_status st;

	RD_TRY(rd_cur_take(&c, RD_VHOST_HEADER_SIZE, &header));
	RD_TRY(rd_vhost_payload_size(header.ptr, &size));
	RD_TRY(rd_cur_take(&c, size, &payload));
	RD_TRY(rd_cur_finish(&c));
	c = rd_cur(header);
	RD_TRY(rd_cur_le32(&c, &id));
	RD_TRY(rd_cur_le32(&c, &flags));

	st = run_request(s, id, payload, fds, fd_count, &out);
	if (st == RD_OK && requests[id].replies) {
		return put_reply(reply, id, rd_buf_view(&out));
	}
	if ((flags & FLAG_NEED_REPLY) && (s->protocol_features & PROTOCOL_F_REPLY_ACK)) {
		out.used = 0;
		RD_TRY(rd_buf_le64(&out, st != RD_OK));
		RD_TRY(put_reply(reply, id, rd_buf_view(&out)));
	}
	return st;
}

enum rd_status rd_vhost_handle(struct rd_vhost_session *session, struct rd_view message, int *fds,
	size_t fd_count, struct rd_buf *reply)
{
	enum rd_status st = handle(session, message, fds, fd_count, reply);

	rd_vhost_close_fds(fds, fd_count);
	return st;
}

/* --- the session -------------------------------------------------------------------------------
 */

enum rd_status rd_vhost_session_new(
	const struct rd_vhost_config *config, struct rd_vhost_session **ret_session)
{
	struct rd_vhost_session *s;

	RD_ENSURE(config->queue_count <= RD_VHOST_QUEUES_MAX, RD_USAGE);
	RD_ENSURE(config->device_config.len <= RD_VHOST_CONFIG_MAX, RD_USAGE);
	s = calloc(1, sizeof(*s));
	RD_ENSURE(s, RD_NOMEM);
	s->ops = config->ops;
	s->ctx = config->ctx;
	s->fd = config->fd;
	s->device_features = config->features;
	s->queue_count = config->queue_count;
	s->last_request = "none";
	if (config->device_config.len > 0) {
		memcpy(s->config, config->device_config.ptr, config->device_config.len);
	}
	s->config_len = config->device_config.len;
	rd_guest_mem_init(&s->mem);
	for (unsigned i = 0; i < RD_VHOST_QUEUES_MAX; i++) {
		rd_queue_init(&s->queues[i].walker);
		s->queues[i].kick_fd = -1;
		s->queues[i].call_fd = -1;
	}
	*ret_session = s;
	return RD_OK;
}

void rd_vhost_session_free(struct rd_vhost_session **session)
{
	if (*session) {
		all_reset(*session);
		rd_vhost_close_fds((*session)->in_fds, (*session)->in_fd_count);
		free(*session);
		*session = NULL;
	}
}

struct rd_queue *rd_vhost_queue(struct rd_vhost_session *session, unsigned index)
{
	return index < session->queue_count ? &session->queues[index].walker : NULL;
}

void rd_vhost_notify(struct rd_vhost_session *session, unsigned index)
{
	const uint64_t one = 1;

	if (index < session->queue_count && session->queues[index].call_fd >= 0) {
		/* A full counter is an interrupt that is pending already; nothing else can be
		 * mended. */
		ssize_t n = write(session->queues[index].call_fd, &one, sizeof(one));

		(void)n;
	}
}

void rd_vhost_kicked(struct rd_vhost_session *session, unsigned index)
{
	uint64_t count;

	if (index < session->queue_count && session->queues[index].kick_fd >= 0) {
		/* Only the emptying counts: the ring says what there is to do. */
		ssize_t n = read(session->queues[index].kick_fd, &count, sizeof(count));

		(void)n;
	}
}

const char *rd_vhost_last_request(const struct rd_vhost_session *session)
{
	return session->last_request;
}
