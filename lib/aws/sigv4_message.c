/* SPDX-License-Identifier: Apache-2.0 */
/* What a refused client is told (kms.md 1.4, failure mapping). */
#include "aws/sigv4.h"

#include <assert.h>

#define MISSING      "MissingAuthenticationTokenException"
#define INCOMPLETE   "IncompleteSignatureException"
#define INVALID      "InvalidSignatureException"
#define UNRECOGNIZED "UnrecognizedClientException"
#define EXPIRED      "ExpiredTokenException"

/* Longer than any region, service or header name; what is behind it helps nobody. */
#define QUOTE_MAX 64

static const struct {
	const char *type;
	const char *text;
} answers[RD_SIGV4_WHY_COUNT] = {
#define X(name, type, text) [name] = {type, text},
	RD_SIGV4_WHY_LIST(X)
#undef X
};

const char *rd_sigv4_type(enum rd_sigv4_why why)
{
	assert(why < RD_SIGV4_WHY_COUNT);
	return answers[why].type;
}

static enum rd_status put_quoted(struct rd_view v, struct rd_buf *out)
{
	RD_TRY(rd_buf_u8(out, '\''));
	for (size_t i = 0; i < v.len && i < QUOTE_MAX; i++) {
		bool plain = v.ptr[i] >= 0x20 && v.ptr[i] < 0x7f;

		RD_TRY(rd_buf_u8(out, plain ? v.ptr[i] : '?'));
	}
	RD_TRY(v.len > QUOTE_MAX ? rd_buf_put_str(out, "...") : RD_OK);
	return rd_buf_u8(out, '\'');
}

/* "Signature expired: T is now earlier than T2 (T3 - 5 min.)" */
static enum rd_status put_times(const struct rd_sigv4_refusal *r, struct rd_buf *out)
{
	bool old = r->why == RD_SIGV4_TOO_OLD;
	int64_t bound = old ? r->now_s - (int64_t)r->skew_s : r->now_s + (int64_t)r->skew_s;
	char request[RD_SIGV4_TIME_SIZE];
	char limit[RD_SIGV4_TIME_SIZE];
	char now[RD_SIGV4_TIME_SIZE];

	RD_TRY(rd_sigv4_time(r->time_s, request));
	RD_TRY(rd_sigv4_time(bound, limit));
	RD_TRY(rd_sigv4_time(r->now_s, now));
	return rd_buf_printf(out, ": %s is %s than %s (%s %c %u min.)", request,
		old ? "now earlier" : "still later", limit, now, old ? '-' : '+', r->skew_s / 60);
}

enum rd_status rd_sigv4_message(const struct rd_sigv4_refusal *r, struct rd_buf *out)
{
	assert(r->why < RD_SIGV4_WHY_COUNT);
	RD_TRY(rd_buf_put_str(out, answers[r->why].text));
	if (r->why == RD_SIGV4_TOO_OLD || r->why == RD_SIGV4_TOO_NEW) {
		return put_times(r, out);
	}
	if (r->why == RD_SIGV4_WRONG_REGION) {
		RD_TRY(rd_buf_put_str(out, ", not "));
		return put_quoted(r->got, out);
	}
	if (r->want.ptr != NULL) {
		RD_TRY(rd_buf_put_str(out, ": "));
		RD_TRY(put_quoted(r->want, out));
		RD_TRY(rd_buf_put_str(out, ", not "));
		return put_quoted(r->got, out);
	}
	if (r->got.ptr != NULL) {
		RD_TRY(rd_buf_put_str(out, ": "));
		return put_quoted(r->got, out);
	}
	return RD_OK;
}
