/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies, queries and headers of the API. */
#include "server/body.h"

#include "aws/json_in.h"
#include "base/text.h"
#include "cbor/decode.h"
#include "server/ids.h"

#include <string.h>

/* A page of a list. */
#define LIMIT_MAX   100
#define LIMIT_USUAL 20

static const struct ps_refusal fine = {PS_FAULT_NONE, NULL};

static struct ps_refusal invalid(const char *message)
{
	return (struct ps_refusal){PS_FAULT_INVALID, message};
}

/* --- JSON --- */

static struct ps_refusal parse(struct rd_view text, json_t **ret)
{
	enum rd_status st = rd_json_in_parse(text, ret);

	if (st == RD_NOMEM) {
		return (struct ps_refusal){PS_FAULT_BUSY, NULL};
	}
	return st == RD_OK ? fine : (struct ps_refusal){PS_FAULT_BAD_JSON, NULL};
}

/* What nobody knows is a mistake of the client's, or a member of a later version that would be
 * dropped in silence. */
static bool only(json_t *object, const char *const *names, size_t n_names)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		bool known = false;

		for (size_t i = 0; i < n_names; i++) {
			known = known || strcmp(name, names[i]) == 0;
		}
		if (!known) {
			return false;
		}
	}
	return true;
}

/* The text of a member; an absent view: there is none, or it is no string. */
static struct rd_view text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value) ? rd_view(json_string_value(value), json_string_length(value))
				     : rd_view(NULL, 0);
}

/* size: exactly so many bytes; otherwise at most. */
static bool take_base64(struct rd_view text, uint8_t *ret, size_t size, size_t *ret_len)
{
	/* The decoder writes whole groups of three. */
	uint8_t bytes[PAY_SIGNED_MAX + 3];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));

	if (text.ptr == NULL || rd_base64_decode(text, &buf) != RD_OK || buf.used > size ||
		(ret_len == NULL && buf.used != size)) {
		return false;
	}
	memcpy(ret, buf.ptr, buf.used);
	if (ret_len != NULL) {
		*ret_len = buf.used;
	}
	return true;
}

bool ps_is_text(struct rd_view text, size_t size)
{
	if (text.ptr == NULL || text.len == 0 || text.len >= size) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < ' ' || text.ptr[i] > '~') {
			return false;
		}
	}
	return true;
}

/* What has been looked at, and so is there. */
static void keep_text(struct rd_view text, char *ret)
{
	assert(text.ptr != NULL);
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
}

struct ps_refusal ps_body_order(struct rd_view text, struct ps_body_order *ret)
{
	static const char *const names[] = {"amount", "currency", "reference"};
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	struct ps_refusal refusal = parse(text, &json);
	struct rd_view reference;
	const json_t *amount;

	if (refusal.fault != PS_FAULT_NONE) {
		return refusal;
	}
	amount = json_object_get(json, "amount");
	reference = text_of(json, "reference");
	if (!only(json, names, RD_ARRAY_LEN(names))) {
		return invalid("An order has amount, currency and reference, and nothing else.");
	}
	if (!json_is_integer(amount) || json_integer_value(amount) < 1 ||
		json_integer_value(amount) > PS_AMOUNT_MAX) {
		return invalid("amount is a whole number of minor units, 1 to 999999999999.");
	}
	if (!rd_view_equal(text_of(json, "currency"), rd_view_str("EUR"))) {
		return invalid("currency is \"EUR\": no other is offered.");
	}
	if (json_object_get(json, "reference") != NULL &&
		!ps_is_text(reference, PS_REFERENCE_SIZE)) {
		return invalid("reference is 1 to 64 printable ASCII characters.");
	}
	*ret = (struct ps_body_order){.amount = json_integer_value(amount), .currency = "EUR"};
	if (reference.ptr != NULL) {
		keep_text(reference, ret->reference);
	}
	return fine;
}

struct ps_refusal ps_body_payment(struct rd_view text, struct ps_body_payment *ret)
{
	static const char *const names[] = {"order", "sealed"};
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	struct ps_refusal refusal = parse(text, &json);
	struct rd_view order;

	if (refusal.fault != PS_FAULT_NONE) {
		return refusal;
	}
	order = text_of(json, "order");
	if (!only(json, names, RD_ARRAY_LEN(names))) {
		return invalid("A payment has order and sealed, and nothing else: card data is "
			       "sealed to the enclave.");
	}
	if (order.ptr == NULL || ps_id_parse("ord_", order, ret->order) != RD_OK) {
		return invalid("order is an order's id.");
	}
	if (!take_base64(text_of(json, "sealed"), ret->sealed, sizeof(ret->sealed), NULL)) {
		return invalid("sealed is a card message of 337 bytes in base64.");
	}
	return fine;
}

static bool take_signature(const json_t *item, struct ps_body_dual *ret)
{
	static const char *const names[] = {"custodian", "signature"};
	struct rd_view custodian = text_of(item, "custodian");
	size_t i = ret->n_signatures;

	if (!json_is_object(item) || json_object_size(item) != RD_ARRAY_LEN(names) ||
		!ps_is_text(custodian, sizeof(ret->signatures[i].custodian)) ||
		!take_base64(text_of(item, "signature"), ret->signatures[i].rs, PAY_SIGNATURE_SIZE,
			NULL)) {
		return false;
	}
	keep_text(custodian, ret->signatures[i].custodian);
	ret->n_signatures++;
	return true;
}

static bool take_signatures(const json_t *list, struct ps_body_dual *ret)
{
	const size_t n = json_array_size(list); /* 0 for anything else */

	if (n == 0 || n > PAY_SIGNATURES_MAX) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		if (!take_signature(json_array_get(list, i), ret)) {
			return false;
		}
	}
	return true;
}

static bool is_word(struct rd_view text, size_t max)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	if (text.ptr == NULL || text.len == 0 || text.len > max) {
		return false;
	}
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\0' || strchr(letters, text.ptr[i]) == NULL) {
			return false;
		}
	}
	return true;
}

/* ["redoubt-payments export v1", nonce, merchant, token, …] (wire/link.h). */
static enum rd_status read_export(struct ps_body_dual *dual)
{
	struct rd_view title, nonce, merchant, token;
	struct rd_cbor_iter it;
	struct rd_cbor d;

	rd_cbor_init(&d, rd_view(dual->request, dual->request_len), RD_CBOR_STRICT);
	RD_TRY(rd_cbor_array_of(&d, 6, &it));
	RD_TRY(rd_cbor_text(&d, &title));
	RD_ENSURE(rd_view_equal(title, rd_view_str("redoubt-payments export v1")), RD_BAD_TYPE);
	RD_TRY(rd_cbor_bytes(&d, &nonce));
	RD_TRY(rd_cbor_text(&d, &merchant));
	RD_TRY(rd_cbor_text(&d, &token));
	RD_ENSURE(
		is_word(merchant, PAY_MERCHANT_MAX) && is_word(token, PAY_TOKEN_MAX), RD_MALFORMED);
	keep_text(merchant, dual->merchant);
	keep_text(token, dual->token);
	return RD_OK;
}

struct ps_refusal ps_body_dual(struct rd_view text, struct ps_body_dual *ret)
{
	static const char *const names[] = {"request", "signatures"};
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	struct ps_refusal refusal = parse(text, &json);

	if (refusal.fault != PS_FAULT_NONE) {
		return refusal;
	}
	memset(ret, 0, sizeof(*ret));
	if (!only(json, names, RD_ARRAY_LEN(names))) {
		return invalid("A signed request has request and signatures, and nothing else.");
	}
	if (!take_base64(text_of(json, "request"), ret->request, sizeof(ret->request),
		    &ret->request_len) ||
		ret->request_len == 0) {
		return invalid("request is what was signed, in base64.");
	}
	if (!take_signatures(json_object_get(json, "signatures"), ret)) {
		return invalid(
			"signatures is a list of one to four {\"custodian\", \"signature\"}, "
			"each signature 64 bytes in base64.");
	}
	if (read_export(ret) != RD_OK) {
		ret->merchant[0] = '\0';
		ret->token[0] = '\0';
	}
	return fine;
}

struct ps_refusal ps_body_none(struct rd_view text)
{
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	struct ps_refusal refusal = parse(text, &json);

	if (refusal.fault == PS_FAULT_NONE && json_object_size(json) != 0) {
		return invalid("This takes no members.");
	}
	return refusal;
}

/* --- headers and queries --- */

struct ps_refusal ps_body_key(
	const struct rd_http_request *request, bool required, char ret[PS_KEY_SIZE])
{
	struct rd_view key = rd_http_header_find(request, "Idempotency-Key");

	ret[0] = '\0';
	if (key.ptr == NULL && !required) {
		return fine;
	}
	if (key.ptr == NULL || !is_word(key, PAY_ID_MAX)) {
		return (struct ps_refusal){PS_FAULT_BAD_KEY, NULL};
	}
	keep_text(key, ret);
	return fine;
}

struct rd_view ps_query_find(struct rd_view query, const char *name)
{
	const size_t name_len = strlen(name);
	struct rd_view found = rd_view(NULL, 0);
	struct rd_cur c = rd_cur(query);
	size_t n = 0;

	while (c.left > 0) {
		const uint8_t *end = memchr(c.ptr, '&', c.left);
		struct rd_view pair = rd_view(c.ptr, end == NULL ? c.left : (size_t)(end - c.ptr));

		if (pair.len > name_len && memcmp(pair.ptr, name, name_len) == 0 &&
			pair.ptr[name_len] == '=') {
			found = rd_view(pair.ptr + name_len + 1, pair.len - name_len - 1);
			n++;
		}
		if (rd_cur_skip(&c, pair.len + (end == NULL ? 0 : 1)) != RD_OK) {
			break;
		}
	}
	return n == 1 ? found : rd_view(NULL, 0);
}

struct ps_refusal ps_query_number(
	struct rd_view query, const char *name, uint64_t max, uint64_t usual, uint64_t *ret)
{
	struct rd_view value = ps_query_find(query, name);
	char text[24] = "";

	*ret = usual;
	if (value.ptr == NULL) {
		return fine;
	}
	if (value.len < sizeof(text)) {
		keep_text(value, text);
	}
	if (rd_parse_u64(text, 0, max, ret) != RD_OK) {
		return invalid("A number of the query is not one, or too large.");
	}
	return fine;
}

struct ps_refusal ps_query_page(struct rd_view query, const char *kind, struct ps_query_page *ret)
{
	struct rd_view after = ps_query_find(query, "after");
	uint64_t limit = LIMIT_USUAL;
	struct ps_refusal refusal = ps_query_number(query, "limit", LIMIT_MAX, LIMIT_USUAL, &limit);

	if (refusal.fault != PS_FAULT_NONE || limit == 0) {
		return invalid("limit is a number from 1 to 100.");
	}
	*ret = (struct ps_query_page){.limit = (uint32_t)limit};
	if (after.ptr != NULL && ps_id_parse(kind, after, ret->after) != RD_OK) {
		return invalid("after is the last id of the page before.");
	}
	return fine;
}

struct ps_refusal ps_query_nonce(
	struct rd_view query, uint8_t ret[PAY_PAGE_NONCE_MAX], size_t *ret_len)
{
	struct rd_view hex = ps_query_find(query, "nonce");
	struct rd_buf buf = rd_buf_fixed(ret, PAY_PAGE_NONCE_MAX);

	if (hex.ptr == NULL || rd_hex_decode(hex, &buf) != RD_OK || buf.used < PAY_PAGE_NONCE_MIN) {
		return invalid("nonce is 16 to 64 bytes in hex.");
	}
	*ret_len = buf.used;
	return fine;
}
