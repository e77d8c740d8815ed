/* SPDX-License-Identifier: Apache-2.0 */
/* CUSE messages of /dev/nsm. The errno values are those of the kernel's own NSM driver. */
#include "nsm-cuse/cuse_request.h"

#include <assert.h>
#include <errno.h>
#include <linux/fuse.h>

/* Arrays of 64-bit iovecs, which the kernel takes from this minor version on. */
#define MINOR_NEEDED 16

/* The version of the protocol that this file speaks; the kernel adapts to it. */
#define MINOR_SPOKEN 31

/* /dev/nsm is neither read nor written; the kernel raises this to a page. */
#define TRANSFER_MAX 4096

static const char device_info[] = "DEVNAME=nsm";

static_assert(
	sizeof(struct fuse_out_header) + sizeof(struct fuse_ioctl_out) <= 64, "CUSE_REPLY_MAX");
static_assert(sizeof(struct fuse_in_header) + sizeof(struct fuse_ioctl_in) +
			      sizeof(struct rd_nsm_raw) + RD_NSM_REQUEST_MAX <=
		      CUSE_MESSAGE_MAX,
	"CUSE_MESSAGE_MAX");

/* Header, fixed part, variable part. */
static enum rd_status put_reply(uint64_t unique, int os_errno, const void *body, size_t body_len,
	struct rd_view more, struct rd_buf *reply)
{
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + body_len + more.len),
		.error = -os_errno,
		.unique = unique,
	};

	RD_TRY(rd_buf_put(reply, &header, sizeof(header)));
	RD_TRY(rd_buf_put(reply, body, body_len));
	return rd_buf_put_view(reply, more);
}

enum rd_status cuse_error(uint64_t unique, int os_errno, struct rd_buf *reply)
{
	return put_reply(unique, os_errno, NULL, 0, rd_view(NULL, 0), reply);
}

static enum rd_status handle_init(uint64_t unique, struct rd_cur body, struct rd_buf *reply)
{
	struct cuse_init_in in;
	struct cuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = MINOR_SPOKEN,
		.flags = CUSE_UNRESTRICTED_IOCTL,
		.max_read = TRANSFER_MAX,
		.max_write = TRANSFER_MAX,
	};

	if (rd_cur_copy(&body, &in, sizeof(in)) != RD_OK || in.major != FUSE_KERNEL_VERSION ||
		in.minor < MINOR_NEEDED || !(in.flags & CUSE_UNRESTRICTED_IOCTL)) {
		return cuse_error(unique, EPROTO, reply);
	}
	if (in.minor < out.minor) {
		out.minor = in.minor;
	}
	return put_reply(
		unique, 0, &out, sizeof(out), rd_view(device_info, sizeof(device_info)), reply);
}

static enum rd_status handle_open(uint64_t unique, struct rd_buf *reply)
{
	struct fuse_open_out out = {0};

	return put_reply(unique, 0, &out, sizeof(out), rd_view(NULL, 0), reply);
}

#define IOVS_MAX 4

struct retry {
	struct fuse_ioctl_iovec iovs[IOVS_MAX];
	uint32_t count;
	uint32_t in_count;
};

/* An empty piece would not change what is copied, so it is left out. */
static void add_piece(struct retry *r, uint64_t base, uint64_t len)
{
	if (len > 0) {
		r->iovs[r->count++] = (struct fuse_ioctl_iovec){.base = base, .len = len};
	}
}

static enum rd_status put_retry(uint64_t unique, const struct retry *r, struct rd_buf *reply)
{
	struct fuse_ioctl_out out = {
		.flags = FUSE_IOCTL_RETRY,
		.in_iovs = r->in_count,
		.out_iovs = r->count - r->in_count,
	};

	return put_reply(unique, 0, &out, sizeof(out),
		rd_view(r->iovs, r->count * sizeof(r->iovs[0])), reply);
}

/* First pass: have the struct copied in. */
static enum rd_status want_struct(
	uint64_t unique, const struct fuse_ioctl_in *in, struct rd_buf *reply)
{
	struct retry r = {0};

	add_piece(&r, in->arg, sizeof(struct rd_nsm_raw));
	r.in_count = r.count;
	return put_retry(unique, &r, reply);
}

/* The kernel answers EIO to an address that a 32-bit caller cannot have; its driver, EFAULT. */
static bool is_reachable(const struct fuse_ioctl_in *in, const struct rd_nsm_raw *raw)
{
	return !(in->flags & FUSE_IOCTL_COMPAT) ||
	       (raw->request.addr <= UINT32_MAX && raw->response.addr <= UINT32_MAX);
}

/* Second pass: have the request copied in, and room made for struct and response. */
static enum rd_status want_request(
	uint64_t unique, const struct fuse_ioctl_in *in, struct rd_cur body, struct rd_buf *reply)
{
	struct rd_nsm_raw raw;
	struct retry r = {0};
	uint64_t capacity;

	if (rd_cur_copy(&body, &raw, sizeof(raw)) != RD_OK) {
		return cuse_error(unique, EIO, reply);
	}
	if (raw.request.len > RD_NSM_REQUEST_MAX) {
		return cuse_error(unique, EMSGSIZE, reply);
	}
	if (!is_reachable(in, &raw)) {
		return cuse_error(unique, EFAULT, reply);
	}
	capacity = raw.response.len;
	if (capacity > RD_NSM_RESPONSE_MAX) {
		capacity = RD_NSM_RESPONSE_MAX;
	}
	add_piece(&r, in->arg, sizeof(raw));
	add_piece(&r, raw.request.addr, raw.request.len);
	r.in_count = r.count;
	add_piece(&r, in->arg, sizeof(raw));
	add_piece(&r, raw.response.addr, capacity);
	return put_retry(unique, &r, reply);
}

/* Third pass: everything is here. Sizes other than we asked for are the kernel's bug, or an attack.
 */
static enum rd_status take_call(uint64_t unique, const struct fuse_ioctl_in *in, struct rd_cur body,
	struct cuse_call *ret_call, struct rd_view *ret_request)
{
	struct cuse_call call = {.unique = unique};

	RD_ENSURE(in->out_size >= sizeof(call.raw), RD_MALFORMED);
	RD_TRY(rd_cur_copy(&body, &call.raw, sizeof(call.raw)));
	call.capacity = in->out_size - sizeof(call.raw);
	RD_ENSURE(call.capacity <= RD_NSM_RESPONSE_MAX, RD_LIMIT);
	RD_ENSURE(body.left <= RD_NSM_REQUEST_MAX, RD_LIMIT);
	*ret_request = rd_view(body.ptr, body.left);
	*ret_call = call;
	return RD_OK;
}

static enum rd_status handle_ioctl(uint64_t unique, struct rd_cur body, struct rd_buf *reply,
	enum cuse_next *ret_next, struct cuse_call *ret_call, struct rd_view *ret_request)
{
	struct fuse_ioctl_in in;

	if (rd_cur_copy(&body, &in, sizeof(in)) != RD_OK || in.in_size != body.left) {
		return cuse_error(unique, EIO, reply);
	}
	if (in.cmd != RD_NSM_IOCTL_RAW) {
		return cuse_error(unique, EINVAL, reply);
	}
	if (in.out_size == 0 && in.in_size == 0) {
		return want_struct(unique, &in, reply);
	}
	if (in.out_size == 0) {
		return want_request(unique, &in, body, reply);
	}
	if (take_call(unique, &in, body, ret_call, ret_request) != RD_OK) {
		return cuse_error(unique, EIO, reply);
	}
	*ret_next = CUSE_FORWARD;
	return RD_OK;
}

enum rd_status cuse_handle(struct rd_view message, struct rd_buf *reply, enum cuse_next *ret_next,
	struct cuse_call *ret_call, struct rd_view *ret_request)
{
	struct rd_cur c = rd_cur(message);
	struct fuse_in_header header;

	RD_TRY(rd_cur_copy(&c, &header, sizeof(header)));
	RD_ENSURE(header.len == message.len, RD_MALFORMED);
	*ret_next = CUSE_REPLY;
	switch (header.opcode) {
	case CUSE_INIT:
		return handle_init(header.unique, c, reply);
	case FUSE_OPEN:
		return handle_open(header.unique, reply);
	case FUSE_IOCTL:
		return handle_ioctl(header.unique, c, reply, ret_next, ret_call, ret_request);
	case FUSE_RELEASE:
	case FUSE_DESTROY:
		return cuse_error(header.unique, 0, reply);
	case FUSE_READ:
	case FUSE_WRITE:
		/* The kernel's driver has neither. */
		return cuse_error(header.unique, EINVAL, reply);
	case FUSE_INTERRUPT:
		/* The driver's wait cannot be interrupted, and neither can ours. */
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		*ret_next = CUSE_SILENT;
		return RD_OK;
	default:
		/* Poll among them: the kernel then says "always ready", as for the driver. */
		return cuse_error(header.unique, ENOSYS, reply);
	}
}

enum rd_status cuse_finish(
	const struct cuse_call *call, struct rd_view response, struct rd_buf *reply)
{
	struct {
		struct fuse_ioctl_out out;
		struct rd_nsm_raw raw;
	} body = {.raw = call->raw};
	size_t len = response.len < call->capacity ? response.len : call->capacity;

	/* Without this the caller would decode whatever its buffer held before. */
	body.raw.response.len = len;
	return put_reply(call->unique, 0, &body, sizeof(body), rd_view(response.ptr, len), reply);
}
