/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes fit for keys, nonces and serial numbers. */
#ifndef RD_CRYPTO_RANDOM_H
#define RD_CRYPTO_RANDOM_H

#include "base/bytes.h"

/* Fills [dst, dst + len) or fails with RD_INTERNAL, in which case dst is not to be used. */
enum rd_status rd_random_bytes(void *dst, size_t len) RD_MUST_USE;

/* Adds bytes to what the generator is seeded with; they are not relied on, and never make it worse.
 */
void rd_random_mix(struct rd_view bytes);

#endif
