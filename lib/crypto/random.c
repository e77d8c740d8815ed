/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes from OpenSSL's generator, which seeds itself from getrandom(2). */
#include "crypto/random.h"

#include <limits.h>
#include <openssl/rand.h>

enum rd_status rd_random_bytes(void *dst, size_t len)
{
	RD_ENSURE(len <= INT_MAX, RD_LIMIT);
	return RAND_bytes(dst, (int)len) == 1 ? RD_OK : RD_INTERNAL;
}

void rd_random_mix(struct rd_view bytes)
{
	if (bytes.len > 0 && bytes.len <= INT_MAX) {
		RAND_add(bytes.ptr, (int)bytes.len, 0);
	}
}
