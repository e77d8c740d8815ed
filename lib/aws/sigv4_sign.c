/* SPDX-License-Identifier: Apache-2.0 */
/* Signing requests of our own. */
#include "aws/sigv4-internal.h"

#include "aws/uri.h"
#include "base/secret.h"
#include "base/text.h"

#include <string.h>

/* "content-type;host;...": names of a dozen headers. */
#define SIGNED_HEADERS_SIZE 2048

static bool is_left_out(struct rd_view name)
{
	static const char *const names[] = {"authorization", "user-agent", "connection", "expect",
		"upgrade", "x-amzn-trace-id"};

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		if (rd_text_is_caseless(name, names[i])) {
			return true;
		}
	}
	return false;
}

static uint8_t lower_at(struct rd_view v, size_t i)
{
	uint8_t c = v.ptr[i];

	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static int compare_names(struct rd_view a, struct rd_view b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		if (lower_at(a, i) != lower_at(b, i)) {
			return lower_at(a, i) < lower_at(b, i) ? -1 : 1;
		}
	}
	return a.len < b.len ? -1 : a.len > b.len;
}

/* Adds name where it sorts, unless it is there. */
static enum rd_status insert(struct rd_view *names, size_t *n, struct rd_view name)
{
	size_t at = 0;

	while (at < *n && compare_names(names[at], name) < 0) {
		at++;
	}
	if (at < *n && compare_names(names[at], name) == 0) {
		return RD_OK;
	}
	RD_ENSURE(*n < RD_SIGV4_SIGNED_MAX, RD_LIMIT);
	memmove(&names[at + 1], &names[at], (*n - at) * sizeof(*names));
	names[at] = name;
	(*n)++;
	return RD_OK;
}

static enum rd_status put_signed_headers(const struct rd_sigv4_request *req, struct rd_buf *out)
{
	struct rd_view names[RD_SIGV4_SIGNED_MAX];
	size_t n = 0;

	for (size_t i = 0; i < req->n_headers; i++) {
		if (!is_left_out(req->headers[i].name)) {
			RD_TRY(insert(names, &n, req->headers[i].name));
		}
	}
	for (size_t i = 0; i < n; i++) {
		RD_TRY(i > 0 ? rd_buf_u8(out, ';') : RD_OK);
		for (size_t k = 0; k < names[i].len; k++) {
			RD_TRY(rd_buf_u8(out, lower_at(names[i], k)));
		}
	}
	return RD_OK;
}

static enum rd_status one_header(
	const struct rd_sigv4_request *req, const char *name, struct rd_view *ret)
{
	RD_TRY(rd_sigv4_header(req, name, ret));
	return ret->ptr != NULL ? RD_OK : RD_MISSING;
}

static enum rd_status put_authorization(
	const struct rd_sigv4_claim *claim, const uint8_t mac[RD_SHA256_SIZE], struct rd_buf *out)
{
	RD_TRY(rd_buf_put_str(out, RD_SIGV4_ALGORITHM " Credential="));
	RD_TRY(rd_buf_put_view(out, claim->akid));
	RD_TRY(rd_buf_u8(out, '/'));
	RD_TRY(rd_buf_put_view(out, claim->date));
	RD_TRY(rd_buf_u8(out, '/'));
	RD_TRY(rd_buf_put_view(out, claim->region));
	RD_TRY(rd_buf_printf(out, "/%s/" RD_SIGV4_TERMINATOR ", SignedHeaders=", claim->service));
	RD_TRY(rd_buf_put_view(out, claim->signed_headers));
	RD_TRY(rd_buf_put_str(out, ", Signature="));
	return rd_hex_encode(rd_view(mac, RD_SHA256_SIZE), out);
}

enum rd_status rd_sigv4_sign(const struct rd_sigv4_request *req,
	const struct rd_sigv4_signer *signer, struct rd_buf *out)
{
	uint8_t storage[SIGNED_HEADERS_SIZE];
	struct rd_buf names = rd_buf_fixed(storage, sizeof(storage));
	struct rd_sigv4_claim claim = {.akid = signer->akid, .region = signer->region};
	uint8_t key[RD_SIGV4_KEY_SIZE];
	uint8_t mac[RD_SHA256_SIZE];
	struct rd_view host;
	struct rd_view time;
	enum rd_status st;

	RD_TRY(one_header(req, "host", &host));
	RD_TRY(one_header(req, "x-amz-date", &time));
	RD_TRY(rd_sigv4_parse_time(time, &claim.time_s));
	memcpy(claim.time, time.ptr, RD_SIGV4_TIME_SIZE - 1);
	claim.date = rd_view(claim.time, 8);
	claim.service = signer->service;
	RD_TRY(put_signed_headers(req, &names));
	claim.signed_headers = rd_buf_view(&names);
	RD_TRY(rd_digest_once(RD_SHA256, req->body, claim.body_sha256));
	RD_TRY(rd_sigv4_derive_key(
		signer->secret, claim.date, signer->region, rd_view_str(signer->service), key));
	st = rd_sigv4_mac(req, &claim, key, mac);
	rd_wipe(key, sizeof(key));
	RD_TRY(st);
	return put_authorization(&claim, mac, out);
}
