/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CBOR head, in and out: the seam between our reader and writer and whoever knows the byte.
 *
 * Two files implement it. head_libcbor.c is what every program of the host uses. head_plain.c is
 * for the guest's static programs, since Debian ships no static libcbor; a test holds both to the
 * same answers.
 */
#ifndef RD_CBOR_HEAD_H
#define RD_CBOR_HEAD_H

#include "cbor/decode.h"

#define RD_CBOR_HEAD_SIZE_MAX 9

enum rd_cbor_major {
	RD_CBOR_MAJOR_UINT,
	RD_CBOR_MAJOR_NINT,
	RD_CBOR_MAJOR_BYTES,
	RD_CBOR_MAJOR_TEXT,
	RD_CBOR_MAJOR_ARRAY,
	RD_CBOR_MAJOR_MAP,
	RD_CBOR_MAJOR_TAG,
};

struct rd_cbor_head {
	enum rd_cbor_type type; /* RD_CBOR_END for a break */
	uint64_t value;      /* integer (NINT: -1 - value), count, tag number, 0 or 1 for a bool */
	struct rd_view body; /* BYTES and TEXT of definite length */
	size_t size;         /* of the head alone, without body */
	bool indefinite;
};

/* The head at the start of input, and a string's body with it; RD_TRUNCATED or RD_MALFORMED
 * (reserved bits, unassigned simple values). */
enum rd_status rd_cbor_head_read(struct rd_view input, struct rd_cbor_head *ret) RD_MUST_USE;

/* Writes a head in shortest form and returns its size. */
size_t rd_cbor_head_write(
	enum rd_cbor_major major, uint64_t value, uint8_t dst[RD_CBOR_HEAD_SIZE_MAX]);

#endif
