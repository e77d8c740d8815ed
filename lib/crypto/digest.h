/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-2 digests, at once or as a stream; any number of streams may run in parallel. */
#ifndef RD_CRYPTO_DIGEST_H
#define RD_CRYPTO_DIGEST_H

#include "base/bytes.h"

enum rd_digest_alg { RD_SHA256, RD_SHA384, RD_SHA512, RD_DIGEST_ALG_COUNT };

#define RD_SHA256_SIZE     32
#define RD_SHA384_SIZE     48
#define RD_SHA512_SIZE     64
#define RD_DIGEST_SIZE_MAX RD_SHA512_SIZE

/* Output size in bytes. */
size_t rd_digest_size(enum rd_digest_alg alg);

/* At once: writes rd_digest_size(alg) bytes. */
enum rd_status rd_digest_once(enum rd_digest_alg alg, struct rd_view data, uint8_t *ret_digest)
	RD_MUST_USE;

/* The same over n views, one behind the other. */
enum rd_status rd_digest_views(enum rd_digest_alg alg, const struct rd_view *views, size_t n,
	uint8_t *ret_digest) RD_MUST_USE;

static inline RD_MUST_USE enum rd_status rd_sha384(
	struct rd_view data, uint8_t ret_digest[RD_SHA384_SIZE])
{
	return rd_digest_once(RD_SHA384, data, ret_digest);
}

/* A stream, on the heap: new, then update as often as wanted, then finish. */
struct rd_digest;

enum rd_status rd_digest_new(enum rd_digest_alg alg, struct rd_digest **ret) RD_MUST_USE;
/* Accepts NULL, and NULLs the caller's pointer; fits RD_CLEANUP. */
void rd_digest_free(struct rd_digest **d);

/* A second stream that has seen the same bytes; both go on from there on their own. */
enum rd_status rd_digest_dup(const struct rd_digest *d, struct rd_digest **ret) RD_MUST_USE;

enum rd_status rd_digest_update(struct rd_digest *d, struct rd_view data) RD_MUST_USE;
/* Writes the digest and makes the stream empty again: it may be used for the next message. */
enum rd_status rd_digest_finish(struct rd_digest *d, uint8_t *ret_digest) RD_MUST_USE;

#endif
