/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one segment and holds its records against its heads. */
#include "audit/segment.h"

#include "audit/stream.h"
#include "audit/torn.h"

#include <inttypes.h>
#include <string.h>

struct reading {
	const struct rd_audit_segment *in;
	struct rd_audit_stream log;
	char name[RD_AUDIT_NAME_SIZE];
	struct rd_audit_end end;
	uint64_t number; /* of the batch being read, and its head */
	bool is_short;   /* it could not be read, because the file ends */
};

const char *rd_audit_result_name(enum rd_audit_result result)
{
	switch (result) {
#define X(name, code, text)                                                                        \
	case name:                                                                                 \
		return #name + sizeof("RD_AUDIT_") - 1;
		RD_AUDIT_RESULT_LIST(X)
#undef X
	}
	return "ERROR";
}

const char *rd_audit_result_text(enum rd_audit_result result)
{
	switch (result) {
#define X(name, code, text)                                                                        \
	case name:                                                                                 \
		return text;
		RD_AUDIT_RESULT_LIST(X)
#undef X
	}
	return "unknown result";
}

static enum rd_audit_result cannot_read(enum rd_status st, const char *name, struct rd_error *err)
{
	(void)rd_fail(err, st, "%s: cannot be read: %s", name, rd_status_text(st));
	return RD_AUDIT_ERROR;
}

static enum rd_audit_result visit_tree(
	const struct reading *r, const struct rd_merkle_range *range, struct rd_error *err)
{
	const struct rd_audit_visitor *v = &r->in->visitor;

	return v->tree != NULL ? v->tree(v->ctx, range, err) : RD_AUDIT_OK;
}

static enum rd_audit_result read_beginning(struct reading *r, struct rd_error *err)
{
	struct rd_view bytes;
	struct rd_cur c;
	enum rd_status st = rd_audit_stream_peek(&r->log, RD_AUDIT_SEGMENT_HEAD_MAX, &bytes);

	if (st != RD_OK) {
		return cannot_read(st, r->name, err);
	}
	c = rd_cur(bytes);
	st = rd_audit_segment_next(&c, &r->end.range);
	if (st != RD_OK) {
		return rd_audit_refuse(err, RD_AUDIT_FORM, "%s: its beginning %s (RDLOGS2)",
			r->name, rd_status_text(st));
	}
	if (r->end.range.size != r->in->first) {
		return rd_audit_refuse(err, RD_AUDIT_SEGMENT,
			"%s: says that its first record is %" PRIu64, r->name, r->end.range.size);
	}
	rd_audit_stream_skip(&r->log, bytes.len - c.left);
	return visit_tree(r, &r->end.range, err);
}

static enum rd_audit_result unreadable_batch(
	const struct reading *r, enum rd_status st, struct rd_error *err)
{
	uint64_t left = r->log.size - r->log.offset;

	if (st == RD_OUT_OF_RANGE) {
		return rd_audit_refuse(err, RD_AUDIT_ALTERED,
			"%s: record %" PRIu64 " or one behind it has an impossible length", r->name,
			r->end.range.size);
	}
	if (st != RD_TRUNCATED && st != RD_LIMIT) {
		return cannot_read(st, r->name, err);
	}
	if (r->number == 0) {
		return rd_audit_refuse(err, RD_AUDIT_FORM, "%s: has no tree head", r->name);
	}
	if (st == RD_LIMIT || left > RD_AUDIT_COMMIT_MAX) {
		return rd_audit_refuse(err, RD_AUDIT_UNCOVERED,
			"%s: %" PRIu64 " bytes follow head %" PRIu64
			" without another, more than one write: heads have been cut off",
			r->name, left, r->number - 1);
	}
	return rd_audit_refuse(err, RD_AUDIT_MISSING,
		"%s: record %" PRIu64
		" or one behind it is missing or cut short, and a head that follows covers it",
		r->name, r->end.range.size);
}

static enum rd_audit_result read_signed(const struct reading *r, struct rd_view bytes,
	bool thorough, struct rd_merkle_head *ret, struct rd_error *err)
{
	enum rd_status st = thorough ? rd_merkle_head_verify(r->in->key, bytes, ret)
				     : rd_merkle_head_read(r->in->key, bytes, ret);

	if (st == RD_OK) {
		return RD_AUDIT_OK;
	}
	if (st == RD_WRONG_KEY && r->number == 0) {
		return rd_audit_refuse(err, RD_AUDIT_KEY, "%s: is signed by another key", r->name);
	}
	return rd_audit_refuse(err, RD_AUDIT_HEAD_SIGNATURE, "%s: head %" PRIu64 ": %s", r->name,
		r->number, rd_status_text(st));
}

static enum rd_audit_result check_order(
	const struct reading *r, const struct rd_merkle_head *head, struct rd_error *err)
{
	if (r->number == 0) {
		/* Everybody knows the root of the empty log: nobody has to sign it. */
		return head->size == r->in->first || r->in->first == 0
			       ? RD_AUDIT_OK
			       : rd_audit_refuse(err, RD_AUDIT_SEGMENT,
					 "%s: head 0 is of size %" PRIu64
					 ", not that of the segment's beginning",
					 r->name, head->size);
	}
	if (head->size <= r->end.head.size || head->time_ms < r->end.head.time_ms) {
		return rd_audit_refuse(err, RD_AUDIT_HEAD_ORDER,
			"%s: head %" PRIu64 " is not later and larger than the one before", r->name,
			r->number);
	}
	return RD_AUDIT_OK;
}

/* That as many records stand before the head as it is signed over. */
static enum rd_audit_result check_count(const struct reading *r, const struct rd_audit_batch *batch,
	const struct rd_merkle_head *head, struct rd_error *err)
{
	uint64_t size = r->end.range.size + batch->count;

	if (size < head->size) {
		return rd_audit_refuse(err, RD_AUDIT_MISSING,
			"%s: head %" PRIu64 " covers %" PRIu64 " records, and only %" PRIu64
			" are there",
			r->name, r->number, head->size, size);
	}
	if (size > head->size) {
		return rd_audit_refuse(err, RD_AUDIT_ALTERED,
			"%s: head %" PRIu64 " covers %" PRIu64 " records, and %" PRIu64
			" stand before it",
			r->name, r->number, head->size, size);
	}
	if (batch->head.batch_size != batch->records.len) {
		return rd_audit_refuse(err, RD_AUDIT_ALTERED,
			"%s: head %" PRIu64 " says that it follows %" PRIu32
			" bytes of records, and it follows %zu",
			r->name, r->number, batch->head.batch_size, batch->records.len);
	}
	return RD_AUDIT_OK;
}

static enum rd_audit_result check_root(const struct reading *r, const struct rd_merkle_range *range,
	const struct rd_merkle_head *head, struct rd_error *err)
{
	struct rd_merkle_hash root;
	enum rd_status st = rd_merkle_root(range, &root);

	if (st != RD_OK) {
		return cannot_read(st, r->name, err);
	}
	if (rd_merkle_equal(&root, &head->root)) {
		return RD_AUDIT_OK;
	}
	if (head->size == r->in->first) {
		return rd_audit_refuse(err, RD_AUDIT_SEGMENT,
			"%s: its beginning does not give the root of its first head", r->name);
	}
	return rd_audit_refuse(err, RD_AUDIT_ALTERED,
		"%s: records %" PRIu64 " to %" PRIu64 " are not those that head %" PRIu64
		" was signed over",
		r->name, r->end.range.size, head->size - 1, r->number);
}

static enum rd_status append(struct rd_merkle_range *range, struct rd_view json)
{
	struct rd_merkle_hash leaf;

	RD_TRY(rd_merkle_leaf(json, &leaf));
	return rd_merkle_append(range, &leaf, NULL, NULL);
}

static enum rd_status append_all(struct rd_merkle_range *range, const struct rd_audit_batch *batch)
{
	struct rd_cur c = rd_cur(batch->records);
	struct rd_audit_entry record;

	while (c.left > 0) {
		RD_TRY(rd_audit_entry_next(&c, &record));
		RD_TRY(append(range, record.bytes));
	}
	return RD_OK;
}

static enum rd_audit_result visit_record(const struct reading *r, struct rd_merkle_range *range,
	struct rd_view json, struct rd_error *err)
{
	const struct rd_audit_visitor *v = &r->in->visitor;
	enum rd_audit_result result = RD_AUDIT_OK;
	enum rd_status st;

	if (v->record != NULL) {
		result = v->record(v->ctx, range->size, json, err);
	}
	if (result != RD_AUDIT_OK) {
		return result;
	}
	st = append(range, json);
	return st == RD_OK ? visit_tree(r, range, err) : cannot_read(st, r->name, err);
}

/* Only now that the batch is known to be the signed one: a torn one is nobody's business. */
static enum rd_audit_result visit(
	const struct reading *r, const struct rd_audit_batch *batch, struct rd_error *err)
{
	const struct rd_audit_visitor *v = &r->in->visitor;
	struct rd_merkle_range range = r->end.range;
	struct rd_cur c = rd_cur(batch->records);
	enum rd_audit_result result = RD_AUDIT_OK;

	if (v->record == NULL && v->tree == NULL) {
		return RD_AUDIT_OK;
	}
	while (result == RD_AUDIT_OK && c.left > 0) {
		struct rd_audit_entry record;
		enum rd_status st = rd_audit_entry_next(&c, &record);

		result = st == RD_OK ? visit_record(r, &range, record.bytes, err)
				     : cannot_read(st, r->name, err);
	}
	return result;
}

static void accept_batch(struct reading *r, const struct rd_merkle_range *range,
	const struct rd_merkle_head *head, const struct rd_audit_batch *batch)
{
	const uint8_t *bytes = batch->head.bytes.ptr;

	r->end.range = *range;
	r->end.head = *head;
	memcpy(r->end.last_head, bytes, RD_MERKLE_HEAD_SIZE);
	if (r->number == 0) {
		memcpy(r->end.first_head, bytes, RD_MERKLE_HEAD_SIZE);
	}
	r->end.heads += r->number > 0 || head->size > r->in->first;
	r->number++;
	rd_audit_stream_skip(&r->log, batch->records.len + RD_AUDIT_HEAD_ENTRY_SIZE);
}

/* What comes next, held against its head; nothing is taken over. */
static enum rd_audit_result check_batch(struct reading *r, struct rd_audit_batch *ret,
	struct rd_merkle_range *ret_range, struct rd_merkle_head *ret_head, struct rd_error *err)
{
	enum rd_status st = rd_audit_stream_batch(&r->log, ret);
	enum rd_audit_result result;
	bool last;

	r->is_short = st == RD_TRUNCATED;
	if (st != RD_OK) {
		return unreadable_batch(r, st, err);
	}
	last = ret->records.len + RD_AUDIT_HEAD_ENTRY_SIZE == r->log.size - r->log.offset;
	result = read_signed(r, ret->head.bytes, last || r->in->every_signature, ret_head, err);
	if (result == RD_AUDIT_OK) {
		result = check_order(r, ret_head, err);
	}
	if (result == RD_AUDIT_OK) {
		result = check_count(r, ret, ret_head, err);
	}
	if (result == RD_AUDIT_OK) {
		*ret_range = r->end.range;
		st = append_all(ret_range, ret);
		result = st == RD_OK ? check_root(r, ret_range, ret_head, err)
				     : cannot_read(st, r->name, err);
	}
	return result;
}

/* For a segment that ends here: of heads that were only read, the last one speaks for all. */
static enum rd_audit_result check_last_head(const struct reading *r, struct rd_error *err)
{
	struct rd_view bytes = rd_view(r->end.last_head, sizeof(r->end.last_head));
	struct rd_merkle_head head;
	enum rd_status st = rd_merkle_head_verify(r->in->key, bytes, &head);

	return st == RD_OK
		       ? RD_AUDIT_OK
		       : rd_audit_refuse(err, RD_AUDIT_HEAD_SIGNATURE, "%s: head %" PRIu64 ": %s",
				 r->name, r->number - 1, rd_status_text(st));
}

/* Whether the batch that was refused may be what a crash left of the last one. */
static enum rd_audit_result judge_tail(
	struct reading *r, enum rd_audit_result refusal, struct rd_error *err)
{
	uint64_t left = r->log.size - r->log.offset;
	struct rd_audit_tail tail = {.offset = r->log.offset,
		.tree_size = r->end.head.size,
		.is_short = r->is_short,
		.key = r->in->key};
	enum rd_status st;

	if (refusal == RD_AUDIT_ERROR || r->number == 0 || left > RD_AUDIT_COMMIT_MAX) {
		return refusal;
	}
	st = rd_audit_stream_peek(&r->log, (size_t)left, &tail.bytes);
	if (st != RD_OK) {
		return cannot_read(st, r->name, err);
	}
	if (!rd_audit_is_torn(&tail)) {
		return refusal;
	}
	r->end.tail = left;
	return check_last_head(r, err);
}

static enum rd_audit_result read_batches(struct reading *r, struct rd_error *err)
{
	enum rd_audit_result result = RD_AUDIT_OK;

	while (result == RD_AUDIT_OK && (r->number == 0 || r->log.offset < r->log.size)) {
		struct rd_audit_batch batch;
		struct rd_merkle_range range;
		struct rd_merkle_head head;

		result = check_batch(r, &batch, &range, &head, err);
		if (result != RD_AUDIT_OK) {
			result = judge_tail(r, result, err);
			break;
		}
		result = visit(r, &batch, err);
		accept_batch(r, &range, &head, &batch);
	}
	r->end.end = r->log.offset;
	return result;
}

enum rd_audit_result rd_audit_segment_read(
	const struct rd_audit_segment *segment, struct rd_audit_end *ret, struct rd_error *err)
{
	struct reading r = {.in = segment, .log = {.fd = -1}};
	enum rd_audit_result result;
	enum rd_status st;

	rd_audit_name(segment->first, r.name);
	st = rd_audit_stream_init(&r.log, segment->fd, RD_AUDIT_COMMIT_MAX);
	if (st == RD_OK) {
		result = read_beginning(&r, err);
		if (result == RD_AUDIT_OK) {
			result = read_batches(&r, err);
		}
	} else {
		result = cannot_read(st, r.name, err);
	}
	rd_audit_stream_finish(&r.log);
	if (result == RD_AUDIT_OK) {
		*ret = r.end;
	}
	return result;
}
