/* SPDX-License-Identifier: Apache-2.0 */
/* A file read once from its beginning, in whole records. */
#include "audit/stream.h"

#include "audit/format.h"
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

enum rd_status rd_audit_stream_record(struct rd_audit_stream *s, struct rd_view *ret)
{
	enum rd_status st = RD_TRUNCATED;
	struct rd_view bytes;
	struct rd_cur c;

	/* The first piece almost always has the whole record; the longest one is asked for if not.
	 */
	for (size_t want = sizeof(uint32_t); st == RD_TRUNCATED;
		want = sizeof(uint32_t) + RD_AUDIT_RECORD_MAX) {
		RD_TRY(rd_audit_stream_peek(s, want, &bytes));
		c = rd_cur(bytes);
		st = rd_audit_record_next(&c, ret);
		if (want > sizeof(uint32_t)) {
			break;
		}
	}
	RD_TRY(st);
	rd_audit_stream_skip(s, bytes.len - c.left);
	return RD_OK;
}
