/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blob, decompressed (gzip, zstd, or not compressed at all), with the SHA-256 of both its forms:
 * what a descriptor's digest and an image configuration's diff ID speak of.
 */
#ifndef RD_IMAGE_STREAM_H
#define RD_IMAGE_STREAM_H

#include "crypto/digest.h"
#include "image/spool.h"

struct rd_stream;

/* max bounds the decompressed bytes: compression ratios of 1,000 and more are cheap to make. */
enum rd_status rd_stream_open(struct rd_blob blob, uint64_t max, struct rd_stream **ret_stream,
	struct rd_error *err) RD_MUST_USE;
void rd_stream_close(struct rd_stream **s);

/* The next bytes, valid until the next call; an empty view at the end. */
enum rd_status rd_stream_next(struct rd_stream *s, struct rd_view *ret_bytes, struct rd_error *err)
	RD_MUST_USE;

/* Reads what is left, then writes the digests of the blob as it is and as decompressed. */
enum rd_status rd_stream_finish(struct rd_stream *s, uint8_t ret_blob[RD_SHA256_SIZE],
	uint8_t ret_plain[RD_SHA256_SIZE], struct rd_error *err) RD_MUST_USE;

#endif
