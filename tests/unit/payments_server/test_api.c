/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, bodies, queries and paths of payments-server's API. */
#include "test.h"

#include "server/api.h"
#include "server/body.h"
#include "server/pages.h"

#define ORDER "ord_0123456789ABCDEFGHIJKL"
#define PAY   "pay_abcdefghijklmnopqrstuv"

static const struct ps_route *route(const char *method, const char *target, enum ps_fault want)
{
	char id[PS_ID_SIZE] = "";
	struct rd_view query;
	enum ps_fault fault;
	const struct ps_route *found = ps_api_route(
		rd_view_str(method), rd_view_str(target), id, &query, &fault);

	assert_int_equal(fault, want);
	assert_true((found != NULL) == (want == PS_FAULT_NONE));
	return found;
}

static void routes_by_method_and_path(void **state)
{
	char id[PS_ID_SIZE];
	struct rd_view query;
	enum ps_fault fault;
	const struct ps_route *found;

	(void)state;
	assert_ptr_equal(route("POST", "/v1/orders", PS_FAULT_NONE)->run, ps_ops_order_create);
	assert_ptr_equal(route("GET", "/v1/orders?limit=1", PS_FAULT_NONE)->run, ps_ops_order_list);
	assert_ptr_equal(route("GET", "/v1/orders/" ORDER, PS_FAULT_NONE)->run, ps_ops_order_get);
	found = ps_api_route(rd_view_str("POST"), rd_view_str("/v1/payments/" PAY "/capture?a=b"),
		id, &query, &fault);
	assert_ptr_equal(found->run, ps_ops_capture);
	assert_string_equal(id, PAY);
	assert_true(rd_view_equal(query, rd_view_str("a=b")));
}

static void refuses_other_paths_and_methods(void **state)
{
	(void)state;
	route("DELETE", "/v1/orders", PS_FAULT_NO_METHOD);
	route("get", "/v1/orders", PS_FAULT_NO_METHOD);
	route("GET", "/v1/payments/" PAY "/capture", PS_FAULT_NO_METHOD);
	route("GET", "", PS_FAULT_NOT_FOUND);
	route("GET", "/v1/order", PS_FAULT_NOT_FOUND);
	route("GET", "/v1/orders/", PS_FAULT_NOT_FOUND);
	route("GET", "/v1/orders/" PAY, PS_FAULT_NOT_FOUND);
	route("GET", "/v1/orders/" ORDER "/", PS_FAULT_NOT_FOUND);
	route("GET", "/v1/orders/ord_0123456789ABCDEFGHIJK", PS_FAULT_NOT_FOUND);
	route("GET", "/v1/orders/ord_0123456789ABCDEFGHIJK.", PS_FAULT_NOT_FOUND);
	route("POST", "/v1/payments/" PAY "/captur", PS_FAULT_NOT_FOUND);
}

/* --- bodies --- */

static void takes_an_order(void **state)
{
	struct ps_body_order body;

	(void)state;
	assert_int_equal(
		ps_body_order(rd_view_str("{\"amount\":1250,\"currency\":\"EUR\"}"), &body).fault,
		PS_FAULT_NONE);
	assert_int_equal(body.amount, 1250);
	assert_string_equal(body.reference, "");
	assert_int_equal(ps_body_order(rd_view_str("{\"amount\":999999999999,\"currency\":\"EUR\","
						   "\"reference\":\"A-17\"}"),
				 &body)
				 .fault,
		PS_FAULT_NONE);
	assert_string_equal(body.reference, "A-17");
}

static void refuses_orders_that_break_a_rule(void **state)
{
	static const struct {
		const char *text;
		enum ps_fault fault;
	} cases[] = {
		{"", PS_FAULT_INVALID},
		{"{", PS_FAULT_BAD_JSON},
		{"[]", PS_FAULT_BAD_JSON},
		{"{\"amount\":1,\"amount\":1,\"currency\":\"EUR\"}", PS_FAULT_BAD_JSON},
		{"{\"amount\":0,\"currency\":\"EUR\"}", PS_FAULT_INVALID},
		{"{\"amount\":1000000000000,\"currency\":\"EUR\"}", PS_FAULT_INVALID},
		{"{\"amount\":99999999999999999999,\"currency\":\"EUR\"}", PS_FAULT_BAD_JSON},
		{"{\"amount\":1e2,\"currency\":\"EUR\"}", PS_FAULT_INVALID},
		{"{\"amount\":true,\"currency\":\"EUR\"}", PS_FAULT_INVALID},
		{"{\"amount\":1,\"currency\":\"eur\"}", PS_FAULT_INVALID},
		{"{\"amount\":1}", PS_FAULT_INVALID},
		{"{\"amount\":1,\"currency\":\"EUR\",\"reference\":null}", PS_FAULT_INVALID},
		{"{\"amount\":1,\"currency\":\"EUR\",\"cvv\":\"123\"}", PS_FAULT_INVALID},
	};
	struct ps_body_order body;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct ps_refusal r = ps_body_order(rd_view_str(cases[i].text), &body);

		if (r.fault != cases[i].fault) {
			fail_msg("%s: %s", cases[i].text, ps_fault_code(r.fault));
		}
	}
}

static struct ps_refusal payment_of(size_t sealed_len, const char *order, const char *more)
{
	static char text[2048];
	struct rd_buf b = rd_buf_fixed(text, sizeof(text));
	struct ps_body_payment body;
	uint8_t sealed[400] = {4};

	assert_ok(rd_buf_printf(&b, "{\"order\":\"%s\",\"sealed\":\"", order));
	assert_ok(rd_base64_encode(rd_view(sealed, sealed_len), &b));
	assert_ok(rd_buf_printf(&b, "\"%s}", more));
	return ps_body_payment(rd_buf_view(&b), &body);
}

static void takes_card_messages_of_their_one_size(void **state)
{
	(void)state;
	assert_int_equal(payment_of(PAY_SEALED_CARD_SIZE, ORDER, "").fault, PS_FAULT_NONE);
	assert_int_equal(payment_of(PAY_SEALED_CARD_SIZE - 1, ORDER, "").fault, PS_FAULT_INVALID);
	assert_int_equal(payment_of(PAY_SEALED_CARD_SIZE + 1, ORDER, "").fault, PS_FAULT_INVALID);
	assert_int_equal(payment_of(0, ORDER, "").fault, PS_FAULT_INVALID);
	assert_int_equal(payment_of(PAY_SEALED_CARD_SIZE, PAY, "").fault, PS_FAULT_INVALID);
	assert_int_equal(
		payment_of(PAY_SEALED_CARD_SIZE, ORDER, ",\"pan\":\"4111111111111111\"").fault,
		PS_FAULT_INVALID);
}

/* --- queries and headers --- */

static void finds_a_member_of_a_query_once(void **state)
{
	struct rd_view query = rd_view_str("a=1&bb=2&b=3&c=&d=4&d=5&&=6&e");

	(void)state;
	assert_true(rd_view_equal(ps_query_find(query, "a"), rd_view_str("1")));
	assert_true(rd_view_equal(ps_query_find(query, "b"), rd_view_str("3")));
	assert_int_equal(ps_query_find(query, "c").len, 0);
	assert_null(ps_query_find(query, "d").ptr);
	assert_null(ps_query_find(query, "e").ptr);
	assert_null(ps_query_find(rd_view("", 0), "a").ptr);
}

static void takes_idempotency_keys_of_words(void **state)
{
	static const struct {
		const char *key;
		enum ps_fault fault;
	} cases[] = {{"a", PS_FAULT_NONE}, {"A-z_09", PS_FAULT_NONE}, {"", PS_FAULT_BAD_KEY},
		{"a b", PS_FAULT_BAD_KEY}, {"a:b", PS_FAULT_BAD_KEY},
		{"0123456789012345678901234567890123456789012345678901234567890123", PS_FAULT_NONE},
		{"01234567890123456789012345678901234567890123456789012345678901234",
			PS_FAULT_BAD_KEY}};
	struct rd_http_request request = {.n_headers = 1};
	char key[PS_KEY_SIZE];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		request.headers[0] = (struct rd_http_header){
			rd_view_str("idempotency-key"), rd_view_str(cases[i].key)};
		assert_int_equal(ps_body_key(&request, true, key).fault, cases[i].fault);
	}
	request.n_headers = 0;
	assert_int_equal(ps_body_key(&request, true, key).fault, PS_FAULT_BAD_KEY);
	assert_int_equal(ps_body_key(&request, false, key).fault, PS_FAULT_NONE);
	assert_string_equal(key, "");
}

static void pages_stay_in_their_folder(void **state)
{
	static const struct {
		const char *target;
		enum rd_status st;
	} cases[] = {{"/", RD_OK}, {"/a.html", RD_OK}, {"/js/a.js?v=1", RD_OK},
		{"/a.key", RD_NOTFOUND}, {"/a", RD_NOTFOUND}, {"", RD_BAD_PATH},
		{"a.html", RD_BAD_PATH}, {"//a.html", RD_BAD_PATH}, {"/.a.html", RD_BAD_PATH},
		{"/../a.html", RD_BAD_PATH}, {"/x/../a.html", RD_BAD_PATH},
		{"/x/.git.txt", RD_BAD_PATH}, {"/%2e%2e/a.html", RD_BAD_PATH},
		{"/a\\b.html", RD_BAD_PATH}};
	char path[PS_PAGE_PATH_SIZE];
	const char *type;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(
			ps_pages_path(rd_view_str(cases[i].target), path, &type), cases[i].st);
	}
	assert_ok(ps_pages_path(rd_view_str("/"), path, &type));
	assert_string_equal(path, "index.html");
	assert_status(ps_pages_path(rd_view("/a\0.html", 8), path, &type), RD_BAD_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_by_method_and_path),
		cmocka_unit_test(refuses_other_paths_and_methods),
		cmocka_unit_test(takes_an_order),
		cmocka_unit_test(refuses_orders_that_break_a_rule),
		cmocka_unit_test(takes_card_messages_of_their_one_size),
		cmocka_unit_test(finds_a_member_of_a_query_once),
		cmocka_unit_test(takes_idempotency_keys_of_words),
		cmocka_unit_test(pages_stay_in_their_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
