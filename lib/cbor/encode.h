/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing CBOR (RFC 8949): definite lengths, shortest heads, in the order in which the caller
 * writes. The caller announces a container's size and then writes as many entries; nothing checks
 * that. RD_NOSPACE when the buffer is full.
 */
#ifndef RD_CBOR_ENCODE_H
#define RD_CBOR_ENCODE_H

#include "base/bytes.h"

enum rd_status rd_cbor_put_uint(struct rd_buf *b, uint64_t v) RD_MUST_USE;
enum rd_status rd_cbor_put_int(struct rd_buf *b, int64_t v) RD_MUST_USE;
/* Always in the nine-byte form 1b …, as AWS writes timestamps. */
enum rd_status rd_cbor_put_uint64_wide(struct rd_buf *b, uint64_t v) RD_MUST_USE;
enum rd_status rd_cbor_put_bytes(struct rd_buf *b, struct rd_view v) RD_MUST_USE;
/* A NULL view is written as null. */
enum rd_status rd_cbor_put_bytes_or_null(struct rd_buf *b, struct rd_view v) RD_MUST_USE;
/* The head alone: the caller appends len bytes. */
enum rd_status rd_cbor_put_bytes_head(struct rd_buf *b, uint64_t len) RD_MUST_USE;
/* The caller vouches for UTF-8. */
enum rd_status rd_cbor_put_text(struct rd_buf *b, struct rd_view v) RD_MUST_USE;
enum rd_status rd_cbor_put_str(struct rd_buf *b, const char *s) RD_MUST_USE;
enum rd_status rd_cbor_put_array(struct rd_buf *b, uint64_t n) RD_MUST_USE;
enum rd_status rd_cbor_put_map(struct rd_buf *b, uint64_t n_pairs) RD_MUST_USE;
enum rd_status rd_cbor_put_tag(struct rd_buf *b, uint64_t tag) RD_MUST_USE;
enum rd_status rd_cbor_put_bool(struct rd_buf *b, bool v) RD_MUST_USE;
enum rd_status rd_cbor_put_null(struct rd_buf *b) RD_MUST_USE;

#endif
