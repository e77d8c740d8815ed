/* SPDX-License-Identifier: Apache-2.0 */
/* Writing canonical JSON. */
#include "kmstool/json.h"

#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

struct rdkms_json rdkms_json(struct rd_buf *out)
{
	return (struct rdkms_json){.out = out, .st = RD_OK, .first = true};
}

/* The letter of a two-character escape, or 0. */
static char escape_of(uint8_t c)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = c == '\0' ? NULL : strchr(escaped, c);

	return at == NULL ? '\0' : letters[at - escaped];
}

static enum rd_status put_byte(struct rd_buf *out, uint8_t c)
{
	char letter = escape_of(c);

	if (letter != '\0') {
		RD_TRY(rd_buf_u8(out, '\\'));
		return rd_buf_u8(out, (uint8_t)letter);
	}
	return c < 0x20 ? rd_buf_printf(out, "\\u%04x", c) : rd_buf_u8(out, c);
}

static enum rd_status put_string(struct rd_buf *out, const char *text)
{
	struct rd_view bytes = rd_view_str(text);
	size_t chars;

	RD_TRY(rd_utf8_count(bytes, &chars));
	RD_TRY(rd_buf_u8(out, '"'));
	for (size_t i = 0; i < bytes.len; i++) {
		RD_TRY(put_byte(out, bytes.ptr[i]));
	}
	return rd_buf_u8(out, '"');
}

static enum rd_status put_name(struct rdkms_json *j, const char *name)
{
	if (!j->first) {
		RD_TRY(rd_buf_u8(j->out, ','));
	}
	j->first = false;
	if (name == NULL) {
		return RD_OK;
	}
	RD_TRY(put_string(j->out, name));
	return rd_buf_u8(j->out, ':');
}

/* True when a value may follow. */
static bool begin(struct rdkms_json *j, const char *name)
{
	if (j->st == RD_OK) {
		j->st = put_name(j, name);
	}
	return j->st == RD_OK;
}

void rdkms_json_open(struct rdkms_json *j, const char *name, char bracket)
{
	if (begin(j, name)) {
		j->st = rd_buf_u8(j->out, (uint8_t)bracket);
		j->first = true;
	}
}

void rdkms_json_close(struct rdkms_json *j, char bracket)
{
	if (j->st == RD_OK) {
		j->st = rd_buf_u8(j->out, (uint8_t)bracket);
		j->first = false;
	}
}

void rdkms_json_string(struct rdkms_json *j, const char *name, const char *text)
{
	if (text != NULL && begin(j, name)) {
		j->st = put_string(j->out, text);
	}
}

static enum rd_status put_base64(struct rd_buf *out, struct rd_view bytes)
{
	RD_TRY(rd_buf_u8(out, '"'));
	RD_TRY(rd_base64_encode(bytes, out));
	return rd_buf_u8(out, '"');
}

void rdkms_json_base64(struct rdkms_json *j, const char *name, struct rd_view bytes)
{
	if (bytes.ptr != NULL && begin(j, name)) {
		j->st = put_base64(j->out, bytes);
	}
}

void rdkms_json_number(struct rdkms_json *j, const char *name, uint32_t value)
{
	if (begin(j, name)) {
		j->st = rd_buf_printf(j->out, "%u", value);
	}
}
