/* SPDX-License-Identifier: Apache-2.0 */
/* The payload's form: every rule broken in a document that is otherwise signed and chained rightly.
 */
#include "maker.h"

#include "cbor/decode.h"
#include "cbor/encode.h"

enum {
	MODULE_ID,
	DIGEST,
	TIMESTAMP,
	PCRS,
	CERTIFICATE,
	CABUNDLE,
	PUBLIC_KEY,
	USER_DATA,
	NONCE,
	FIELDS
};

static struct maker m;
static struct rd_buf payload; /* a right one, and its nine entries (key and value) */
static struct rd_view entries[FIELDS];

static int setup(void **state)
{
	struct rd_cbor d;
	struct rd_cbor_iter it;
	bool more;

	(void)state;
	maker_init(&m);
	maker_chain(&m);
	payload = rd_buf_growable(RD_DOC_PAYLOAD_MAX);
	assert_ok(rd_doc_encode(&m.doc, &payload));
	rd_cbor_init(&d, rd_buf_view(&payload), RD_CBOR_STRICT);
	assert_ok(rd_cbor_map(&d, &it));
	for (int i = 0; i < FIELDS; i++) {
		struct rd_view key;
		struct rd_view value;

		assert_ok(rd_cbor_more(&d, &it, &more));
		assert_true(more);
		assert_ok(rd_cbor_skip(&d, &key));
		assert_ok(rd_cbor_skip(&d, &value));
		entries[i] = rd_view(key.ptr, key.len + value.len);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	maker_finish(&m);
	rd_buf_finish(&payload);
	return 0;
}

static enum rd_verify_result judge(struct rd_view bytes)
{
	struct rd_buf doc = maker_sign_payload(&m, bytes);
	enum rd_verify_result result = maker_verify(&m, rd_buf_view(&doc), NULL);

	rd_buf_finish(&doc);
	return result;
}

/*
 * The map with entry `field` replaced by replacement (left out when that is NULL), and extra put
 * behind; head is the map's first byte.
 */
static enum rd_verify_result judge_with(
	uint8_t head, int field, struct rd_view replacement, struct rd_view extra)
{
	struct rd_buf b = rd_buf_growable(2 * RD_DOC_PAYLOAD_MAX);
	enum rd_verify_result result;

	assert_ok(rd_buf_u8(&b, head));
	for (int i = 0; i < FIELDS; i++) {
		assert_ok(rd_buf_put_view(&b, i == field ? replacement : entries[i]));
	}
	assert_ok(rd_buf_put_view(&b, extra));
	result = judge(rd_buf_view(&b));
	rd_buf_finish(&b);
	return result;
}

static const struct rd_view nothing = {NULL, 0};

/* The entry's key with the value that this hex says. */
static struct rd_buf entry_hex(int field, const char *hex)
{
	struct rd_buf b = rd_buf_growable(RD_DOC_PAYLOAD_MAX);
	struct rd_cbor d;
	struct rd_view key;

	rd_cbor_init(&d, entries[field], RD_CBOR_STRICT);
	assert_ok(rd_cbor_skip(&d, &key));
	assert_ok(rd_buf_put_view(&b, key));
	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	return b;
}

static void mandatory_fields_must_come_and_optional_need_not(void **state)
{
	(void)state;
	for (int i = 0; i < FIELDS; i++) {
		assert_result(judge_with(0xa8, i, nothing, nothing),
			i < PUBLIC_KEY ? RD_VERIFY_MISSING : RD_VERIFY_OK);
	}
}

static void no_key_may_come_twice(void **state)
{
	static const char unknown[] = "\x61x\x00\x61x\x00";

	(void)state;
	for (int i = 0; i < FIELDS; i++) {
		assert_result(judge_with(0xaa, -1, nothing, entries[i]), RD_VERIFY_DUPLICATE);
	}
	assert_result(judge_with(0xaa, -1, nothing, rd_view(unknown, 3)), RD_VERIFY_OK);
	assert_result(judge_with(0xab, -1, nothing, rd_view(unknown, 6)), RD_VERIFY_DUPLICATE);
}

static void the_map_may_be_indefinite_and_nothing_else(void **state)
{
	/* PCR0 alone, of zeros; and one certificate of one byte. */
	static const char indefinite_map[] = "bf005830"
					     "000000000000000000000000000000000000000000000000"
					     "000000000000000000000000000000000000000000000000"
					     "ff";
	static const char indefinite_array[] = "9f4100ff";
	struct rd_buf b;

	(void)state;
	assert_result(judge_with(0xbf, -1, nothing, rd_view("\xff", 1)), RD_VERIFY_OK);
	assert_result(judge_with(0xbf, -1, nothing, nothing), RD_VERIFY_PAYLOAD);
	/* Indefinite containers inside are well-formed: what is wrong here is what they hold. */
	b = entry_hex(PCRS, indefinite_map);
	assert_result(judge_with(0xa9, PCRS, rd_buf_view(&b), nothing), RD_VERIFY_PCR4);
	rd_buf_finish(&b);
	b = entry_hex(CABUNDLE, indefinite_array);
	assert_result(judge_with(0xa9, CABUNDLE, rd_buf_view(&b), nothing), RD_VERIFY_UNKNOWN_ROOT);
	rd_buf_finish(&b);
	/* Strings in chunks are not. */
	b = entry_hex(DIGEST, "7f66534841333834ff");
	assert_result(judge_with(0xa9, DIGEST, rd_buf_view(&b), nothing), RD_VERIFY_PAYLOAD);
	rd_buf_finish(&b);
}

static void keys_are_texts_and_nothing_follows(void **state)
{
	(void)state;
	assert_result(judge_with(0xaa, -1, nothing, rd_view("\x00\x00", 2)), RD_VERIFY_PAYLOAD);
	assert_result(judge_with(0xaa, -1, nothing, rd_view("\x41x\x00", 3)), RD_VERIFY_PAYLOAD);
	assert_result(judge_with(0xa9, -1, nothing, rd_view("\x00", 1)), RD_VERIFY_TRAILING);
	assert_result(judge_with(0xa8, -1, nothing, nothing), RD_VERIFY_TRAILING);
	assert_result(judge_with(0xaa, -1, nothing, nothing), RD_VERIFY_PAYLOAD);
	assert_result(judge(rd_view("\x80", 1)), RD_VERIFY_PAYLOAD);
	assert_result(judge(rd_view("\xa0", 1)), RD_VERIFY_MISSING);
	assert_result(judge(rd_view("", 0)), RD_VERIFY_PAYLOAD_SIZE);
}

static void a_nitrotpm_document_is_no_enclaves(void **state)
{
	struct rd_buf b = rd_buf_growable(RD_DOC_PAYLOAD_MAX);
	struct rd_cbor d;
	struct rd_view key;

	(void)state;
	rd_cbor_init(&d, entries[PCRS], RD_CBOR_STRICT);
	assert_ok(rd_cbor_skip(&d, &key));
	assert_ok(rd_cbor_put_str(&b, "nitrotpm_pcrs"));
	assert_ok(rd_buf_put(&b, key.ptr + key.len, entries[PCRS].len - key.len));
	assert_result(judge_with(0xa9, PCRS, rd_buf_view(&b), nothing), RD_VERIFY_NITROTPM);
	/* Nor with both. */
	assert_result(judge_with(0xaa, -1, nothing, rd_buf_view(&b)), RD_VERIFY_NITROTPM);
	rd_buf_finish(&b);
}

static void values_have_their_types_and_ranges(void **state)
{
	static const struct {
		int field;
		const char *hex;
		enum rd_verify_result want;
	} cases[] = {
		{MODULE_ID, "60", RD_VERIFY_MODULE_ID},
		{MODULE_ID, "4161", RD_VERIFY_MODULE_ID},
		{MODULE_ID, "f6", RD_VERIFY_MODULE_ID},
		{MODULE_ID, "611b", RD_VERIFY_MODULE_ID},
		{MODULE_ID, "62c3bc", RD_VERIFY_MODULE_ID},
		{MODULE_ID, "61ff", RD_VERIFY_PAYLOAD},
		{DIGEST, "66534841323536", RD_VERIFY_DIGEST},
		{DIGEST, "66736861333834", RD_VERIFY_DIGEST},
		{DIGEST, "6753484133383400", RD_VERIFY_DIGEST},
		{DIGEST, "46534841333834", RD_VERIFY_DIGEST},
		{TIMESTAMP, "00", RD_VERIFY_TIMESTAMP},
		{TIMESTAMP, "20", RD_VERIFY_TIMESTAMP},
		{TIMESTAMP, "f6", RD_VERIFY_TIMESTAMP},
		{TIMESTAMP, "fb41dc4f7c80000000", RD_VERIFY_TIMESTAMP},
		{TIMESTAMP, "1bffffffffffffffff", RD_VERIFY_TIMESTAMP},
		{TIMESTAMP, "1b000000000000000a", RD_VERIFY_PAYLOAD},
		{TIMESTAMP, "1b7fffffffffffffff", RD_VERIFY_FUTURE},
		{PCRS, "a0", RD_VERIFY_PCRS},
		{PCRS, "80", RD_VERIFY_PCRS},
		{PCRS, "f6", RD_VERIFY_PCRS},
		{PCRS, "a10040", RD_VERIFY_PCRS},
		{PCRS, "a10000", RD_VERIFY_PCRS},
		{CERTIFICATE, "40", RD_VERIFY_CERTIFICATE},
		{CERTIFICATE, "f6", RD_VERIFY_CERTIFICATE},
		{CERTIFICATE, "4100", RD_VERIFY_BAD_CERT},
		{CABUNDLE, "80", RD_VERIFY_CABUNDLE},
		{CABUNDLE, "f6", RD_VERIFY_CABUNDLE},
		{CABUNDLE, "8140", RD_VERIFY_CABUNDLE},
		{CABUNDLE, "81f6", RD_VERIFY_CABUNDLE},
		{CABUNDLE, "8541004100410041004100", RD_VERIFY_CABUNDLE},
		{CABUNDLE, "814100", RD_VERIFY_UNKNOWN_ROOT},
		{PUBLIC_KEY, "40", RD_VERIFY_OK},
		{PUBLIC_KEY, "60", RD_VERIFY_FIELD},
		{PUBLIC_KEY, "80", RD_VERIFY_FIELD},
		{USER_DATA, "40", RD_VERIFY_OK},
		{USER_DATA, "00", RD_VERIFY_FIELD},
		{USER_DATA, "f7", RD_VERIFY_FIELD},
		{NONCE, "f6", RD_VERIFY_OK},
		{NONCE, "40", RD_VERIFY_OK},
		{NONCE, "6161", RD_VERIFY_FIELD},
		{NONCE, "1c", RD_VERIFY_PAYLOAD},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf b = entry_hex(cases[i].field, cases[i].hex);
		enum rd_verify_result r = judge_with(
			0xa9, cases[i].field, rd_buf_view(&b), nothing);

		if (r != cases[i].want) {
			fail_msg("field %d = %s: got %s, want %s", cases[i].field, cases[i].hex,
				rd_verify_name(r), rd_verify_name(cases[i].want));
		}
		rd_buf_finish(&b);
	}
}

/* pcrs with n entries: index first + i (as text when asked), each of len bytes. */
static enum rd_verify_result judge_pcrs(size_t n, uint64_t first, size_t len, bool text_key)
{
	struct rd_buf b = entry_hex(PCRS, "");
	enum rd_verify_result result;

	assert_ok(rd_cbor_put_map(&b, n));
	for (size_t i = 0; i < n; i++) {
		uint8_t value[64];

		memset(value, 0x11, sizeof(value));
		if (text_key) {
			assert_ok(rd_cbor_put_str(&b, "0"));
		} else {
			assert_ok(rd_cbor_put_uint(&b, first + i));
		}
		/* PCR4 is the instance's, so that 32 right ones are accepted. */
		assert_ok(rd_cbor_put_bytes(
			&b, rd_view(first + i == 4 && len == 48 ? m.pcrs[4] : value, len)));
	}
	result = judge_with(0xa9, PCRS, rd_buf_view(&b), nothing);
	rd_buf_finish(&b);
	return result;
}

static void registers_are_counted_and_measured(void **state)
{
	struct rd_buf twice;

	(void)state;
	assert_result(judge_pcrs(32, 0, 48, false), RD_VERIFY_OK);
	assert_result(judge_pcrs(33, 0, 48, false), RD_VERIFY_PCRS);
	assert_result(judge_pcrs(1, 32, 48, false), RD_VERIFY_PCRS);
	assert_result(judge_pcrs(1, 0, 48, true), RD_VERIFY_PCRS);
	assert_result(judge_pcrs(16, 0, 47, false), RD_VERIFY_PCRS);
	assert_result(judge_pcrs(16, 0, 49, false), RD_VERIFY_PCRS);
	assert_result(judge_pcrs(16, 0, 32, false), RD_VERIFY_PCRS);
	assert_result(judge_pcrs(16, 0, 64, false), RD_VERIFY_PCRS);
	/* The same index twice, with the same value: last-wins readers take it. */
	twice = entry_hex(PCRS, "a2");
	for (int i = 0; i < 2; i++) {
		assert_ok(rd_cbor_put_uint(&twice, 0));
		assert_ok(rd_cbor_put_bytes(&twice, rd_view(m.pcrs[0], 48)));
	}
	assert_result(judge_with(0xa9, PCRS, rd_buf_view(&twice), nothing), RD_VERIFY_PCRS);
	rd_buf_finish(&twice);
}

static void sizes_have_inclusive_edges(void **state)
{
	static const uint8_t big[1025];
	static const struct {
		int field;
		enum rd_verify_result at_most;
		enum rd_verify_result above;
	} cases[] = {
		{CERTIFICATE, RD_VERIFY_BAD_CERT, RD_VERIFY_CERTIFICATE},
		{PUBLIC_KEY, RD_VERIFY_OK, RD_VERIFY_FIELD},
		{USER_DATA, RD_VERIFY_OK, RD_VERIFY_FIELD},
		{NONCE, RD_VERIFY_OK, RD_VERIFY_FIELD},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		for (size_t len = 1024; len <= 1025; len++) {
			struct rd_buf b = entry_hex(cases[i].field, "");

			assert_ok(rd_cbor_put_bytes(&b, rd_view(big, len)));
			assert_result(judge_with(0xa9, cases[i].field, rd_buf_view(&b), nothing),
				len == 1024 ? cases[i].at_most : cases[i].above);
			rd_buf_finish(&b);
		}
	}
}

static void payloads_have_a_largest_size(void **state)
{
	struct rd_buf b = rd_buf_growable(32000);
	size_t pad = RD_DOC_PAYLOAD_MAX - payload.used - 2 - 3;

	(void)state;
	assert_ok(rd_cbor_put_str(&b, "x"));
	assert_ok(rd_cbor_put_bytes_head(&b, pad));
	assert_ok(rd_buf_put_zeros(&b, pad));
	assert_result(judge_with(0xaa, -1, nothing, rd_buf_view(&b)), RD_VERIFY_OK);
	b.used = 0;
	assert_ok(rd_cbor_put_str(&b, "x"));
	assert_ok(rd_cbor_put_bytes_head(&b, pad + 1));
	assert_ok(rd_buf_put_zeros(&b, pad + 1));
	assert_result(judge_with(0xaa, -1, nothing, rd_buf_view(&b)), RD_VERIFY_PAYLOAD_SIZE);
	rd_buf_finish(&b);
}

static void nesting_is_capped(void **state)
{
	uint8_t deep[2 + RD_CBOR_DEPTH_MAX + 1];

	(void)state;
	memset(deep, 0x81, sizeof(deep));
	memcpy(deep, "\x61x", 2);
	deep[sizeof(deep) - 1] = 0;
	assert_result(
		judge_with(0xaa, -1, nothing, rd_view(deep, sizeof(deep))), RD_VERIFY_PAYLOAD);
	deep[sizeof(deep) - 2] = 0;
	assert_result(judge_with(0xaa, -1, nothing, rd_view(deep, sizeof(deep) - 1)), RD_VERIFY_OK);
}

/* The COSE layer around a right payload: protected header, unprotected header, signature bytes. */
static enum rd_verify_result judge_cose(
	const char *protected_hex, const char *unprotected_hex, size_t signature_len)
{
	struct rd_buf good = maker_sign_payload(&m, rd_buf_view(&payload));
	struct rd_buf b = rd_buf_growable(RD_VERIFY_INPUT_MAX);
	struct rd_buf header = rd_buf_growable(64);
	struct rd_cose_sign1 s;
	uint8_t signature[97] = {0};
	enum rd_verify_result result;

	assert_ok(rd_cose_sign1_decode(rd_buf_view(&good), &s));
	memcpy(signature, s.signature.ptr, 96);
	assert_ok(rd_hex_decode(rd_view_str(protected_hex), &header));
	assert_ok(rd_cbor_put_array(&b, 4));
	assert_ok(rd_cbor_put_bytes(&b, rd_buf_view(&header)));
	assert_ok(rd_hex_decode(rd_view_str(unprotected_hex), &b));
	assert_ok(rd_cbor_put_bytes(&b, s.payload));
	assert_ok(rd_cbor_put_bytes(&b, rd_view(signature, signature_len)));
	result = maker_verify(&m, rd_buf_view(&b), NULL);
	rd_buf_finish(&good);
	rd_buf_finish(&b);
	rd_buf_finish(&header);
	return result;
}

static void headers_and_signature_sizes_are_pinned(void **state)
{
	static const struct {
		const char *protected_hex;
		const char *unprotected_hex;
		size_t signature_len;
		enum rd_verify_result want;
	} cases[] = {
		{"a1013822", "a0", 96, RD_VERIFY_OK},
		{"a1013822", "a1044131", 96, RD_VERIFY_OK},
		{"a1013822", "a0", 95, RD_VERIFY_SIGNATURE_SIZE},
		{"a1013822", "a0", 97, RD_VERIFY_SIGNATURE_SIZE},
		{"a1013822", "a0", 0, RD_VERIFY_SIGNATURE_SIZE},
		{"a10126", "a0", 96, RD_VERIFY_ALGORITHM},
		{"a1013823", "a0", 96, RD_VERIFY_ALGORITHM},
		{"a10127", "a0", 96, RD_VERIFY_ALGORITHM},
		{"", "a1013822", 96, RD_VERIFY_PROTECTED},
		{"a0", "a1013822", 96, RD_VERIFY_PROTECTED},
		{"a201382202810a", "a0", 96, RD_VERIFY_PROTECTED},
		{"a2013822044131", "a0", 96, RD_VERIFY_PROTECTED},
		{"a1013822", "80", 96, RD_VERIFY_NOT_COSE},
		{"a1013822", "f6", 96, RD_VERIFY_NOT_COSE},
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		enum rd_verify_result r = judge_cose(
			cases[i].protected_hex, cases[i].unprotected_hex, cases[i].signature_len);

		if (r != cases[i].want) {
			fail_msg("%s / %s / %zu: got %s, want %s", cases[i].protected_hex,
				cases[i].unprotected_hex, cases[i].signature_len, rd_verify_name(r),
				rd_verify_name(cases[i].want));
		}
	}
}

static void writer_refuses_registers_of_another_size(void **state)
{
	struct rd_doc doc = m.doc;
	struct rd_buf b = rd_buf_growable(RD_DOC_PAYLOAD_MAX);
	struct rd_ec_key *p256 = NULL;

	(void)state;
	doc.pcrs[7].len = 32;
	assert_status(rd_doc_encode(&doc, &b), RD_USAGE);
	b.used = 0;
	assert_ok(rd_ec_key_generate(RD_P256, &p256));
	assert_status(rd_doc_sign(&m.doc, p256, &b), RD_WRONG_KEY);
	assert_int_equal(b.used, 0);
	rd_ec_key_free(&p256);
	rd_buf_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mandatory_fields_must_come_and_optional_need_not),
		cmocka_unit_test(no_key_may_come_twice),
		cmocka_unit_test(the_map_may_be_indefinite_and_nothing_else),
		cmocka_unit_test(keys_are_texts_and_nothing_follows),
		cmocka_unit_test(a_nitrotpm_document_is_no_enclaves),
		cmocka_unit_test(values_have_their_types_and_ranges),
		cmocka_unit_test(registers_are_counted_and_measured),
		cmocka_unit_test(sizes_have_inclusive_edges),
		cmocka_unit_test(payloads_have_a_largest_size),
		cmocka_unit_test(nesting_is_capped),
		cmocka_unit_test(headers_and_signature_sizes_are_pinned),
		cmocka_unit_test(writer_refuses_registers_of_another_size),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
