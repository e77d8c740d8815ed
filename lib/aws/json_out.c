/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON. */
#include "aws/json_out.h"

#include "aws/json_plain-internal.h"
#include "base/text.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

struct rd_json_out rd_json_out(struct rd_buf *out)
{
	return (struct rd_json_out){.out = out};
}

enum rd_status rd_json_out_finish(const struct rd_json_out *j)
{
	assert(j->depth == 0);
	return j->st;
}

static enum rd_status put_char(uint32_t v, struct rd_view bytes, struct rd_buf *out)
{
	if (v == '"' || v == '\\') {
		RD_TRY(rd_buf_u8(out, '\\'));
		return rd_buf_u8(out, (uint8_t)v);
	}
	/* DEL needs no escape by the grammar; terminals are better off with one. */
	if (v < 0x20 || v == 0x7f) {
		return rd_buf_printf(out, "\\u%04" PRIx32, v);
	}
	return rd_buf_put_view(out, bytes);
}

static enum rd_status put_plain(struct rd_view text, struct rd_buf *out)
{
	uint8_t *dst;

	RD_ENSURE(text.len <= SIZE_MAX - 2, RD_LIMIT);
	RD_TRY(rd_buf_reserve(out, text.len + 2, &dst));
	dst[0] = '"';
	if (text.len > 0) {
		memcpy(dst + 1, text.ptr, text.len);
	}
	dst[text.len + 1] = '"';
	return RD_OK;
}

/* Stands for itself; nearly every text does. */
static bool is_plain(struct rd_view text)
{
	return rd_json_plain_length(text) == text.len;
}

static enum rd_status put_text(struct rd_view text, struct rd_buf *out)
{
	struct rd_cur c = rd_cur(text);

	if (is_plain(text)) {
		return put_plain(text, out);
	}
	RD_TRY(rd_buf_u8(out, '"'));
	while (c.left > 0) {
		const uint8_t *start = c.ptr;
		uint32_t v;

		RD_TRY(rd_utf8_next(&c, &v));
		RD_TRY(put_char(v, rd_view(start, (size_t)(c.ptr - start)), out));
	}
	return rd_buf_u8(out, '"');
}

/* The program's own, which is plain: nobody looks again for each of a record's forty. */
static enum rd_status put_own_name(const char *name, struct rd_buf *out)
{
	size_t len = strlen(name);
	uint8_t *dst;

#ifdef RD_SANITIZED
	assert(is_plain(rd_view_str(name)));
#endif
	RD_TRY(rd_buf_reserve(out, len + 3, &dst));
	dst[0] = '"';
	memcpy(dst + 1, name, len);
	memcpy(dst + 1 + len, "\":", 2);
	return RD_OK;
}

/* What is between one value and the next. */
static enum rd_status put_comma(struct rd_json_out *j)
{
	bool *has_members = &j->has_members[j->depth - 1];

	if (*has_members) {
		return rd_buf_u8(j->out, ',');
	}
	*has_members = true;
	return RD_OK;
}

static enum rd_status put_start(struct rd_json_out *j, const char *name)
{
	if (j->depth == 0) {
		assert(name == NULL);
		return RD_OK;
	}
	assert(j->is_list[j->depth - 1] == (name == NULL));
	RD_TRY(put_comma(j));
	return name == NULL ? RD_OK : put_own_name(name, j->out);
}

static bool start_value(struct rd_json_out *j, const char *name)
{
	if (j->st == RD_OK) {
		j->st = put_start(j, name);
	}
	return j->st == RD_OK;
}

static void open_level(struct rd_json_out *j, const char *name, bool is_list)
{
	assert(j->depth < RD_JSON_OUT_DEPTH_MAX);
	if (start_value(j, name)) {
		j->st = rd_buf_u8(j->out, is_list ? '[' : '{');
	}
	/* Also after a failure: begin and end stay in step. */
	j->is_list[j->depth] = is_list;
	j->has_members[j->depth] = false;
	j->depth++;
}

void rd_json_out_object(struct rd_json_out *j, const char *name)
{
	open_level(j, name, false);
}

void rd_json_out_list(struct rd_json_out *j, const char *name)
{
	open_level(j, name, true);
}

void rd_json_out_end(struct rd_json_out *j)
{
	assert(j->depth > 0);
	j->depth--;
	if (j->st == RD_OK) {
		j->st = rd_buf_u8(j->out, j->is_list[j->depth] ? ']' : '}');
	}
}

void rd_json_out_string(struct rd_json_out *j, const char *name, struct rd_view text)
{
	if (text.ptr != NULL && start_value(j, name)) {
		j->st = put_text(text, j->out);
	}
}

void rd_json_out_str(struct rd_json_out *j, const char *name, const char *text)
{
	if (text != NULL) {
		rd_json_out_string(j, name, rd_view_str(text));
	}
}

static enum rd_status put_base64(struct rd_view bytes, struct rd_buf *out)
{
	RD_TRY(rd_buf_u8(out, '"'));
	RD_TRY(rd_base64_encode(bytes, out));
	return rd_buf_u8(out, '"');
}

void rd_json_out_base64(struct rd_json_out *j, const char *name, struct rd_view bytes)
{
	if (bytes.ptr != NULL && start_value(j, name)) {
		j->st = put_base64(bytes, j->out);
	}
}

void rd_json_out_int(struct rd_json_out *j, const char *name, int64_t value)
{
	if (start_value(j, name)) {
		j->st = rd_buf_printf(j->out, "%" PRId64, value);
	}
}

void rd_json_out_bool(struct rd_json_out *j, const char *name, bool value)
{
	if (start_value(j, name)) {
		j->st = rd_buf_put_str(j->out, value ? "true" : "false");
	}
}

void rd_json_out_json(struct rd_json_out *j, const char *name, struct rd_view json)
{
	if (start_value(j, name)) {
		j->st = rd_buf_put_view(j->out, json);
	}
}

void rd_json_out_time(struct rd_json_out *j, const char *name, uint64_t unix_ms)
{
	if (start_value(j, name)) {
		j->st = rd_buf_printf(
			j->out, "%" PRIu64 ".%03" PRIu64, unix_ms / 1000, unix_ms % 1000);
	}
}

static enum rd_status put_pair(struct rd_json_out *j, struct rd_view name, struct rd_view text)
{
	assert(j->depth > 0 && !j->is_list[j->depth - 1]);
	RD_TRY(put_comma(j));
	RD_TRY(put_text(name, j->out));
	RD_TRY(rd_buf_u8(j->out, ':'));
	return put_text(text, j->out);
}

void rd_json_out_pair(struct rd_json_out *j, struct rd_view name, struct rd_view text)
{
	if (j->st == RD_OK) {
		j->st = put_pair(j, name, text);
	}
}
