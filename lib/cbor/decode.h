/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading CBOR (RFC 8949), item by item, from bytes that an enemy may have written.
 *
 * A struct rd_cbor is a cursor: typed readers take one item each, rd_cbor_array and rd_cbor_map
 * enter a container, rd_cbor_more counts its entries and leaves it after the last. Nothing is
 * allocated, nothing recurses, strings are views into the input. Lengths are checked against the
 * bytes that are there, not believed. A failed reader leaves the cursor unusable: give up.
 *
 *	rd_cbor_init(&d, input, 0);
 *	RD_TRY(rd_cbor_array(&d, &it));
 *	for (;;) {
 *		RD_TRY(rd_cbor_more(&d, &it, &more));
 *		if (!more) {
 *			break;
 *		}
 *		RD_TRY(rd_cbor_uint(&d, UINT16_MAX, &v));
 *	}
 *	return rd_cbor_finish(&d);
 *
 * Errors: RD_TRUNCATED, RD_BAD_TYPE (another type than asked for), RD_OUT_OF_RANGE, RD_MALFORMED
 * (no CBOR), RD_NONCANONICAL (CBOR that the flags forbid), RD_TOO_DEEP, RD_DUPLICATE, RD_LIMIT.
 */
#ifndef RD_CBOR_DECODE_H
#define RD_CBOR_DECODE_H

#include "base/bytes.h"

/* Our deepest message has 4 levels; an unknown field of somebody else's may have a few more. */
#define RD_CBOR_DEPTH_MAX 16
/* Keys that a map reader does not know and still checks for duplicates. */
#define RD_CBOR_UNKNOWN_KEYS_MAX 16
/* Keys that a map reader may know: one bit each. */
#define RD_CBOR_KNOWN_KEYS_MAX 32

enum rd_cbor_flags {
	RD_CBOR_STRICT = 0,                /* definite lengths and shortest heads only */
	RD_CBOR_ALLOW_INDEFINITE = 1 << 0, /* arrays and maps of indefinite length */
	RD_CBOR_ALLOW_LONG_HEADS = 1 << 1, /* integers and lengths not in shortest form */
};

enum rd_cbor_type {
	RD_CBOR_UINT,
	RD_CBOR_NINT,
	RD_CBOR_BYTES,
	RD_CBOR_TEXT,
	RD_CBOR_ARRAY,
	RD_CBOR_MAP,
	RD_CBOR_TAG,
	RD_CBOR_BOOL,
	RD_CBOR_NULL,
	RD_CBOR_UNDEFINED,
	RD_CBOR_FLOAT,
	RD_CBOR_END /* nothing left, or a container's break */
};

struct rd_cbor {
	struct rd_cur cur;
	unsigned flags;
	unsigned depth;
};

struct rd_cbor_iter {
	uint64_t left; /* entries still to come; unused when indefinite */
	bool indefinite;
};

void rd_cbor_init(struct rd_cbor *d, struct rd_view input, unsigned flags);
/* RD_TRAILING unless everything was read and every container left. */
enum rd_status rd_cbor_finish(const struct rd_cbor *d) RD_MUST_USE;

/* The next item's type, without taking it. */
enum rd_status rd_cbor_peek(const struct rd_cbor *d, enum rd_cbor_type *ret) RD_MUST_USE;

enum rd_status rd_cbor_uint(struct rd_cbor *d, uint64_t max, uint64_t *ret) RD_MUST_USE;
/* Either sign; RD_OUT_OF_RANGE outside [min, max]. */
enum rd_status rd_cbor_int(struct rd_cbor *d, int64_t min, int64_t max, int64_t *ret) RD_MUST_USE;
/* Never NULL, even when empty. */
enum rd_status rd_cbor_bytes(struct rd_cbor *d, struct rd_view *ret) RD_MUST_USE;
/* Valid UTF-8 or RD_MALFORMED; may hold NULs. */
enum rd_status rd_cbor_text(struct rd_cbor *d, struct rd_view *ret) RD_MUST_USE;
/* null gives a NULL view. */
enum rd_status rd_cbor_bytes_or_null(struct rd_cbor *d, struct rd_view *ret) RD_MUST_USE;
enum rd_status rd_cbor_bool(struct rd_cbor *d, bool *ret) RD_MUST_USE;
enum rd_status rd_cbor_null(struct rd_cbor *d) RD_MUST_USE;
/* The tag's number; the tagged item follows. */
enum rd_status rd_cbor_tag(struct rd_cbor *d, uint64_t *ret) RD_MUST_USE;

/* Enter. A map's iterator counts pairs. */
enum rd_status rd_cbor_array(struct rd_cbor *d, struct rd_cbor_iter *ret) RD_MUST_USE;
enum rd_status rd_cbor_map(struct rd_cbor *d, struct rd_cbor_iter *ret) RD_MUST_USE;
/* An array of exactly n entries (definite), to be read straight on; leave it with rd_cbor_more,
 * which then says false. */
enum rd_status rd_cbor_array_of(struct rd_cbor *d, uint64_t n, struct rd_cbor_iter *ret)
	RD_MUST_USE;
/* Counts the next entry, or leaves the container and says false. */
enum rd_status rd_cbor_more(struct rd_cbor *d, struct rd_cbor_iter *it, bool *ret_more) RD_MUST_USE;

/* One whole item of any type, well-formed under the cursor's flags; ret may be NULL. */
enum rd_status rd_cbor_skip(struct rd_cbor *d, struct rd_view *ret) RD_MUST_USE;

/*
 * A map with text keys: rd_cbor_fields_begin enters, rd_cbor_fields_next takes a key and says which
 * of names[] it is; the caller then takes the value. An unknown key (RD_CBOR_KEY_UNKNOWN) is
 * refused when it comes twice, as a known one is; its value is the caller's to rd_cbor_skip.
 */
#define RD_CBOR_KEY_UNKNOWN (-1)
#define RD_CBOR_KEY_END     (-2)

struct rd_cbor_fields {
	struct rd_cbor_iter it;
	const char *const *names;
	size_t n_names;
	uint32_t seen; /* bit i: names[i] has come */
	size_t n_unknown;
	struct rd_view unknown[RD_CBOR_UNKNOWN_KEYS_MAX];
	struct rd_view key; /* the key just taken */
};

enum rd_status rd_cbor_fields_begin(struct rd_cbor *d, const char *const *names, size_t n_names,
	struct rd_cbor_fields *ret) RD_MUST_USE;
/* 0 <= *ret_index < n_names, RD_CBOR_KEY_UNKNOWN, or RD_CBOR_KEY_END (and the map is left). */
enum rd_status rd_cbor_fields_next(struct rd_cbor *d, struct rd_cbor_fields *f, int *ret_index)
	RD_MUST_USE;

#endif
