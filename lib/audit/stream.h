/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/audit: a file from its beginning, piece by piece, up to the size that it had. */
#ifndef RD_AUDIT_STREAM_H
#define RD_AUDIT_STREAM_H

#include "audit/format.h"

struct rd_audit_stream {
	int fd;          /* borrowed */
	uint64_t size;   /* when it was opened: what a writer appends meanwhile is not seen */
	uint64_t offset; /* of the next byte that has not been taken */
	uint8_t *storage;
	size_t cap, start, end;
};

/* max: the longest piece. Ended with rd_audit_stream_finish, also after a failure. */
enum rd_status rd_audit_stream_init(struct rd_audit_stream *s, int fd, size_t max) RD_MUST_USE;
void rd_audit_stream_finish(struct rd_audit_stream *s);

/* What is next: at least n bytes, or all that are left. Valid until the next call. */
enum rd_status rd_audit_stream_peek(struct rd_audit_stream *s, size_t n, struct rd_view *ret)
	RD_MUST_USE;
/* At most as many as the last peek gave. */
void rd_audit_stream_skip(struct rd_audit_stream *s, size_t n);

/* Takes the next entry of a log file; statuses as rd_audit_entry_next, RD_TRUNCATED: the file ends
 * before. */
enum rd_status rd_audit_stream_entry(struct rd_audit_stream *s, struct rd_audit_entry *ret)
	RD_MUST_USE;
/* The next batch, as with rd_audit_batch_next, for a stream of RD_AUDIT_COMMIT_MAX. It is not
 * taken: who refuses it may want to see its bytes. */
enum rd_status rd_audit_stream_batch(struct rd_audit_stream *s, struct rd_audit_batch *ret)
	RD_MUST_USE;

#endif
