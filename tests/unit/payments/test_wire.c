/* SPDX-License-Identifier: Apache-2.0 */
/* The link's messages: what is written is read, and what else comes is refused. */
#include "test.h"

#include "base/byteorder.h"
#include "cbor/encode.h"
#include "wire/link.h"

static uint8_t storage[2][PAY_FRAME_MAX + 4];
static uint8_t zeros[PAY_DOCUMENT_MAX];

static struct rd_view bytes(size_t n)
{
	return rd_view(zeros, n);
}

static struct rd_view encoded(const struct pay_message *m)
{
	struct rd_buf out = rd_buf_fixed(storage[0], sizeof(storage[0]));
	struct rd_view body;
	size_t size;

	assert_ok(pay_link_encode(m, &out));
	assert_ok(pay_link_frame(rd_buf_view(&out), &body, &size));
	assert_int_equal(size, out.used);
	return body;
}

static const struct pay_message authorise = {
	.type = PAY_AUTHORISE,
	.id = 7,
	.authorise = {.merchant = "shop-1",
		.order = "ord_1",
		.payment = "key_1",
		.amount = 1250,
		.currency = "EUR",
		.sealed = {zeros, PAY_SEALED_CARD_SIZE},
		.who = "merchant:shop-1",
		.origin = "::1"},
};

static const struct pay_logged logged = {
	.index = 5,
	.record = {zeros, 100},
	.head = {zeros, PAY_HEAD_SIZE},
};

/* One of each type, every field set. */
static size_t one_of_each_to_enclave(struct pay_message *m)
{
	const struct pay_follow follow = {.merchant = "shop-1",
		.order = "ord_1",
		.payment = "key_1",
		.operation = "cap_1",
		.amount = PAY_AMOUNT_MAX,
		.currency = "EUR",
		.token = "tok_0000000000000000000000",
		.masked = "411111******1111",
		.who = "merchant:shop-1",
		.origin = "::1"};
	const struct pay_dual dual = {.request = bytes(100),
		.signatures = {.n = 2,
			.items = {{rd_view_str("alice"), bytes(PAY_SIGNATURE_SIZE)},
				{rd_view_str("bob"), bytes(PAY_SIGNATURE_SIZE)}}},
		.vault = bytes(PAY_VAULT_MAX),
		.origin = "::1"};
	size_t n = 0;

	m[n++] = (struct pay_message){.type = PAY_START,
		.start = {.access_key_id = rd_view_str("AKIA"),
			.secret_access_key = rd_view_str("secret"),
			.session_token = rd_view_str("token"),
			.prepare = 1,
			.keyring = {.n = 2,
				.items = {{PAY_KEY_CARD, 1, bytes(PAY_WRAPPED_MAX), bytes(0)},
					{PAY_KEY_LOG, UINT32_MAX, bytes(1), bytes(200)}}},
			.policy = bytes(PAY_POLICY_SEALED_MAX),
			.size = 3,
			.peaks = bytes(64),
			.head = bytes(PAY_HEAD_SIZE),
			.last = bytes(PAY_RECORD_MAX),
			.last_proof = bytes(64)}};
	m[n++] = (struct pay_message){.type = PAY_ATTEST, .attest.nonce = bytes(32)};
	m[n++] = authorise;
	m[n++] = (struct pay_message){.type = PAY_CAPTURE, .follow = follow};
	m[n++] = (struct pay_message){.type = PAY_REFUND, .follow = follow};
	m[n++] = (struct pay_message){.type = PAY_REVERSE, .follow = follow};
	m[n++] = (struct pay_message){.type = PAY_REWRAP,
		.rewrap = {.merchant = "shop-1", .token = "tok_1", .vault = bytes(128)}};
	m[n++] = (struct pay_message){
		.type = PAY_ROTATE, .rotate = {.who = "operator:o", .origin = "::1"}};
	m[n++] = (struct pay_message){.type = PAY_CHALLENGE};
	m[n++] = (struct pay_message){.type = PAY_EXPORT, .dual = dual};
	m[n++] = (struct pay_message){.type = PAY_POLICY, .dual = dual};
	m[n++] = (struct pay_message){.type = PAY_RECORDED, .recorded.size = 6};
	m[n++] = (struct pay_message){
		.type = PAY_FOUND, .found = {.token = "tok_1", .vault = bytes(128)}};
	m[n++] = (struct pay_message){.type = PAY_PROVED, .proved.proof = bytes(PAY_PROOF_MAX)};
	m[n++] = (struct pay_message){.type = PAY_KEPT};
	return n;
}

static size_t one_of_each_to_server(struct pay_message *m)
{
	size_t n = 0;

	m[n++] = (struct pay_message){.type = PAY_STARTED,
		.started = {.size = 6,
			.head = bytes(PAY_HEAD_SIZE),
			.log_id = bytes(32),
			.log_key = bytes(91),
			.image_version = 1,
			.policy_version = 2}};
	m[n++] = (struct pay_message){
		.type = PAY_ATTESTED, .attested.document = bytes(PAY_DOCUMENT_MAX)};
	m[n++] = (struct pay_message){.type = PAY_RESULT,
		.result = {.state = PAY_AUTHORISED,
			.reason = "limit",
			.response = "00",
			.approval = "A1 2.3",
			.rrn = "ABCDEFGHIJK9",
			.token = "tok_0000000000000000000000",
			.fpe = "4111110000001111",
			.masked = "411111******1111",
			.brand = "visa",
			.logged = logged}};
	m[n++] = (struct pay_message){.type = PAY_REWRAPPED,
		.rewrapped = {.vault = bytes(128), .version = 2, .logged = logged}};
	m[n++] = (struct pay_message){
		.type = PAY_ROTATED, .rotated = {.version = 2, .logged = logged}};
	m[n++] = (struct pay_message){.type = PAY_NONCE, .nonce.nonce = bytes(PAY_NONCE_SIZE)};
	m[n++] = (struct pay_message){
		.type = PAY_EXPORTED, .exported.sealed = bytes(PAY_EXPORT_MAX)};
	m[n++] = (struct pay_message){.type = PAY_POLICY_SET,
		.policy_set = {.version = 2, .sealed = bytes(1000), .logged = logged}};
	m[n++] = (struct pay_message){.type = PAY_ERROR,
		.error = {.code = PAY_ERROR_CHANNEL, .text = "no", .logged = logged}};
	m[n++] = (struct pay_message){.type = PAY_RECORD,
		.record = {.request = 9,
			.logged = logged,
			.token = "tok_1",
			.fpe = "4111110000001111",
			.blind = bytes(PAY_BLIND_SIZE),
			.vault = bytes(128),
			.version = 1}};
	m[n++] = (struct pay_message){
		.type = PAY_RECORD, .record = {.logged = logged, .document = bytes(4000)}};
	m[n++] = (struct pay_message){.type = PAY_PREPARED};
	m[n++] = (struct pay_message){.type = PAY_LOOKUP,
		.lookup = {.merchant = "shop-1", .blind = bytes(PAY_BLIND_SIZE)}};
	m[n++] = (struct pay_message){.type = PAY_PROOF, .proof = {.old_size = 1, .size = 2}};
	m[n++] = (struct pay_message){.type = PAY_NEW_KEY,
		.new_key = {.purpose = PAY_KEY_LOG,
			.version = 1,
			.wrapped = bytes(184),
			.sealed = bytes(200)}};
	return n;
}

static size_t one_of_each(struct pay_message *m)
{
	size_t n = one_of_each_to_enclave(m);

	return n + one_of_each_to_server(m + n);
}

static enum pay_direction way_of(const struct pay_message *m)
{
	return m->type < PAY_STARTED || m->type >= PAY_RECORDED ? PAY_TO_ENCLAVE : PAY_TO_SERVER;
}

static enum pay_direction other(enum pay_direction way)
{
	return way == PAY_TO_ENCLAVE ? PAY_TO_SERVER : PAY_TO_ENCLAVE;
}

static void every_message_comes_back_as_it_was(void **state)
{
	static struct pay_message m[32];
	static struct pay_message back;
	size_t n = one_of_each(m);

	(void)state;
	assert_int_equal(n, 30);
	for (size_t i = 0; i < n; i++) {
		struct rd_buf again = rd_buf_fixed(storage[1], sizeof(storage[1]));
		struct rd_view body, body_again;
		const char *field;
		size_t size;

		m[i].id = INT64_MAX - i;
		body = encoded(&m[i]);
		assert_ok(pay_link_decode(body, way_of(&m[i]), &back, &field));
		assert_int_equal(back.id, m[i].id);
		assert_ok(pay_link_encode(&back, &again));
		assert_ok(pay_link_frame(rd_buf_view(&again), &body_again, &size));
		assert_true(rd_view_equal(body, body_again));
		assert_status(
			pay_link_decode(body, other(way_of(&m[i])), &back, &field), RD_FORBIDDEN);
	}
}

static void every_message_cut_short_is_refused(void **state)
{
	static struct pay_message m[32];
	static struct pay_message back;
	size_t n = one_of_each(m);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct rd_view body;
		const char *field;

		m[i].id = 1;
		body = encoded(&m[i]);
		for (size_t len = 0; len < body.len; len += 1 + len / 8) {
			assert_int_not_equal(pay_link_decode(rd_view(body.ptr, len), way_of(&m[i]),
						     &back, &field),
				RD_OK);
		}
	}
}

static void reads_fields_of_an_authorise(void **state)
{
	struct pay_message m = authorise, back;
	const char *field;

	(void)state;
	assert_ok(pay_link_decode(encoded(&m), PAY_TO_ENCLAVE, &back, &field));
	assert_int_equal(back.type, PAY_AUTHORISE);
	assert_int_equal(back.id, 7);
	assert_string_equal(back.authorise.merchant, "shop-1");
	assert_string_equal(back.authorise.order, "ord_1");
	assert_string_equal(back.authorise.payment, "key_1");
	assert_string_equal(back.authorise.currency, "EUR");
	assert_int_equal(back.authorise.amount, 1250);
	assert_int_equal(back.authorise.sealed.len, PAY_SEALED_CARD_SIZE);
}

/* A hand-made ATTEST: [type, id, {name: value}] and what is behind it. */
static enum rd_status decode_made(uint64_t type, uint64_t id, const char *name,
	struct rd_view value, const char *second, const char **ret_field)
{
	uint8_t room[512];
	struct rd_buf b = rd_buf_fixed(room, sizeof(room));
	struct pay_message m;

	assert_ok(rd_cbor_put_array(&b, 3));
	assert_ok(rd_cbor_put_uint(&b, type));
	assert_ok(rd_cbor_put_uint(&b, id));
	assert_ok(rd_cbor_put_map(&b, second == NULL ? 1 : 2));
	assert_ok(rd_cbor_put_str(&b, name));
	assert_ok(rd_cbor_put_bytes(&b, value));
	if (second != NULL) {
		assert_ok(rd_cbor_put_str(&b, second));
		assert_ok(rd_cbor_put_bytes(&b, value));
	}
	return pay_link_decode(rd_buf_view(&b), PAY_TO_ENCLAVE, &m, ret_field);
}

static void refuses_what_the_table_does_not_have(void **state)
{
	const char *field;

	(void)state;
	assert_ok(decode_made(PAY_ATTEST, 1, "nonce", bytes(16), NULL, &field));
	assert_status(
		decode_made(PAY_ATTEST, 0, "nonce", bytes(16), NULL, &field), RD_OUT_OF_RANGE);
	assert_status(
		decode_made(PAY_ATTEST, 1, "nonce", bytes(15), NULL, &field), RD_OUT_OF_RANGE);
	assert_string_equal(field, "nonce");
	assert_status(decode_made(PAY_ATTEST, 1, "nonce", bytes(65), NULL, &field), RD_LIMIT);
	assert_status(decode_made(PAY_ATTEST, 1, "nonces", bytes(16), NULL, &field), RD_FORBIDDEN);
	assert_status(
		decode_made(PAY_ATTEST, 1, "nonce", bytes(16), "nonce", &field), RD_DUPLICATE);
	assert_status(decode_made(PAY_ATTEST, 1, "nonce", bytes(16), "more", &field), RD_FORBIDDEN);
	assert_status(decode_made(99, 1, "nonce", bytes(16), NULL, &field), RD_UNSUPPORTED);
	assert_status(decode_made(PAY_FOUND, 1, "token", bytes(16), NULL, &field), RD_BAD_TYPE);
	assert_status(decode_made(PAY_RECORDED, 1, "sizes", bytes(16), NULL, &field), RD_FORBIDDEN);
	assert_status(
		decode_made(PAY_AUTHORISE, 1, "sealed", bytes(PAY_SEALED_CARD_SIZE), NULL, &field),
		RD_MISSING);
	assert_string_equal(field, "merchant");
}

static void refuses_bytes_behind_the_end(void **state)
{
	struct pay_message m = authorise, back;
	struct rd_view body = encoded(&m);
	const char *field;

	(void)state;
	memcpy(storage[1], body.ptr, body.len);
	storage[1][body.len] = 0;
	assert_status(
		pay_link_decode(rd_view(storage[1], body.len + 1), PAY_TO_ENCLAVE, &back, &field),
		RD_TRAILING);
	assert_status(pay_link_decode(rd_view(storage[1], PAY_FRAME_MAX + 1), PAY_TO_ENCLAVE, &back,
			      &field),
		RD_LIMIT);
}

static enum rd_status encode(const struct pay_message *m)
{
	struct rd_buf out = rd_buf_fixed(storage[0], sizeof(storage[0]));
	enum rd_status st = pay_link_encode(m, &out);

	assert_true(st == RD_OK || out.used == 0);
	return st;
}

static void writes_nothing_that_would_be_refused(void **state)
{
	static struct pay_message m;
	struct rd_buf small = rd_buf_fixed(storage[1], 20);

	(void)state;
	m = authorise;
	assert_ok(encode(&m));
	assert_status(pay_link_encode(&m, &small), RD_NOSPACE);
	assert_int_equal(small.used, 0);
	m.authorise.amount = 0;
	assert_status(encode(&m), RD_USAGE);
	m.authorise.amount = PAY_AMOUNT_MAX + 1;
	assert_status(encode(&m), RD_USAGE);
	m = authorise;
	m.authorise.merchant[0] = '\0';
	assert_status(encode(&m), RD_USAGE);
	m = authorise;
	m.authorise.order[1] = '"';
	assert_status(encode(&m), RD_USAGE);
	m = authorise;
	m.authorise.origin[0] = '\n';
	assert_status(encode(&m), RD_USAGE);
	m = authorise;
	m.authorise.sealed.len--;
	assert_status(encode(&m), RD_USAGE);
	m = authorise;
	m.id = 0;
	assert_status(encode(&m), RD_USAGE);
	m.type = (enum pay_type)99;
	assert_status(encode(&m), RD_USAGE);
}

static void refuses_characters_that_an_id_does_not_have(void **state)
{
	struct pay_message m = authorise, back;
	struct rd_view body = encoded(&m);
	const char *field;
	uint8_t *at;

	(void)state;
	memcpy(storage[1], body.ptr, body.len);
	at = memmem(storage[1], body.len, "ord_1", 5);
	assert_non_null(at);
	at[3] = '/';
	assert_status(pay_link_decode(rd_view(storage[1], body.len), PAY_TO_ENCLAVE, &back, &field),
		RD_MALFORMED);
	assert_string_equal(field, "order");
}

static void a_frame_waits_until_it_is_whole(void **state)
{
	uint8_t frame[8] = {0, 0, 0, 3, 1, 2, 3, 9};
	struct rd_view body;
	size_t size = 0;

	(void)state;
	for (size_t n = 0; n < 7; n++) {
		assert_status(pay_link_frame(rd_view(frame, n), &body, &size), RD_AGAIN);
	}
	assert_ok(pay_link_frame(rd_view(frame, 8), &body, &size));
	assert_int_equal(size, 7);
	assert_view_hex(body, "010203");
	rd_put_be32(frame, 0);
	assert_status(pay_link_frame(rd_view(frame, 8), &body, &size), RD_OUT_OF_RANGE);
	rd_put_be32(frame, PAY_FRAME_MAX + 1);
	assert_status(pay_link_frame(rd_view(frame, 8), &body, &size), RD_OUT_OF_RANGE);
}

static void everything_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(pay_type_name(PAY_AUTHORISE), "AUTHORISE");
	assert_string_equal(pay_type_name(99), "unknown");
	for (uint64_t code = 1; code < PAY_ERROR_END; code++) {
		assert_string_not_equal(pay_error_name(code), "unknown");
	}
	for (uint64_t s = 1; s < PAY_STATE_END; s++) {
		assert_string_not_equal(pay_state_name(s), "unknown");
	}
	assert_string_equal(pay_error_name(PAY_ERROR_END), "unknown");
	assert_string_equal(pay_state_name(0), "unknown");
	assert_string_equal(pay_purpose_name(PAY_KEY_CARD), "card");
	assert_null(pay_purpose_name(0));
	assert_null(pay_purpose_name(PAY_PURPOSE_END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_comes_back_as_it_was),
		cmocka_unit_test(every_message_cut_short_is_refused),
		cmocka_unit_test(reads_fields_of_an_authorise),
		cmocka_unit_test(refuses_what_the_table_does_not_have),
		cmocka_unit_test(refuses_bytes_behind_the_end),
		cmocka_unit_test(writes_nothing_that_would_be_refused),
		cmocka_unit_test(refuses_characters_that_an_id_does_not_have),
		cmocka_unit_test(a_frame_waits_until_it_is_whole),
		cmocka_unit_test(everything_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
