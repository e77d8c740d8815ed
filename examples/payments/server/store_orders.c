/* SPDX-License-Identifier: Apache-2.0 */
/* Orders in the database. */
#include "server/store.h"

#include "db/db_rows.h"

#define COLUMNS "id, merchant, amount, currency, reference, state, payment, created_ms"

enum rd_status ps_store_order_add(struct rd_db *db, const struct ps_order *o)
{
	return rd_db_write(db,
		"INSERT INTO shop_order (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		RD_DB_ARGS(rd_db_text(o->id), rd_db_text(o->merchant), rd_db_int(o->amount),
			rd_db_text(o->currency), rd_db_text(o->reference), rd_db_int(o->state),
			rd_db_text(o->payment), rd_db_int(o->created_ms)),
		RD_EXISTS);
}

static enum rd_status order_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct ps_order *o = arg;

	rd_db_take_text(&c, o->id, sizeof(o->id));
	rd_db_take_text(&c, o->merchant, sizeof(o->merchant));
	o->amount = rd_db_take_i64(&c);
	rd_db_take_text(&c, o->currency, sizeof(o->currency));
	rd_db_take_text(&c, o->reference, sizeof(o->reference));
	o->state = (enum ps_order_state)rd_db_take_u32(&c, PS_ORDER_STATE_COUNT - 1);
	rd_db_take_text(&c, o->payment, sizeof(o->payment));
	o->created_ms = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status ps_store_order_get(struct rd_db *db, const char *id, struct ps_order *ret)
{
	return rd_db_one(db, "SELECT " COLUMNS " FROM shop_order WHERE id = $1",
		RD_DB_ARGS(rd_db_text(id)), order_row, ret);
}

enum rd_status ps_store_order_put(struct rd_db *db, const struct ps_order *o)
{
	return rd_db_write(db, "UPDATE shop_order SET state = $1, payment = $2 WHERE id = $3",
		RD_DB_ARGS(rd_db_int(o->state), rd_db_text(o->payment), rd_db_text(o->id)),
		RD_NOTFOUND);
}

struct orders {
	ps_order_fn *fn;
	void *arg;
};

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct orders *orders = arg;
	struct ps_order o;

	RD_TRY(order_row(&o, columns, n));
	return orders->fn(orders->arg, &o);
}

enum rd_status ps_store_orders(
	struct rd_db *db, const struct ps_page *page, ps_order_fn *fn, void *arg)
{
	struct orders orders = {.fn = fn, .arg = arg};

	if (page->after[0] == '\0') {
		return rd_db_run(db,
			"SELECT " COLUMNS " FROM shop_order WHERE merchant = $1"
			" ORDER BY created_ms DESC, id DESC LIMIT $2",
			RD_DB_ARGS(rd_db_text(page->merchant), rd_db_int(page->limit)), list_row,
			&orders, NULL);
	}
	return rd_db_run(db,
		"SELECT " COLUMNS " FROM shop_order WHERE merchant = $1 AND (created_ms, id) <"
		" (SELECT created_ms, id FROM shop_order WHERE id = $2)"
		" ORDER BY created_ms DESC, id DESC LIMIT $3",
		RD_DB_ARGS(rd_db_text(page->merchant), rd_db_text(page->after),
			rd_db_int(page->limit)),
		list_row, &orders, NULL);
}
