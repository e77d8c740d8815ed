/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CUSE messages of /dev/nsm: from the kernel's request to the bytes of the reply, without I/O.
 *
 * An ioctl comes three times, because the kernel must be told which of the caller's memory to copy:
 *
 *	1  in 0, out 0             retry with the 32 bytes of struct rd_nsm_raw coming in
 *	2  in 32, out 0            retry with the request coming in, the struct and the
 *	                           response going out
 *	3  in 32 + n, out 32 + m   everything is here: forward, later reply with struct and
 *	                           response
 *
 * Only the third has effects. It is told from the second by its outgoing size, which is never 0, so
 * that a request of length zero needs no special case. Between the second and the third the caller
 * may change its memory: what counts then are the sizes that the kernel copied, not what the struct
 * says.
 */
#ifndef RD_GUEST_CUSE_REQUEST_H
#define RD_GUEST_CUSE_REQUEST_H

#include "base/bytes.h"
#include "nsm/codec.h"
#include "nsm/uapi.h"

/* Longest message that the kernel sends us: an ioctl's header, its struct and a request. */
#define CUSE_MESSAGE_MAX 16384 /* and the kernel wants 8192 at least */

/* Longest reply: header, ioctl result, struct, response. */
#define CUSE_REPLY_MAX (64 + sizeof(struct rd_nsm_raw) + RD_NSM_RESPONSE_MAX)

enum cuse_next {
	CUSE_REPLY,   /* send reply */
	CUSE_SILENT,  /* the kernel expects none */
	CUSE_FORWARD, /* ask the NSM, then call cuse_finish or cuse_error */
};

/* An ioctl in its third pass. */
struct cuse_call {
	uint64_t unique;       /* the kernel's name for it */
	struct rd_nsm_raw raw; /* as copied in */
	size_t capacity;       /* of the caller's response buffer, at most RD_NSM_RESPONSE_MAX */
};

/*
 * Handles one whole message. CUSE_REPLY: reply (empty before) holds the bytes to write back.
 * CUSE_FORWARD: *ret_call and *ret_request, which points into message, are set. RD_MALFORMED or
 * RD_TRUNCATED for a message without a usable header; one with a bad body is answered with an
 * errno.
 */
enum rd_status cuse_handle(struct rd_view message, struct rd_buf *reply, enum cuse_next *ret_next,
	struct cuse_call *ret_call, struct rd_view *ret_request) RD_MUST_USE;

/* The reply to a forwarded ioctl: the response cut to the caller's buffer, its real length in the
 * struct. */
enum rd_status cuse_finish(
	const struct cuse_call *call, struct rd_view response, struct rd_buf *reply) RD_MUST_USE;

/* The same for one that failed. */
enum rd_status cuse_error(uint64_t unique, int os_errno, struct rd_buf *reply) RD_MUST_USE;

#endif
