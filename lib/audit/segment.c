/* SPDX-License-Identifier: Apache-2.0 */
/* Reads one segment and holds its records against its heads. */
#include "audit/segment.h"

#include "audit/stream.h"

#include <inttypes.h>
#include <string.h>

/* A write that power loss cut short leaves whole sectors of zeros. */
#define SECTOR 512

struct reading {
	const struct rd_audit_segment *in;
	struct rd_audit_stream log, heads;
	char log_name[RD_AUDIT_NAME_SIZE], heads_name[RD_AUDIT_NAME_SIZE];
	struct rd_audit_end end;
	uint64_t number; /* of the head being read */
	uint64_t own;    /* 1: the first head is none of an empty log */
	/* What the visitor said of a record counts once the record is known to be the signed one.
	 */
	enum rd_audit_result visited;
	struct rd_error visited_err;
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

static bool all_zero(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] != 0) {
			return false;
		}
	}
	return true;
}

/* Whether the last bytes of a heads file look like a write that never became durable: not a whole
 * head, or zeros from the beginning of a sector on. */
static bool is_torn(struct rd_view head, uint64_t offset)
{
	size_t to_sector = (SECTOR - offset % SECTOR) % SECTOR;

	if (head.len < RD_MERKLE_HEAD_SIZE || all_zero(head)) {
		return true;
	}
	return to_sector < head.len &&
	       all_zero(rd_view(head.ptr + to_sector, head.len - to_sector));
}

static enum rd_audit_result visit_tree(struct reading *r, struct rd_error *err)
{
	const struct rd_audit_visitor *v = &r->in->visitor;

	return v->tree != NULL ? v->tree(v->ctx, &r->end.range, err) : RD_AUDIT_OK;
}

static enum rd_audit_result read_segment_head(struct reading *r, struct rd_error *err)
{
	struct rd_view bytes;
	struct rd_cur c;
	enum rd_status st = rd_audit_stream_peek(&r->log, RD_AUDIT_SEGMENT_HEAD_MAX, &bytes);

	if (st != RD_OK) {
		return cannot_read(st, r->log_name, err);
	}
	c = rd_cur(bytes);
	st = rd_audit_segment_next(&c, &r->end.range);
	if (st != RD_OK) {
		return rd_audit_refuse(err, RD_AUDIT_FORM, "%s: its beginning %s", r->log_name,
			rd_status_text(st));
	}
	if (r->end.range.size != r->in->first) {
		return rd_audit_refuse(err, RD_AUDIT_SEGMENT,
			"%s: says that its first record is %" PRIu64, r->log_name,
			r->end.range.size);
	}
	rd_audit_stream_skip(&r->log, bytes.len - c.left);
	r->end.log_end = r->log.offset;
	return visit_tree(r, err);
}

static enum rd_audit_result check_root(
	struct reading *r, const struct rd_merkle_head *head, struct rd_error *err)
{
	struct rd_merkle_hash root;
	enum rd_status st = rd_merkle_root(&r->end.range, &root);

	if (st != RD_OK) {
		return cannot_read(st, r->log_name, err);
	}
	if (rd_merkle_equal(&root, &head->root)) {
		return RD_AUDIT_OK;
	}
	if (r->number == 0 && head->size == r->in->first) {
		return rd_audit_refuse(err, RD_AUDIT_SEGMENT,
			"%s: its beginning does not give the root of head 0 in %s", r->log_name,
			r->heads_name);
	}
	return rd_audit_refuse(err, RD_AUDIT_ALTERED,
		"%s: records %" PRIu64 " to %" PRIu64 " are not those that head %" PRIu64
		" of %s was signed over",
		r->log_name, r->end.head.size, head->size - 1, r->number, r->heads_name);
}

static enum rd_audit_result append_record(struct reading *r, struct rd_error *err)
{
	const struct rd_audit_visitor *v = &r->in->visitor;
	uint64_t index = r->end.range.size;
	struct rd_merkle_hash leaf;
	struct rd_view json;
	enum rd_status st = rd_audit_stream_record(&r->log, &json);

	if (st == RD_TRUNCATED && r->log.size - r->log.offset < RD_AUDIT_RECORD_MAX) {
		return rd_audit_refuse(err, RD_AUDIT_MISSING,
			"%s: record %" PRIu64 " is missing or cut short, and head %" PRIu64
			" of %s covers it",
			r->log_name, index, r->number, r->heads_name);
	}
	if (st == RD_OUT_OF_RANGE) {
		return rd_audit_refuse(err, RD_AUDIT_ALTERED,
			"%s: record %" PRIu64 " has an impossible length", r->log_name, index);
	}
	if (st == RD_OK) {
		st = rd_merkle_leaf(json, &leaf);
	}
	if (st == RD_OK) {
		st = rd_merkle_append(&r->end.range, &leaf, NULL, NULL);
	}
	if (st != RD_OK) {
		return cannot_read(st, r->log_name, err);
	}
	if (v->record != NULL && r->visited == RD_AUDIT_OK) {
		r->visited = v->record(v->ctx, index, json, &r->visited_err);
	}
	return visit_tree(r, err);
}

static enum rd_audit_result check_order(
	struct reading *r, const struct rd_merkle_head *head, struct rd_error *err)
{
	if (r->number == 0) {
		/* Everybody knows the root of the empty log: nobody has to sign it. */
		return head->size == r->in->first || r->in->first == 0
			       ? RD_AUDIT_OK
			       : rd_audit_refuse(err, RD_AUDIT_SEGMENT,
					 "%s: head 0 is of size %" PRIu64
					 ", not that of the segment's beginning",
					 r->heads_name, head->size);
	}
	if (head->size <= r->end.head.size || head->time_ms < r->end.head.time_ms) {
		return rd_audit_refuse(err, RD_AUDIT_HEAD_ORDER,
			"%s: head %" PRIu64 " is not later and larger than the one before",
			r->heads_name, r->number);
	}
	return RD_AUDIT_OK;
}

static enum rd_audit_result check_signature(struct reading *r, struct rd_view bytes, bool last,
	struct rd_merkle_head *ret, struct rd_error *err)
{
	bool thorough = r->in->every_signature || last;
	enum rd_status st = thorough ? rd_merkle_head_verify(r->in->key, bytes, ret)
				     : rd_merkle_head_read(r->in->key, bytes, ret);

	if (st == RD_OK) {
		return RD_AUDIT_OK;
	}
	if (st == RD_WRONG_KEY && r->number == 0) {
		return rd_audit_refuse(
			err, RD_AUDIT_KEY, "%s: is signed by another key", r->heads_name);
	}
	return rd_audit_refuse(err, RD_AUDIT_HEAD_SIGNATURE, "%s: head %" PRIu64 ": %s",
		r->heads_name, r->number, rd_status_text(st));
}

/* One head and the records that it adds. */
static enum rd_audit_result read_head(
	struct reading *r, struct rd_view bytes, bool last, struct rd_error *err)
{
	struct rd_merkle_head head;
	enum rd_audit_result result = check_signature(r, bytes, last, &head, err);

	if (result == RD_AUDIT_OK) {
		result = check_order(r, &head, err);
	}
	while (result == RD_AUDIT_OK && r->end.range.size < head.size) {
		result = append_record(r, err);
	}
	if (result == RD_AUDIT_OK) {
		result = check_root(r, &head, err);
	}
	if (result == RD_AUDIT_OK && r->visited != RD_AUDIT_OK) {
		*err = r->visited_err;
		result = r->visited;
	}
	if (result == RD_AUDIT_OK) {
		r->end.head = head;
		r->end.log_end = r->log.offset;
		memcpy(r->end.last_head, bytes.ptr, bytes.len);
		if (r->number == 0) {
			r->own = head.size > r->in->first ? 1 : 0;
			memcpy(r->end.first_head, bytes.ptr, bytes.len);
		}
	}
	return result;
}

static enum rd_audit_result read_heads(struct reading *r, struct rd_error *err)
{
	struct rd_view bytes;
	enum rd_audit_result result;
	enum rd_status st;

	for (;; r->number++) {
		uint64_t left = r->heads.size - r->heads.offset;

		st = rd_audit_stream_peek(&r->heads, RD_MERKLE_HEAD_SIZE, &bytes);
		if (st != RD_OK) {
			return cannot_read(st, r->heads_name, err);
		}
		bytes.len = bytes.len < RD_MERKLE_HEAD_SIZE ? bytes.len : RD_MERKLE_HEAD_SIZE;
		if (r->number > 0 && (left == 0 || (left <= RD_MERKLE_HEAD_SIZE &&
							   is_torn(bytes, r->heads.offset)))) {
			break;
		}
		/* The last but one too: what follows it may turn out to be torn. */
		result = read_head(r, bytes, left <= 2 * (uint64_t)RD_MERKLE_HEAD_SIZE, err);
		if (result != RD_AUDIT_OK) {
			return result;
		}
		rd_audit_stream_skip(&r->heads, bytes.len);
	}
	r->end.heads = r->number - 1 + r->own;
	r->end.heads_end = r->heads.offset;
	r->end.heads_tail = r->heads.size - r->heads.offset;
	r->end.log_tail = r->log.size - r->end.log_end;
	return RD_AUDIT_OK;
}

enum rd_audit_result rd_audit_segment_read(
	const struct rd_audit_segment *segment, struct rd_audit_end *ret, struct rd_error *err)
{
	struct reading r = {.in = segment, .log = {.fd = -1}, .heads = {.fd = -1}};
	enum rd_audit_result result = RD_AUDIT_ERROR;
	enum rd_status st;

	rd_audit_name(RD_AUDIT_LOG, segment->first, r.log_name);
	rd_audit_name(RD_AUDIT_HEADS, segment->first, r.heads_name);
	/* Heads first: a writer appends to the log before it appends to the heads. */
	st = rd_audit_stream_init(&r.heads, segment->heads_fd, RD_MERKLE_HEAD_SIZE);
	if (st == RD_OK) {
		st = rd_audit_stream_init(
			&r.log, segment->log_fd, sizeof(uint32_t) + RD_AUDIT_RECORD_MAX);
	}
	if (st != RD_OK) {
		(void)cannot_read(st, r.log_name, err);
	} else {
		result = read_segment_head(&r, err);
		if (result == RD_AUDIT_OK) {
			result = read_heads(&r, err);
		}
	}
	rd_audit_stream_finish(&r.log);
	rd_audit_stream_finish(&r.heads);
	if (result == RD_AUDIT_OK) {
		*ret = r.end;
	}
	return result;
}
