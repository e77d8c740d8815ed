/* SPDX-License-Identifier: Apache-2.0 */
/* The request of the vectors in kms.md 1.4, as botocore sends it, for tests to take and to spoil.
 */
#ifndef RD_TEST_AWS_REQUEST_H
#define RD_TEST_AWS_REQUEST_H

#include "test.h"

#include "aws/sigv4.h"

#define REQUEST_HEADERS_MAX 16

/* 2026-01-01T00:00:00Z */
#define REQUEST_TIME 1767225600

#define SECRET    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SIGNATURE "0cf1d13660843a7dce11804d9359ac36f0b50a83f466b1071b2b9cdf5c34ca6f"
#define NAMES     "content-type;host;x-amz-date;x-amz-target"
#define SCOPE     "AKIDEXAMPLE/20260101/us-east-1/kms/aws4_request"
#define AUTH(scope, names, signature)                                                              \
	"AWS4-HMAC-SHA256 Credential=" scope ", SignedHeaders=" names ", Signature=" signature

struct request {
	struct rd_sigv4_header headers[REQUEST_HEADERS_MAX];
	struct rd_sigv4_request r;
	struct rd_sigv4_rules rules;
};

static const char *const request_regions[] = {"eu-central-1", "us-east-1"};

/* The value of a header, added when there is none; NULL takes it away. */
static inline void set_header(struct request *q, const char *name, const char *value)
{
	size_t i = 0;

	while (i < q->r.n_headers && strcmp((const char *)q->headers[i].name.ptr, name) != 0) {
		i++;
	}
	if (value == NULL) {
		assert_true(i < q->r.n_headers);
		q->headers[i] = q->headers[--q->r.n_headers];
		return;
	}
	assert_true(i < REQUEST_HEADERS_MAX);
	q->headers[i] = (struct rd_sigv4_header){rd_view_str(name), rd_view_str(value)};
	q->r.n_headers = i == q->r.n_headers ? i + 1 : q->r.n_headers;
}

static inline void add_header(struct request *q, const char *name, const char *value)
{
	assert_true(q->r.n_headers < REQUEST_HEADERS_MAX);
	q->headers[q->r.n_headers++] = (struct rd_sigv4_header){
		rd_view_str(name), rd_view_str(value)};
}

static inline void make_request(struct request *q)
{
	*q = (struct request){
		.r = {.method = rd_view_str("POST"),
			.path = rd_view_str("/"),
			.headers = q->headers,
			.body = rd_view_str("{\"NumberOfBytes\": 32}")},
		.rules = {"kms", request_regions, 2, REQUEST_TIME, 300},
	};
	add_header(q, "Host", "127.0.0.1:8080");
	add_header(q, "Content-Type", "application/x-amz-json-1.1");
	add_header(q, "X-Amz-Date", "20260101T000000Z");
	add_header(q, "X-Amz-Target", "TrentService.GenerateRandom");
	add_header(q, "User-Agent", "Botocore/1.43.11");
	add_header(q, "Authorization", AUTH(SCOPE, NAMES, SIGNATURE));
}

/* Both steps under the vectors' secret. */
static inline enum rd_status judge(
	struct request *q, struct rd_sigv4_claim *ret_claim, struct rd_sigv4_refusal *ret_refusal)
{
	uint8_t key[RD_SIGV4_KEY_SIZE];
	enum rd_status st = rd_sigv4_parse(&q->r, &q->rules, ret_claim, ret_refusal);

	if (st != RD_OK) {
		return st;
	}
	assert_ok(rd_sigv4_derive_key(
		rd_view_str(SECRET), ret_claim->date, ret_claim->region, rd_view_str("kms"), key));
	return rd_sigv4_verify(&q->r, ret_claim, key, ret_refusal);
}

static inline void assert_refused(struct request *q, enum rd_sigv4_why want)
{
	struct rd_sigv4_refusal refusal = {0};
	struct rd_sigv4_claim claim;

	assert_status(judge(q, &claim, &refusal), RD_UNTRUSTED);
	assert_int_equal(refusal.why, want);
}

static inline void assert_accepted(struct request *q)
{
	struct rd_sigv4_refusal refusal = {0};
	struct rd_sigv4_claim claim;

	assert_ok(judge(q, &claim, &refusal));
}

/* Signs q as it is now, with its own headers, and puts the result in. text lives on. */
static inline void sign(struct request *q, char *text, size_t size)
{
	const struct rd_sigv4_signer signer = {
		rd_view_str("AKIDEXAMPLE"), rd_view_str(SECRET), rd_view_str("us-east-1"), "kms"};
	struct rd_buf out = rd_buf_fixed(text, size - 1);

	assert_ok(rd_sigv4_sign(&q->r, &signer, &out));
	text[out.used] = '\0';
	set_header(q, "Authorization", text);
}

#endif
