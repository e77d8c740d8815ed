/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NSM requests and responses: one table of variants and fields encodes and decodes both.
 *
 * A variant without fields is a bare text; one with fields a map {name: {field: value, …}}; Error
 * is the exception, {"Error": text}. Field order in the tables is the order on the wire.
 */
#include "nsm/codec.h"

#include "nsm/wire.h"

#include <stddef.h>

enum field_type {
	FIELD_U16,
	FIELD_BOOL,
	FIELD_BYTES,
	FIELD_BYTES_OR_NULL, /* may be absent, which is null */
	FIELD_TEXT,
	FIELD_INDEX_SET, /* array of register indices <-> uint32_t mask */
	FIELD_DIGEST
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset; /* in struct rd_nsm_request or rd_nsm_response */
};

#define FIELDS_MAX 7 /* DescribeNSM */

struct variant {
	const char *name; /* NULL: not of this direction */
	struct field fields[FIELDS_MAX];
};

#define REQ(member) offsetof(struct rd_nsm_request, member)
#define RES(member) offsetof(struct rd_nsm_response, member)

static const struct variant requests[RD_NSM_OP_COUNT] = {
	[RD_NSM_DESCRIBE_PCR] = {"DescribePCR", {{"index", FIELD_U16, REQ(index)}}},
	[RD_NSM_EXTEND_PCR] = {"ExtendPCR",
		{{"index", FIELD_U16, REQ(index)}, {"data", FIELD_BYTES, REQ(data)}}},
	[RD_NSM_LOCK_PCR] = {"LockPCR", {{"index", FIELD_U16, REQ(index)}}},
	[RD_NSM_LOCK_PCRS] = {"LockPCRs", {{"range", FIELD_U16, REQ(index)}}},
	[RD_NSM_DESCRIBE_NSM] = {"DescribeNSM", {{0}}},
	[RD_NSM_ATTESTATION] = {"Attestation",
		{{"user_data", FIELD_BYTES_OR_NULL, REQ(attest.user_data)},
			{"nonce", FIELD_BYTES_OR_NULL, REQ(attest.nonce)},
			{"public_key", FIELD_BYTES_OR_NULL, REQ(attest.public_key)}}},
	[RD_NSM_GET_RANDOM] = {"GetRandom", {{0}}},
};

static const struct variant responses[RD_NSM_OP_COUNT] = {
	[RD_NSM_DESCRIBE_PCR] = {"DescribePCR",
		{{"lock", FIELD_BOOL, RES(lock)}, {"data", FIELD_BYTES, RES(data)}}},
	[RD_NSM_EXTEND_PCR] = {"ExtendPCR", {{"data", FIELD_BYTES, RES(data)}}},
	[RD_NSM_LOCK_PCR] = {"LockPCR", {{0}}},
	[RD_NSM_LOCK_PCRS] = {"LockPCRs", {{0}}},
	[RD_NSM_DESCRIBE_NSM] = {"DescribeNSM",
		{{"version_major", FIELD_U16, RES(description.version_major)},
			{"version_minor", FIELD_U16, RES(description.version_minor)},
			{"version_patch", FIELD_U16, RES(description.version_patch)},
			{"module_id", FIELD_TEXT, RES(description.module_id)},
			{"max_pcrs", FIELD_U16, RES(description.max_pcrs)},
			{"locked_pcrs", FIELD_INDEX_SET, RES(description.locked)},
			{"digest", FIELD_DIGEST, RES(description.digest)}}},
	[RD_NSM_ATTESTATION] = {"Attestation", {{"document", FIELD_BYTES, RES(data)}}},
	[RD_NSM_GET_RANDOM] = {"GetRandom", {{"random", FIELD_BYTES, RES(data)}}},
	[RD_NSM_ERROR] = {"Error", {{0}}},
};

static const char *const error_names[RD_NSM_E_COUNT] = {
	[RD_NSM_E_SUCCESS] = "Success",
	[RD_NSM_E_INVALID_ARGUMENT] = "InvalidArgument",
	[RD_NSM_E_INVALID_INDEX] = "InvalidIndex",
	[RD_NSM_E_INVALID_RESPONSE] = "InvalidResponse",
	[RD_NSM_E_READ_ONLY_INDEX] = "ReadOnlyIndex",
	[RD_NSM_E_INVALID_OPERATION] = "InvalidOperation",
	[RD_NSM_E_BUFFER_TOO_SMALL] = "BufferTooSmall",
	[RD_NSM_E_INPUT_TOO_LARGE] = "InputTooLarge",
	[RD_NSM_E_INTERNAL_ERROR] = "InternalError",
};

static const char *const digest_names[RD_NSM_DIGEST_COUNT] = {
	[RD_NSM_SHA256] = "SHA256",
	[RD_NSM_SHA384] = "SHA384",
	[RD_NSM_SHA512] = "SHA512",
};

const char *rd_nsm_op_name(enum rd_nsm_op op)
{
	return (unsigned)op < RD_NSM_OP_COUNT ? responses[op].name : "?";
}

const char *rd_nsm_error_name(enum rd_nsm_error e)
{
	return (unsigned)e < RD_NSM_E_COUNT ? error_names[e] : "?";
}

const char *rd_nsm_digest_name(enum rd_nsm_digest d)
{
	return (unsigned)d < RD_NSM_DIGEST_COUNT ? digest_names[d] : "?";
}

static enum rd_status find_name(
	const char *const *names, size_t count, struct rd_view text, unsigned *ret)
{
	for (unsigned i = 0; i < count; i++) {
		if (rd_view_equal(text, rd_view_str(names[i]))) {
			*ret = i;
			return RD_OK;
		}
	}
	return RD_NOTFOUND;
}

static enum rd_status find_variant(
	const struct variant *table, struct rd_view name, enum rd_nsm_op *ret)
{
	for (unsigned i = 0; i < RD_NSM_OP_COUNT; i++) {
		if (table[i].name != NULL && rd_view_equal(name, rd_view_str(table[i].name))) {
			*ret = (enum rd_nsm_op)i;
			return RD_OK;
		}
	}
	return RD_UNSUPPORTED;
}

static unsigned field_count(const struct variant *v)
{
	unsigned n = 0;

	while (n < FIELDS_MAX && v->fields[n].name != NULL) {
		n++;
	}
	return n;
}

/* ---- encoding ---- */

static enum rd_status write_index_set(struct rd_buf *out, uint32_t set)
{
	RD_TRY(rd_nsm_write_head(out, RD_NSM_ARRAY, (uint64_t)__builtin_popcount(set)));
	for (unsigned i = 0; i < RD_NSM_PCR_COUNT; i++) {
		if (set >> i & 1) {
			RD_TRY(rd_nsm_write_head(out, RD_NSM_UINT, i));
		}
	}
	return RD_OK;
}

static enum rd_status write_field(struct rd_buf *out, const struct field *f, const void *value)
{
	const struct rd_view *view = value;

	switch (f->type) {
	case FIELD_U16:
		return rd_nsm_write_head(out, RD_NSM_UINT, *(const uint16_t *)value);
	case FIELD_BOOL:
		return rd_nsm_write_head(
			out, RD_NSM_SIMPLE, *(const bool *)value ? RD_NSM_TRUE : RD_NSM_FALSE);
	case FIELD_BYTES_OR_NULL:
		if (view->ptr == NULL) {
			return rd_nsm_write_head(out, RD_NSM_SIMPLE, RD_NSM_NULL);
		}
		return rd_nsm_write_bytes(out, *view);
	case FIELD_BYTES:
		return rd_nsm_write_bytes(out, *view);
	case FIELD_TEXT:
		return rd_nsm_write_text(out, *view);
	case FIELD_INDEX_SET:
		return write_index_set(out, *(const uint32_t *)value);
	case FIELD_DIGEST:
		return rd_nsm_write_text(
			out, rd_view_str(rd_nsm_digest_name(*(const enum rd_nsm_digest *)value)));
	}
	return RD_INTERNAL;
}

static enum rd_status write_variant(
	struct rd_buf *out, const struct variant *v, const void *message)
{
	unsigned count = field_count(v);

	if (count == 0) {
		return rd_nsm_write_text(out, rd_view_str(v->name));
	}
	RD_TRY(rd_nsm_write_head(out, RD_NSM_MAP, 1));
	RD_TRY(rd_nsm_write_text(out, rd_view_str(v->name)));
	RD_TRY(rd_nsm_write_head(out, RD_NSM_MAP, count));
	for (unsigned i = 0; i < count; i++) {
		const struct field *f = &v->fields[i];

		RD_TRY(rd_nsm_write_text(out, rd_view_str(f->name)));
		RD_TRY(write_field(out, f, (const uint8_t *)message + f->offset));
	}
	return RD_OK;
}

static enum rd_status write_error(struct rd_buf *out, enum rd_nsm_error e)
{
	RD_ENSURE((unsigned)e < RD_NSM_E_COUNT, RD_USAGE);
	RD_TRY(rd_nsm_write_head(out, RD_NSM_MAP, 1));
	RD_TRY(rd_nsm_write_text(out, rd_view_str(responses[RD_NSM_ERROR].name)));
	return rd_nsm_write_text(out, rd_view_str(error_names[e]));
}

/* Takes back what a failed encoder has written. */
static enum rd_status all_or_nothing(struct rd_buf *out, size_t mark, enum rd_status st)
{
	if (st != RD_OK) {
		out->used = mark;
	}
	return st;
}

enum rd_status rd_nsm_request_encode(const struct rd_nsm_request *req, struct rd_buf *out)
{
	size_t mark = out->used;

	RD_ENSURE((unsigned)req->op < RD_NSM_OP_COUNT && requests[req->op].name != NULL, RD_USAGE);
	return all_or_nothing(out, mark, write_variant(out, &requests[req->op], req));
}

enum rd_status rd_nsm_response_encode(const struct rd_nsm_response *res, struct rd_buf *out)
{
	size_t mark = out->used;

	RD_ENSURE((unsigned)res->op < RD_NSM_OP_COUNT, RD_USAGE);
	if (res->op == RD_NSM_ERROR) {
		return all_or_nothing(out, mark, write_error(out, res->error));
	}
	return all_or_nothing(out, mark, write_variant(out, &responses[res->op], res));
}

/* ---- decoding ---- */

static enum rd_status read_index_set(struct rd_cur *c, uint32_t *ret)
{
	struct rd_nsm_seq seq;
	uint32_t set = 0;
	uint16_t index;
	bool more;

	RD_TRY(rd_nsm_open_seq(c, RD_NSM_ARRAY, &seq));
	for (;;) {
		RD_TRY(rd_nsm_next(c, &seq, &more));
		if (!more) {
			*ret = set;
			return RD_OK;
		}
		RD_TRY(rd_nsm_read_u16(c, &index));
		RD_ENSURE(index < RD_NSM_PCR_COUNT, RD_OUT_OF_RANGE);
		set |= UINT32_C(1) << index;
	}
}

static enum rd_status read_digest(struct rd_cur *c, enum rd_nsm_digest *ret)
{
	struct rd_view text;
	unsigned i;

	RD_TRY(rd_nsm_read_name(c, &text));
	RD_ENSURE(find_name(digest_names, RD_NSM_DIGEST_COUNT, text, &i) == RD_OK, RD_BAD_ALG);
	*ret = (enum rd_nsm_digest)i;
	return RD_OK;
}

static enum rd_status read_field(
	struct rd_cur *c, const struct field *f, struct rd_buf *scratch, void *value)
{
	bool null;

	switch (f->type) {
	case FIELD_U16:
		return rd_nsm_read_u16(c, value);
	case FIELD_BOOL:
		return rd_nsm_read_bool(c, value);
	case FIELD_BYTES_OR_NULL:
		RD_TRY(rd_nsm_read_null(c, &null));
		return null ? RD_OK : rd_nsm_read_bytes(c, scratch, value);
	case FIELD_BYTES:
		return rd_nsm_read_bytes(c, scratch, value);
	case FIELD_TEXT:
		return rd_nsm_read_text(c, scratch, value);
	case FIELD_INDEX_SET:
		return read_index_set(c, value);
	case FIELD_DIGEST:
		return read_digest(c, value);
	}
	return RD_INTERNAL;
}

static enum rd_status check_complete(const struct variant *v, unsigned count, unsigned seen)
{
	for (unsigned i = 0; i < count; i++) {
		RD_ENSURE((seen >> i & 1) || v->fields[i].type == FIELD_BYTES_OR_NULL, RD_MISSING);
	}
	return RD_OK;
}

static enum rd_status read_fields(
	struct rd_cur *c, const struct variant *v, struct rd_buf *scratch, void *message)
{
	unsigned count = field_count(v);
	struct rd_nsm_seq seq;
	unsigned seen = 0;

	RD_TRY(rd_nsm_open_seq(c, RD_NSM_MAP, &seq));
	for (;;) {
		struct rd_view key;
		unsigned i = 0;
		bool more;

		RD_TRY(rd_nsm_next(c, &seq, &more));
		if (!more) {
			return check_complete(v, count, seen);
		}
		RD_TRY(rd_nsm_read_name(c, &key));
		while (i < count && !rd_view_equal(key, rd_view_str(v->fields[i].name))) {
			i++;
		}
		if (i == count) {
			RD_TRY(rd_nsm_skip(c));
			continue;
		}
		RD_ENSURE(!(seen >> i & 1), RD_DUPLICATE);
		seen |= 1u << i;
		RD_TRY(read_field(
			c, &v->fields[i], scratch, (uint8_t *)message + v->fields[i].offset));
	}
}

/* True when the next item is a text, not a map. */
static bool at_text(const struct rd_cur *c)
{
	struct rd_cur ahead = *c;
	struct rd_nsm_head head;

	return rd_nsm_read_head(&ahead, &head) == RD_OK && head.major == RD_NSM_TEXT;
}

/* Reads up to the variant's name. *ret_bare: it stood alone, there is no body. */
static enum rd_status open_variant(
	struct rd_cur *c, const struct variant *table, enum rd_nsm_op *ret_op, bool *ret_bare)
{
	struct rd_nsm_head head;
	struct rd_view name;

	*ret_bare = at_text(c);
	if (!*ret_bare) {
		RD_TRY(rd_nsm_read_head(c, &head));
		RD_ENSURE(
			head.major == RD_NSM_MAP && !head.indefinite && head.arg == 1, RD_BAD_TYPE);
	}
	RD_TRY(rd_nsm_read_name(c, &name));
	return find_variant(table, name, ret_op);
}

static enum rd_status read_body(
	struct rd_cur *c, const struct variant *v, bool bare, struct rd_buf *scratch, void *message)
{
	bool null;

	if (field_count(v) > 0) {
		RD_ENSURE(!bare, RD_MISSING);
		return read_fields(c, v, scratch, message);
	}
	if (bare) {
		return RD_OK;
	}
	RD_TRY(rd_nsm_read_null(c, &null));
	return null ? RD_OK : RD_BAD_TYPE;
}

enum rd_status rd_nsm_request_decode(
	struct rd_view in, struct rd_buf *scratch, struct rd_nsm_request *ret_req)
{
	struct rd_cur c = rd_cur(in);
	struct rd_nsm_request req = {0};
	bool bare;

	RD_TRY(open_variant(&c, requests, &req.op, &bare));
	RD_TRY(read_body(&c, &requests[req.op], bare, scratch, &req));
	RD_TRY(rd_cur_finish(&c));
	*ret_req = req;
	return RD_OK;
}

static enum rd_status read_error(struct rd_cur *c, bool bare, enum rd_nsm_error *ret)
{
	struct rd_view text;
	unsigned i;

	RD_ENSURE(!bare, RD_MISSING);
	RD_TRY(rd_nsm_read_name(c, &text));
	RD_ENSURE(find_name(error_names, RD_NSM_E_COUNT, text, &i) == RD_OK, RD_UNSUPPORTED);
	*ret = (enum rd_nsm_error)i;
	return RD_OK;
}

enum rd_status rd_nsm_response_decode(
	struct rd_view in, struct rd_buf *scratch, struct rd_nsm_response *ret_res)
{
	struct rd_cur c = rd_cur(in);
	struct rd_nsm_response res = {0};
	bool bare;

	RD_TRY(open_variant(&c, responses, &res.op, &bare));
	if (res.op == RD_NSM_ERROR) {
		RD_TRY(read_error(&c, bare, &res.error));
	} else {
		RD_TRY(read_body(&c, &responses[res.op], bare, scratch, &res));
	}
	RD_TRY(rd_cur_finish(&c));
	*ret_res = res;
	return RD_OK;
}
