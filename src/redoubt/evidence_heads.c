/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree heads that another party kept: each must be signed by the log's key, and be the root of the
 * log at its size. They are sorted by size, so that one pass over the log meets all of them.
 */
#include "redoubt/evidence.h"

#include "base/text.h"
#include "merkle/head.h"
#include "merkle/range.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A head a minute for a year. */
#define HEADS_MAX 600000

struct evidence_heads {
	struct rd_merkle_head *v;
	size_t n, room;
	size_t met;
};

static int by_size(const void *a, const void *b)
{
	const struct rd_merkle_head *x = a, *y = b;

	return x->size < y->size ? -1 : x->size > y->size;
}

static enum rd_status decode(struct rd_view word, const struct rd_ec_key *key, unsigned line,
	struct rd_merkle_head *ret, struct rd_error *err)
{
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];
	struct rd_buf head = rd_buf_fixed(bytes, sizeof(bytes));
	enum rd_status st;

	if (rd_base64_decode(word, &head) != RD_OK) {
		return rd_fail(err, RD_MALFORMED,
			EVIDENCE_WITNESS ": line %u does not end with a tree head in base64", line);
	}
	st = rd_merkle_head_verify(key, rd_buf_view(&head), ret);
	return st == RD_OK ? RD_OK
			   : rd_fail(err, RD_UNTRUSTED,
				     EVIDENCE_WITNESS ": line %u: no head of this log's key: %s",
				     line, rd_status_text(st));
}

static enum rd_status add_head(struct evidence_heads *h, struct rd_view word,
	const struct rd_ec_key *key, unsigned line, struct rd_error *err)
{
	struct rd_merkle_head head;

	RD_TRY(decode(word, key, line, &head, err));
	if (h->n == h->room) {
		size_t room = h->room == 0 ? 64 : 2 * h->room;
		void *v = room > HEADS_MAX ? NULL : realloc(h->v, room * sizeof(h->v[0]));

		if (v == NULL) {
			return rd_fail(err, RD_LIMIT, EVIDENCE_WITNESS ": too many heads");
		}
		h->v = v;
		h->room = room;
	}
	h->v[h->n++] = head;
	return RD_OK;
}

/* The last word of what has no line end in it; empty when there is none. */
static struct rd_view last_word(struct rd_view line)
{
	size_t end = line.len, start;

	while (end > 0 && line.ptr[end - 1] <= ' ') {
		end--;
	}
	for (start = end; start > 0 && line.ptr[start - 1] > ' '; start--) {
	}
	return rd_view(line.ptr + start, end - start);
}

static enum rd_status read_lines(struct evidence_heads *h, struct rd_view text,
	const struct rd_ec_key *key, struct rd_error *err)
{
	unsigned number = 0;

	while (text.len > 0) {
		const uint8_t *newline = memchr(text.ptr, '\n', text.len);
		size_t len = newline == NULL ? text.len : (size_t)(newline - text.ptr);
		struct rd_view word = last_word(rd_view(text.ptr, len));

		number++;
		if (word.len > 0) {
			RD_TRY(add_head(h, word, key, number, err));
		}
		len += newline != NULL;
		text = rd_view(text.ptr + len, text.len - len);
	}
	return RD_OK;
}

enum rd_status evidence_heads_read(struct rd_view text, const struct rd_ec_key *key,
	struct evidence_heads **ret, struct rd_error *err)
{
	RD_CLEANUP(evidence_heads_free) struct evidence_heads *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	RD_TRY(read_lines(h, text, key, err));
	if (h->n > 0) {
		qsort(h->v, h->n, sizeof(h->v[0]), by_size);
	}
	*ret = rd_steal(&h, NULL);
	return RD_OK;
}

void evidence_heads_free(struct evidence_heads **heads)
{
	if (*heads != NULL) {
		free((*heads)->v);
		free(*heads);
		*heads = NULL;
	}
}

enum rd_status evidence_heads_meet(
	struct evidence_heads *heads, const struct rd_merkle_range *range, struct rd_error *err)
{
	struct rd_merkle_hash root;

	if (heads->met == heads->n || heads->v[heads->met].size > range->size) {
		return RD_OK; /* the root would be computed for nothing */
	}
	RD_TRY(rd_merkle_root(range, &root));
	while (heads->met < heads->n && heads->v[heads->met].size == range->size) {
		if (!rd_merkle_equal(&heads->v[heads->met].root, &root)) {
			return rd_fail(err, RD_UNTRUSTED,
				"the log's first %" PRIu64
				" records are not those that the other party has a head of",
				range->size);
		}
		heads->met++;
	}
	return RD_OK;
}

enum rd_status evidence_heads_finish(
	const struct evidence_heads *heads, size_t *ret_n, struct rd_error *err)
{
	if (heads->met < heads->n) {
		return rd_fail(err, RD_UNTRUSTED,
			"the other party has a head of %" PRIu64 " records: the log is shorter",
			heads->v[heads->n - 1].size);
	}
	*ret_n = heads->n;
	return RD_OK;
}
