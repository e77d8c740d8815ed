/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON. */
#include "aws/json_out.h"

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

static bool is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* A bit set in each byte of v that is not plain, and perhaps in some behind it. */
static uint64_t not_plain(uint64_t v)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint64_t quote = v ^ ones * '"', escape = v ^ ones * '\\', del = v ^ ones * 0x7f;

	/* x - ones has a top bit set where x was 0; v itself where it is beyond ASCII. */
	return (v | (v - ones * 0x20) | (quote - ones) | (escape - ones) | (del - ones)) & tops;
}

/* How much of the text's beginning stands for itself; nearly all of it, nearly always. */
static size_t plain_length(struct rd_view text)
{
	size_t n = 0;

	while (text.len - n >= sizeof(uint64_t)) {
		uint64_t eight;

		memcpy(&eight, text.ptr + n, sizeof(eight));
		if (not_plain(eight) != 0) {
			break;
		}
		n += sizeof(eight);
	}
	while (n < text.len && is_plain(text.ptr[n])) {
		n++;
	}
	return n;
}

static enum rd_status put_text(struct rd_view text, struct rd_buf *out)
{
	struct rd_cur c = rd_cur(text);

	RD_TRY(rd_buf_u8(out, '"'));
	while (c.left > 0) {
		const uint8_t *start = c.ptr;
		size_t n = plain_length(rd_view(c.ptr, c.left));
		struct rd_view run;
		uint32_t v;

		if (n > 0) {
			RD_TRY(rd_cur_take(&c, n, &run));
			RD_TRY(rd_buf_put_view(out, run));
			continue;
		}
		RD_TRY(rd_utf8_next(&c, &v));
		RD_TRY(put_char(v, rd_view(start, (size_t)(c.ptr - start)), out));
	}
	return rd_buf_u8(out, '"');
}

/* What is between one value and the next, and the value's name. */
static enum rd_status put_name(struct rd_json_out *j, struct rd_view name)
{
	unsigned at = j->depth - 1;

	if (j->depth == 0) {
		assert(name.ptr == NULL);
		return RD_OK;
	}
	assert(j->is_list[at] == (name.ptr == NULL));
	if (j->has_members[at]) {
		RD_TRY(rd_buf_u8(j->out, ','));
	}
	j->has_members[at] = true;
	if (name.ptr == NULL) {
		return RD_OK;
	}
	RD_TRY(put_text(name, j->out));
	return rd_buf_u8(j->out, ':');
}

static bool start_value(struct rd_json_out *j, const char *name)
{
	if (j->st == RD_OK) {
		j->st = put_name(j, name == NULL ? rd_view(NULL, 0) : rd_view_str(name));
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

void rd_json_out_pair(struct rd_json_out *j, struct rd_view name, struct rd_view text)
{
	struct rd_view named = name.ptr == NULL ? rd_view_str("") : name;

	if (j->st == RD_OK) {
		j->st = put_name(j, named);
	}
	if (j->st == RD_OK) {
		j->st = put_text(text, j->out);
	}
}
