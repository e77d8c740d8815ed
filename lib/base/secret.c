/* SPDX-License-Identifier: Apache-2.0 */
/* Wiping and constant-time comparison. */
#include "base/secret.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void rd_wipe(void *ptr, size_t len)
{
	if (len > 0) {
#ifdef RD_SANITIZED
		/* The sanitizer checks this one's bounds, and not explicit_bzero's. */
		memset(ptr, 0, len);
#endif
		explicit_bzero(ptr, len);
	}
}

void rd_wipe_and_free(void *ptr)
{
	if (ptr != NULL) {
		rd_wipe(ptr, malloc_usable_size(ptr));
		free(ptr);
	}
}

bool rd_equal_constant_time(struct rd_view a, struct rd_view b)
{
	volatile uint8_t difference = 0;

	if (a.len != b.len) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		difference = (uint8_t)(difference | (a.ptr[i] ^ b.ptr[i]));
	}
	return difference == 0;
}
