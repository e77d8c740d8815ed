/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: wiping that the compiler may not drop, and comparison in constant time. */
#ifndef RD_BASE_SECRET_H
#define RD_BASE_SECRET_H

#include "base/bytes.h"

void rd_wipe(void *ptr, size_t len);
/* free for libraries that are given secrets and do not know: all of the allocation is wiped first.
 * Accepts NULL. */
void rd_wipe_and_free(void *ptr);

/* Time depends on the lengths only; different lengths are unequal. */
bool rd_equal_constant_time(struct rd_view a, struct rd_view b);

#endif
