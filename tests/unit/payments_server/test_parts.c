/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of payments-server that need no database: ids, the set of payments under way, credentials.
 */
#include "test.h"

#include "server/credentials.h"
#include "server/flight.h"
#include "server/ids.h"

static void ids_are_of_their_kind(void **state)
{
	char a[PS_ID_SIZE], b[PS_ID_SIZE], parsed[PS_ID_SIZE], merchant[PS_MERCHANT_ID_SIZE];
	char key[PS_API_KEY_SIZE];

	(void)state;
	assert_ok(ps_id_new("pay_", a));
	assert_ok(ps_id_new("pay_", b));
	assert_string_not_equal(a, b);
	assert_ok(ps_id_parse("pay_", rd_view_str(a), parsed));
	assert_string_equal(a, parsed);
	assert_status(ps_id_parse("ord_", rd_view_str(a), parsed), RD_MALFORMED);
	assert_status(ps_id_parse("pay_", rd_view(a, 25), parsed), RD_MALFORMED);
	a[25] = '-';
	assert_status(ps_id_parse("pay_", rd_view_str(a), parsed), RD_MALFORMED);
	assert_status(ps_id_parse("pay_", rd_view("pay_0123456789ABCDEFGHIJ\0", 26), parsed),
		RD_MALFORMED);
	assert_ok(ps_merchant_id_new(merchant));
	assert_int_equal(strlen(merchant), PAY_MERCHANT_MAX);
	assert_ok(ps_api_key_new(key));
	assert_int_equal(strlen(key), PS_API_KEY_SIZE - 1);
}

/* Against a plain array: whatever comes and goes in which order. */
static void a_payment_is_under_way_once(void **state)
{
	enum { N = 600 };
	static char ids[N][PS_ID_SIZE];
	bool in[N] = {false};
	struct ps_flight *flight;

	(void)state;
	assert_ok(ps_flight_new(&flight));
	for (unsigned i = 0; i < N; i++) {
		assert_ok(ps_id_new("pay_", ids[i]));
	}
	srand(5);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)rand() % N;

		if (in[i] && rand() % 2 == 0) {
			ps_flight_leave(flight, ids[i]);
			in[i] = false;
		} else {
			assert_status(ps_flight_enter(flight, ids[i]), in[i] ? RD_EXISTS : RD_OK);
			in[i] = true;
		}
		i = (unsigned)rand() % N;
		assert_true(ps_flight_has(flight, ids[i]) == in[i]);
	}
	ps_flight_free(&flight);
	assert_null(flight);
}

static void refuses_more_than_can_be_under_way(void **state)
{
	struct ps_flight *flight;
	char id[PS_ID_SIZE];

	(void)state;
	assert_ok(ps_flight_new(&flight));
	for (unsigned i = 0; i < PS_FLIGHT_MAX; i++) {
		assert_ok(ps_id_new("pay_", id));
		assert_ok(ps_flight_enter(flight, id));
	}
	assert_status(ps_flight_enter(flight, "pay_one-too-many"), RD_LIMIT);
	assert_status(ps_flight_enter(flight, id), RD_EXISTS);
	ps_flight_leave(flight, "pay_who-is-not-there");
	ps_flight_leave(flight, id);
	assert_ok(ps_flight_enter(flight, "pay_one-too-many"));
	ps_flight_free(&flight);
}

static void credentials_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		enum rd_status st;
	} cases[] = {
		{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}", RD_OK},
		{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\"}", RD_OK},
		{"{\"Credentials\":{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}}", RD_OK},
		{"{\"AccessKeyId\":\"A\"}", RD_MISSING},
		{"{\"AccessKeyId\":5,\"SecretAccessKey\":\"S\"}", RD_MISSING},
		{"{\"AccessKeyId\":\"A b\",\"SecretAccessKey\":\"S\"}", RD_MALFORMED},
		{"{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"S\"}", RD_MALFORMED},
		{"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\\r\\nX: y\"}", RD_MALFORMED},
		{"[]", RD_BAD_TYPE},
		{"{", RD_MALFORMED},
	};
	struct ps_credentials c;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(ps_credentials_parse(rd_view_str(cases[i].text), &c), cases[i].st);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_are_of_their_kind),
		cmocka_unit_test(a_payment_is_under_way_once),
		cmocka_unit_test(refuses_more_than_can_be_under_way),
		cmocka_unit_test(credentials_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
