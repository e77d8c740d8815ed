/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of a request's time: yyyymmddThhmmssZ, and HTTP's Date. */
#include "aws/sigv4-internal.h"

#include "aws/uri.h"

#include <time.h>

/* 9999-12-31T23:59:59Z: a fifth digit of the year does not fit the forms. */
#define YEAR_9999_END 253402300799

enum rd_status rd_sigv4_time(int64_t unix_s, char ret_text[RD_SIGV4_TIME_SIZE])
{
	time_t seconds = (time_t)unix_s;
	struct tm tm = {0};

	RD_ENSURE(unix_s >= 0 && unix_s <= YEAR_9999_END, RD_OUT_OF_RANGE);
	RD_ENSURE(gmtime_r(&seconds, &tm) != NULL, RD_OUT_OF_RANGE);
	RD_ENSURE(strftime(ret_text, RD_SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &tm) ==
			  RD_SIGV4_TIME_SIZE - 1,
		RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status take_digits(struct rd_cur *c, size_t n, int *ret)
{
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t digit;

		RD_TRY(rd_cur_u8(c, &digit));
		RD_ENSURE(digit >= '0' && digit <= '9', RD_MALFORMED);
		value = 10 * value + (digit - '0');
	}
	*ret = value;
	return RD_OK;
}

static enum rd_status take_byte(struct rd_cur *c, uint8_t want)
{
	uint8_t got;

	RD_TRY(rd_cur_u8(c, &got));
	return got == want ? RD_OK : RD_MALFORMED;
}

/* timegm moves the 30th of February to March: only what comes back unchanged was a date. */
static enum rd_status seconds_of(const struct tm *said, int64_t *ret_unix_s)
{
	struct tm tm = *said;
	int64_t unix_s = (int64_t)timegm(&tm);

	RD_ENSURE(tm.tm_mday == said->tm_mday && tm.tm_mon == said->tm_mon &&
			  tm.tm_hour == said->tm_hour && tm.tm_min == said->tm_min &&
			  tm.tm_sec == said->tm_sec,
		RD_MALFORMED);
	RD_ENSURE(unix_s >= 0 && unix_s <= YEAR_9999_END, RD_MALFORMED);
	*ret_unix_s = unix_s;
	return RD_OK;
}

enum rd_status rd_sigv4_parse_time(struct rd_view text, int64_t *ret_unix_s)
{
	struct rd_cur c = rd_cur(text);
	struct tm tm = {0};

	RD_ENSURE(text.len == RD_SIGV4_TIME_SIZE - 1, RD_MALFORMED);
	RD_TRY(take_digits(&c, 4, &tm.tm_year));
	RD_TRY(take_digits(&c, 2, &tm.tm_mon));
	RD_TRY(take_digits(&c, 2, &tm.tm_mday));
	RD_TRY(take_byte(&c, 'T'));
	RD_TRY(take_digits(&c, 2, &tm.tm_hour));
	RD_TRY(take_digits(&c, 2, &tm.tm_min));
	RD_TRY(take_digits(&c, 2, &tm.tm_sec));
	RD_TRY(take_byte(&c, 'Z'));
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return seconds_of(&tm, ret_unix_s);
}

static enum rd_status take_month(struct rd_cur *c, int *ret)
{
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	struct rd_view name;

	RD_TRY(rd_cur_take(c, 3, &name));
	for (int i = 0; i < 12; i++) {
		if (rd_text_is(name, months[i])) {
			*ret = i;
			return RD_OK;
		}
	}
	return RD_MALFORMED;
}

/*
 * "Thu, 01 Jan 2026 00:00:00 GMT" (RFC 9110, 5.6.7), and " -0000" for the zone, as botocore has it.
 * The name of the day is not compared: it says nothing that the date does not.
 */
enum rd_status rd_sigv4_parse_http_date(struct rd_view text, int64_t *ret_unix_s)
{
	struct rd_cur c = rd_cur(text);
	struct tm tm = {0};
	struct rd_view zone;

	RD_TRY(rd_cur_skip(&c, 3));
	RD_TRY(take_byte(&c, ','));
	RD_TRY(take_byte(&c, ' '));
	RD_TRY(take_digits(&c, 2, &tm.tm_mday));
	RD_TRY(take_byte(&c, ' '));
	RD_TRY(take_month(&c, &tm.tm_mon));
	RD_TRY(take_byte(&c, ' '));
	RD_TRY(take_digits(&c, 4, &tm.tm_year));
	RD_TRY(take_byte(&c, ' '));
	RD_TRY(take_digits(&c, 2, &tm.tm_hour));
	RD_TRY(take_byte(&c, ':'));
	RD_TRY(take_digits(&c, 2, &tm.tm_min));
	RD_TRY(take_byte(&c, ':'));
	RD_TRY(take_digits(&c, 2, &tm.tm_sec));
	zone = rd_view(c.ptr, c.left);
	RD_ENSURE(rd_text_is(zone, " GMT") || rd_text_is(zone, " -0000"), RD_MALFORMED);
	tm.tm_year -= 1900;
	return seconds_of(&tm, ret_unix_s);
}
