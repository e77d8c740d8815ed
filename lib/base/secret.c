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

/* A value of which the compiler knows nothing, so that it cannot leave a loop early for it. */
static uint64_t hide(uint64_t value)
{
	__asm__("" : "+r"(value));
	return value;
}

static uint64_t differences(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint64_t words[2] = {0, 0};

	memcpy(&words[0], a, len);
	memcpy(&words[1], b, len);
	return words[0] ^ words[1];
}

bool rd_equal_constant_time(struct rd_view a, struct rd_view b)
{
	uint64_t difference = 0;
	size_t at = 0;

	if (a.len != b.len) {
		return false;
	}
	for (; a.len - at >= sizeof(difference); at += sizeof(difference)) {
		difference = hide(
			difference | differences(a.ptr + at, b.ptr + at, sizeof(difference)));
	}
	for (; at < a.len; at++) {
		difference = hide(difference | differences(a.ptr + at, b.ptr + at, 1));
	}
	return difference == 0;
}
