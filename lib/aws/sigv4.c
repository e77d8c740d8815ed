/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SigV4 verification: from headers to a claim, and the claim against a key.
 *
 * Every check before the key is made on what the request says alone. Each ends in one refusal, so
 * that what a client is told and what a test pins are the same thing.
 */
#include "aws/sigv4-internal.h"

#include "aws/uri.h"
#include "base/secret.h"
#include "base/text.h"

#include <string.h>

struct parse {
	const struct rd_sigv4_request *req;
	const struct rd_sigv4_rules *rules;
	struct rd_sigv4_claim claim;
	struct rd_sigv4_refusal refusal;
	struct rd_view credential;
	struct rd_view signature;
};

static enum rd_status refuse(struct parse *p, enum rd_sigv4_why why, struct rd_view got)
{
	p->refusal.why = why;
	p->refusal.got = got;
	return RD_UNTRUSTED;
}

static struct rd_view trimmed(struct rd_view v)
{
	while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t')) {
		v = rd_text_from(v, 1);
	}
	while (v.len > 0 && (v.ptr[v.len - 1] == ' ' || v.ptr[v.len - 1] == '\t')) {
		v.len--;
	}
	return v;
}

static enum rd_status read_component(struct parse *p, struct rd_view part)
{
	struct rd_view value;
	struct rd_view name = rd_text_cut(part, '=', &value);
	struct rd_view *slot;

	if (rd_text_is(name, "Credential")) {
		slot = &p->credential;
	} else if (rd_text_is(name, "SignedHeaders")) {
		slot = &p->claim.signed_headers;
	} else if (rd_text_is(name, "Signature")) {
		slot = &p->signature;
	} else {
		return refuse(p, RD_SIGV4_BAD_COMPONENT, name);
	}
	if (value.ptr == NULL) {
		return refuse(p, RD_SIGV4_BAD_COMPONENT, name);
	}
	if (slot->ptr != NULL) {
		return refuse(p, RD_SIGV4_COMPONENT_TWICE, name);
	}
	*slot = value;
	return RD_OK;
}

static enum rd_status read_authorization(struct parse *p, struct rd_view text)
{
	struct rd_view rest = text;
	struct rd_view algorithm = rd_text_cut(text, ' ', &rest);

	if (text.len > RD_SIGV4_AUTHORIZATION_MAX) {
		return refuse(p, RD_SIGV4_TOO_LONG, rd_view(NULL, 0));
	}
	if (!rd_text_is(algorithm, RD_SIGV4_ALGORITHM)) {
		return refuse(p, RD_SIGV4_BAD_ALGORITHM, algorithm);
	}
	if (rest.ptr == NULL || trimmed(rest).len == 0) {
		return refuse(p, RD_SIGV4_NO_CREDENTIAL, rd_view(NULL, 0));
	}
	while (rest.ptr != NULL) {
		RD_TRY(read_component(p, trimmed(rd_text_cut(rest, ',', &rest))));
	}
	if (p->credential.ptr == NULL) {
		return refuse(p, RD_SIGV4_NO_CREDENTIAL, rd_view(NULL, 0));
	}
	if (p->claim.signed_headers.ptr == NULL) {
		return refuse(p, RD_SIGV4_NO_SIGNED_HEADERS, rd_view(NULL, 0));
	}
	if (p->signature.ptr == NULL) {
		return refuse(p, RD_SIGV4_NO_SIGNATURE, rd_view(NULL, 0));
	}
	return RD_OK;
}

static bool has_query_auth(struct rd_view query)
{
	while (query.ptr != NULL) {
		struct rd_view value;
		struct rd_view pair = rd_text_cut(query, '&', &query);
		struct rd_view name = rd_text_cut(pair, '=', &value);

		if (rd_text_is_caseless(name, "X-Amz-Signature") ||
			rd_text_is_caseless(name, "X-Amz-Algorithm")) {
			return true;
		}
	}
	return false;
}

static enum rd_status find_authorization(struct parse *p)
{
	struct rd_view text;

	if (has_query_auth(p->req->query)) {
		return refuse(p, RD_SIGV4_QUERY_AUTH, rd_view(NULL, 0));
	}
	if (rd_sigv4_header(p->req, "authorization", &text) != RD_OK) {
		return refuse(p, RD_SIGV4_HEADER_TWICE, rd_view_str("authorization"));
	}
	if (text.ptr == NULL || text.len == 0) {
		return refuse(p, RD_SIGV4_NO_AUTH, rd_view(NULL, 0));
	}
	return read_authorization(p, trimmed(text));
}

static bool is_akid(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
			c != '_') {
			return false;
		}
	}
	return v.len > 0 && v.len <= RD_SIGV4_AKID_MAX;
}

static enum rd_status check_region(struct parse *p)
{
	for (size_t i = 0; i < p->rules->n_regions; i++) {
		if (rd_text_is(p->claim.region, p->rules->regions[i])) {
			return RD_OK;
		}
	}
	return refuse(p, RD_SIGV4_WRONG_REGION, p->claim.region);
}

static enum rd_status read_credential(struct parse *p)
{
	struct rd_view parts[5];
	struct rd_view rest = p->credential;
	size_t n = 0;

	while (rest.ptr != NULL && n < RD_ARRAY_LEN(parts)) {
		parts[n++] = rd_text_cut(rest, '/', &rest);
	}
	if (n != RD_ARRAY_LEN(parts) || rest.ptr != NULL || !is_akid(parts[0])) {
		return refuse(p, RD_SIGV4_BAD_CREDENTIAL, p->credential);
	}
	p->claim.akid = parts[0];
	p->claim.date = parts[1];
	p->claim.region = parts[2];
	p->claim.service = p->rules->service;
	RD_TRY(check_region(p));
	if (!rd_text_is(parts[3], p->rules->service)) {
		p->refusal.want = rd_view_str(p->rules->service);
		return refuse(p, RD_SIGV4_WRONG_SERVICE, parts[3]);
	}
	if (!rd_text_is(parts[4], RD_SIGV4_TERMINATOR)) {
		return refuse(p, RD_SIGV4_WRONG_TERMINATOR, parts[4]);
	}
	return RD_OK;
}

static enum rd_status read_signature(struct parse *p)
{
	struct rd_buf out = rd_buf_fixed(p->claim.signature, sizeof(p->claim.signature));
	bool good = p->signature.len == (size_t)2 * RD_SHA256_SIZE;

	for (size_t i = 0; good && i < p->signature.len; i++) {
		good = p->signature.ptr[i] < 'A' || p->signature.ptr[i] > 'F';
	}
	if (!good || rd_hex_decode(p->signature, &out) != RD_OK) {
		return refuse(p, RD_SIGV4_BAD_SIGNATURE_FORM, rd_view(NULL, 0));
	}
	return RD_OK;
}

/* A header name's characters (RFC 9110, 5.6.2) without the upper case. */
static bool is_lower_token(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
			(c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
			return false;
		}
	}
	return v.len > 0;
}

static bool sorts_before(struct rd_view a, struct rd_view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int by_bytes = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);

	return by_bytes < 0 || (by_bytes == 0 && a.len < b.len);
}

static enum rd_status check_signed_headers(struct parse *p)
{
	struct rd_view rest = p->claim.signed_headers;
	struct rd_view last = rd_view(NULL, 0);
	size_t n = 0;

	while (rest.ptr != NULL) {
		struct rd_view name = rd_text_cut(rest, ';', &rest);

		if (!is_lower_token(name) || !sorts_before(last, name) ||
			++n > RD_SIGV4_SIGNED_MAX) {
			return refuse(p, RD_SIGV4_BAD_SIGNED_HEADERS, name);
		}
		last = name;
	}
	return RD_OK;
}

static bool is_signed(const struct parse *p, struct rd_view received)
{
	struct rd_view rest = p->claim.signed_headers;

	while (rest.ptr != NULL) {
		if (rd_sigv4_name_is(received, rd_text_cut(rest, ';', &rest))) {
			return true;
		}
	}
	return false;
}

static bool is_amz(struct rd_view name)
{
	return name.len >= 6 && rd_text_is_caseless(rd_view(name.ptr, 6), "x-amz-");
}

/* host always; content-type and every x-amz-* when present (step 4). */
static enum rd_status check_what_is_signed(struct parse *p)
{
	if (!is_signed(p, rd_view_str("host"))) {
		return refuse(p, RD_SIGV4_UNSIGNED_HEADER, rd_view_str("host"));
	}
	for (size_t i = 0; i < p->req->n_headers; i++) {
		struct rd_view name = p->req->headers[i].name;
		bool must = is_amz(name) || rd_text_is_caseless(name, "content-type");

		if (must && !is_signed(p, name)) {
			return refuse(p, RD_SIGV4_UNSIGNED_HEADER, name);
		}
	}
	return RD_OK;
}

/* What the server acts on has one value; SigV4 would join two with a comma. */
static enum rd_status check_single_headers(struct parse *p)
{
	static const char *const names[] = {"host", "content-type", "x-amz-date", "date",
		"x-amz-target", "x-amz-security-token", "x-amz-content-sha256"};

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		struct rd_view value;

		if (rd_sigv4_header(p->req, names[i], &value) != RD_OK) {
			return refuse(p, RD_SIGV4_HEADER_TWICE, rd_view_str(names[i]));
		}
	}
	return RD_OK;
}

static enum rd_status check_clock(struct parse *p)
{
	int64_t now = p->rules->now_s;

	p->refusal.time_s = p->claim.time_s;
	if (p->claim.time_s < now - (int64_t)p->rules->skew_s) {
		return refuse(p, RD_SIGV4_TOO_OLD, rd_view(NULL, 0));
	}
	if (p->claim.time_s > now + (int64_t)p->rules->skew_s) {
		return refuse(p, RD_SIGV4_TOO_NEW, rd_view(NULL, 0));
	}
	return RD_OK;
}

/* X-Amz-Date; without one Date, in either form. */
static enum rd_status find_time(struct parse *p)
{
	const char *from = "x-amz-date";
	struct rd_view text;

	RD_TRY(rd_sigv4_header(p->req, from, &text));
	if (text.ptr == NULL) {
		from = "date";
		RD_TRY(rd_sigv4_header(p->req, from, &text));
	}
	if (text.ptr == NULL) {
		return refuse(p, RD_SIGV4_NO_DATE, text);
	}
	if (!is_signed(p, rd_view_str(from))) {
		return refuse(p, RD_SIGV4_UNSIGNED_HEADER, rd_view_str(from));
	}
	text = trimmed(text);
	if (rd_sigv4_parse_time(text, &p->claim.time_s) == RD_OK) {
		/* That form has one text for each time. */
		memcpy(p->claim.time, text.ptr, RD_SIGV4_TIME_SIZE - 1);
		p->claim.time[RD_SIGV4_TIME_SIZE - 1] = '\0';
		return RD_OK;
	}
	if (!rd_text_is(rd_view_str(from), "date") ||
		rd_sigv4_parse_http_date(text, &p->claim.time_s) != RD_OK) {
		return refuse(p, RD_SIGV4_BAD_DATE, text);
	}
	return rd_sigv4_time(p->claim.time_s, p->claim.time);
}

static enum rd_status read_time(struct parse *p)
{
	RD_TRY(find_time(p));
	if (!rd_view_equal(p->claim.date, rd_view(p->claim.time, 8))) {
		return refuse(p, RD_SIGV4_SCOPE_DATE, p->claim.date);
	}
	return check_clock(p);
}

static enum rd_status check_body(struct parse *p)
{
	char hex[2 * RD_SHA256_SIZE + 1];
	struct rd_view said;

	if (p->req->body_sha256 != NULL) {
		memcpy(p->claim.body_sha256, p->req->body_sha256, RD_SHA256_SIZE);
	} else {
		RD_TRY(rd_digest_once(RD_SHA256, p->req->body, p->claim.body_sha256));
	}
	RD_TRY(rd_sigv4_header(p->req, "x-amz-content-sha256", &said));
	if (said.ptr == NULL) {
		return RD_OK;
	}
	said = trimmed(said);
	if (rd_text_is(said, "UNSIGNED-PAYLOAD") || rd_text_has_prefix(said, "STREAMING-")) {
		return refuse(p, RD_SIGV4_UNSIGNED_PAYLOAD, rd_view(NULL, 0));
	}
	rd_hex_string(rd_view(p->claim.body_sha256, RD_SHA256_SIZE), hex);
	if (!rd_text_is(said, hex)) {
		return refuse(p, RD_SIGV4_WRONG_PAYLOAD_HASH, rd_view(NULL, 0));
	}
	return RD_OK;
}

static enum rd_status parse_all(struct parse *p)
{
	RD_TRY(find_authorization(p));
	RD_TRY(check_single_headers(p));
	RD_TRY(read_signature(p));
	RD_TRY(check_signed_headers(p));
	RD_TRY(check_what_is_signed(p));
	RD_TRY(read_credential(p));
	RD_TRY(read_time(p));
	RD_TRY(check_body(p));
	return rd_sigv4_header(p->req, "x-amz-security-token", &p->claim.token);
}

enum rd_status rd_sigv4_parse(const struct rd_sigv4_request *req,
	const struct rd_sigv4_rules *rules, struct rd_sigv4_claim *ret_claim,
	struct rd_sigv4_refusal *ret_refusal)
{
	struct parse p = {.req = req, .rules = rules};
	enum rd_status st;

	p.refusal.now_s = rules->now_s;
	p.refusal.skew_s = rules->skew_s;
	st = parse_all(&p);
	if (st == RD_OK) {
		*ret_claim = p.claim;
	} else if (st == RD_UNTRUSTED) {
		*ret_refusal = p.refusal;
	}
	return st;
}

/* What the canonical form's failures are called; others are ours. */
static enum rd_sigv4_why why_not_canonical(enum rd_status st)
{
	switch (rd_category(st)) {
	case RD_CAT_NOTFOUND:
		return RD_SIGV4_ABSENT_HEADER;
	case RD_CAT_FORBIDDEN:
		return RD_SIGV4_BAD_HEADER;
	case RD_CAT_MALFORMED:
	case RD_CAT_LIMIT:
		return RD_SIGV4_BAD_QUERY;
	case RD_CAT_OK:
	case RD_CAT_IO:
	case RD_CAT_AGAIN:
	case RD_CAT_CLOSED:
	case RD_CAT_UNSUPPORTED:
	case RD_CAT_DENIED:
	case RD_CAT_EXISTS:
	case RD_CAT_NOMEM:
	case RD_CAT_USAGE:
	case RD_CAT_UNTRUSTED:
	case RD_CAT_INTERNAL:
	case RD_CAT_COUNT:
		break;
	}
	return RD_SIGV4_ACCEPTED;
}

enum rd_status rd_sigv4_verify(const struct rd_sigv4_request *req,
	const struct rd_sigv4_claim *claim, const uint8_t key[RD_SIGV4_KEY_SIZE],
	struct rd_sigv4_refusal *ret_refusal)
{
	struct rd_sigv4_refusal refusal = {.why = RD_SIGV4_MISMATCH};
	uint8_t mac[RD_SHA256_SIZE];
	enum rd_status st = rd_sigv4_mac(req, claim, key, mac);
	bool same;

	if (st != RD_OK) {
		refusal.why = why_not_canonical(st);
		RD_ENSURE(refusal.why != RD_SIGV4_ACCEPTED, st);
		*ret_refusal = refusal;
		return RD_UNTRUSTED;
	}
	same = rd_equal_constant_time(
		rd_view(mac, sizeof(mac)), rd_view(claim->signature, sizeof(claim->signature)));
	rd_wipe(mac, sizeof(mac));
	if (!same) {
		*ret_refusal = refusal;
		return RD_UNTRUSTED;
	}
	return RD_OK;
}
