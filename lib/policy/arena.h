/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: memory that lives exactly as long as one parsed policy. */
#ifndef RD_POLICY_ARENA_H
#define RD_POLICY_ARENA_H

#include "base/bytes.h"

struct rd_arena_chunk;

/* Zeroed is empty. */
struct rd_arena {
	struct rd_arena_chunk *chunks;
};

/* n zeroed objects of size bytes, aligned for every type; NULL when out of memory. n 0 is one. */
void *rd_arena_alloc(struct rd_arena *a, size_t n, size_t size);

/* A copy of the bytes; ptr is NULL when out of memory, never because text is empty. */
struct rd_view rd_arena_copy(struct rd_arena *a, struct rd_view text);

void rd_arena_finish(struct rd_arena *a);

#endif
