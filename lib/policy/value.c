/* SPDX-License-Identifier: Apache-2.0 */
/* Typed values of conditions from their text. */
#include "policy/value.h"

#include "policy/match.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(struct rd_view text, size_t from)
{
	size_t n = 0;

	while (from + n < text.len && is_digit(text.ptr[from + n])) {
		n++;
	}
	return n;
}

enum rd_status rd_decimal_parse(struct rd_view text, struct rd_policy_decimal *ret)
{
	struct rd_policy_decimal d = {0};
	size_t at = 0;

	if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
		d.negative = text.ptr[at++] == '-';
	}
	d.whole = rd_view(text.ptr + at, count_digits(text, at));
	RD_ENSURE(d.whole.len > 0, RD_BAD_NUMBER);
	at += d.whole.len;
	if (at < text.len) {
		RD_ENSURE(text.ptr[at] == '.', RD_BAD_NUMBER);
		d.fraction = rd_view(text.ptr + at + 1, count_digits(text, at + 1));
		RD_ENSURE(d.fraction.len > 0, RD_BAD_NUMBER);
		RD_ENSURE(at + 1 + d.fraction.len == text.len, RD_BAD_NUMBER);
	}
	while (d.whole.len > 0 && d.whole.ptr[0] == '0') {
		d.whole = rd_view(d.whole.ptr + 1, d.whole.len - 1);
	}
	while (d.fraction.len > 0 && d.fraction.ptr[d.fraction.len - 1] == '0') {
		d.fraction.len--;
	}
	if (d.whole.len == 0 && d.fraction.len == 0) {
		d.negative = false;
	}
	*ret = d;
	return RD_OK;
}

/* Digits left-aligned: what is missing on the right is zero. */
static int compare_digits(struct rd_view a, struct rd_view b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;

	if (order != 0) {
		return order < 0 ? -1 : 1;
	}
	return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static int compare_magnitude(const struct rd_policy_decimal *a, const struct rd_policy_decimal *b)
{
	int order;

	if (a->whole.len != b->whole.len) {
		return a->whole.len < b->whole.len ? -1 : 1;
	}
	order = compare_digits(a->whole, b->whole);
	return order != 0 ? order : compare_digits(a->fraction, b->fraction);
}

int rd_decimal_compare(const struct rd_policy_decimal *a, const struct rd_policy_decimal *b)
{
	if (a->negative != b->negative) {
		return a->negative ? -1 : 1;
	}
	return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

/* Exactly n digits, at most 9 of them. */
static enum rd_status take_digits(struct rd_cur *c, size_t n, int64_t *ret)
{
	struct rd_view digits;
	int64_t value = 0;

	RD_ENSURE(rd_cur_take(c, n, &digits) == RD_OK, RD_MALFORMED);
	for (size_t i = 0; i < n; i++) {
		RD_ENSURE(is_digit(digits.ptr[i]), RD_MALFORMED);
		value = value * 10 + (digits.ptr[i] - '0');
	}
	*ret = value;
	return RD_OK;
}

static bool take_char(struct rd_cur *c, char wanted)
{
	uint8_t got;

	return c->left > 0 && c->ptr[0] == (uint8_t)wanted && rd_cur_u8(c, &got) == RD_OK;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar; year >= 0. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	static const int64_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	int64_t y = year - 1;
	int64_t leaps = year > 0 ? y / 4 - y / 100 + y / 400 + 1 : 0;

	/* 719528 days from 0000-01-01 to 1970-01-01. */
	return year * 365 + leaps + before[month - 1] + (leap && month > 2 ? 1 : 0) + day - 1 -
	       719528;
}

static int64_t month_days(int64_t year, int64_t month)
{
	return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

static enum rd_status take_fraction(struct rd_cur *c, uint32_t *ret_ns)
{
	uint32_t scale = 100000000;
	uint32_t ns = 0;
	size_t n = 0;

	for (; c->left > 0 && is_digit(c->ptr[0]); n++) {
		uint8_t digit = 0;

		RD_TRY(rd_cur_u8(c, &digit));
		ns += (uint32_t)(digit - '0') * scale;
		scale /= 10;
	}
	RD_ENSURE(n > 0, RD_MALFORMED);
	*ret_ns = ns;
	return RD_OK;
}

/* "Z", or "+hh:mm" with what has to be taken off. */
static enum rd_status take_zone(struct rd_cur *c, int64_t *ret_offset_s)
{
	int64_t hours;
	int64_t minutes;
	bool east;

	if (take_char(c, 'Z')) {
		*ret_offset_s = 0;
		return RD_OK;
	}
	east = take_char(c, '+');
	RD_ENSURE(east || take_char(c, '-'), RD_MALFORMED);
	RD_TRY(take_digits(c, 2, &hours));
	RD_ENSURE(take_char(c, ':'), RD_MALFORMED);
	RD_TRY(take_digits(c, 2, &minutes));
	RD_ENSURE(hours <= 23 && minutes <= 59, RD_OUT_OF_RANGE);
	*ret_offset_s = (hours * 3600 + minutes * 60) * (east ? 1 : -1);
	return RD_OK;
}

static enum rd_status take_clock(struct rd_cur *c, struct rd_policy_date *date)
{
	int64_t hours;
	int64_t minutes;
	int64_t seconds = 0;
	int64_t offset_s = 0;

	RD_TRY(take_digits(c, 2, &hours));
	RD_ENSURE(take_char(c, ':'), RD_MALFORMED);
	RD_TRY(take_digits(c, 2, &minutes));
	if (take_char(c, ':')) {
		RD_TRY(take_digits(c, 2, &seconds));
		if (take_char(c, '.')) {
			RD_TRY(take_fraction(c, &date->nanoseconds));
		}
	}
	RD_ENSURE(hours <= 23 && minutes <= 59 && seconds <= 59, RD_OUT_OF_RANGE);
	RD_TRY(take_zone(c, &offset_s));
	date->seconds += hours * 3600 + minutes * 60 + seconds - offset_s;
	return RD_OK;
}

static enum rd_status parse_calendar(struct rd_view text, struct rd_policy_date *ret)
{
	struct rd_cur c = rd_cur(text);
	struct rd_policy_date date = {0};
	int64_t year;
	int64_t month = 1;
	int64_t day = 1;
	bool has_day = false;

	RD_TRY(take_digits(&c, 4, &year));
	if (take_char(&c, '-')) {
		RD_TRY(take_digits(&c, 2, &month));
		RD_ENSURE(month >= 1 && month <= 12, RD_OUT_OF_RANGE);
		has_day = take_char(&c, '-');
	}
	if (has_day) {
		RD_TRY(take_digits(&c, 2, &day));
		RD_ENSURE(day >= 1 && day <= month_days(year, month), RD_OUT_OF_RANGE);
	}
	date.seconds = days_of(year, month, day) * 86400;
	if (has_day && take_char(&c, 'T')) {
		RD_TRY(take_clock(&c, &date));
	}
	RD_ENSURE(c.left == 0, RD_MALFORMED);
	*ret = date;
	return RD_OK;
}

enum rd_status rd_date_parse(struct rd_view text, struct rd_policy_date *ret)
{
	struct rd_policy_decimal epoch;
	int64_t seconds = 0;

	if (text.len == 4 || rd_decimal_parse(text, &epoch) != RD_OK) {
		return parse_calendar(text, ret);
	}
	/* 15 digits are 30 million years, and nothing below overflows. */
	RD_ENSURE(epoch.whole.len <= 15 && epoch.fraction.len <= 9, RD_OUT_OF_RANGE);
	RD_ENSURE(!epoch.negative || epoch.fraction.len == 0, RD_OUT_OF_RANGE);
	for (size_t i = 0; i < epoch.whole.len; i++) {
		seconds = seconds * 10 + (epoch.whole.ptr[i] - '0');
	}
	ret->seconds = epoch.negative ? -seconds : seconds;
	ret->nanoseconds = 0;
	for (size_t i = 0; i < 9; i++) {
		uint8_t digit = i < epoch.fraction.len ? epoch.fraction.ptr[i] : '0';

		ret->nanoseconds = ret->nanoseconds * 10 + (uint32_t)(digit - '0');
	}
	return RD_OK;
}

int rd_date_compare(const struct rd_policy_date *a, const struct rd_policy_date *b)
{
	if (a->seconds != b->seconds) {
		return a->seconds < b->seconds ? -1 : 1;
	}
	return a->nanoseconds == b->nanoseconds ? 0 : a->nanoseconds < b->nanoseconds ? -1 : 1;
}

static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* A dual-stack socket shows IPv4 callers as ::ffff:a.b.c.d; a policy that names a.b.c.d means them.
 */
static void unmap(struct rd_policy_network *n)
{
	if (n->size == 16 && n->prefix >= 96 && memcmp(n->address, MAPPED, sizeof(MAPPED)) == 0) {
		memmove(n->address, n->address + sizeof(MAPPED), 4);
		n->size = 4;
		n->prefix = (uint8_t)(n->prefix - 96);
	}
}

static enum rd_status parse_prefix(struct rd_view text, unsigned max, uint8_t *ret)
{
	unsigned value = 0;

	RD_ENSURE(
		text.len >= 1 && text.len <= 3 && count_digits(text, 0) == text.len, RD_MALFORMED);
	RD_ENSURE(text.len == 1 || text.ptr[0] != '0', RD_MALFORMED);
	for (size_t i = 0; i < text.len; i++) {
		value = value * 10 + (unsigned)(text.ptr[i] - '0');
	}
	RD_ENSURE(value <= max, RD_MALFORMED);
	*ret = (uint8_t)value;
	return RD_OK;
}

enum rd_status rd_network_parse(struct rd_view text, struct rd_policy_network *ret)
{
	struct rd_policy_network n = {0};
	char address[INET6_ADDRSTRLEN] = "";
	const uint8_t *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
	size_t len = slash != NULL ? (size_t)(slash - text.ptr) : text.len;
	bool v6;

	RD_ENSURE(len > 0 && len < sizeof(address), RD_MALFORMED);
	memcpy(address, text.ptr, len);
	RD_ENSURE(strlen(address) == len, RD_MALFORMED);
	v6 = strchr(address, ':') != NULL;
	RD_ENSURE(inet_pton(v6 ? AF_INET6 : AF_INET, address, n.address) == 1, RD_MALFORMED);
	n.size = v6 ? 16 : 4;
	n.prefix = (uint8_t)(n.size * 8);
	if (slash != NULL) {
		RD_TRY(parse_prefix(rd_view(slash + 1, text.len - len - 1), n.prefix, &n.prefix));
	}
	unmap(&n);
	*ret = n;
	return RD_OK;
}

bool rd_network_contains(
	const struct rd_policy_network *network, const struct rd_policy_network *address)
{
	size_t bytes = network->prefix / 8;
	unsigned bits = network->prefix % 8;
	uint8_t mask = (uint8_t)(0xff00u >> bits);

	if (network->size != address->size ||
		memcmp(network->address, address->address, bytes) != 0) {
		return false;
	}
	return bits == 0 || ((network->address[bytes] ^ address->address[bytes]) & mask) == 0;
}

enum rd_status rd_truth_parse(struct rd_view text, bool *ret)
{
	bool truth = rd_view_equal_folded(text, rd_view_str("true"));

	RD_ENSURE(truth || rd_view_equal_folded(text, rd_view_str("false")), RD_MALFORMED);
	*ret = truth;
	return RD_OK;
}
