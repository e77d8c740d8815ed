/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM against its authors' test case 16; AES-KWP against values made by
 * python3-cryptography. */
#include "data.h"

#include "crypto/aead.h"
#include "crypto/keywrap.h"

static const char sealed_hex[] =
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
	"56828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";

struct gcm_case {
	uint8_t key[RD_AEAD_KEY_SIZE];
	uint8_t nonce[RD_AEAD_NONCE_SIZE];
	uint8_t plaintext[60];
	uint8_t aad[20];
	struct rd_view views[3];
};

static void fill(uint8_t *dst, size_t len, const char *hex)
{
	struct rd_buf b = rd_buf_fixed(dst, len);

	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	assert_int_equal(b.used, len);
}

static struct rd_aead_aad case_16(struct gcm_case *c)
{
	fill(c->key, sizeof(c->key),
		"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
	fill(c->nonce, sizeof(c->nonce), "cafebabefacedbaddecaf888");
	fill(c->plaintext, sizeof(c->plaintext),
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
		"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
	fill(c->aad, sizeof(c->aad), "feedfacedeadbeeffeedfacedeadbeefabaddad2");
	/* In pieces: they count as one. */
	c->views[0] = rd_view(c->aad, 7);
	c->views[1] = rd_view(NULL, 0);
	c->views[2] = rd_view(c->aad + 7, 13);
	return (struct rd_aead_aad){.views = c->views, .n = 3};
}

static void seals_and_opens_test_case_16(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t storage[76];
	struct rd_buf sealed = rd_buf_fixed(storage, sizeof(storage));
	struct gcm_case c;
	struct rd_aead_aad aad = case_16(&c);

	(void)state;
	assert_ok(rd_aead_seal(c.key, c.nonce, aad, rd_view(c.plaintext, 60), &sealed));
	assert_view_hex(rd_buf_view(&sealed), sealed_hex);
	assert_ok(rd_secret_init(&out, 60));
	assert_ok(rd_aead_open(c.key, c.nonce, aad, rd_buf_view(&sealed), &out));
	assert_true(rd_view_equal(rd_secret_view(&out), rd_view(c.plaintext, 60)));
}

static void every_altered_byte_is_untrusted(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t sealed[76];
	struct gcm_case c;
	struct rd_aead_aad aad = case_16(&c);
	static const uint8_t zeros[60];

	(void)state;
	fill(sealed, sizeof(sealed), sealed_hex);
	assert_ok(rd_secret_init(&out, 60));
	for (size_t i = 0; i < sizeof(sealed); i++) {
		sealed[i] ^= 1;
		assert_status(
			rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 76), &out), RD_UNTRUSTED);
		assert_int_equal(out.len, 0);
		assert_memory_equal(out.ptr, zeros, 60);
		sealed[i] ^= 1;
	}
	c.aad[19] ^= 1;
	assert_status(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 76), &out), RD_UNTRUSTED);
	c.aad[19] ^= 1;
	c.nonce[0] ^= 1;
	assert_status(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 76), &out), RD_UNTRUSTED);
	c.nonce[0] ^= 1;
	c.key[31] ^= 1;
	assert_status(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 76), &out), RD_UNTRUSTED);
	c.key[31] ^= 1;
	assert_status(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 75), &out), RD_UNTRUSTED);
	assert_ok(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 76), &out));
}

static void sizes_are_judged(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t sealed[76];
	struct rd_buf small = rd_buf_fixed(sealed, 75);
	struct rd_buf empty = rd_buf_fixed(sealed, 16);
	struct gcm_case c;
	struct rd_aead_aad aad = case_16(&c);

	(void)state;
	assert_status(
		rd_aead_seal(c.key, c.nonce, aad, rd_view(c.plaintext, 60), &small), RD_NOSPACE);
	assert_int_equal(small.used, 0);
	assert_status(rd_aead_seal(c.key, c.nonce, aad, rd_view(c.plaintext, RD_AEAD_SIZE_MAX + 1),
			      &small),
		RD_LIMIT);
	fill(sealed, sizeof(sealed), sealed_hex);
	assert_ok(rd_secret_init(&out, 59));
	assert_status(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 76), &out), RD_NOSPACE);
	assert_status(rd_aead_open(c.key, c.nonce, aad, rd_view(sealed, 15), &out), RD_TRUNCATED);
	assert_ok(rd_aead_seal(c.key, c.nonce, aad, rd_view(NULL, 0), &empty));
	assert_ok(rd_aead_open(c.key, c.nonce, aad, rd_buf_view(&empty), &out));
	assert_int_equal(out.len, 0);
}

static void kwp_matches_another_implementation(void **state)
{
	static const struct {
		size_t len;
		const char *wrapped;
	} cases[] = {
		{1, "10ad3d61a7fb0fa563ab52e039e5a83d"},
		{7, "015d947fce931441feff45f438251bc2"},
		{8, "da8f41421a27369bdb8e93cad6c01ac3"},
		{20, "22d7fffc96b7adad9391ac9230d46b810e82e0f101f19e83e358f32ac9d407b6"},
		{32, "c783bf3f6ee99c48dabbc410e284c52cbf758578989de18a3294c9a4d197c8a2"
		     "6270488b1ce98016"},
	};
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t kek[RD_KWP_KEK_SIZE];

	(void)state;
	assert_ok(rd_secret_init(&out, 64));
	for (size_t i = 0; i < sizeof(kek); i++) {
		kek[i] = (uint8_t)i;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		uint8_t storage[64];
		struct rd_buf wrapped = rd_buf_fixed(storage, sizeof(storage));

		assert_ok(rd_kwp_wrap(kek, rd_view(kek, cases[i].len), &wrapped));
		assert_view_hex(rd_buf_view(&wrapped), cases[i].wrapped);
		assert_ok(rd_kwp_unwrap(kek, rd_buf_view(&wrapped), &out));
		assert_true(rd_view_equal(rd_secret_view(&out), rd_view(kek, cases[i].len)));
		for (size_t at = 0; at < wrapped.used; at++) {
			storage[at] ^= 0x80;
			assert_status(
				rd_kwp_unwrap(kek, rd_buf_view(&wrapped), &out), RD_UNTRUSTED);
			assert_int_equal(out.len, 0);
			storage[at] ^= 0x80;
		}
	}
}

static void kwp_judges_sizes(void **state)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret out = {0};
	uint8_t bytes[RD_KWP_WRAPPED_MAX + 8] = {0};
	uint8_t storage[RD_KWP_WRAPPED_MAX];
	struct rd_buf wrapped = rd_buf_fixed(storage, sizeof(storage));

	(void)state;
	assert_ok(rd_secret_init(&out, RD_KWP_WRAPPED_MAX));
	assert_status(rd_kwp_wrap(bytes, rd_view(bytes, 0), &wrapped), RD_LIMIT);
	assert_status(rd_kwp_wrap(bytes, rd_view(bytes, 4097), &wrapped), RD_LIMIT);
	assert_ok(rd_kwp_wrap(bytes, rd_view(bytes, 4096), &wrapped));
	assert_int_equal(wrapped.used, RD_KWP_WRAPPED_MAX);
	assert_ok(rd_kwp_unwrap(bytes, rd_buf_view(&wrapped), &out));
	assert_int_equal(out.len, 4096);
	assert_status(rd_kwp_unwrap(bytes, rd_view(bytes, 0), &out), RD_UNTRUSTED);
	assert_status(rd_kwp_unwrap(bytes, rd_view(bytes, 8), &out), RD_UNTRUSTED);
	assert_status(rd_kwp_unwrap(bytes, rd_view(bytes, 17), &out), RD_UNTRUSTED);
	assert_status(rd_kwp_unwrap(bytes, rd_view(bytes, sizeof(bytes)), &out), RD_UNTRUSTED);
	rd_secret_finish(&out);
	assert_ok(rd_secret_init(&out, 32));
	assert_status(rd_kwp_unwrap(bytes, rd_buf_view(&wrapped), &out), RD_NOSPACE);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) == RD_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_and_opens_test_case_16),
		cmocka_unit_test(every_altered_byte_is_untrusted),
		cmocka_unit_test(sizes_are_judged),
		cmocka_unit_test(kwp_matches_another_implementation),
		cmocka_unit_test(kwp_judges_sizes),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
