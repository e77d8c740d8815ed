/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets with a home: memory that is locked, left out of core dumps, between guard pages, and
 * wiped when given back.
 *
 * The home is OpenSSL's secure heap, one for the process: the private halves of its own key objects
 * live there too once it is open. A secret has a fixed capacity and never moves. Declare it with
 * RD_CLEANUP(rd_secret_finish), so that it is wiped on every way out.
 */
#ifndef RD_CRYPTO_SECRET_H
#define RD_CRYPTO_SECRET_H

#include "base/bytes.h"
#include "base/error.h"

/* Zero-initialise, or rd_secret_init; [ptr, ptr + len) is the secret. */
struct rd_secret {
	uint8_t *ptr;
	size_t len;
	size_t cap;
};

/* No secret of ours is larger: the plaintext of a call is at most 4,096 bytes, a PKCS#8 RSA-4096
 * key under 2,500, and reading one back wants a little room. */
#define RD_SECRET_SIZE_MAX 8192
/* The smallest heap that is of use (a few keys), and the largest that is not a mistake. */
#define RD_SECRET_HEAP_MIN 65536
#define RD_SECRET_HEAP_MAX (1024UL * 1024 * 1024)

/*
 * Opens the process's heap for secrets, once, before there are threads. size is a power of two from
 * RD_SECRET_HEAP_MIN to RD_SECRET_HEAP_MAX (RD_USAGE). RD_EXISTS: open already. RD_LIMIT: the
 * system does not let us lock so much (RLIMIT_MEMLOCK), and then no heap is open.
 */
enum rd_status rd_secret_heap_open(size_t size, struct rd_error *err) RD_MUST_USE;

/* An empty secret with room for cap bytes. RD_USAGE: no heap is open, or cap is 0; RD_LIMIT: above
 * RD_SECRET_SIZE_MAX; RD_NOMEM: the heap is full. *ret is then empty and may be finished. */
enum rd_status rd_secret_init(struct rd_secret *ret, size_t cap) RD_MUST_USE;
/* Wipes and gives back; accepts an empty one, and leaves an empty one. */
void rd_secret_finish(struct rd_secret *s);

/* Wipes, keeps the room. */
void rd_secret_clear(struct rd_secret *s);
/* Replaces what it holds by a copy; RD_NOSPACE leaves it cleared. */
enum rd_status rd_secret_set(struct rd_secret *s, struct rd_view bytes) RD_MUST_USE;
/* Replaces what it holds by len random bytes. */
enum rd_status rd_secret_random(struct rd_secret *s, size_t len) RD_MUST_USE;

static inline struct rd_view rd_secret_view(const struct rd_secret *s)
{
	return rd_view(s->ptr, s->len);
}

#endif
