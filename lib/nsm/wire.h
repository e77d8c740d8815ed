/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to lib/nsm: the few CBOR items that NSM messages are made of.
 *
 * The reader is as tolerant as AWS's decoder is known to be (any integer width, chunked strings,
 * indefinite inner maps), which the strict reader of lib/cbor is not meant to be, and it works in
 * static programs, for which Debian ships no libcbor. Failing calls leave the cursor anywhere: give
 * up the message.
 */
#ifndef RD_NSM_WIRE_H
#define RD_NSM_WIRE_H

#include "base/bytes.h"

enum rd_nsm_major {
	RD_NSM_UINT,
	RD_NSM_NEGINT,
	RD_NSM_BYTES,
	RD_NSM_TEXT,
	RD_NSM_ARRAY,
	RD_NSM_MAP,
	RD_NSM_TAG,
	RD_NSM_SIMPLE
};

/* Values of a simple item. */
#define RD_NSM_FALSE 20
#define RD_NSM_TRUE  21
#define RD_NSM_NULL  22
#define RD_NSM_BREAK 31

/* An item's head. A break is {RD_NSM_SIMPLE, RD_NSM_BREAK}; for indefinite ones arg is 0. */
struct rd_nsm_head {
	enum rd_nsm_major major;
	bool indefinite;
	uint64_t arg;
};

/* A map or array being read. */
struct rd_nsm_seq {
	bool indefinite;
	uint64_t left; /* entries, when definite */
};

enum rd_status rd_nsm_read_head(struct rd_cur *c, struct rd_nsm_head *ret_head) RD_MUST_USE;
enum rd_status rd_nsm_read_u16(struct rd_cur *c, uint16_t *ret) RD_MUST_USE;
enum rd_status rd_nsm_read_bool(struct rd_cur *c, bool *ret) RD_MUST_USE;
/* Takes a null if one is next; *ret says whether. */
enum rd_status rd_nsm_read_null(struct rd_cur *c, bool *ret) RD_MUST_USE;

/* A definite text; RD_BAD_TYPE for anything else. */
enum rd_status rd_nsm_read_name(struct rd_cur *c, struct rd_view *ret) RD_MUST_USE;
/* A text, chunked ones gathered in scratch. */
enum rd_status rd_nsm_read_text(struct rd_cur *c, struct rd_buf *scratch, struct rd_view *ret)
	RD_MUST_USE;
/* A byte string, a text, or an array of integers below 256; in scratch unless in one piece. */
enum rd_status rd_nsm_read_bytes(struct rd_cur *c, struct rd_buf *scratch, struct rd_view *ret)
	RD_MUST_USE;

/* Opens a map or array; then ask for entries until *ret_more is false. */
enum rd_status rd_nsm_open_seq(struct rd_cur *c, enum rd_nsm_major major, struct rd_nsm_seq *ret)
	RD_MUST_USE;
enum rd_status rd_nsm_next(struct rd_cur *c, struct rd_nsm_seq *seq, bool *ret_more) RD_MUST_USE;

/* Passes over one item of any shape; RD_TOO_DEEP beyond RD_NSM_SKIP_DEPTH. */
#define RD_NSM_SKIP_DEPTH 16 /* no NSM message nests deeper than 3 */
enum rd_status rd_nsm_skip(struct rd_cur *c) RD_MUST_USE;

enum rd_status rd_nsm_write_head(struct rd_buf *out, enum rd_nsm_major major, uint64_t arg)
	RD_MUST_USE;
enum rd_status rd_nsm_write_text(struct rd_buf *out, struct rd_view text) RD_MUST_USE;
enum rd_status rd_nsm_write_bytes(struct rd_buf *out, struct rd_view bytes) RD_MUST_USE;

#endif
