/* SPDX-License-Identifier: Apache-2.0 */
/* The store of payments-server, on SQLite and on PostgreSQL. */
#include "test.h"

#include "merkle/head.h"
#include "server/ids.h"
#include "server/schema.h"
#include "server/store.h"

#include <libpq-fe.h>
#include <unistd.h>

static bool on_postgres;

struct world {
	struct rd_db *db;
	char dir[32], name[32];
	struct rd_ec_key *key;
	struct rd_merkle_range range;
};

static void sql(const char *text)
{
	PGconn *connection = PQconnectdb(getenv("TEST_POSTGRES"));
	PGresult *result = PQexec(connection, text);

	if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		fail_msg("%s: %s", text, PQerrorMessage(connection));
	}
	PQclear(result);
	PQfinish(connection);
}

static int setup(void **state)
{
	static unsigned count;
	struct world *w = calloc(1, sizeof(*w));
	struct rd_error err = {.text = ""};
	char text[512];

	assert_non_null(w);
	strcpy(w->dir, "/tmp/redoubt-pay-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(text, sizeof(text), "sqlite:%s/payments.db", w->dir);
	if (on_postgres) {
		snprintf(w->name, sizeof(w->name), "p%u_%u", (unsigned)getpid(), count++);
		snprintf(text, sizeof(text), "CREATE DATABASE %s", w->name);
		sql(text);
		snprintf(text, sizeof(text), "postgresql:///%s%s", w->name,
			strchr(getenv("TEST_POSTGRES"), '?'));
	}
	assert_status(rd_db_open(text, &ps_schema, &w->db, &err), RD_OK);
	assert_ok(rd_ec_key_generate(RD_P256, &w->key));
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char text[128];

	rd_db_close(&w->db);
	if (on_postgres) {
		snprintf(text, sizeof(text), "DROP DATABASE %s WITH (FORCE)", w->name);
		sql(text);
	}
	snprintf(text, sizeof(text), "rm -rf '%s'", w->dir);
	assert_int_equal(system(text), 0);
	rd_ec_key_free(&w->key);
	free(w);
	return 0;
}

/* --- records --- */

static struct ps_merchant a_merchant(struct rd_db *db, const char *name)
{
	struct ps_merchant m = {.created_ms = 5};

	assert_ok(ps_merchant_id_new(m.id));
	strcpy(m.name, name);
	assert_ok(ps_store_merchant_add(db, &m));
	return m;
}

static struct ps_order an_order(struct rd_db *db, const char *merchant, int64_t created_ms)
{
	struct ps_order o = {.amount = 1250, .currency = "EUR", .created_ms = created_ms};

	assert_ok(ps_id_new("ord_", o.id));
	strcpy(o.merchant, merchant);
	assert_ok(ps_store_order_add(db, &o));
	return o;
}

static struct ps_payment a_payment(struct rd_db *db, const struct ps_order *o, int64_t due_ms)
{
	struct ps_payment p = {.key = "k",
		.amount = o->amount,
		.currency = "EUR",
		.created_ms = o->created_ms,
		.due_ms = due_ms};

	assert_ok(ps_id_new("pay_", p.id));
	strcpy(p.order, o->id);
	strcpy(p.merchant, o->merchant);
	assert_ok(ps_store_payment_add(db, &p));
	return p;
}

static void merchants_have_names_of_their_own(void **state)
{
	struct world *w = *state;
	struct ps_merchant m = a_merchant(w->db, "shop"), again = m, found;

	strcpy(again.id, "mer_other");
	assert_status(ps_store_merchant_add(w->db, &again), RD_EXISTS);
	assert_ok(ps_store_merchant_get(w->db, m.id, &found));
	assert_string_equal(found.name, "shop");
	assert_status(ps_store_merchant_get(w->db, "mer_other", &found), RD_NOTFOUND);
}

static void keys_are_found_by_their_hash(void **state)
{
	struct world *w = *state;
	struct ps_merchant m = a_merchant(w->db, "shop");
	struct ps_api_key k = {.id = "key_1", .sha256 = {1, 2}, .role = PS_MERCHANT, .name = "n"};
	struct ps_api_key found;
	const uint8_t other[32] = {1};

	strcpy(k.merchant, m.id);
	assert_ok(ps_store_api_key_add(w->db, &k));
	assert_ok(ps_store_api_key_find(w->db, k.sha256, &found));
	assert_string_equal(found.merchant, m.id);
	assert_int_equal(found.role, PS_MERCHANT);
	assert_status(ps_store_api_key_find(w->db, other, &found), RD_NOTFOUND);
	strcpy(k.id, "key_2");
	assert_status(ps_store_api_key_add(w->db, &k), RD_EXISTS);
	k.sha256[0] = 9;
	strcpy(k.merchant, "mer_nobody");
	assert_status(ps_store_api_key_add(w->db, &k), RD_FORBIDDEN);
	k.role = PS_VIEWER;
	k.merchant[0] = '\0';
	assert_ok(ps_store_api_key_add(w->db, &k));
	assert_ok(ps_store_api_key_find(w->db, k.sha256, &found));
	assert_string_equal(found.merchant, "");
}

static void payments_keep_what_they_are(void **state)
{
	struct world *w = *state;
	struct ps_merchant m = a_merchant(w->db, "shop");
	struct ps_order o = an_order(w->db, m.id, 7), order;
	struct ps_payment p = a_payment(w->db, &o, 9), found;

	assert_status(ps_store_payment_add(w->db, &p), RD_EXISTS);
	p.state = PS_AUTHORISED;
	strcpy(p.token, "tok_0123456789abcdefghijkl");
	strcpy(p.masked, "411111******1111");
	strcpy(p.auth_code, "123456");
	strcpy(p.operation, "ops_1");
	p.due_ms = 0;
	p.updated_ms = 8;
	assert_ok(ps_store_payment_put(w->db, &p));
	assert_ok(ps_store_payment_get(w->db, p.id, &found));
	assert_memory_equal(&found, &p, sizeof(p));
	o.state = PS_PAID;
	strcpy(o.payment, p.id);
	assert_ok(ps_store_order_put(w->db, &o));
	assert_ok(ps_store_order_get(w->db, o.id, &order));
	assert_memory_equal(&order, &o, sizeof(o));
	strcpy(p.id, "pay_none");
	assert_status(ps_store_payment_put(w->db, &p), RD_NOTFOUND);
	assert_status(ps_store_payment_get(w->db, p.id, &found), RD_NOTFOUND);
	strcpy(o.id, "ord_none");
	assert_status(ps_store_order_put(w->db, &o), RD_NOTFOUND);
}

struct seen {
	size_t n;
	char ids[16][PS_ID_SIZE];
};

static enum rd_status see(void *arg, const struct ps_payment *p)
{
	struct seen *seen = arg;

	assert_true(seen->n < 16);
	strcpy(seen->ids[seen->n++], p->id);
	return RD_OK;
}

static void lists_are_newest_first_and_of_one_merchant(void **state)
{
	struct world *w = *state;
	struct ps_merchant m = a_merchant(w->db, "shop"), other = a_merchant(w->db, "other");
	struct ps_payment made[3];
	struct ps_page page = {.merchant = m.id, .after = "", .limit = 2};
	struct seen seen = {0};

	for (int i = 0; i < 3; i++) {
		struct ps_order o = an_order(w->db, m.id, 100 + i);

		made[i] = a_payment(w->db, &o, 0);
	}
	for (int i = 0; i < 2; i++) {
		struct ps_order o = an_order(w->db, other.id, 101);

		(void)a_payment(w->db, &o, 0);
	}
	assert_ok(ps_store_payments(w->db, &page, see, &seen));
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.ids[0], made[2].id);
	page.after = seen.ids[1];
	assert_ok(ps_store_payments(w->db, &page, see, &seen));
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.ids[2], made[0].id);
	page = (struct ps_page){.after = "", .limit = 10};
	assert_ok(ps_store_payments(w->db, &page, see, &seen));
	assert_int_equal(seen.n, 8);
	/* Those of the same millisecond are neither left out nor shown twice. */
	page.limit = 1;
	seen = (struct seen){0};
	for (int i = 0; i < 5; i++) {
		page.after = i == 0 ? "" : seen.ids[i - 1];
		assert_ok(ps_store_payments(w->db, &page, see, &seen));
		for (int j = 0; j < i; j++) {
			assert_string_not_equal(seen.ids[i], seen.ids[j]);
		}
	}
	assert_int_equal(seen.n, 5);
}

static void due_payments_come_in_their_order(void **state)
{
	struct world *w = *state;
	struct ps_merchant m = a_merchant(w->db, "shop");
	const int64_t due[] = {30, 0, 10, 50, 20};
	struct ps_payment made[5];
	struct seen seen = {0};

	for (size_t i = 0; i < 5; i++) {
		struct ps_order o = an_order(w->db, m.id, 1);

		made[i] = a_payment(w->db, &o, due[i]);
	}
	assert_ok(ps_store_payments_due(w->db, 30, 10, see, &seen));
	assert_int_equal(seen.n, 3);
	assert_string_equal(seen.ids[0], made[2].id);
	assert_string_equal(seen.ids[1], made[4].id);
	assert_string_equal(seen.ids[2], made[0].id);
	seen.n = 0;
	assert_ok(ps_store_payments_due(w->db, 30, 1, see, &seen));
	assert_int_equal(seen.n, 1);
}

static void idempotency_keys_are_for_one_request(void **state)
{
	struct world *w = *state;
	const uint8_t one[32] = {1}, two[32] = {2};
	struct ps_idempotency i = {.scope = "payment:m", .key = "k", .request = one};
	char subject[PS_ID_SIZE];

	assert_status(ps_store_idempotency_find(w->db, &i, subject), RD_NOTFOUND);
	assert_ok(ps_store_idempotency_take(w->db, &i, "pay_1", 5));
	assert_ok(ps_store_idempotency_find(w->db, &i, subject));
	assert_string_equal(subject, "pay_1");
	i.request = two;
	assert_status(ps_store_idempotency_find(w->db, &i, subject), RD_FORBIDDEN);
	assert_status(ps_store_idempotency_take(w->db, &i, "pay_2", 5), RD_EXISTS);
	i.scope = "payment:n";
	assert_status(ps_store_idempotency_find(w->db, &i, subject), RD_NOTFOUND);
}

static void operations_end_once_they_are_there(void **state)
{
	struct world *w = *state;
	struct ps_merchant m = a_merchant(w->db, "shop");
	struct ps_order order = an_order(w->db, m.id, 1);
	struct ps_payment p = a_payment(w->db, &order, 0);
	struct ps_operation o = {.id = "ops_1", .kind = PS_OP_REFUND, .created_ms = 3}, found;

	strcpy(o.payment, p.id);
	assert_ok(ps_store_operation_add(w->db, &o));
	assert_status(ps_store_operation_add(w->db, &o), RD_EXISTS);
	assert_ok(ps_store_operation_finish(w->db, "ops_1", PS_OP_DONE, 9));
	assert_ok(ps_store_operation_get(w->db, "ops_1", &found));
	assert_int_equal(found.kind, PS_OP_REFUND);
	assert_int_equal(found.state, PS_OP_DONE);
	assert_int_equal(found.done_ms, 9);
	assert_status(ps_store_operation_finish(w->db, "ops_2", PS_OP_DONE, 9), RD_NOTFOUND);
	strcpy(o.id, "ops_3");
	strcpy(o.payment, "pay_none");
	assert_status(ps_store_operation_add(w->db, &o), RD_FORBIDDEN);
}

/* --- what is sealed --- */

static void a_card_has_one_token_a_merchant(void **state)
{
	struct world *w = *state;
	uint8_t bytes[64];
	struct rd_buf sealed = rd_buf_fixed(bytes, sizeof(bytes));
	struct ps_vault v = {.merchant = "m",
		.token = "tok_1",
		.fpe_token = "4",
		.blind = rd_view_str("blind of a card"),
		.sealed = rd_view_str("first"),
		.key_version = 1};
	char token[PAY_TOKEN_MAX + 1], merchant[PS_MERCHANT_ID_SIZE];

	assert_ok(ps_store_vault_keep(w->db, &v));
	/* Two payments with the same new card at once: each token finds its card. */
	v.token = "tok_2";
	v.sealed = rd_view_str("second");
	assert_ok(ps_store_vault_keep(w->db, &v));
	assert_ok(ps_store_vault_keep(w->db, &v));
	assert_ok(ps_store_vault_find(w->db, "m", v.blind, token, &sealed));
	assert_string_equal(token, "tok_1");
	assert_true(rd_view_equal(rd_buf_view(&sealed), rd_view_str("first")));
	sealed.used = 0;
	assert_ok(ps_store_vault_get(w->db, "m", "tok_2", &sealed));
	assert_true(rd_view_equal(rd_buf_view(&sealed), rd_view_str("second")));
	assert_status(ps_store_vault_find(w->db, "n", v.blind, token, &sealed), RD_NOTFOUND);
	assert_status(ps_store_vault_get(w->db, "n", "tok_2", &sealed), RD_NOTFOUND);
	/* Sealed anew, one after the other. */
	assert_status(ps_store_vault_older(w->db, 1, merchant, token), RD_NOTFOUND);
	for (int i = 0; i < 2; i++) {
		assert_ok(ps_store_vault_older(w->db, 2, merchant, token));
		assert_ok(ps_store_vault_rewrap(w->db, merchant, token, rd_view_str("new"), 2));
	}
	assert_status(ps_store_vault_older(w->db, 2, merchant, token), RD_NOTFOUND);
	assert_status(ps_store_vault_rewrap(w->db, "n", "tok_1", rd_view_str("x"), 2), RD_NOTFOUND);
}

static void data_keys_are_never_replaced(void **state)
{
	struct world *w = *state;
	struct pay_key key = {.purpose = PAY_KEY_CARD, .version = 1, .wrapped = rd_view_str("one")};
	static struct pay_keys keys;
	uint8_t bytes[256];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));
	int64_t newest;

	assert_ok(ps_store_data_key_newest(w->db, PAY_KEY_CARD, &newest));
	assert_int_equal(newest, 0);
	assert_ok(ps_store_data_key_add(w->db, &key, 5));
	key.wrapped = rd_view_str("another");
	assert_status(ps_store_data_key_add(w->db, &key, 5), RD_EXISTS);
	key.version = 2;
	key.sealed = rd_view_str("s");
	assert_ok(ps_store_data_key_add(w->db, &key, 5));
	assert_ok(ps_store_data_key_newest(w->db, PAY_KEY_CARD, &newest));
	assert_int_equal(newest, 2);
	assert_ok(ps_store_data_keys(w->db, &keys, &buf));
	assert_int_equal(keys.n, 2);
	assert_true(rd_view_equal(keys.items[0].wrapped, rd_view_str("one")));
	assert_int_equal(keys.items[0].sealed.len, 0);
	assert_true(rd_view_equal(keys.items[1].sealed, rd_view_str("s")));
	for (key.version = 3; key.version <= PAY_KEYS_MAX + 1; key.version++) {
		assert_ok(ps_store_data_key_add(w->db, &key, 5));
	}
	buf = rd_buf_growable(65536);
	assert_status(ps_store_data_keys(w->db, &keys, &buf), RD_LIMIT);
	rd_buf_finish(&buf);
}

static void there_is_one_of_some_things(void **state)
{
	struct world *w = *state;
	uint8_t bytes[64];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));

	assert_status(ps_store_single_get(w->db, PS_SINGLE_POLICY, &buf), RD_NOTFOUND);
	assert_ok(ps_store_single_put(w->db, PS_SINGLE_POLICY, rd_view_str("first")));
	assert_ok(ps_store_single_put(w->db, PS_SINGLE_POLICY, rd_view_str("then")));
	assert_ok(ps_store_single_get(w->db, PS_SINGLE_POLICY, &buf));
	assert_true(rd_view_equal(rd_buf_view(&buf), rd_view_str("then")));
}

/* --- the log --- */

static struct pay_logged next_record(struct world *w, const char *json, uint8_t *head)
{
	struct rd_merkle_head h = {.time_ms = 1000, .size = w->range.size + 1};
	struct rd_merkle_hash leaf;

	assert_ok(rd_merkle_leaf(rd_view_str(json), &leaf));
	assert_ok(rd_merkle_append(&w->range, &leaf, NULL, NULL));
	assert_ok(rd_merkle_root(&w->range, &h.root));
	assert_ok(rd_merkle_head_sign(w->key, &h, head));
	return (struct pay_logged){.index = h.size - 1,
		.record = rd_view_str(json),
		.head = rd_view(head, PAY_HEAD_SIZE)};
}

static void append_records(struct world *w, unsigned n)
{
	uint8_t head[PAY_HEAD_SIZE];
	struct pay_logged logged;
	char json[32];

	for (unsigned i = 0; i < n; i++) {
		snprintf(json, sizeof(json), "{\"n\":%u}", i);
		logged = next_record(w, json, head);
		assert_ok(rd_db_begin(w->db));
		assert_ok(ps_store_audit_append(w->db, &logged, 7));
		assert_ok(rd_db_commit(w->db));
	}
}

static void the_log_grows_by_the_next_record_alone(void **state)
{
	struct world *w = *state;
	uint8_t head[PAY_HEAD_SIZE], newest[PAY_HEAD_SIZE];
	struct pay_logged logged, other;
	uint64_t size;

	assert_ok(ps_store_audit_size(w->db, &size));
	assert_int_equal(size, 0);
	assert_status(ps_store_audit_head(w->db, &size, newest), RD_NOTFOUND);
	append_records(w, 5);
	logged = next_record(w, "{\"n\":5}", head);
	other = logged;
	other.index = 6;
	assert_status(ps_store_audit_append(w->db, &other, 7), RD_UNTRUSTED);
	other.index = 4;
	assert_status(ps_store_audit_append(w->db, &other, 7), RD_UNTRUSTED);
	other = logged;
	other.record = rd_view_str("{\"n\":6}");
	assert_ok(rd_db_begin(w->db));
	assert_status(ps_store_audit_append(w->db, &other, 7), RD_UNTRUSTED);
	rd_db_rollback(w->db);
	assert_ok(rd_db_begin(w->db));
	assert_ok(ps_store_audit_append(w->db, &logged, 7));
	assert_ok(rd_db_commit(w->db));
	assert_ok(ps_store_audit_head(w->db, &size, newest));
	assert_int_equal(size, 6);
	assert_memory_equal(newest, head, sizeof(head));
}

static void assert_last(const struct world *w, unsigned size, const struct rd_merkle_hash *root)
{
	uint8_t room[PAY_RECORD_MAX];
	struct rd_buf record = rd_buf_fixed(room, sizeof(room));
	struct rd_merkle_proof proof;
	struct rd_merkle_hash leaf;

	assert_ok(ps_store_audit_last(w->db, size, &record, &proof));
	assert_ok(rd_merkle_leaf(rd_buf_view(&record), &leaf));
	assert_ok(rd_merkle_verify_inclusion(size - 1, size, &leaf, &proof, root));
}

/* Against the tree in memory, for every size. */
static void gives_peaks_and_proofs_of_every_size(void **state)
{
	enum { N = 21 };
	struct world *w = *state;
	struct rd_merkle_hash roots[N + 1];
	struct rd_merkle_range range;
	struct rd_merkle_proof proof;

	for (unsigned i = 1; i <= N; i++) {
		append_records(w, 1);
		assert_ok(rd_merkle_root(&w->range, &roots[i]));
	}
	for (unsigned size = 1; size <= N; size++) {
		struct rd_merkle_hash root;

		assert_ok(ps_store_audit_range(w->db, size, &range));
		assert_ok(rd_merkle_root(&range, &root));
		assert_true(rd_merkle_equal(&root, &roots[size]));
		assert_last(w, size, &roots[size]);
		for (unsigned old = 1; old <= size; old++) {
			assert_ok(ps_store_audit_proof(w->db, old, size, &proof));
			assert_ok(rd_merkle_verify_consistency(
				old, size, &roots[old], &roots[size], &proof));
		}
	}
	assert_status(ps_store_audit_proof(w->db, 0, N, &proof), RD_OUT_OF_RANGE);
	assert_status(ps_store_audit_proof(w->db, 1, N + 1, &proof), RD_OUT_OF_RANGE);
	assert_status(ps_store_audit_proof(w->db, 5, 4, &proof), RD_OUT_OF_RANGE);
}

static enum rd_status count_record(void *arg, uint64_t index, struct rd_view record)
{
	uint64_t *next = arg;

	assert_int_equal(index, *next);
	assert_true(record.len > 0);
	(*next)++;
	return RD_OK;
}

static void gives_records_back_as_they_came(void **state)
{
	struct world *w = *state;
	uint64_t next = 2;

	append_records(w, 7);
	assert_ok(ps_store_audit_records(w->db, 2, 3, count_record, &next));
	assert_int_equal(next, 5);
	assert_ok(ps_store_audit_records(w->db, 5, 100, count_record, &next));
	assert_int_equal(next, 7);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(merchants_have_names_of_their_own),
		T(keys_are_found_by_their_hash),
		T(payments_keep_what_they_are),
		T(lists_are_newest_first_and_of_one_merchant),
		T(due_payments_come_in_their_order),
		T(idempotency_keys_are_for_one_request),
		T(operations_end_once_they_are_there),
		T(a_card_has_one_token_a_merchant),
		T(data_keys_are_never_replaced),
		T(there_is_one_of_some_things),
		T(the_log_grows_by_the_next_record_alone),
		T(gives_peaks_and_proofs_of_every_size),
		T(gives_records_back_as_they_came),
	};

	if (cmocka_run_group_tests_name("sqlite", tests, NULL, NULL) != 0) {
		return 1;
	}
	if (getenv("TEST_POSTGRES") == NULL) {
		puts("skipped on PostgreSQL: not run by tests/support/postgres");
		return 77;
	}
	on_postgres = true;
	return cmocka_run_group_tests_name("postgresql", tests, NULL, NULL) != 0;
}
