/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the MAC of its canonical form (kms.md 1.4, steps 5 to 7). */
#include "aws/sigv4-internal.h"

#include "aws/uri.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/hmac.h"

#include <string.h>

/* Most requests' canonical form: without the heap. */
#define CANONICAL_USUAL 1024
/* A service's name and a region's have a dozen characters each. */
#define STRING_TO_SIGN_MAX 512

enum rd_status rd_sigv4_header(
	const struct rd_sigv4_request *req, const char *name, struct rd_view *ret_value)
{
	struct rd_view found = rd_view(NULL, 0);
	size_t len = strlen(name);
	bool seen = false;

	for (size_t i = 0; i < req->n_headers; i++) {
		if (req->headers[i].name.len != len ||
			!rd_text_is_caseless(req->headers[i].name, name)) {
			continue;
		}
		RD_ENSURE(!seen, RD_DUPLICATE);
		seen = true;
		found = req->headers[i].value;
		/* Present and empty is not absent. */
		found.ptr = found.ptr != NULL ? found.ptr : (const uint8_t *)"";
	}
	*ret_value = found;
	return RD_OK;
}

static void drop_last_segment(struct rd_buf *out, size_t floor)
{
	while (out->used > floor) {
		out->used--;
		if (out->ptr[out->used] == '/') {
			return;
		}
	}
}

/* Dot segments and doubled slashes go, then every segment is encoded, also what was already. */
static enum rd_status put_path(struct rd_view path, struct rd_buf *out)
{
	bool slash_at_end = path.len > 0 && path.ptr[path.len - 1] == '/';
	struct rd_view rest = path;
	size_t floor = out->used;

	while (rest.ptr != NULL) {
		struct rd_view segment = rd_text_cut(rest, '/', &rest);

		if (rd_text_is(segment, "..")) {
			drop_last_segment(out, floor);
		} else if (segment.len > 0 && !rd_text_is(segment, ".")) {
			RD_TRY(rd_buf_u8(out, '/'));
			RD_TRY(rd_uri_encode(segment, out));
		}
	}
	if (out->used == floor || slash_at_end) {
		RD_TRY(rd_buf_u8(out, '/'));
	}
	return RD_OK;
}

struct param {
	size_t name;
	size_t name_len;
	size_t value;
	size_t value_len;
};

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;
	int by_bytes = n == 0 ? 0 : memcmp(a, b, n);

	if (by_bytes != 0) {
		return by_bytes;
	}
	return a_len < b_len ? -1 : a_len > b_len;
}

static int compare_params(const uint8_t *text, const struct param *a, const struct param *b)
{
	int by_name = compare_bytes(text + a->name, a->name_len, text + b->name, b->name_len);

	return by_name != 0 ? by_name
			    : compare_bytes(
				      text + a->value, a->value_len, text + b->value, b->value_len);
}

/* Decoded and encoded again, so that %7E and ~ sign alike. */
static enum rd_status put_recoded(struct rd_view text, struct rd_buf *out)
{
	struct rd_buf plain RD_CLEANUP(rd_buf_finish) = rd_buf_growable(text.len);

	RD_TRY(rd_uri_decode(text, false, &plain));
	return rd_uri_encode(rd_buf_view(&plain), out);
}

static enum rd_status read_param(struct rd_view pair, struct rd_buf *text, struct param *ret)
{
	struct rd_view value;
	struct rd_view name = rd_text_cut(pair, '=', &value);

	ret->name = text->used;
	RD_TRY(put_recoded(name, text));
	ret->name_len = text->used - ret->name;
	ret->value = text->used;
	RD_TRY(put_recoded(value, text));
	ret->value_len = text->used - ret->value;
	return RD_OK;
}

static enum rd_status put_query(struct rd_view query, struct rd_buf *out)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_SIGV4_CANONICAL_MAX);
	struct param params[RD_SIGV4_QUERY_PARAMS_MAX] RD_UNINITIALIZED;
	struct rd_view rest = query;
	size_t n = 0;

	if (query.len == 0) {
		return RD_OK;
	}
	while (rest.ptr != NULL) {
		struct rd_view pair = rd_text_cut(rest, '&', &rest);
		struct param p;
		size_t at;

		if (pair.len == 0) {
			continue;
		}
		RD_ENSURE(n < RD_SIGV4_QUERY_PARAMS_MAX, RD_LIMIT);
		RD_TRY(read_param(pair, &text, &p));
		for (at = n++; at > 0 && compare_params(text.ptr, &p, &params[at - 1]) < 0; at--) {
			params[at] = params[at - 1];
		}
		params[at] = p;
	}
	for (size_t i = 0; i < n; i++) {
		const struct param *p = &params[i];

		RD_TRY(i > 0 ? rd_buf_u8(out, '&') : RD_OK);
		RD_TRY(rd_buf_put(out, text.ptr + p->name, p->name_len));
		RD_TRY(rd_buf_u8(out, '='));
		RD_TRY(rd_buf_put(out, text.ptr + p->value, p->value_len));
	}
	return RD_OK;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool is_in_word(uint8_t c)
{
	return c > 0x20 && c != 0x7f;
}

/* Trimmed, runs of blanks inside become one space. A line end in a value would forge a line here.
 */
static enum rd_status put_value(struct rd_view value, struct rd_buf *out)
{
	size_t start = out->used, i = 0;

	while (i < value.len) {
		size_t from = i;

		while (i < value.len && is_in_word(value.ptr[i])) {
			i++;
		}
		if (i > from) {
			RD_TRY(out->used > start ? rd_buf_u8(out, ' ') : RD_OK);
			RD_TRY(rd_buf_put(out, value.ptr + from, i - from));
		}
		while (i < value.len && is_blank(value.ptr[i])) {
			i++;
		}
		RD_ENSURE(i == value.len || is_in_word(value.ptr[i]), RD_FORBIDDEN);
	}
	return RD_OK;
}

bool rd_sigv4_name_is(struct rd_view received, struct rd_view lowercase)
{
	if (received.len != lowercase.len) {
		return false;
	}
	for (size_t i = 0; i < received.len; i++) {
		uint8_t c = received.ptr[i];

		c = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
		if (c != lowercase.ptr[i]) {
			return false;
		}
	}
	return true;
}

static enum rd_status put_header(
	const struct rd_sigv4_request *req, struct rd_view name, struct rd_buf *out)
{
	bool found = false;

	RD_TRY(rd_buf_put_view(out, name));
	RD_TRY(rd_buf_u8(out, ':'));
	for (size_t i = 0; i < req->n_headers; i++) {
		if (!rd_sigv4_name_is(req->headers[i].name, name)) {
			continue;
		}
		RD_TRY(found ? rd_buf_u8(out, ',') : RD_OK);
		RD_TRY(put_value(req->headers[i].value, out));
		found = true;
	}
	RD_ENSURE(found, RD_NOTFOUND);
	return rd_buf_u8(out, '\n');
}

enum rd_status rd_sigv4_canonical(const struct rd_sigv4_request *req, struct rd_view signed_headers,
	const uint8_t body_sha256[RD_SHA256_SIZE], struct rd_buf *out)
{
	struct rd_view rest = signed_headers;

	RD_TRY(rd_buf_put_view(out, req->method));
	RD_TRY(rd_buf_u8(out, '\n'));
	RD_TRY(put_path(req->path, out));
	RD_TRY(rd_buf_u8(out, '\n'));
	RD_TRY(put_query(req->query, out));
	RD_TRY(rd_buf_u8(out, '\n'));
	while (rest.ptr != NULL) {
		struct rd_view name = rd_text_cut(rest, ';', &rest);

		RD_TRY(put_header(req, name, out));
	}
	RD_TRY(rd_buf_u8(out, '\n'));
	RD_TRY(rd_buf_put_view(out, signed_headers));
	RD_TRY(rd_buf_u8(out, '\n'));
	return rd_hex_encode(rd_view(body_sha256, RD_SHA256_SIZE), out);
}

static enum rd_status put_string_to_sign(
	const struct rd_sigv4_claim *claim, const uint8_t *canonical_sha256, struct rd_buf *out)
{
	RD_TRY(rd_buf_put_str(out, RD_SIGV4_ALGORITHM "\n"));
	RD_TRY(rd_buf_put_str(out, claim->time));
	RD_TRY(rd_buf_u8(out, '\n'));
	RD_TRY(rd_buf_put_view(out, claim->date));
	RD_TRY(rd_buf_u8(out, '/'));
	RD_TRY(rd_buf_put_view(out, claim->region));
	RD_TRY(rd_buf_u8(out, '/'));
	RD_TRY(rd_buf_put_str(out, claim->service));
	RD_TRY(rd_buf_put_str(out, "/" RD_SIGV4_TERMINATOR "\n"));
	return rd_hex_encode(rd_view(canonical_sha256, RD_SHA256_SIZE), out);
}

static enum rd_status hash_canonical(const struct rd_sigv4_request *req,
	const struct rd_sigv4_claim *claim, struct rd_buf *text, uint8_t ret_sha256[RD_SHA256_SIZE])
{
	RD_TRY(rd_sigv4_canonical(req, claim->signed_headers, claim->body_sha256, text));
	return rd_digest_once(RD_SHA256, rd_buf_view(text), ret_sha256);
}

static enum rd_status hash_large(const struct rd_sigv4_request *req,
	const struct rd_sigv4_claim *claim, uint8_t ret_sha256[RD_SHA256_SIZE])
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_SIGV4_CANONICAL_MAX);

	return hash_canonical(req, claim, &text, ret_sha256);
}

enum rd_status rd_sigv4_mac(const struct rd_sigv4_request *req, const struct rd_sigv4_claim *claim,
	const uint8_t key[RD_SIGV4_KEY_SIZE], uint8_t ret_mac[RD_SHA256_SIZE])
{
	uint8_t usual[CANONICAL_USUAL], to_sign[STRING_TO_SIGN_MAX];
	struct rd_buf canonical = rd_buf_fixed(usual, sizeof(usual));
	struct rd_buf text = rd_buf_fixed(to_sign, sizeof(to_sign));
	uint8_t sha256[RD_SHA256_SIZE];
	enum rd_status st = hash_canonical(req, claim, &canonical, sha256);

	if (st == RD_NOSPACE) {
		st = hash_large(req, claim, sha256);
	}
	RD_TRY(st);
	RD_TRY(put_string_to_sign(claim, sha256, &text));
	return rd_hmac(
		RD_HMAC_SHA256, rd_view(key, RD_SIGV4_KEY_SIZE), rd_buf_view(&text), ret_mac);
}

enum rd_status rd_sigv4_derive_key(struct rd_view secret, struct rd_view date,
	struct rd_view region, struct rd_view service, uint8_t ret_key[RD_SIGV4_KEY_SIZE])
{
	const struct rd_view steps[] = {date, region, service, rd_view_str(RD_SIGV4_TERMINATOR)};
	uint8_t first[4 + RD_SIGV4_SECRET_MAX] = "AWS4";
	uint8_t chain[RD_SHA256_SIZE];
	struct rd_view key = rd_view(first, 4 + secret.len);
	enum rd_status st = RD_OK;

	RD_ENSURE(secret.len <= RD_SIGV4_SECRET_MAX, RD_LIMIT);
	if (secret.len > 0) {
		memcpy(first + 4, secret.ptr, secret.len);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(steps) && st == RD_OK; i++) {
		st = rd_hmac(RD_HMAC_SHA256, key, steps[i], chain);
		key = rd_view(chain, sizeof(chain));
	}
	if (st == RD_OK) {
		memcpy(ret_key, chain, sizeof(chain));
	}
	rd_wipe(first, sizeof(first));
	rd_wipe(chain, sizeof(chain));
	return st;
}
