/* SPDX-License-Identifier: Apache-2.0 */
/* The encryption context's encoding and the ciphertext blob: round trips, and each field altered.
 */
#include "test.h"

#include "crypto/kdf.h"
#include "envelope/envelope.h"

#define PAIR(k, v) ((struct rd_context_pair){rd_view_str(k), rd_view_str(v)})

static const uint8_t backing_key[RD_ENVELOPE_BACKING_KEY_SIZE] = {1, 2, 3};
static const struct rd_envelope_id id = {
	.installation = {0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18},
	.key_id = {0x21, 0x22},
	.material_id = {0x31, 0x32},
};
static const struct rd_envelope_random fresh = {.nonce = {0x41}, .gcm_nonce = {0x51}};

static struct rd_buf encoded(struct rd_context_pair *pairs, size_t n)
{
	struct rd_buf b = rd_buf_growable(RD_CONTEXT_SIZE_MAX);

	assert_ok(rd_context_encode(pairs, n, &b));
	return b;
}

static void context_is_sorted_and_counted(void **state)
{
	struct rd_context_pair pairs[] = {
		PAIR("b", "2"), PAIR("a\xc3\xa9", "1"), PAIR("a", ""), PAIR("B", "3")};
	struct rd_context_pair turned[] = {
		PAIR("B", "3"), PAIR("a", ""), PAIR("a\xc3\xa9", "1"), PAIR("b", "2")};
	struct rd_buf b = encoded(pairs, 4);
	struct rd_buf again = encoded(turned, 4);

	(void)state;
	assert_view_hex(rd_buf_view(&b), "00000004"
					 "00000001420000000133"
					 "000000016100000000"
					 "0000000361c3a90000000131"
					 "00000001620000000132");
	assert_true(rd_view_equal(rd_buf_view(&b), rd_buf_view(&again)));
	rd_buf_finish(&b);
	rd_buf_finish(&again);
}

static void no_context_is_an_empty_one(void **state)
{
	struct rd_buf b = encoded(NULL, 0);

	(void)state;
	assert_view_hex(rd_buf_view(&b), "00000000");
	rd_buf_finish(&b);
}

static void bounds_of_strings_count(void **state)
{
	struct rd_context_pair one[] = {PAIR("a", "bc")};
	struct rd_context_pair two[] = {PAIR("ab", "c")};
	struct rd_buf a = encoded(one, 1);
	struct rd_buf b = encoded(two, 1);

	(void)state;
	assert_int_equal(a.used, b.used);
	assert_false(rd_view_equal(rd_buf_view(&a), rd_buf_view(&b)));
	rd_buf_finish(&a);
	rd_buf_finish(&b);
}

static void refuses_empty_and_double_keys(void **state)
{
	struct rd_context_pair empty[] = {PAIR("a", "1"), PAIR("", "2")};
	struct rd_context_pair twice[] = {PAIR("a", "1"), PAIR("b", "2"), PAIR("a", "1")};
	struct rd_buf b = rd_buf_growable(RD_CONTEXT_SIZE_MAX);

	(void)state;
	assert_status(rd_context_encode(empty, 2, &b), RD_MISSING);
	assert_status(rd_context_encode(twice, 3, &b), RD_DUPLICATE);
	assert_int_equal(b.used, 0);
	rd_buf_finish(&b);
}

static void context_has_limits(void **state)
{
	static char text[RD_CONTEXT_SIZE_MAX];
	static struct rd_context_pair many[RD_CONTEXT_PAIRS_MAX + 1];
	static uint8_t keys[RD_CONTEXT_PAIRS_MAX + 1][2];
	struct rd_context_pair one = {rd_view("k", 1), rd_view(text, RD_CONTEXT_SIZE_MAX - 13)};
	uint8_t storage[16];
	struct rd_buf small = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf b = rd_buf_growable(RD_CONTEXT_SIZE_MAX);

	(void)state;
	assert_ok(rd_context_encode(&one, 1, &b));
	assert_int_equal(b.used, RD_CONTEXT_SIZE_MAX);
	b.used = 0;
	one.value.len++;
	assert_status(rd_context_encode(&one, 1, &b), RD_LIMIT);
	one = (struct rd_context_pair){rd_view(text, SIZE_MAX), rd_view(text, 0)};
	assert_status(rd_context_encode(&one, 1, &b), RD_LIMIT);
	one = (struct rd_context_pair){rd_view(text, 1), rd_view(text, SIZE_MAX)};
	assert_status(rd_context_encode(&one, 1, &b), RD_LIMIT);
	one = PAIR("key", "a value");
	assert_status(rd_context_encode(&one, 1, &small), RD_NOSPACE);
	assert_int_equal(small.used, 0);
	for (size_t i = 0; i < RD_ARRAY_LEN(many); i++) {
		keys[i][0] = (uint8_t)(i % 251);
		keys[i][1] = (uint8_t)(i / 251);
		many[i] = (struct rd_context_pair){rd_view(keys[i], 2), rd_view(text, 0)};
	}
	assert_status(rd_context_encode(many, RD_ARRAY_LEN(many), &b), RD_LIMIT);
	assert_status(rd_context_encode(many, RD_CONTEXT_PAIRS_MAX, &b), RD_LIMIT);
	assert_ok(rd_context_encode(many, 800, &b));
	assert_int_equal(b.used, 4 + 800 * 10);
	rd_buf_finish(&b);
}

/* A blob of "plaintext" under the context {a: 1}. */
struct sealed {
	struct rd_buf context;
	struct rd_buf blob;
	struct rd_secret out;
};

static int seal(void **state)
{
	struct sealed *s = calloc(1, sizeof(*s));
	struct rd_context_pair pair = PAIR("a", "1");

	assert_non_null(s);
	s->context = encoded(&pair, 1);
	s->blob = rd_buf_growable(RD_ENVELOPE_SIZE_MAX + 1);
	assert_ok(rd_secret_init(&s->out, RD_ENVELOPE_PLAINTEXT_MAX));
	assert_ok(rd_envelope_seal(&id, backing_key, rd_buf_view(&s->context),
		rd_view_str("plaintext"), &fresh, &s->blob));
	*state = s;
	return 0;
}

static int unseal(void **state)
{
	struct sealed *s = *state;

	rd_buf_finish(&s->context);
	rd_buf_finish(&s->blob);
	rd_secret_finish(&s->out);
	free(s);
	return 0;
}

static enum rd_status open_blob(struct sealed *s, struct rd_view blob)
{
	struct rd_envelope e;

	RD_TRY(rd_envelope_parse(blob, &e));
	return rd_envelope_open(&e, backing_key, rd_buf_view(&s->context), &s->out);
}

static void a_blob_names_its_key_and_opens(void **state)
{
	struct sealed *s = *state;
	struct rd_envelope e;

	assert_int_equal(s->blob.used, 9 + RD_ENVELOPE_OVERHEAD);
	assert_view_hex(rd_view(s->blob.ptr, 12), "524b01011112131415161718");
	assert_ok(rd_envelope_parse(rd_buf_view(&s->blob), &e));
	assert_memory_equal(&e.id, &id, sizeof(id));
	assert_ok(rd_envelope_open(&e, backing_key, rd_buf_view(&s->context), &s->out));
	assert_true(rd_view_equal(rd_secret_view(&s->out), rd_view_str("plaintext")));
}

/* Pinned, so that blobs of today open tomorrow: made from the derivation and AES-256-GCM of
 * python3-cryptography. */
static void the_format_stays(void **state)
{
	struct sealed *s = *state;

	assert_view_hex(rd_view(s->blob.ptr + 104, s->blob.used - 104),
		"3f7c93d2e3c224edd463737c79b8444ecc47ae2d98890d5ba26f6108dd535a5a5744ae58a4167d8f"
		"9b52fd0174fd55795982beaccd4c083bde");
}

static void every_altered_byte_is_refused(void **state)
{
	struct sealed *s = *state;

	for (size_t at = 0; at < s->blob.used; at++) {
		enum rd_status want = at < 2    ? RD_BAD_MAGIC
				      : at == 2 ? RD_BAD_VERSION
				      : at == 3 ? RD_BAD_ALG
						: RD_UNTRUSTED;

		for (int bit = 0; bit < 8; bit++) {
			s->blob.ptr[at] ^= (uint8_t)(1 << bit);
			assert_status(open_blob(s, rd_buf_view(&s->blob)), want);
			assert_int_equal(s->out.len, 0);
			s->blob.ptr[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_ok(open_blob(s, rd_buf_view(&s->blob)));
}

/*
 * Sealed under the right message key with a header that says another commitment: GCM's tag fits, so
 * only the commitment itself can refuse it.
 */
static void a_blob_that_does_not_commit_is_refused(void **state)
{
	struct sealed *s = *state;
	uint8_t keys[RD_AEAD_KEY_SIZE + RD_ENVELOPE_COMMITMENT_SIZE];
	struct rd_view views[2] = {
		rd_view(s->blob.ptr, RD_ENVELOPE_HEADER_SIZE), rd_buf_view(&s->context)};
	struct rd_aead_aad aad = {views, 2};

	assert_ok(rd_kbkdf_counter(RD_SHA256, rd_view(backing_key, sizeof(backing_key)),
		rd_view_str("redoubt-kms ciphertext blob"), rd_view(s->blob.ptr, 92), keys,
		sizeof(keys)));
	for (int wrong = 0; wrong < 2; wrong++) {
		s->blob.ptr[104] ^= (uint8_t)wrong;
		s->blob.used = RD_ENVELOPE_HEADER_SIZE;
		assert_ok(rd_aead_seal(
			keys, fresh.gcm_nonce, aad, rd_view_str("plaintext"), &s->blob));
		assert_status(open_blob(s, rd_buf_view(&s->blob)), wrong ? RD_UNTRUSTED : RD_OK);
	}
}

static void cut_extended_and_foreign_blobs_are_refused(void **state)
{
	/* How blobs of AWS begin: base64 AQICAH. */
	static const uint8_t aws[200] = {0x01, 0x02, 0x02, 0x00, 0x78};
	struct sealed *s = *state;

	for (size_t len = 0; len <= RD_ENVELOPE_OVERHEAD; len++) {
		assert_status(open_blob(s, rd_view(s->blob.ptr, len)), RD_TRUNCATED);
	}
	assert_status(open_blob(s, rd_view(s->blob.ptr, s->blob.used - 1)), RD_UNTRUSTED);
	assert_ok(rd_buf_u8(&s->blob, 0));
	assert_status(open_blob(s, rd_buf_view(&s->blob)), RD_UNTRUSTED);
	assert_status(open_blob(s, rd_view(aws, sizeof(aws))), RD_BAD_MAGIC);
	assert_ok(rd_buf_put_zeros(&s->blob, RD_ENVELOPE_SIZE_MAX + 1 - s->blob.used));
	assert_status(open_blob(s, rd_buf_view(&s->blob)), RD_LIMIT);
}

static void another_key_or_context_opens_nothing(void **state)
{
	static const uint8_t other_key[RD_ENVELOPE_BACKING_KEY_SIZE] = {1, 2, 4};
	struct rd_context_pair wrong[] = {PAIR("a", "2"), PAIR("b", "1")};
	struct sealed *s = *state;
	struct rd_buf none = encoded(NULL, 0);
	struct rd_buf value = encoded(wrong, 1);
	struct rd_buf key = encoded(wrong + 1, 1);
	struct rd_envelope e;

	assert_ok(rd_envelope_parse(rd_buf_view(&s->blob), &e));
	assert_status(
		rd_envelope_open(&e, other_key, rd_buf_view(&s->context), &s->out), RD_UNTRUSTED);
	assert_status(rd_envelope_open(&e, backing_key, rd_buf_view(&none), &s->out), RD_UNTRUSTED);
	assert_status(
		rd_envelope_open(&e, backing_key, rd_buf_view(&value), &s->out), RD_UNTRUSTED);
	assert_status(rd_envelope_open(&e, backing_key, rd_buf_view(&key), &s->out), RD_UNTRUSTED);
	rd_buf_finish(&none);
	rd_buf_finish(&value);
	rd_buf_finish(&key);
}

static void sizes_of_plaintext_and_room(void **state)
{
	static const uint8_t text[RD_ENVELOPE_PLAINTEXT_MAX + 1];
	struct sealed *s = *state;
	struct rd_view context = rd_buf_view(&s->context);
	uint8_t storage[RD_ENVELOPE_OVERHEAD];
	struct rd_buf small = rd_buf_fixed(storage, sizeof(storage));
	struct rd_envelope e;

	s->blob.used = 0;
	assert_status(
		rd_envelope_seal(&id, backing_key, context, rd_view(text, 0), &fresh, &s->blob),
		RD_LIMIT);
	assert_status(rd_envelope_seal(&id, backing_key, context, rd_view(text, sizeof(text)),
			      &fresh, &s->blob),
		RD_LIMIT);
	assert_status(rd_envelope_seal(&id, backing_key, context, rd_view(text, 1), &fresh, &small),
		RD_NOSPACE);
	assert_int_equal(small.used, 0);
	assert_ok(
		rd_envelope_seal(&id, backing_key, context, rd_view(text, 4096), &fresh, &s->blob));
	assert_int_equal(s->blob.used, RD_ENVELOPE_SIZE_MAX);
	assert_true(s->blob.used <= 6144);
	assert_ok(open_blob(s, rd_buf_view(&s->blob)));
	assert_int_equal(s->out.len, 4096);
	rd_secret_finish(&s->out);
	assert_ok(rd_secret_init(&s->out, 4095));
	assert_ok(rd_envelope_parse(rd_buf_view(&s->blob), &e));
	assert_status(rd_envelope_open(&e, backing_key, context, &s->out), RD_NOSPACE);
}

/* Either nonce alone makes another blob, and only the derivation's changes the key. */
static void fresh_nonces_make_another_blob(void **state)
{
	struct sealed *s = *state;
	struct rd_envelope_random other = fresh;
	struct rd_buf blob = rd_buf_growable(RD_ENVELOPE_SIZE_MAX);

	other.nonce[31] = 1;
	assert_ok(rd_envelope_seal(&id, backing_key, rd_buf_view(&s->context),
		rd_view_str("plaintext"), &other, &blob));
	assert_memory_not_equal(blob.ptr + 104, s->blob.ptr + 104, 32);
	assert_memory_not_equal(blob.ptr + 136, s->blob.ptr + 136, 9);
	assert_ok(open_blob(s, rd_buf_view(&blob)));
	rd_buf_finish(&blob);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : -1;
}

#define with_blob(test) cmocka_unit_test_setup_teardown(test, seal, unseal)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_is_sorted_and_counted),
		cmocka_unit_test(no_context_is_an_empty_one),
		cmocka_unit_test(bounds_of_strings_count),
		cmocka_unit_test(refuses_empty_and_double_keys),
		cmocka_unit_test(context_has_limits),
		with_blob(a_blob_names_its_key_and_opens),
		with_blob(the_format_stays),
		with_blob(every_altered_byte_is_refused),
		with_blob(a_blob_that_does_not_commit_is_refused),
		with_blob(cut_extended_and_foreign_blobs_are_refused),
		with_blob(another_key_or_context_opens_nothing),
		with_blob(sizes_of_plaintext_and_room),
		with_blob(fresh_nonces_make_another_blob),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
