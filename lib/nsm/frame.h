/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framing of NSM messages on a byte stream (the hypervisor's NSM port): u32 little-endian length,
 * then so many bytes. Requests and responses alternate, one at a time; lengths are bounded by the
 * reader, and a stream that announces more is broken for good.
 */
#ifndef RD_NSM_FRAME_H
#define RD_NSM_FRAME_H

#include "base/bytes.h"

#define RD_NSM_FRAME_HEAD 4

/* Incremental reader over the caller's storage; see rd_nsm_frame_feed. */
struct rd_nsm_frame_reader {
	uint8_t *storage;
	size_t max;  /* size of storage: the longest message taken */
	size_t used; /* bytes of the message so far */
	size_t want; /* length announced; valid once head_used is RD_NSM_FRAME_HEAD */
	size_t head_used;
	uint8_t head[RD_NSM_FRAME_HEAD];
};

void rd_nsm_frame_init(struct rd_nsm_frame_reader *r, void *storage, size_t max);

/*
 * Takes from in up to the end of one message. RD_OK: *ret_message is whole, lies in storage and is
 * valid until the next call, which starts the next message. RD_AGAIN: all of in was taken, more
 * is needed. RD_LIMIT: the announced length exceeds max; feed nothing more.
 */
enum rd_status rd_nsm_frame_feed(
	struct rd_nsm_frame_reader *r, struct rd_cur *in, struct rd_view *ret_message) RD_MUST_USE;

/* True between messages: the stream may end here. */
bool rd_nsm_frame_idle(const struct rd_nsm_frame_reader *r);

/* Appends head and message. */
enum rd_status rd_nsm_frame_put(struct rd_view message, struct rd_buf *out) RD_MUST_USE;

#endif
