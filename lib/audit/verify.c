/* SPDX-License-Identifier: Apache-2.0 */
/* Checks all segments of a log against each other, a saved head and the documents. */
#include "audit/verify.h"

#include "audit/directory.h"
#include "audit/documents.h"
#include "audit/stream.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct checking {
	int dir_fd;
	const struct rd_audit_verify_options *options;
	struct rd_audit_verify_report *report;
	struct rd_audit_documents documents;
	const struct rd_ec_key *key;
	bool saved_seen;
	struct rd_merkle_head saved;
	struct rd_audit_end end;
};

static enum rd_audit_result see_record(
	void *ctx, uint64_t index, struct rd_view json, struct rd_error *err)
{
	struct checking *c = ctx;
	const struct rd_audit_visitor *also = &c->options->also;
	enum rd_audit_result result = rd_audit_documents_check_record(
		&c->documents, index, json, err);

	return result == RD_AUDIT_OK && also->record != NULL
		       ? also->record(also->ctx, index, json, err)
		       : result;
}

static enum rd_audit_result check_saved_tree(
	struct checking *c, const struct rd_merkle_range *range, struct rd_error *err)
{
	struct rd_merkle_hash root;

	if (c->options->saved.ptr == NULL || range->size != c->saved.size) {
		return RD_AUDIT_OK;
	}
	if (rd_merkle_root(range, &root) != RD_OK) {
		(void)rd_fail(err, RD_INTERNAL, "cannot compute a root");
		return RD_AUDIT_ERROR;
	}
	if (!rd_merkle_equal(&root, &c->saved.root)) {
		return rd_audit_refuse(err, RD_AUDIT_FORKED,
			"the first %" PRIu64 " records are not those of the saved head",
			range->size);
	}
	c->saved_seen = true;
	return RD_AUDIT_OK;
}

static enum rd_audit_result see_tree(
	void *ctx, const struct rd_merkle_range *range, struct rd_error *err)
{
	struct checking *c = ctx;
	const struct rd_audit_visitor *also = &c->options->also;
	enum rd_audit_result result = check_saved_tree(c, range, err);

	return result == RD_AUDIT_OK && also->tree != NULL ? also->tree(also->ctx, range, err)
							   : result;
}

static enum rd_audit_result check_join(const struct rd_audit_end *before,
	const struct rd_audit_end *end, uint64_t first, struct rd_error *err)
{
	if (memcmp(before->last_head, end->first_head, RD_MERKLE_HEAD_SIZE) != 0) {
		return rd_audit_refuse(err, RD_AUDIT_SEGMENT,
			"log-%019" PRIu64
			": does not begin with the last head of the segment before",
			first);
	}
	return RD_AUDIT_OK;
}

/* What no head covers is a server's unfinished write only at the very end. */
static enum rd_audit_result check_tail(
	struct checking *c, uint64_t first, bool last, struct rd_error *err)
{
	const struct rd_audit_end *end = &c->end;

	if (end->tail == 0) {
		return RD_AUDIT_OK;
	}
	if (last && c->report->live) {
		c->report->uncovered = end->tail;
		return RD_AUDIT_OK;
	}
	return rd_audit_refuse(err, RD_AUDIT_UNCOVERED,
		"log-%019" PRIu64 ": %" PRIu64 " bytes follow the last head, of %" PRIu64
		" records; a server that was killed leaves this and mends it at its next start, "
		"and a log whose end somebody cut off looks the same",
		first, end->tail, end->head.size);
}

static enum rd_audit_result read_segment(struct checking *c, uint64_t first, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	struct rd_audit_segment segment = {.first = first,
		.key = c->key,
		.every_signature = true,
		.visitor = {.ctx = c, .record = see_record, .tree = see_tree}};

	if (rd_audit_open(c->dir_fd, first, O_RDONLY, &fd, err) != RD_OK) {
		return RD_AUDIT_ERROR;
	}
	segment.fd = fd;
	return rd_audit_segment_read(&segment, &c->end, err);
}

static enum rd_audit_result check_segment(
	struct checking *c, const struct rd_audit_list *list, size_t i, struct rd_error *err)
{
	struct rd_audit_end before = c->end;
	uint64_t first = list->v[i];
	enum rd_audit_result result;

	if (i > 0 && first != before.range.size) {
		return rd_audit_refuse(err, RD_AUDIT_SEGMENT,
			"records %" PRIu64 " to %" PRIu64 ": their segment is missing",
			before.range.size, first - 1);
	}
	result = read_segment(c, first, err);
	if (result == RD_AUDIT_OK && i > 0) {
		result = check_join(&before, &c->end, first, err);
	}
	if (result == RD_AUDIT_OK) {
		c->report->segments++;
		c->report->heads += c->end.heads;
		c->report->head = c->end.head;
		memcpy(c->report->head_bytes, c->end.last_head, RD_MERKLE_HEAD_SIZE);
		result = check_tail(c, first, i == list->n - 1, err);
	}
	return result;
}

static enum rd_audit_result check_saved(struct checking *c, struct rd_error *err)
{
	if (c->options->saved.ptr == NULL || c->saved_seen) {
		return RD_AUDIT_OK;
	}
	if (c->saved.size < c->report->first) {
		return rd_audit_refuse(err, RD_AUDIT_MOVED,
			"the saved head is of %" PRIu64 " records, and those before %" PRIu64
			" are not here",
			c->saved.size, c->report->first);
	}
	return rd_audit_refuse(err, RD_AUDIT_ROLLED_BACK,
		"the saved head is of %" PRIu64 " records, the log has %" PRIu64, c->saved.size,
		c->report->head.size);
}

static enum rd_audit_result list_segments(
	int dir_fd, struct rd_audit_list *ret, struct rd_error *err)
{
	enum rd_status st = rd_audit_list(dir_fd, ret, err);

	if (st != RD_OK) {
		return st == RD_BAD_MAGIC ? RD_AUDIT_FORM : RD_AUDIT_ERROR;
	}
	return ret->n > 0 ? RD_AUDIT_OK
			  : rd_audit_refuse(
				    err, RD_AUDIT_NO_LOG, "the directory has no segment of a log");
}

static enum rd_audit_result check_list(
	struct checking *c, const struct rd_audit_list *list, struct rd_error *err)
{
	c->report->first = list->v[0];
	if (list->v[0] != 0 && !c->options->moved) {
		return rd_audit_refuse(err, RD_AUDIT_MOVED,
			"records 0 to %" PRIu64
			" are not here; give --moved if their segments were moved away",
			list->v[0] - 1);
	}
	for (size_t i = 0; i < list->n; i++) {
		enum rd_audit_result result = check_segment(c, list, i, err);

		if (result != RD_AUDIT_OK) {
			return result;
		}
	}
	return check_saved(c, err);
}

static enum rd_audit_result read_saved(struct checking *c, struct rd_error *err)
{
	enum rd_status st;

	if (c->options->saved.ptr == NULL) {
		return RD_AUDIT_OK;
	}
	st = rd_merkle_head_verify(c->key, c->options->saved, &c->saved);
	return st == RD_OK ? RD_AUDIT_OK
			   : rd_audit_refuse(err, RD_AUDIT_SAVED_HEAD, "the saved head: %s",
				     rd_status_text(st));
}

/* A server holds the lock as long as it may write. It is only asked for: taking it, even for a
 * moment, could keep a server from starting. */
static bool is_live(int dir_fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	RD_CLEANUP(rd_fd_close)
	int fd = openat(dir_fd, RD_AUDIT_LOCK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static enum rd_audit_result own_key(int dir_fd, struct rd_ec_key **ret, struct rd_error *err)
{
	uint8_t bytes[RD_AUDIT_PEM_MAX];
	struct rd_buf pem = rd_buf_fixed(bytes, sizeof(bytes));
	RD_CLEANUP(rd_fd_close)
	int fd = openat(dir_fd, RD_AUDIT_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum rd_status st;

	if (fd < 0 && errno != ENOENT) {
		(void)rd_fail_errno(err, errno, "%s: cannot be opened", RD_AUDIT_KEY_FILE);
		return RD_AUDIT_ERROR;
	}
	st = fd < 0 ? RD_NOTFOUND : rd_fd_read_all(fd, &pem);
	if (st == RD_OK) {
		st = rd_audit_key_parse(rd_buf_view(&pem), ret);
	}
	return st == RD_OK ? RD_AUDIT_OK
			   : rd_audit_refuse(err, RD_AUDIT_KEY, "%s: no public P-256 key: %s",
				     RD_AUDIT_KEY_FILE, rd_status_text(st));
}

static enum rd_audit_result check_all(struct checking *c, struct rd_error *err)
{
	RD_CLEANUP(rd_audit_list_finish) struct rd_audit_list list = {0};
	enum rd_audit_result result;

	if (rd_merkle_log_id(c->key, &c->report->log_id) != RD_OK) {
		return rd_audit_refuse(err, RD_AUDIT_KEY, "the key is not on P-256");
	}
	c->report->live = is_live(c->dir_fd);
	result = read_saved(c, err);
	if (result != RD_AUDIT_OK) {
		return result;
	}
	result = list_segments(c->dir_fd, &list, err);
	if (result != RD_AUDIT_OK) {
		return result;
	}
	/* Contents first: then a record's document needs only to be there. */
	result = rd_audit_documents_check(&c->documents, &c->report->documents, err);
	return result == RD_AUDIT_OK ? check_list(c, &list, err) : result;
}

enum rd_audit_result rd_audit_verify(int dir_fd, const struct rd_audit_verify_options *options,
	struct rd_audit_verify_report *ret, struct rd_error *err)
{
	struct checking c = {
		.dir_fd = dir_fd, .options = options, .report = ret, .key = options->key};
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;
	enum rd_audit_result result = RD_AUDIT_OK;

	*ret = (struct rd_audit_verify_report){0};
	if (c.key == NULL) {
		result = own_key(dir_fd, &key, err);
		c.key = key;
	}
	if (result == RD_AUDIT_OK) {
		result = rd_audit_documents_open(&c.documents, dir_fd, err);
	}
	if (result == RD_AUDIT_OK) {
		result = check_all(&c, err);
		rd_audit_documents_close(&c.documents);
	}
	return result;
}

static enum rd_audit_result each_record(struct rd_audit_stream *s, uint64_t first,
	const struct rd_audit_visitor *visitor, struct rd_error *err)
{
	enum rd_audit_result result = RD_AUDIT_OK;
	uint64_t segment = first;
	struct rd_audit_entry entry;
	struct rd_merkle_range range;
	struct rd_view bytes;
	struct rd_cur c;
	enum rd_status st = rd_audit_stream_peek(s, RD_AUDIT_SEGMENT_HEAD_MAX, &bytes);

	if (st == RD_OK) {
		c = rd_cur(bytes);
		st = rd_audit_segment_next(&c, &range);
	}
	if (st == RD_OK) {
		rd_audit_stream_skip(s, bytes.len - c.left);
	}
	while (st == RD_OK && result == RD_AUDIT_OK) {
		st = rd_audit_stream_entry(s, &entry);
		if (st == RD_OK && !entry.is_head) {
			result = visitor->record(visitor->ctx, first++, entry.bytes, err);
		}
	}
	if (result == RD_AUDIT_OK && st != RD_TRUNCATED) {
		result = rd_audit_refuse(err, RD_AUDIT_FORM,
			"log-%019" PRIu64 ": record %" PRIu64
			" cannot be read: %s; `redoubt audit verify` says more",
			segment, first, rd_status_text(st));
	}
	return result;
}

static enum rd_audit_result each_segment(
	int dir_fd, uint64_t first, const struct rd_audit_visitor *visitor, struct rd_error *err)
{
	RD_CLEANUP(rd_audit_stream_finish) struct rd_audit_stream s = {.fd = -1};
	RD_CLEANUP(rd_fd_close) int fd = -1;
	enum rd_status st;

	if (rd_audit_open(dir_fd, first, O_RDONLY, &fd, err) != RD_OK) {
		return RD_AUDIT_ERROR;
	}
	st = rd_audit_stream_init(&s, fd, sizeof(uint32_t) + RD_AUDIT_RECORD_MAX);
	if (st != RD_OK) {
		(void)rd_fail(err, st, "log-%019" PRIu64 ": cannot be read: %s", first,
			rd_status_text(st));
		return RD_AUDIT_ERROR;
	}
	return each_record(&s, first, visitor, err);
}

enum rd_audit_result rd_audit_each(
	int dir_fd, uint64_t last, const struct rd_audit_visitor *visitor, struct rd_error *err)
{
	RD_CLEANUP(rd_audit_list_finish) struct rd_audit_list list = {0};
	enum rd_audit_result result = list_segments(dir_fd, &list, err);
	uint64_t from = 0;

	/* The last segment may have no record at all. */
	if (result == RD_AUDIT_OK && last != 0 && last <= list.v[list.n - 1]) {
		from = list.v[list.n - 1] - last;
	}
	for (size_t i = 0; result == RD_AUDIT_OK && i < list.n; i++) {
		if (i + 1 == list.n || list.v[i + 1] > from) {
			result = each_segment(dir_fd, list.v[i], visitor, err);
		}
	}
	return result;
}
