/* SPDX-License-Identifier: Apache-2.0 */
/* Writing XML. */
#include "aws/xml_out.h"

#include "aws/uri.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <time.h>

struct rd_xml_out rd_xml_out(struct rd_buf *out)
{
	return (struct rd_xml_out){.out = out};
}

enum rd_status rd_xml_out_finish(const struct rd_xml_out *x)
{
	assert(x->depth == 0);
	return x->st;
}

/* XML 1.0, 2.2: of the control characters only these three, and not the two noncharacters. */
static bool is_xml_char(uint32_t v)
{
	return v >= 0x20 ? v != 0xfffe && v != 0xffff : v == '\t' || v == '\n' || v == '\r';
}

static enum rd_status put_char(uint32_t v, struct rd_view bytes, struct rd_buf *out)
{
	switch (v) {
	case '&':
		return rd_buf_put_str(out, "&amp;");
	case '<':
		return rd_buf_put_str(out, "&lt;");
	case '>':
		return rd_buf_put_str(out, "&gt;");
	case '"':
		return rd_buf_put_str(out, "&quot;");
	case '\r':
		/* A reader turns a bare one into a line feed. */
		return rd_buf_put_str(out, "&#xD;");
	default:
		return rd_buf_put_view(out, bytes);
	}
}

static enum rd_status put_text(struct rd_view text, struct rd_buf *out)
{
	struct rd_cur c = rd_cur(text);

	while (c.left > 0) {
		const uint8_t *start = c.ptr;
		uint32_t v;

		RD_TRY(rd_utf8_next(&c, &v));
		RD_ENSURE(is_xml_char(v), RD_FORBIDDEN);
		RD_TRY(put_char(v, rd_view(start, (size_t)(c.ptr - start)), out));
	}
	return RD_OK;
}

static void push(struct rd_xml_out *x, const char *name)
{
	assert(x->depth < RD_XML_OUT_DEPTH_MAX);
	x->names[x->depth++] = name;
}

void rd_xml_out_root(struct rd_xml_out *x, const char *name, const char *xmlns)
{
	if (x->st == RD_OK) {
		x->st = rd_buf_printf(x->out, "<%s xmlns=\"%s\">", name, xmlns);
	}
	push(x, name);
}

void rd_xml_out_begin(struct rd_xml_out *x, const char *name)
{
	if (x->st == RD_OK) {
		x->st = rd_buf_printf(x->out, "<%s>", name);
	}
	push(x, name);
}

void rd_xml_out_end(struct rd_xml_out *x)
{
	assert(x->depth > 0);
	x->depth--;
	if (x->st == RD_OK) {
		x->st = rd_buf_printf(x->out, "</%s>", x->names[x->depth]);
	}
}

void rd_xml_out_text(struct rd_xml_out *x, const char *name, struct rd_view text)
{
	if (text.ptr == NULL) {
		return;
	}
	rd_xml_out_begin(x, name);
	if (x->st == RD_OK) {
		x->st = put_text(text, x->out);
	}
	rd_xml_out_end(x);
}

void rd_xml_out_str(struct rd_xml_out *x, const char *name, const char *text)
{
	if (text != NULL) {
		rd_xml_out_text(x, name, rd_view_str(text));
	}
}

void rd_xml_out_uri(struct rd_xml_out *x, const char *name, struct rd_view text)
{
	if (text.ptr == NULL) {
		return;
	}
	rd_xml_out_begin(x, name);
	if (x->st == RD_OK) {
		x->st = rd_uri_encode(text, x->out);
	}
	rd_xml_out_end(x);
}

void rd_xml_out_int(struct rd_xml_out *x, const char *name, int64_t value)
{
	rd_xml_out_begin(x, name);
	if (x->st == RD_OK) {
		x->st = rd_buf_printf(x->out, "%" PRId64, value);
	}
	rd_xml_out_end(x);
}

void rd_xml_out_bool(struct rd_xml_out *x, const char *name, bool value)
{
	rd_xml_out_str(x, name, value ? "true" : "false");
}

void rd_xml_out_time(struct rd_xml_out *x, const char *name, int64_t unix_s)
{
	time_t seconds = (time_t)unix_s;
	struct tm tm = {0};
	char text[32];

	if (gmtime_r(&seconds, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		x->st = x->st == RD_OK ? RD_OUT_OF_RANGE : x->st;
		return;
	}
	rd_xml_out_str(x, name, text);
}

void rd_xml_out_reply(
	struct rd_xml_out *x, const char *response, const char *result, const char *xmlns)
{
	rd_xml_out_root(x, response, xmlns);
	if (result != NULL) {
		rd_xml_out_begin(x, result);
	}
}

void rd_xml_out_reply_end(struct rd_xml_out *x, const char *request_id)
{
	while (x->depth > 1) {
		rd_xml_out_end(x);
	}
	rd_xml_out_begin(x, "ResponseMetadata");
	rd_xml_out_str(x, "RequestId", request_id);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
}
