/* SPDX-License-Identifier: Apache-2.0 */
/* Hex, base64, integers and times as text. */
#include "base/text.h"

#include "base/secret.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum rd_status rd_hex_encode(struct rd_view bytes, struct rd_buf *out)
{
	uint8_t *dst;

	RD_ENSURE(bytes.len <= SIZE_MAX / 2, RD_LIMIT);
	RD_TRY(rd_buf_reserve(out, bytes.len * 2, &dst));
	for (size_t i = 0; i < bytes.len; i++) {
		dst[2 * i] = (uint8_t)hex_digits[bytes.ptr[i] >> 4];
		dst[2 * i + 1] = (uint8_t)hex_digits[bytes.ptr[i] & 15];
	}
	return RD_OK;
}

void rd_hex_string(struct rd_view bytes, char *ret_text)
{
	for (size_t i = 0; i < bytes.len; i++) {
		ret_text[2 * i] = hex_digits[bytes.ptr[i] >> 4];
		ret_text[2 * i + 1] = hex_digits[bytes.ptr[i] & 15];
	}
	ret_text[2 * bytes.len] = '\0';
}

/* value + 1 when c is within, else 0. By arithmetic: digits of random bytes are no branch that a
 * processor could foresee, they may be a secret's, and a compiler takes 16 of them at a time. */
static uint8_t within(uint8_t c, uint8_t first, uint8_t last, uint8_t value_of_first)
{
	uint8_t inside = (uint8_t) - ((c >= first) & (c <= last));

	return inside & (uint8_t)(c - first + value_of_first + 1);
}

/* In a loop of its own, which a compiler takes 16 characters at a time. */
static bool is_hex(struct rd_view text)
{
	uint8_t bad = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i], small = c | 0x20;

		bad |= (uint8_t)((c < '0') | (c > '9')) & (uint8_t)((small < 'a') | (small > 'f'));
	}
	return bad == 0;
}

/* Of a digit. Bit 6 is set in letters alone, which begin with 1 in their lower half. */
static uint8_t hex_value(uint8_t c)
{
	return (uint8_t)((c & 15) + 9 * (c >> 6));
}

enum rd_status rd_hex_decode(struct rd_view hex, struct rd_buf *out)
{
	uint8_t *dst;

	RD_ENSURE(hex.len % 2 == 0 && is_hex(hex), RD_MALFORMED);
	RD_TRY(rd_buf_reserve(out, hex.len / 2, &dst));
	for (size_t i = 0; i < hex.len; i += 2) {
		dst[i / 2] = (uint8_t)(hex_value(hex.ptr[i]) << 4 | hex_value(hex.ptr[i + 1]));
	}
	return RD_OK;
}

static void base64_group(const uint8_t bytes[3], uint8_t ret_text[4])
{
	uint32_t group = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];

	for (unsigned i = 0; i < 4; i++) {
		ret_text[i] = (uint8_t)base64_digits[group >> (18 - 6 * i) & 63];
	}
}

enum rd_status rd_base64_encode(struct rd_view bytes, struct rd_buf *out)
{
	size_t whole = bytes.len / 3, rest = bytes.len % 3;
	const uint8_t *at = bytes.ptr;
	uint8_t *dst;

	RD_ENSURE(bytes.len <= SIZE_MAX / 2, RD_LIMIT);
	RD_TRY(rd_buf_reserve(out, (bytes.len + 2) / 3 * 4, &dst));
	for (; whole > 0; whole--, at += 3, dst += 4) {
		base64_group(at, dst);
	}
	if (rest > 0) {
		const uint8_t last[3] = {at[0], rest > 1 ? at[1] : 0, 0};

		base64_group(last, dst);
		memset(dst + 1 + rest, '=', 3 - rest);
	}
	return RD_OK;
}

/* Digits looked at together; a multiple of 4. */
#define BASE64_BLOCK 64

/* Values + 1 of n digits; 0 for what is none. */
static void base64_values(const uint8_t *text, size_t n, uint8_t values[BASE64_BLOCK])
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = text[i];

		values[i] = within(c, 'A', 'Z', 0) | within(c, 'a', 'z', 26) |
			    within(c, '0', '9', 52) | within(c, '+', '+', 62) |
			    within(c, '/', '/', 63);
	}
}

/* False: not all are digits. dst has room for three bytes of each four values. */
static bool base64_join(const uint8_t *values, size_t n, uint8_t *dst)
{
	bool good = true;

	for (size_t i = 0; i < n; i += 4) {
		uint32_t group = 0;

		for (size_t k = 0; k < 4; k++) {
			good &= values[i + k] != 0;
			group = group << 6 | (uint32_t)(values[i + k] - 1u);
		}
		*dst++ = (uint8_t)(group >> 16);
		*dst++ = (uint8_t)(group >> 8);
		*dst++ = (uint8_t)group;
	}
	return good;
}

/* A block, the last if its end is padded. Padding stands for zeros, which are not kept. */
static enum rd_status base64_block(
	const uint8_t *text, size_t n, size_t padding, struct rd_buf *out)
{
	uint8_t values[BASE64_BLOCK], bytes[BASE64_BLOCK / 4 * 3];
	size_t size = n / 4 * 3;
	enum rd_status st;

	base64_values(text, n, values);
	memset(values + n - padding, 1, padding);
	st = base64_join(values, n, bytes) ? RD_OK : RD_MALFORMED;
	for (size_t i = size - padding; st == RD_OK && i < size; i++) {
		st = bytes[i] == 0 ? RD_OK : RD_NONCANONICAL;
	}
	if (st == RD_OK) {
		st = rd_buf_put(out, bytes, size - padding);
	}
	/* It may be a secret's text. */
	rd_wipe(values, sizeof(values));
	rd_wipe(bytes, sizeof(bytes));
	return st;
}

enum rd_status rd_base64_decode(struct rd_view text, struct rd_buf *out)
{
	size_t padding = 0;

	RD_ENSURE(text.len % 4 == 0, RD_MALFORMED);
	/* At most two characters, at the very end. */
	if (text.len > 0 && text.ptr[text.len - 1] == '=') {
		padding = text.ptr[text.len - 2] == '=' ? 2 : 1;
	}
	for (size_t at = 0; at < text.len; at += BASE64_BLOCK) {
		size_t left = text.len - at;
		bool last = left <= BASE64_BLOCK;

		RD_TRY(base64_block(
			text.ptr + at, last ? left : BASE64_BLOCK, last ? padding : 0, out));
	}
	return RD_OK;
}

enum rd_status rd_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	RD_ENSURE(text[0] != '\0', RD_BAD_NUMBER);
	for (const char *p = text; *p != '\0'; p++) {
		uint64_t digit = (uint64_t)(unsigned char)*p - '0';

		RD_ENSURE(digit <= 9, RD_BAD_NUMBER);
		RD_ENSURE(value <= (UINT64_MAX - digit) / 10, RD_BAD_NUMBER);
		value = value * 10 + digit;
	}
	RD_ENSURE(value >= min && value <= max, RD_BAD_NUMBER);
	*ret = value;
	return RD_OK;
}

static enum rd_status parse_rfc3339(const char *text, int64_t *ret_unix_s)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	RD_ENSURE(rest != NULL, RD_MALFORMED);
	if (*rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");

		RD_ENSURE(digits > 0, RD_MALFORMED);
		rest += 1 + digits;
	}
	RD_ENSURE(strcmp(rest, "Z") == 0 || strcmp(rest, "+00:00") == 0, RD_MALFORMED);
	*ret_unix_s = (int64_t)timegm(&tm);
	return RD_OK;
}

enum rd_status rd_parse_time(const char *text, int64_t *ret_unix_s)
{
	uint64_t seconds;

	if (rd_parse_u64(text, 0, INT64_MAX, &seconds) == RD_OK) {
		*ret_unix_s = (int64_t)seconds;
		return RD_OK;
	}
	return parse_rfc3339(text, ret_unix_s);
}

/* Without strftime and snprintf: each record, tree head and signature has a time or two. */
static char *put_digits(char *at, unsigned value, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--) {
		at[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + digits;
}

/* The 24 characters of "2026-01-02T03:04:05.678Z". */
static void put_time(const struct tm *tm, unsigned ms, char ret_text[RD_TIME_TEXT_SIZE])
{
	const struct {
		int value;
		unsigned digits;
		char behind;
	} parts[] = {{tm->tm_year + 1900, 4, '-'}, {tm->tm_mon + 1, 2, '-'}, {tm->tm_mday, 2, 'T'},
		{tm->tm_hour, 2, ':'}, {tm->tm_min, 2, ':'}, {tm->tm_sec, 2, '.'},
		{(int)ms, 3, 'Z'}};
	char *at = ret_text;

	for (size_t i = 0; i < RD_ARRAY_LEN(parts); i++) {
		at = put_digits(at, (unsigned)parts[i].value, parts[i].digits);
		*at++ = parts[i].behind;
	}
	*at = '\0';
}

void rd_time_string(uint64_t unix_ms, char ret_text[RD_TIME_TEXT_SIZE])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm = {0};

	/* A fifth digit of the year has no place. */
	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year + 1900 > 9999 || tm.tm_year < 0) {
		snprintf(ret_text, RD_TIME_TEXT_SIZE, "out of range");
		return;
	}
	put_time(&tm, (unsigned)(unix_ms % 1000), ret_text);
}

void rd_text_copy(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
}

void rd_text_make_printable(char *text)
{
	for (uint8_t *p = (uint8_t *)text; *p != '\0'; p++) {
		/* U+0080 to U+009F are c2 80 to c2 9f; terminals take U+009B for ESC [. */
		if (*p < ' ' || *p == 0x7f) {
			*p = '?';
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
			*p++ = '?';
			*p = '?';
		}
	}
}
