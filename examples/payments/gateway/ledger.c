/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the books, and the rules of each kind of operation. */
#include "gateway/ledger.h"

#include "base/text.h"
#include "db/db_rows.h"
#include "os/paths.h"

#include <stdio.h>

/* Never changed after a release (db/db.h). kind is enum pay_gateway_kind, times are in ms. */
static const char *const migrations[] = {
	"CREATE TABLE operation ("
	" rrn {text} PRIMARY KEY,"
	" kind BIGINT NOT NULL,"
	" stan {text} NOT NULL,"
	" amount BIGINT NOT NULL,"
	" currency {text} NOT NULL,"
	" terminal {text} NOT NULL,"
	" merchant {text} NOT NULL,"
	" original {text} NOT NULL,"
	" digest {blob},"
	" card {blob},"
	" last4 {text} NOT NULL,"
	" response {text} NOT NULL,"
	" answer {blob},"
	" captured BIGINT NOT NULL,"
	" refunded BIGINT NOT NULL,"
	" reversed BIGINT NOT NULL,"
	" at_ms BIGINT NOT NULL);"
	"CREATE INDEX operation_by_card ON operation (card);"

	"CREATE TABLE witness ("
	" log {blob} PRIMARY KEY,"
	" key {blob} NOT NULL,"
	" head {blob} NOT NULL,"
	" at_ms BIGINT NOT NULL);",
};

static const struct rd_db_schema schema = {
	.program = "payments-gateway",
	.migrations = migrations,
	.version = RD_ARRAY_LEN(migrations),
};

/* What the rules look at. */
struct row {
	enum pay_gateway_kind kind;
	struct pay_gateway_operation op;
	char stan[6 + 1];
	char response[2 + 1];
	bool has_digest;
	struct gw_digest digest;
	uint64_t captured, refunded;
	bool reversed;
	uint8_t answer[PAY_ISO_MESSAGE_MAX];
	size_t answer_len;
};

enum rd_status gw_ledger_open(const char *state, struct rd_db **ret, struct rd_error *err)
{
	char url[RD_PATH_MAX + sizeof("sqlite:/gateway.sqlite")];

	(void)snprintf(url, sizeof(url), "sqlite:%s/gateway.sqlite", state);
	return rd_db_open(url, &schema, ret, err);
}

/* --- rows --- */

static enum rd_status take_bytes(
	const struct rd_db_value *column, uint8_t *ret, size_t max, size_t *ret_len)
{
	*ret_len = 0;
	if (column->type == RD_DB_NULL) {
		return RD_OK;
	}
	RD_ENSURE(column->type == RD_DB_BLOB && column->bytes.len <= max, RD_BAD_TYPE);
	memcpy(ret, column->bytes.ptr, column->bytes.len);
	*ret_len = column->bytes.len;
	return RD_OK;
}

static enum rd_status take_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n - 2);
	struct row *ret = arg;
	size_t digest_len;

	ret->kind = (enum pay_gateway_kind)rd_db_take_u32(&c, PAY_GATEWAY_KIND_COUNT - 1);
	rd_db_take_text(&c, ret->stan, sizeof(ret->stan));
	ret->op.amount = (uint64_t)rd_db_take_i64(&c);
	rd_db_take_text(&c, ret->op.currency, sizeof(ret->op.currency));
	rd_db_take_text(&c, ret->op.terminal, sizeof(ret->op.terminal));
	rd_db_take_text(&c, ret->op.merchant, sizeof(ret->op.merchant));
	rd_db_take_text(&c, ret->response, sizeof(ret->response));
	ret->captured = (uint64_t)rd_db_take_i64(&c);
	ret->refunded = (uint64_t)rd_db_take_i64(&c);
	ret->reversed = rd_db_take_bool(&c);
	RD_TRY(rd_db_take_finish(&c));
	RD_TRY(take_bytes(
		&columns[n - 2], ret->digest.bytes, sizeof(ret->digest.bytes), &digest_len));
	ret->has_digest = digest_len == sizeof(ret->digest.bytes);
	return take_bytes(&columns[n - 1], ret->answer, sizeof(ret->answer), &ret->answer_len);
}

/* RD_NOTFOUND. */
static enum rd_status find(struct rd_db *db, const char *rrn, struct row *ret)
{
	*ret = (struct row){0};
	rd_text_copy(ret->op.rrn, sizeof(ret->op.rrn), rrn);
	return rd_db_one(db,
		"SELECT kind, stan, amount, currency, terminal, merchant, response, captured,"
		" refunded, reversed, digest, answer FROM operation WHERE rrn = $1",
		RD_DB_ARGS(rd_db_text(rrn)), take_row, ret);
}

static const char *last4_of(const char *pan)
{
	size_t len = strlen(pan);

	return len > 4 ? pan + len - 4 : "";
}

/* An operation with its answer; a row of one that was reversed before it came is replaced. */
static enum rd_status store(struct gw_ledger *ledger, const struct pay_gateway_request *request,
	const struct gw_digest *digest, const char *response, struct rd_view answer, bool reversed,
	int64_t now_ms)
{
	struct gw_digest card;
	struct rd_db_value card_value = rd_db_null();

	if (request->pan[0] != '\0') {
		RD_TRY(gw_card_digest(&ledger->secrets, request->pan, &card));
		card_value = rd_db_blob(rd_view(card.bytes, sizeof(card.bytes)));
	}
	return rd_db_run(ledger->db,
		"INSERT INTO operation (rrn, kind, stan, amount, currency, terminal, merchant,"
		" original, digest, card, last4, response, answer, captured, refunded, reversed,"
		" at_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 0, 0, $14, $15)"
		" ON CONFLICT (rrn) DO UPDATE SET digest = excluded.digest, card = excluded.card,"
		" last4 = excluded.last4, response = excluded.response, answer = excluded.answer",
		RD_DB_ARGS(rd_db_text(request->op.rrn), rd_db_int(request->kind),
			rd_db_text(request->stamp.stan), rd_db_int((int64_t)request->op.amount),
			rd_db_text(request->op.currency), rd_db_text(request->op.terminal),
			rd_db_text(request->op.merchant), rd_db_text(request->original_rrn),
			digest == NULL ? rd_db_null()
				       : rd_db_blob(rd_view(digest->bytes, sizeof(digest->bytes))),
			card_value, rd_db_text(last4_of(request->pan)), rd_db_text(response),
			answer.len == 0 ? rd_db_null() : rd_db_blob(answer), rd_db_int(reversed),
			rd_db_int(now_ms)),
		NULL, NULL, NULL);
}

/* --- answers --- */

static enum rd_status answer_with(struct gw_ledger *ledger,
	const struct pay_gateway_request *request, const char *response, const char *reason,
	struct rd_buf *out)
{
	struct pay_gateway_answer answer = {
		.kind = request->kind, .stamp = request->stamp, .op = request->op};

	rd_text_copy(answer.response, sizeof(answer.response), response);
	rd_text_copy(answer.reason, sizeof(answer.reason), reason);
	if (strcmp(response, PAY_GATEWAY_APPROVED) == 0 && request->kind != PAY_GATEWAY_REVERSE) {
		RD_TRY(gw_auth_code(&ledger->secrets, request->op.rrn, answer.auth_code));
	}
	return pay_gateway_answer_encode(&answer, out);
}

static enum rd_status conflict(
	struct gw_ledger *ledger, const struct pay_gateway_request *request, struct rd_buf *out)
{
	return answer_with(
		ledger, request, PAY_GATEWAY_CONFLICT, "this RRN was used for something else", out);
}

static bool same_operation(
	const struct pay_gateway_operation *a, const struct pay_gateway_operation *b)
{
	return a->amount == b->amount && strcmp(a->currency, b->currency) == 0 &&
	       strcmp(a->terminal, b->terminal) == 0 && strcmp(a->merchant, b->merchant) == 0;
}

/* --- the kinds --- */

/* What the rules say to a capture or a refund; NULL: nothing against it. */
static const char *objection(const struct pay_gateway_request *request, const struct row *original)
{
	const bool refund = request->kind == PAY_GATEWAY_REFUND;

	if (original->kind != PAY_GATEWAY_AUTHORISE ||
		strcmp(original->response, PAY_GATEWAY_APPROVED) != 0) {
		return "the original is no approved authorisation";
	}
	if (original->reversed) {
		return "the authorisation was reversed";
	}
	if (strcmp(request->op.merchant, original->op.merchant) != 0 ||
		strcmp(request->op.currency, original->op.currency) != 0) {
		return "the authorisation is another merchant's, or in another currency";
	}
	if (!refund && request->op.amount > original->op.amount - original->captured) {
		return "more than what is left of the authorised amount";
	}
	if (refund && request->op.amount > original->captured - original->refunded) {
		return "more than what is left of the captured amount";
	}
	return NULL;
}

static enum rd_status move_money(struct rd_db *db, const struct pay_gateway_request *request)
{
	const int64_t amount = (int64_t)request->op.amount;
	const bool refund = request->kind == PAY_GATEWAY_REFUND;

	return rd_db_write(db,
		"UPDATE operation SET captured = captured + $1, refunded = refunded + $2"
		" WHERE rrn = $3",
		RD_DB_ARGS(rd_db_int(refund ? 0 : amount), rd_db_int(refund ? amount : 0),
			rd_db_text(request->original_rrn)),
		RD_INTERNAL);
}

/* Capture and refund for the first time. */
static enum rd_status first_financial(struct gw_ledger *ledger,
	const struct pay_gateway_request *request, const char *response, const char **ret_response,
	const char **ret_reason)
{
	struct row original;
	enum rd_status st = find(ledger->db, request->original_rrn, &original);

	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	*ret_reason = st == RD_OK ? objection(request, &original) : "there is no such original";
	*ret_response = *ret_reason == NULL ? response : PAY_GATEWAY_DECLINED;
	if (*ret_reason != NULL) {
		return RD_OK;
	}
	*ret_reason = "";
	return strcmp(response, PAY_GATEWAY_APPROVED) == 0 ? move_money(ledger->db, request)
							   : RD_OK;
}

/* An authorisation that is repeated after it was reversed is no longer approved. */
static enum rd_status repeat(struct gw_ledger *ledger, const struct pay_gateway_request *request,
	const struct row *row, struct rd_buf *out)
{
	if (row->reversed && strcmp(row->response, PAY_GATEWAY_APPROVED) == 0) {
		return answer_with(ledger, request, PAY_GATEWAY_DECLINED, "it was reversed", out);
	}
	return rd_buf_put(out, row->answer, row->answer_len);
}

static bool is_repeated(const struct row *row, const struct pay_gateway_request *request,
	const struct gw_digest *digest)
{
	return row->kind == request->kind && row->has_digest &&
	       memcmp(row->digest.bytes, digest->bytes, sizeof(digest->bytes)) == 0;
}

/* The classic race: this request was overtaken by its own reversal. */
static bool was_overtaken(const struct row *row, const struct pay_gateway_request *request)
{
	return row->kind == PAY_GATEWAY_AUTHORISE && request->kind == PAY_GATEWAY_AUTHORISE &&
	       !row->has_digest && strcmp(row->stan, request->stamp.stan) == 0 &&
	       same_operation(&row->op, &request->op);
}

static enum rd_status operate(struct gw_ledger *ledger, const struct pay_gateway_request *request,
	const char *response, int64_t now_ms, struct rd_buf *out, bool *ret_first)
{
	struct row row;
	struct gw_digest digest;
	const char *reason = "";
	const size_t start = out->used;
	enum rd_status st = find(ledger->db, request->op.rrn, &row);

	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	RD_TRY(gw_request_digest(&ledger->secrets, request, &digest));
	*ret_first = st == RD_NOTFOUND || was_overtaken(&row, request);
	if (!*ret_first) {
		return is_repeated(&row, request, &digest) ? repeat(ledger, request, &row, out)
							   : conflict(ledger, request, out);
	}
	if (st == RD_OK) {
		response = PAY_GATEWAY_DECLINED;
		reason = "it was reversed before it arrived";
	} else if (request->kind != PAY_GATEWAY_AUTHORISE) {
		RD_TRY(first_financial(ledger, request, response, &response, &reason));
	}
	RD_TRY(answer_with(ledger, request, response, reason, out));
	return store(ledger, request, &digest, response,
		rd_view(out->ptr + start, out->used - start), st == RD_OK, now_ms);
}

static enum rd_status mark_reversed(struct rd_db *db, const char *rrn)
{
	return rd_db_write(db, "UPDATE operation SET reversed = 1 WHERE rrn = $1",
		RD_DB_ARGS(rd_db_text(rrn)), RD_INTERNAL);
}

/* Nothing is known of it: it must not happen any more when it comes. */
static enum rd_status bar(
	struct gw_ledger *ledger, const struct pay_gateway_request *request, int64_t now_ms)
{
	struct pay_gateway_request original = {
		.kind = PAY_GATEWAY_AUTHORISE, .stamp = request->stamp, .op = request->op};

	rd_text_copy(original.stamp.stan, sizeof(original.stamp.stan), request->original_stan);
	return store(ledger, &original, NULL, "", rd_view(NULL, 0), true, now_ms);
}

static enum rd_status reverse(struct gw_ledger *ledger, const struct pay_gateway_request *request,
	const char *response, int64_t now_ms, struct rd_buf *out, bool *ret_first)
{
	struct row row;
	enum rd_status st = find(ledger->db, request->op.rrn, &row);

	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	*ret_first = st == RD_NOTFOUND || !row.reversed;
	if (st == RD_OK && (row.kind != PAY_GATEWAY_AUTHORISE ||
				   strcmp(row.stan, request->original_stan) != 0 ||
				   !same_operation(&row.op, &request->op))) {
		*ret_first = false;
		return conflict(ledger, request, out);
	}
	if (st == RD_OK && row.captured > 0) {
		*ret_first = false;
		return answer_with(
			ledger, request, PAY_GATEWAY_DECLINED, "it was captured: refund it", out);
	}
	if (!*ret_first) {
		return answer_with(ledger, request, PAY_GATEWAY_APPROVED, "", out);
	}
	if (strcmp(response, PAY_GATEWAY_APPROVED) == 0) {
		RD_TRY(st == RD_OK ? mark_reversed(ledger->db, request->op.rrn)
				   : bar(ledger, request, now_ms));
	}
	return answer_with(ledger, request, response, "", out);
}

enum rd_status gw_ledger_operate(struct gw_ledger *ledger,
	const struct pay_gateway_request *request, const char *response, int64_t now_ms,
	struct rd_buf *out, bool *ret_first)
{
	return request->kind == PAY_GATEWAY_REVERSE
		       ? reverse(ledger, request, response, now_ms, out, ret_first)
		       : operate(ledger, request, response, now_ms, out, ret_first);
}
