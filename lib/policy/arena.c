/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives exactly as long as one parsed policy. */
#include "policy/arena.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

/* A small policy fits one; larger objects get a chunk of their own size. */
#define CHUNK_SIZE 4096u
#define ALIGNMENT  16u

struct rd_arena_chunk {
	struct rd_arena_chunk *next;
	size_t used;
	size_t size;
	_Alignas(ALIGNMENT) uint8_t data[];
};

static struct rd_arena_chunk *add_chunk(struct rd_arena *a, size_t needed)
{
	size_t size = needed > CHUNK_SIZE ? needed : CHUNK_SIZE;
	struct rd_arena_chunk *chunk = calloc(1, sizeof(*chunk) + size);

	if (chunk != NULL) {
		chunk->size = size;
		chunk->next = a->chunks;
		a->chunks = chunk;
	}
	return chunk;
}

void *rd_arena_alloc(struct rd_arena *a, size_t n, size_t size)
{
	struct rd_arena_chunk *chunk = a->chunks;
	uint64_t bytes;
	void *at;

	if (rd_mul_u64(n > 0 ? n : 1, size, &bytes) != RD_OK ||
		rd_align_up_u64(bytes, ALIGNMENT, &bytes) != RD_OK || bytes > SIZE_MAX / 2) {
		return NULL;
	}
	if (chunk == NULL || chunk->size - chunk->used < bytes) {
		chunk = add_chunk(a, (size_t)bytes);
	}
	if (chunk == NULL) {
		return NULL;
	}
	at = chunk->data + chunk->used;
	chunk->used += (size_t)bytes;
	return at;
}

struct rd_view rd_arena_copy(struct rd_arena *a, struct rd_view text)
{
	uint8_t *copy = rd_arena_alloc(a, text.len + 1, 1);

	if (copy == NULL) {
		return rd_view(NULL, 0);
	}
	if (text.len > 0) {
		memcpy(copy, text.ptr, text.len);
	}
	return rd_view(copy, text.len);
}

void rd_arena_finish(struct rd_arena *a)
{
	while (a->chunks != NULL) {
		struct rd_arena_chunk *chunk = a->chunks;

		a->chunks = chunk->next;
		free(chunk);
	}
}
