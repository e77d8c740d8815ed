/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed records: opened with what they were sealed with, and with nothing else. */
#include "test.h"

#include "seal/seal.h"

static const uint8_t data_key[RD_SEAL_KEY_SIZE] = {1, 2, 3};
static const uint8_t other_key[RD_SEAL_KEY_SIZE] = {1, 2, 4};
static const uint8_t salt[RD_SEAL_SALT_SIZE] = {9};

static const struct rd_seal_key card = {"card", 3, {data_key, sizeof(data_key)}};

static uint8_t storage[RD_SEAL_SIZE_MAX];

static struct rd_view context(const char *id)
{
	static uint8_t room[RD_SEAL_CONTEXT_MAX];
	struct rd_buf out = rd_buf_fixed(room, sizeof(room));
	struct rd_context_pair pairs[] = {{rd_view_str("record"), rd_view_str(id)},
		{rd_view_str("app"), rd_view_str("test")}};

	assert_ok(rd_context_encode(pairs, RD_ARRAY_LEN(pairs), &out));
	return rd_buf_view(&out);
}

static struct rd_view seal(const char *text)
{
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	assert_ok(rd_seal(&card, context("1"), rd_view_str(text), salt, &out));
	return rd_buf_view(&out);
}

static enum rd_status open_with(
	struct rd_view record, const struct rd_seal_key *key, const char *id)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	struct rd_sealed sealed;
	enum rd_status st;

	RD_TRY(rd_seal_read(record, &sealed));
	assert_ok(rd_secret_init(&out, 64));
	assert_ok(rd_secret_set(&out, rd_view_str("what was there")));
	st = rd_seal_open(&sealed, key, context(id), &out);
	if (st == RD_OK) {
		assert_true(rd_view_equal(rd_secret_view(&out), rd_view_str("secret")));
	} else {
		assert_int_equal(out.len, 0);
	}
	return st;
}

static void opens_what_it_sealed(void **state)
{
	struct rd_view record = seal("secret");

	(void)state;
	assert_int_equal(record.len, 6 + RD_SEAL_OVERHEAD(4));
	assert_ok(open_with(record, &card, "1"));
}

/* Computed by tests' own HKDF and GCM (python3-cryptography) from the description in seal.h. */
static void is_the_format_that_is_described(void **state)
{
	(void)state;
	assert_view_hex(seal("secret"),
		"524453310104636172640000000309000000000000000000000000000000000000000000"
		"00000000000000000000439cac9d11933017f12ac57a75e9b4faf180964e75588e5e8699"
		"18ff84705accbb87344d73de1b6a7fd8a96d50a0006ea52a590302b2");
}

static void refuses_another_key_context_purpose_or_version(void **state)
{
	struct rd_view record = seal("secret");
	struct rd_seal_key key = card;

	(void)state;
	assert_status(open_with(record, &card, "2"), RD_UNTRUSTED);
	key.key.ptr = other_key;
	assert_status(open_with(record, &key, "1"), RD_UNTRUSTED);
	key = card;
	key.version = 4;
	assert_status(open_with(record, &key, "1"), RD_FORBIDDEN);
	key = card;
	key.purpose = "cars";
	assert_status(open_with(record, &key, "1"), RD_FORBIDDEN);
}

static void refuses_every_changed_bit(void **state)
{
	struct rd_view record = seal("secret");

	(void)state;
	for (size_t i = 0; i < record.len * 8; i++) {
		storage[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(open_with(record, &card, "1"), RD_OK);
		storage[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_ok(open_with(record, &card, "1"));
}

/* A record whose header was rewritten to name the version of another key that the reader has. */
static void refuses_a_record_relabelled_for_another_version(void **state)
{
	struct rd_view record = seal("secret");
	const struct rd_seal_key next = {"card", 4, {other_key, sizeof(other_key)}};
	const struct rd_seal_key same = {"card", 4, {data_key, sizeof(data_key)}};

	(void)state;
	storage[13] = 4;
	assert_status(open_with(record, &next, "1"), RD_UNTRUSTED);
	assert_status(open_with(record, &same, "1"), RD_UNTRUSTED);
}

static void refuses_what_is_no_record(void **state)
{
	struct rd_view record = seal("secret");
	struct rd_sealed s;

	(void)state;
	for (size_t n = 0; n <= record.len - 6; n++) {
		assert_status(rd_seal_read(rd_view(record.ptr, n), &s), RD_TRUNCATED);
	}
	assert_status(rd_seal_read(rd_view(storage, RD_SEAL_SIZE_MAX + 1), &s), RD_LIMIT);
	storage[5] = 0;
	assert_status(rd_seal_read(record, &s), RD_OUT_OF_RANGE);
	storage[5] = RD_SEAL_PURPOSE_MAX + 1;
	assert_status(rd_seal_read(record, &s), RD_OUT_OF_RANGE);
	storage[5] = 4;
	storage[6] = 'C';
	assert_status(rd_seal_read(record, &s), RD_MALFORMED);
	storage[6] = 'c';
	storage[13] = 0;
	assert_status(rd_seal_read(record, &s), RD_OUT_OF_RANGE);
	storage[4] = 2;
	assert_status(rd_seal_read(record, &s), RD_BAD_ALG);
	storage[0] = 'X';
	assert_status(rd_seal_read(record, &s), RD_BAD_MAGIC);
}

static enum rd_status seal_as(struct rd_seal_key key, size_t context_len, size_t plaintext_len)
{
	static uint8_t room[RD_SEAL_PLAINTEXT_MAX + 1];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st = rd_seal(
		&key, rd_view(room, context_len), rd_view(room, plaintext_len), salt, &out);

	assert_true(st == RD_OK || out.used == 0);
	return st;
}

static void refuses_to_seal_what_makes_no_sense(void **state)
{
	struct rd_seal_key key = card;

	(void)state;
	assert_ok(seal_as(card, RD_SEAL_CONTEXT_MAX, RD_SEAL_PLAINTEXT_MAX));
	assert_status(seal_as(card, RD_SEAL_CONTEXT_MAX + 1, 1), RD_LIMIT);
	assert_status(seal_as(card, 0, 0), RD_LIMIT);
	assert_status(seal_as(card, 0, RD_SEAL_PLAINTEXT_MAX + 1), RD_LIMIT);
	key.version = 0;
	assert_status(seal_as(key, 0, 1), RD_USAGE);
	key = card;
	key.purpose = "";
	assert_status(seal_as(key, 0, 1), RD_USAGE);
	key.purpose = "Card";
	assert_status(seal_as(key, 0, 1), RD_USAGE);
	key.purpose = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	assert_status(seal_as(key, 0, 1), RD_USAGE);
	key = card;
	key.key.len = 16;
	assert_status(seal_as(key, 0, 1), RD_USAGE);
}

static void says_when_the_plaintext_does_not_fit(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	struct rd_view record = seal("secret");
	struct rd_sealed sealed;

	(void)state;
	assert_ok(rd_seal_read(record, &sealed));
	assert_ok(rd_secret_init(&out, 5));
	assert_status(rd_seal_open(&sealed, &card, context("1"), &out), RD_NOSPACE);
	assert_int_equal(out.len, 0);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_what_it_sealed),
		cmocka_unit_test(is_the_format_that_is_described),
		cmocka_unit_test(refuses_another_key_context_purpose_or_version),
		cmocka_unit_test(refuses_every_changed_bit),
		cmocka_unit_test(refuses_a_record_relabelled_for_another_version),
		cmocka_unit_test(refuses_what_is_no_record),
		cmocka_unit_test(refuses_to_seal_what_makes_no_sense),
		cmocka_unit_test(says_when_the_plaintext_does_not_fit),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
