/* SPDX-License-Identifier: Apache-2.0 */
/* Chip data: order and depth of a walk, its bounds, every refusal by its code. */
#include "test.h"

#include "card/emv.h"

static enum rd_status append(void *arg, const struct pay_emv_object *object)
{
	return rd_buf_printf(arg, "%u:%x/%zu%s ", object->depth, (unsigned)object->tag,
		object->value.len, object->constructed ? "+" : "");
}

static enum rd_status walk_hex(const char *hex, struct rd_buf *seen)
{
	uint8_t bytes[PAY_EMV_SIZE_MAX + 1];
	struct rd_buf b = rd_buf_fixed(bytes, sizeof(bytes));

	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	return pay_emv_walk(rd_buf_view(&b), seen == NULL ? NULL : append, seen);
}

static void visits_objects_in_order(void **state)
{
	char text[256];
	struct rd_buf seen = rd_buf_fixed(text, sizeof(text));

	(void)state;
	/* Amount, currency, a template with a template that ends with it, counter, a long tag. */
	assert_ok(walk_hex("9f0206000000001999"
			   "5f2a020978"
			   "770a"
			   "82021900"
			   "7304"
			   "5f340101"
			   "9f360100"
			   "df810100",
		&seen));
	assert_true(rd_view_equal(rd_buf_view(&seen),
		rd_view_str("0:9f02/6 0:5f2a/2 0:77/10+ 1:82/2 1:73/4+ 2:5f34/1 0:9f36/1 "
			    "0:df8101/0 ")));
}

static void accepts_nothing_and_empty_templates(void **state)
{
	char text[64];
	struct rd_buf seen = rd_buf_fixed(text, sizeof(text));

	(void)state;
	assert_ok(walk_hex("", NULL));
	assert_ok(walk_hex("7000"
			   "7702"
			   "7000",
		&seen));
	assert_true(rd_view_equal(rd_buf_view(&seen), rd_view_str("0:70/0+ 0:77/2+ 1:70/0+ ")));
}

static void takes_long_lengths_when_they_are_needed(void **state)
{
	uint8_t bytes[PAY_EMV_SIZE_MAX] = {0x9f, 0x10, 0x81, PAY_EMV_SIZE_MAX - 4};

	(void)state;
	assert_ok(pay_emv_walk(rd_view(bytes, sizeof(bytes)), NULL, NULL));
	bytes[3]++;
	assert_status(pay_emv_walk(rd_view(bytes, sizeof(bytes)), NULL, NULL), RD_TRUNCATED);
}

static void refuses_what_breaks_a_rule(void **state)
{
	static const struct {
		const char *hex;
		enum rd_status want;
	} cases[] = {
		{"5a", RD_TRUNCATED},
		{"9f", RD_TRUNCATED},
		{"df81", RD_TRUNCATED},
		{"5a0211", RD_TRUNCATED},
		{"5a81", RD_TRUNCATED},
		/* Out of its template, though not out of the field. */
		{"7003"
		 "5a0211"
		 "22",
			RD_TRUNCATED},
		{"7001"
		 "9f360100",
			RD_TRUNCATED},
		{"00", RD_MALFORMED},
		{"5a0111"
		 "0000",
			RD_MALFORMED},
		{"df81818100", RD_MALFORMED},
		{"df808100", RD_NONCANONICAL},
		{"5a810111", RD_NONCANONICAL},
		{"5a82000111", RD_NONCANONICAL},
		{"7080"
		 "5a0111"
		 "0000",
			RD_UNSUPPORTED},
		{"5a8300000111", RD_UNSUPPORTED},
		{"7008"
		 "7006"
		 "7004"
		 "7002"
		 "7000",
			RD_TOO_DEEP},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		assert_status(walk_hex(cases[i].hex, NULL), cases[i].want);
	}
	assert_ok(walk_hex("7006"
			   "7004"
			   "7002"
			   "7000",
		NULL));
}

static void counts_bytes_and_objects(void **state)
{
	uint8_t bytes[PAY_EMV_SIZE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = i % 2 == 0 ? 0x5a : 0;
	}
	assert_ok(pay_emv_walk(rd_view(bytes, (size_t)2 * PAY_EMV_OBJECTS_MAX), NULL, NULL));
	assert_status(pay_emv_walk(rd_view(bytes, (size_t)2 * PAY_EMV_OBJECTS_MAX + 2), NULL, NULL),
		RD_LIMIT);
	assert_status(pay_emv_walk(rd_view(bytes, sizeof(bytes)), NULL, NULL), RD_LIMIT);
}

static enum rd_status stop(void *arg, const struct pay_emv_object *object)
{
	(void)object;
	++*(int *)arg;
	return RD_DENIED;
}

static void ends_with_its_callers_status(void **state)
{
	static const uint8_t two[] = {0x5a, 0, 0x5a, 0};
	int calls = 0;

	(void)state;
	assert_status(pay_emv_walk(rd_view(two, sizeof(two)), stop, &calls), RD_DENIED);
	assert_int_equal(calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(visits_objects_in_order),
		cmocka_unit_test(accepts_nothing_and_empty_templates),
		cmocka_unit_test(takes_long_lengths_when_they_are_needed),
		cmocka_unit_test(refuses_what_breaks_a_rule),
		cmocka_unit_test(counts_bytes_and_objects),
		cmocka_unit_test(ends_with_its_callers_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
