/* SPDX-License-Identifier: Apache-2.0 */
/* A file read once from its beginning, in whole entries or batches. */
#include "audit/stream.h"

#include "os/fd.h"

#include <stdlib.h>
#include <string.h>

/* Read at once at least; smaller pieces would cost a system call each. */
#define READ_AHEAD 65536

enum rd_status rd_audit_stream_init(struct rd_audit_stream *s, int fd, size_t max)
{
	*s = (struct rd_audit_stream){.fd = fd};
	RD_TRY(rd_fd_size(fd, &s->size));
	s->cap = max + READ_AHEAD;
	s->storage = malloc(s->cap);
	return s->storage != NULL ? RD_OK : RD_NOMEM;
}

void rd_audit_stream_finish(struct rd_audit_stream *s)
{
	free(s->storage);
	*s = (struct rd_audit_stream){.fd = -1};
}

static enum rd_status fill(struct rd_audit_stream *s)
{
	uint64_t at = s->offset + (s->end - s->start);
	size_t room;

	memmove(s->storage, s->storage + s->start, s->end - s->start);
	s->end -= s->start;
	s->start = 0;
	room = s->cap - s->end;
	if (room > s->size - at) {
		room = (size_t)(s->size - at);
	}
	RD_TRY(rd_fd_pread_full(s->fd, s->storage + s->end, room, at));
	s->end += room;
	return RD_OK;
}

enum rd_status rd_audit_stream_peek(struct rd_audit_stream *s, size_t n, struct rd_view *ret)
{
	if (s->end - s->start < n && s->offset + (s->end - s->start) < s->size) {
		RD_TRY(fill(s));
	}
	*ret = rd_view(s->storage + s->start, s->end - s->start);
	return RD_OK;
}

void rd_audit_stream_skip(struct rd_audit_stream *s, size_t n)
{
	s->start += n;
	s->offset += n;
}

enum rd_status rd_audit_stream_entry(struct rd_audit_stream *s, struct rd_audit_entry *ret)
{
	struct rd_view bytes;
	struct rd_cur c;
	enum rd_status st;

	RD_TRY(rd_audit_stream_peek(s, RD_AUDIT_HEAD_ENTRY_SIZE, &bytes));
	c = rd_cur(bytes);
	st = rd_audit_entry_next(&c, ret);
	/* The first piece almost always has it whole. */
	if (st == RD_TRUNCATED) {
		RD_TRY(rd_audit_stream_peek(s, sizeof(uint32_t) + RD_AUDIT_RECORD_MAX, &bytes));
		c = rd_cur(bytes);
		st = rd_audit_entry_next(&c, ret);
	}
	RD_TRY(st);
	rd_audit_stream_skip(s, bytes.len - c.left);
	return RD_OK;
}

enum rd_status rd_audit_stream_batch(struct rd_audit_stream *s, struct rd_audit_batch *ret)
{
	size_t want = RD_AUDIT_HEAD_ENTRY_SIZE;
	struct rd_view bytes;
	struct rd_cur c;
	enum rd_status st;

	/* Twice as much each time, so that a large batch is not read over and over. */
	do {
		RD_TRY(rd_audit_stream_peek(s, want, &bytes));
		c = rd_cur(bytes);
		st = rd_audit_batch_next(&c, ret);
		want = 2 * bytes.len < RD_AUDIT_COMMIT_MAX ? 2 * bytes.len : RD_AUDIT_COMMIT_MAX;
	} while (st == RD_TRUNCATED && bytes.len < want && bytes.len < s->size - s->offset);
	return st;
}
