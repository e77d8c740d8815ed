/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in OpenSSL's secure heap. */
#include "crypto/secret.h"

#include "base/secret.h"
#include "crypto/random.h"

#include <openssl/crypto.h>

/* The heap's smallest block: our smallest secrets are keys of 32 bytes. */
#define BLOCK_MIN 32

static bool is_power_of_two(size_t v)
{
	return v != 0 && (v & (v - 1)) == 0;
}

enum rd_status rd_secret_heap_open(size_t size, struct rd_error *err)
{
	if (!is_power_of_two(size) || size < RD_SECRET_HEAP_MIN || size > RD_SECRET_HEAP_MAX) {
		return rd_fail(err, RD_USAGE,
			"%zu is no size for secret memory: a power of two from %d to %lu", size,
			RD_SECRET_HEAP_MIN, RD_SECRET_HEAP_MAX);
	}
	if (CRYPTO_secure_malloc_initialized() == 1) {
		return rd_fail(err, RD_EXISTS, "the memory for secrets is open already");
	}
	switch (CRYPTO_secure_malloc_init(size, BLOCK_MIN)) {
	case 1:
		return RD_OK;
	case 2:
		/* Made, but not locked, not guarded or not kept out of core dumps. */
		(void)CRYPTO_secure_malloc_done();
		return rd_fail(err, RD_LIMIT,
			"cannot lock %zu bytes of memory for secrets: raise LimitMEMLOCK= or "
			"ulimit -l",
			size);
	default:
		return rd_fail(err, RD_NOMEM, "no memory for %zu bytes of secrets", size);
	}
}

enum rd_status rd_secret_init(struct rd_secret *ret, size_t cap)
{
	*ret = (struct rd_secret){0};
	RD_ENSURE(cap > 0 && CRYPTO_secure_malloc_initialized() == 1, RD_USAGE);
	RD_ENSURE(cap <= RD_SECRET_SIZE_MAX, RD_LIMIT);
	ret->ptr = OPENSSL_secure_zalloc(cap);
	RD_ENSURE(ret->ptr != NULL, RD_NOMEM);
	ret->cap = cap;
	return RD_OK;
}

void rd_secret_finish(struct rd_secret *s)
{
	if (s->ptr != NULL) {
		OPENSSL_secure_clear_free(s->ptr, s->cap);
	}
	*s = (struct rd_secret){0};
}

void rd_secret_clear(struct rd_secret *s)
{
	rd_wipe(s->ptr, s->cap);
	s->len = 0;
}

enum rd_status rd_secret_set(struct rd_secret *s, struct rd_view bytes)
{
	struct rd_buf b;

	rd_secret_clear(s);
	b = rd_buf_fixed(s->ptr, s->cap);
	RD_TRY(rd_buf_put_view(&b, bytes));
	s->len = b.used;
	return RD_OK;
}

enum rd_status rd_secret_random(struct rd_secret *s, size_t len)
{
	rd_secret_clear(s);
	RD_ENSURE(len <= s->cap, RD_NOSPACE);
	RD_TRY(rd_random_bytes(s->ptr, len));
	s->len = len;
	return RD_OK;
}
