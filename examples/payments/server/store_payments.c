/* SPDX-License-Identifier: Apache-2.0 */
/* Payments, their operations, and clients' idempotency keys in the database. */
#include "server/store.h"

#include "base/text.h"
#include "db/db_rows.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                    \
	"id, shop_order, merchant, client_key, state, amount, currency, token, fpe_token, masked," \
	" brand, auth_code, rrn, reason, operation, due_ms, created_ms, updated_ms"

enum rd_status ps_store_payment_add(struct rd_db *db, const struct ps_payment *p)
{
	return rd_db_write(db,
		"INSERT INTO payment (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
		" $10, $11, $12, $13, $14, $15, $16, $17, $18)",
		RD_DB_ARGS(rd_db_text(p->id), rd_db_text(p->order), rd_db_text(p->merchant),
			rd_db_text(p->key), rd_db_int(p->state), rd_db_int(p->amount),
			rd_db_text(p->currency), rd_db_text(p->token), rd_db_text(p->fpe_token),
			rd_db_text(p->masked), rd_db_text(p->brand), rd_db_text(p->auth_code),
			rd_db_text(p->rrn), rd_db_text(p->reason), rd_db_text(p->operation),
			rd_db_int(p->due_ms), rd_db_int(p->created_ms), rd_db_int(p->updated_ms)),
		RD_EXISTS);
}

static enum rd_status payment_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct ps_payment *p = arg;

	rd_db_take_text(&c, p->id, sizeof(p->id));
	rd_db_take_text(&c, p->order, sizeof(p->order));
	rd_db_take_text(&c, p->merchant, sizeof(p->merchant));
	rd_db_take_text(&c, p->key, sizeof(p->key));
	p->state = (enum ps_payment_state)rd_db_take_u32(&c, PS_PAYMENT_STATE_COUNT - 1);
	p->amount = rd_db_take_i64(&c);
	rd_db_take_text(&c, p->currency, sizeof(p->currency));
	rd_db_take_text(&c, p->token, sizeof(p->token));
	rd_db_take_text(&c, p->fpe_token, sizeof(p->fpe_token));
	rd_db_take_text(&c, p->masked, sizeof(p->masked));
	rd_db_take_text(&c, p->brand, sizeof(p->brand));
	rd_db_take_text(&c, p->auth_code, sizeof(p->auth_code));
	rd_db_take_text(&c, p->rrn, sizeof(p->rrn));
	rd_db_take_text(&c, p->reason, sizeof(p->reason));
	rd_db_take_text(&c, p->operation, sizeof(p->operation));
	p->due_ms = rd_db_take_i64(&c);
	p->created_ms = rd_db_take_i64(&c);
	p->updated_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_payment_get(struct rd_db *db, const char *id, struct ps_payment *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM payment WHERE id = $1",
		RD_DB_ARGS(rd_db_text(id)), payment_row, ret);
}

enum rd_status ps_store_payment_put(struct rd_db *db, const struct ps_payment *p)
{
	return rd_db_write(db,
		"UPDATE payment SET state = $1, token = $2, fpe_token = $3, masked = $4,"
		" brand = $5, auth_code = $6, rrn = $7, reason = $8, operation = $9, due_ms = $10,"
		" updated_ms = $11 WHERE id = $12",
		RD_DB_ARGS(rd_db_int(p->state), rd_db_text(p->token), rd_db_text(p->fpe_token),
			rd_db_text(p->masked), rd_db_text(p->brand), rd_db_text(p->auth_code),
			rd_db_text(p->rrn), rd_db_text(p->reason), rd_db_text(p->operation),
			rd_db_int(p->due_ms), rd_db_int(p->updated_ms), rd_db_text(p->id)),
		RD_NOTFOUND);
}

struct payments {
	ps_payment_fn *fn;
	void *arg;
};

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct payments *payments = arg;
	struct ps_payment p;

	RD_TRY(payment_row(&p, columns, n));
	return payments->fn(payments->arg, &p);
}

#define ORDER " ORDER BY created_ms DESC, id DESC LIMIT "

static enum rd_status first_page(
	struct rd_db *db, const struct ps_page *page, struct payments *payments)
{
	const struct rd_db_value limit = rd_db_int(page->limit);

	if (page->merchant == NULL) {
		return rd_db_run(db, "SELECT " COLUMNS " FROM payment" ORDER "$1",
			RD_DB_ARGS(limit), list_row, payments, NULL);
	}
	return rd_db_run(db, "SELECT " COLUMNS " FROM payment WHERE merchant = $1" ORDER "$2",
		RD_DB_ARGS(rd_db_text(page->merchant), limit), list_row, payments, NULL);
}

enum rd_status ps_store_payments(
	struct rd_db *db, const struct ps_page *page, ps_payment_fn *fn, void *arg)
{
	struct payments payments = {.fn = fn, .arg = arg};
	const struct rd_db_value after = rd_db_text(page->after);
	const struct rd_db_value limit = rd_db_int(page->limit);

	if (page->after[0] == '\0') {
		return first_page(db, page, &payments);
	}
	if (page->merchant == NULL) {
		return rd_db_run(db,
			"SELECT " COLUMNS " FROM payment WHERE (created_ms, id) <"
			" (SELECT created_ms, id FROM payment WHERE id = $1)" ORDER "$2",
			RD_DB_ARGS(after, limit), list_row, &payments, NULL);
	}
	return rd_db_run(db,
		"SELECT " COLUMNS " FROM payment WHERE merchant = $1 AND (created_ms, id) <"
		" (SELECT created_ms, id FROM payment WHERE id = $2)" ORDER "$3",
		RD_DB_ARGS(rd_db_text(page->merchant), after, limit), list_row, &payments, NULL);
}

enum rd_status ps_store_payments_due(
	struct rd_db *db, int64_t now_ms, uint32_t limit, ps_payment_fn *fn, void *arg)
{
	struct payments payments = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT " COLUMNS " FROM payment WHERE due_ms > 0 AND due_ms <= $1"
		" ORDER BY due_ms, id LIMIT $2",
		RD_DB_ARGS(rd_db_int(now_ms), rd_db_int(limit)), list_row, &payments, NULL);
}

static enum rd_status count_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	uint32_t state = rd_db_take_u32(&c, PS_PAYMENT_STATE_COUNT - 1);
	int64_t count = rd_db_take_i64(&c);

	((int64_t *)arg)[state] = count;
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_payment_counts(struct rd_db *db, int64_t ret[PS_PAYMENT_STATE_COUNT])
{
	memset(ret, 0, PS_PAYMENT_STATE_COUNT * sizeof(*ret));
	return rd_db_run(db, "SELECT state, count(*) FROM payment GROUP BY state", NULL, 0,
		count_row, ret, NULL);
}

/* --- operations --- */

enum rd_status ps_store_operation_add(struct rd_db *db, const struct ps_operation *o)
{
	return rd_db_write(db,
		"INSERT INTO operation (id, payment, kind, state, created_ms, done_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		RD_DB_ARGS(rd_db_text(o->id), rd_db_text(o->payment), rd_db_int(o->kind),
			rd_db_int(o->state), rd_db_int(o->created_ms), rd_db_int(o->done_ms)),
		RD_EXISTS);
}

static enum rd_status operation_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct ps_operation *o = arg;

	rd_db_take_text(&c, o->id, sizeof(o->id));
	rd_db_take_text(&c, o->payment, sizeof(o->payment));
	o->kind = (enum ps_operation_kind)rd_db_take_u32(&c, PS_OP_KIND_COUNT - 1);
	o->state = (enum ps_operation_state)rd_db_take_u32(&c, PS_OP_STATE_COUNT - 1);
	o->created_ms = rd_db_take_i64(&c);
	o->done_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_operation_get(struct rd_db *db, const char *id, struct ps_operation *ret)
{
	return rd_db_one(db,
		"SELECT id, payment, kind, state, created_ms, done_ms FROM operation WHERE id = $1",
		RD_DB_ARGS(rd_db_text(id)), operation_row, ret);
}

enum rd_status ps_store_operation_finish(
	struct rd_db *db, const char *id, enum ps_operation_state state, int64_t now_ms)
{
	return rd_db_write(db, "UPDATE operation SET state = $1, done_ms = $2 WHERE id = $3",
		RD_DB_ARGS(rd_db_int(state), rd_db_int(now_ms), rd_db_text(id)), RD_NOTFOUND);
}

/* --- idempotency keys --- */

struct found_key {
	bool same;
	const uint8_t *request;
	char *subject;
};

static enum rd_status key_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct found_key *found = arg;
	uint8_t *request = NULL;
	size_t len = 0;

	rd_db_take_blob(&c, &request, &len);
	rd_db_take_text(&c, found->subject, PS_ID_SIZE);
	found->same = len == 32 && memcmp(request, found->request, len) == 0;
	free(request);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_idempotency_find(
	struct rd_db *db, const struct ps_idempotency *i, char ret_subject[PS_ID_SIZE])
{
	struct found_key found = {.request = i->request, .subject = ret_subject};

	RD_TRY(rd_db_one(db,
		"SELECT request, subject FROM idempotency_key WHERE scope = $1 AND client_key = $2",
		RD_DB_ARGS(rd_db_text(i->scope), rd_db_text(i->key)), key_row, &found));
	return found.same ? RD_OK : RD_FORBIDDEN;
}

enum rd_status ps_store_idempotency_take(
	struct rd_db *db, const struct ps_idempotency *i, const char *subject, int64_t now_ms)
{
	return rd_db_write(db,
		"INSERT INTO idempotency_key (scope, client_key, request, subject, created_ms)"
		" VALUES ($1, $2, $3, $4, $5)",
		RD_DB_ARGS(rd_db_text(i->scope), rd_db_text(i->key),
			rd_db_blob(rd_view(i->request, 32)), rd_db_text(subject),
			rd_db_int(now_ms)),
		RD_INTERNAL);
}
