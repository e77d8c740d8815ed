/* SPDX-License-Identifier: Apache-2.0 */
/* The dialogue: every kind there and back, the bytes of one by hand, every rule's refusal. */
#include "test.h"

#include "card/gateway_message.h"

#define PAN "4111111111111111"

static struct pay_gateway_request request_of(enum pay_gateway_kind kind)
{
	struct pay_gateway_request r = {
		.kind = kind, .stamp = {.sent = "0229235960", .stan = "000017"}};

	if (kind < PAY_GATEWAY_SIGN_ON) {
		r.op = (struct pay_gateway_operation){.rrn = "ABC123def456",
			.amount = 1999,
			.currency = "978",
			.terminal = "TERM 1",
			.merchant = "Shop"};
	}
	if (kind == PAY_GATEWAY_AUTHORISE) {
		strcpy(r.pan, PAN);
		strcpy(r.expiry, "3112");
		strcpy(r.entry, "812");
		strcpy(r.cvv, "987");
	}
	if (kind == PAY_GATEWAY_CAPTURE || kind == PAY_GATEWAY_REFUND) {
		strcpy(r.original_rrn, "000000000001");
	}
	if (kind == PAY_GATEWAY_REVERSE) {
		strcpy(r.original_stan, "123456");
	}
	if (kind == PAY_GATEWAY_SIGN_ON) {
		r.head.present = r.head.has_key = true;
		memset(r.head.bytes, 0xa5, sizeof(r.head.bytes));
		memset(r.head.key, 0x5a, sizeof(r.head.key));
	}
	return r;
}

static struct pay_gateway_answer answer_of(const struct pay_gateway_request *r)
{
	struct pay_gateway_answer a = {
		.kind = r->kind, .stamp = r->stamp, .op = r->op, .response = "00"};

	if (r->kind < PAY_GATEWAY_SIGN_ON) {
		strcpy(a.auth_code, "A1B2C3");
	}
	if (r->kind != PAY_GATEWAY_ECHO) {
		memset(a.reason, 'r', sizeof(a.reason) - 1);
	}
	a.head = r->head;
	a.head.has_key = false;
	memset(a.head.key, 0, sizeof(a.head.key));
	return a;
}

static void carries_every_request(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];

	(void)state;
	for (unsigned kind = 0; kind < PAY_GATEWAY_KIND_COUNT; kind++) {
		struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
		struct pay_gateway_request sent = request_of((enum pay_gateway_kind)kind), read;

		assert_ok(pay_gateway_request_encode(&sent, &out));
		assert_ok(pay_gateway_request_decode(rd_buf_view(&out), &read));
		assert_memory_equal(&sent, &read, sizeof(sent));
	}
}

static void carries_every_answer(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];

	(void)state;
	for (unsigned kind = 0; kind < PAY_GATEWAY_KIND_COUNT; kind++) {
		struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
		struct pay_gateway_request asked = request_of((enum pay_gateway_kind)kind);
		struct pay_gateway_answer sent = answer_of(&asked), read;

		assert_ok(pay_gateway_answer_encode(&sent, &out));
		assert_ok(pay_gateway_answer_decode(rd_buf_view(&out), &read));
		assert_memory_equal(&sent, &read, sizeof(sent));
		assert_true(pay_gateway_answers(&asked, &read));
	}
}

static void carries_what_is_optional_or_not(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_gateway_request sent = request_of(PAY_GATEWAY_AUTHORISE), read;
	struct pay_gateway_answer answer = answer_of(&sent), heard;

	(void)state;
	sent.cvv[0] = '\0';
	memset(sent.cvv, 0, sizeof(sent.cvv));
	assert_ok(pay_gateway_request_encode(&sent, &out));
	assert_ok(pay_gateway_request_decode(rd_buf_view(&out), &read));
	assert_memory_equal(&sent, &read, sizeof(sent));
	memset(answer.auth_code, 0, sizeof(answer.auth_code));
	memset(answer.reason, 0, sizeof(answer.reason));
	out.used = 0;
	assert_ok(pay_gateway_answer_encode(&answer, &out));
	assert_ok(pay_gateway_answer_decode(rd_buf_view(&out), &heard));
	assert_memory_equal(&answer, &heard, sizeof(answer));
}

static void writes_an_authorisation_as_it_is_specified(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_gateway_request r = request_of(PAY_GATEWAY_AUTHORISE);
	static const char want[] = "0100\x72\x3c\x05\0\x08\xc1\x80\0"
				   "16" PAN "000000"
				   "000000001999"
				   "0229235960"
				   "000017"
				   "235960"
				   "0229"
				   "3112"
				   "812"
				   "100"
				   "ABC123def456"
				   "TERM 1  "
				   "Shop           "
				   "007"
				   "9203987"
				   "978";

	(void)state;
	assert_ok(pay_gateway_request_encode(&r, &out));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_view(want, sizeof(want) - 1)));
}

static void writes_times_in_utc(void **state)
{
	char text[11];

	(void)state;
	pay_gateway_time(0, text);
	assert_string_equal(text, "0101000000");
	pay_gateway_time(1709251199, text);
	assert_string_equal(text, "0229235959");
}

/* --- refusals of the reader: a good message, with one thing changed --- */

struct change {
	enum pay_gateway_kind kind;
	unsigned number;   /* this field */
	const char *value; /* becomes this; NULL: is left out */
	enum rd_status want;
};

static enum rd_status decode_changed(const struct change *change, bool answer)
{
	uint8_t good[PAY_ISO_MESSAGE_MAX], bad[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(good, sizeof(good)),
		      changed = rd_buf_fixed(bad, sizeof(bad));
	struct pay_gateway_request request = request_of(change->kind), read;
	struct pay_gateway_answer sent = answer_of(&request), heard;
	struct pay_iso msg;

	assert_ok(answer ? pay_gateway_answer_encode(&sent, &out)
			 : pay_gateway_request_encode(&request, &out));
	assert_ok(pay_iso_decode(rd_buf_view(&out), &msg));
	msg.fields[change->number] = (struct rd_view){0};
	if (change->value != NULL) {
		assert_ok(pay_iso_set(&msg, change->number, rd_view_str(change->value)));
	}
	assert_ok(pay_iso_encode(&msg, &changed));
	return answer ? pay_gateway_answer_decode(rd_buf_view(&changed), &heard)
		      : pay_gateway_request_decode(rd_buf_view(&changed), &read);
}

static void check_changes(const struct change *changes, size_t n, bool answer)
{
	for (size_t i = 0; i < n; i++) {
		enum rd_status st = decode_changed(&changes[i], answer);

		if (st != changes[i].want) {
			fail_msg("case %zu: %s, want %s", i, rd_status_name(st),
				rd_status_name(changes[i].want));
		}
	}
}

#define PARTS67 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PARTS68 PARTS67 "A"

static void refuses_requests_that_break_a_rule(void **state)
{
	static const struct change changes[] = {
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PAN, NULL, RD_MISSING},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_EXPIRY, NULL, RD_MISSING},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_RRN, NULL, RD_MISSING},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PROCESSING, NULL, RD_MISSING},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_FUNCTION, NULL, RD_MISSING},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PRIVATE, NULL, RD_MISSING},
		{PAY_GATEWAY_REVERSE, PAY_ISO_F_ORIGINAL, NULL, RD_MISSING},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_NETWORK, NULL, RD_MISSING},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_STAN, NULL, RD_MISSING},
		/* A second way to say who pays, chip data, a MAC that nobody checks. */
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_TRACK2, PAN "=3112", RD_FORBIDDEN},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_CHIP, "\x5a\x01\x11", RD_FORBIDDEN},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_MAC, "12345678", RD_FORBIDDEN},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_RESPONSE, "00", RD_FORBIDDEN},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PAN, PAN, RD_FORBIDDEN},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_PRIVATE, "8001x", RD_FORBIDDEN},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PRIVATE, "8001x", RD_FORBIDDEN},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PRIVATE, "37120000000000019203123", RD_FORBIDDEN},
		/* Codes of something else. */
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PROCESSING, "200000", RD_UNSUPPORTED},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_FUNCTION, "201", RD_UNSUPPORTED},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PROCESSING, "200000", RD_UNSUPPORTED},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_NETWORK, "002", RD_UNSUPPORTED},
		{PAY_GATEWAY_REVERSE, PAY_ISO_F_ORIGINAL,
			"020012345600000000000000000000000000000000", RD_UNSUPPORTED},
		{PAY_GATEWAY_REVERSE, PAY_ISO_F_ORIGINAL,
			"010012345600000000000000000000000000000001", RD_UNSUPPORTED},
		/* Values. */
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_AMOUNT, "000000000000", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PAN, "41111111111", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_SENT, "0230235960", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_SENT, "1301000000", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_SENT, "0000000000", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_SENT, "0101240000", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_SENT, "0101006000", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_SENT, "0101000061", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_TIME, "235959", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_DATE, "0228", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_TERMINAL, "        ", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PRIVATE, "920212", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PRIVATE, "920512345", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PRIVATE, "920312x", RD_BAD_TYPE},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PRIVATE, "9203", RD_TRUNCATED},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PRIVATE, "371100000000001", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PRIVATE, "371200000000000 ", RD_BAD_TYPE},
		/* Heads: a part alone, one too short, no base64, a key alone. */
		{PAY_GATEWAY_SIGN_ON, PAY_ISO_F_PRIVATE, "6068" PARTS68, RD_MISSING},
		{PAY_GATEWAY_SIGN_ON, PAY_ISO_F_PRIVATE, "6068" PARTS68 "6168" PARTS68 "6204AAAA",
			RD_MALFORMED},
		{PAY_GATEWAY_SIGN_ON, PAY_ISO_F_PRIVATE,
			"6068" PARTS68 "6168" PARTS67 "!6268" PARTS68, RD_MALFORMED},
		{PAY_GATEWAY_SIGN_ON, PAY_ISO_F_PRIVATE, "6604AAAA", RD_MISSING},
		/* 153 bytes: the right text's length, but not the right size. */
		{PAY_GATEWAY_SIGN_ON, PAY_ISO_F_PRIVATE,
			"6068" PARTS68 "6168" PARTS68 "6268" PARTS68, RD_MALFORMED},
	};

	(void)state;
	check_changes(changes, RD_ARRAY_LEN(changes), false);
}

static void refuses_answers_that_break_a_rule(void **state)
{
	static const struct change changes[] = {
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_RESPONSE, NULL, RD_MISSING},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_RRN, NULL, RD_MISSING},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PAN, PAN, RD_FORBIDDEN},
		{PAY_GATEWAY_AUTHORISE, PAY_ISO_F_PRIVATE, "9203123", RD_FORBIDDEN},
		{PAY_GATEWAY_CAPTURE, PAY_ISO_F_PROCESSING, "300000", RD_UNSUPPORTED},
		{PAY_GATEWAY_REVERSE, PAY_ISO_F_AMOUNT, "000000000000", RD_OUT_OF_RANGE},
		{PAY_GATEWAY_SIGN_ON, PAY_ISO_F_PRIVATE, "6604AAAA", RD_FORBIDDEN},
		{PAY_GATEWAY_ECHO, PAY_ISO_F_AUTH_CODE, "123456", RD_FORBIDDEN},
	};

	(void)state;
	check_changes(changes, RD_ARRAY_LEN(changes), true);
}

static void refuses_the_other_ways_messages(void **state)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_gateway_request r = request_of(PAY_GATEWAY_ECHO), read;
	struct pay_gateway_answer a = answer_of(&r), heard;

	(void)state;
	assert_ok(pay_gateway_request_encode(&r, &out));
	assert_status(pay_gateway_answer_decode(rd_buf_view(&out), &heard), RD_UNSUPPORTED);
	out.used = 0;
	assert_ok(pay_gateway_answer_encode(&a, &out));
	assert_status(pay_gateway_request_decode(rd_buf_view(&out), &read), RD_UNSUPPORTED);
}

/* --- refusals of the writer --- */

static enum rd_status encode(const struct pay_gateway_request *r)
{
	static uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	return pay_gateway_request_encode(r, &out);
}

static void refuses_to_write_what_would_not_read(void **state)
{
	struct pay_gateway_request r = request_of(PAY_GATEWAY_AUTHORISE);

	(void)state;
	r.op.amount = 0;
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	r.op.amount = PAY_GATEWAY_AMOUNT_MAX + 1;
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	r.op.amount = PAY_GATEWAY_AMOUNT_MAX;
	assert_ok(encode(&r));
	strcpy(r.op.terminal, "blank ");
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	r.op.terminal[0] = '\0';
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	r = request_of(PAY_GATEWAY_AUTHORISE);
	strcpy(r.pan, "41111111111");
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	strcpy(r.pan, "411111111111111x");
	assert_status(encode(&r), RD_BAD_TYPE);
	r = request_of(PAY_GATEWAY_AUTHORISE);
	strcpy(r.cvv, "12");
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	strcpy(r.cvv, "12a");
	assert_status(encode(&r), RD_BAD_TYPE);
	r = request_of(PAY_GATEWAY_CAPTURE);
	strcpy(r.original_rrn, "short");
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	r = request_of(PAY_GATEWAY_REVERSE);
	strcpy(r.original_stan, "12");
	assert_status(encode(&r), RD_OUT_OF_RANGE);
	r = request_of(PAY_GATEWAY_ECHO);
	strcpy(r.stamp.sent, "0230000000");
	assert_status(encode(&r), RD_OUT_OF_RANGE);
}

/* --- which answer belongs to what --- */

static void knows_its_own_answer(void **state)
{
	struct pay_gateway_request r = request_of(PAY_GATEWAY_AUTHORISE);
	struct pay_gateway_answer a = answer_of(&r);

	(void)state;
	/* The first answer to a request that was repeated later. */
	strcpy(a.stamp.sent, "0101000000");
	assert_true(pay_gateway_answers(&r, &a));
	a.kind = PAY_GATEWAY_REVERSE;
	assert_false(pay_gateway_answers(&r, &a));
	a = answer_of(&r);
	strcpy(a.stamp.stan, "000018");
	assert_false(pay_gateway_answers(&r, &a));
	a = answer_of(&r);
	strcpy(a.op.rrn, "ABC123def457");
	assert_false(pay_gateway_answers(&r, &a));
	a = answer_of(&r);
	a.op.amount++;
	assert_false(pay_gateway_answers(&r, &a));
	a = answer_of(&r);
	strcpy(a.op.currency, "840");
	assert_false(pay_gateway_answers(&r, &a));
	a = answer_of(&r);
	strcpy(a.op.merchant, "Shoq");
	assert_false(pay_gateway_answers(&r, &a));
	a = answer_of(&r);
	strcpy(a.op.terminal, "TERM 2");
	assert_false(pay_gateway_answers(&r, &a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_every_request),
		cmocka_unit_test(carries_every_answer),
		cmocka_unit_test(carries_what_is_optional_or_not),
		cmocka_unit_test(writes_an_authorisation_as_it_is_specified),
		cmocka_unit_test(writes_times_in_utc),
		cmocka_unit_test(refuses_requests_that_break_a_rule),
		cmocka_unit_test(refuses_answers_that_break_a_rule),
		cmocka_unit_test(refuses_the_other_ways_messages),
		cmocka_unit_test(refuses_to_write_what_would_not_read),
		cmocka_unit_test(knows_its_own_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
