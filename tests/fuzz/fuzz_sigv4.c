/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request head in text: request line, header lines, an empty line, the body. Whatever it says, a
 * claim lies inside it, nothing verifies under a foreign key, and every refusal can be told.
 */
#include "aws/sigv4.h"
#include "aws/uri.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static struct rd_view take_line(struct rd_view *rest)
{
	return rd_text_cut(*rest, '\n', rest);
}

static void read_request(
	struct rd_view text, struct rd_sigv4_header *headers, struct rd_sigv4_request *r)
{
	struct rd_view rest = text;
	struct rd_view line = take_line(&rest);
	struct rd_view target;

	r->method = rd_text_cut(line, ' ', &target);
	r->path = rd_text_cut(target, '?', &r->query);
	r->headers = headers;
	while (rest.ptr != NULL && r->n_headers < HEADERS_MAX) {
		struct rd_view value;

		line = take_line(&rest);
		if (line.len == 0) {
			break;
		}
		headers[r->n_headers].name = rd_text_cut(line, ':', &value);
		headers[r->n_headers++].value = value;
	}
	r->body = rest;
}

static void tell(const struct rd_sigv4_refusal *refusal)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(4096);

	require(refusal->why > RD_SIGV4_ACCEPTED && refusal->why < RD_SIGV4_WHY_COUNT);
	require(rd_sigv4_type(refusal->why) != NULL);
	require(rd_sigv4_message(refusal, &out) == RD_OK);
	for (size_t i = 0; i < out.used; i++) {
		require(out.ptr[i] >= 0x20 && out.ptr[i] < 0x7f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const regions[] = {"us-east-1"};
	static const uint8_t key[RD_SIGV4_KEY_SIZE] = {1};
	const struct rd_sigv4_rules rules = {"kms", regions, 1, 1767225600, 300};
	struct rd_sigv4_header headers[HEADERS_MAX];
	struct rd_sigv4_refusal refusal = {0};
	struct rd_sigv4_request r = {0};
	struct rd_sigv4_claim claim;
	enum rd_status st;

	read_request(rd_view(data, size), headers, &r);
	st = rd_sigv4_parse(&r, &rules, &claim, &refusal);
	if (st == RD_OK) {
		require(claim.akid.len > 0 && claim.akid.len <= RD_SIGV4_AKID_MAX);
		require(claim.akid.ptr >= data && claim.akid.ptr < data + size);
		require(claim.date.len == 8 && memcmp(claim.date.ptr, claim.time, 8) == 0);
		st = rd_sigv4_verify(&r, &claim, key, &refusal);
	}
	require(st == RD_UNTRUSTED || st == RD_NOSPACE);
	if (st == RD_UNTRUSTED) {
		tell(&refusal);
	}
	return 0;
}
