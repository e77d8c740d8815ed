/* SPDX-License-Identifier: Apache-2.0 */
/* FF1 against NIST's nine samples and Wycheproof's cases, and what it refuses. */
#include "vectors.h"

#include "card/ff1.h"

#define KEY_128  "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY_192  KEY_128 "ef4359d8d580aa4f"
#define KEY_256  KEY_192 "7f036d6f04fc6a94"
#define TWEAK_10 "39383736353433323130"
#define TWEAK_11 "3737373770717273373737"

/* NIST, "Block Cipher Modes of Operation, FF1 Method for Format-Preserving Encryption" (samples 1
 * to 9), of the examples with intermediate values. */
static const struct {
	const char *key;
	unsigned radix;
	const char *tweak;
	const char *plaintext;
	const char *ciphertext;
} samples[] = {
	{KEY_128, 10, "", "0123456789", "2433477484"},
	{KEY_128, 10, TWEAK_10, "0123456789", "6124200773"},
	{KEY_128, 36, TWEAK_11, "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
	{KEY_192, 10, "", "0123456789", "2830668132"},
	{KEY_192, 10, TWEAK_10, "0123456789", "2496655549"},
	{KEY_192, 36, TWEAK_11, "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
	{KEY_256, 10, "", "0123456789", "6657667009"},
	{KEY_256, 10, TWEAK_10, "0123456789", "1001623463"},
	{KEY_256, 36, TWEAK_11, "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
};

static struct rd_aes *aes_of(const char *key_hex)
{
	uint8_t key[32];
	struct rd_buf b = rd_buf_fixed(key, sizeof(key));
	struct rd_aes *aes = NULL;

	assert_ok(rd_hex_decode(rd_view_str(key_hex), &b));
	assert_ok(rd_aes_new(rd_buf_view(&b), &aes));
	return aes;
}

static struct rd_view numerals_of(const char *text, uint8_t *storage)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		storage[i] = (uint8_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'a' + 10);
	}
	return rd_view(storage, n);
}

static void agrees_with_nists_samples(void **state)
{
	uint8_t tweak_bytes[16], in[32], out[32], want[32];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(samples); i++) {
		RD_CLEANUP(rd_aes_free) struct rd_aes *aes = aes_of(samples[i].key);
		struct rd_buf tweak = rd_buf_fixed(tweak_bytes, sizeof(tweak_bytes));
		struct rd_view plain = numerals_of(samples[i].plaintext, in);
		struct rd_view cipher = numerals_of(samples[i].ciphertext, want);

		assert_ok(rd_hex_decode(rd_view_str(samples[i].tweak), &tweak));
		assert_ok(rd_ff1_encrypt(aes, samples[i].radix, rd_buf_view(&tweak), plain, out));
		assert_memory_equal(out, cipher.ptr, cipher.len);
		/* In place, too. */
		assert_ok(rd_ff1_decrypt(
			aes, samples[i].radix, rd_buf_view(&tweak), rd_view(out, plain.len), out));
		assert_memory_equal(out, plain.ptr, plain.len);
	}
}

static size_t read_numerals(const json_t *vector, const char *key, uint8_t *ret, size_t cap)
{
	const json_t *list = json_object_get(vector, key);
	size_t n = json_array_size(list);

	assert_true(n <= cap);
	for (size_t i = 0; i < n; i++) {
		/* -1, which some cases have, becomes 255: no radix of ours has that either. */
		ret[i] = (uint8_t)json_integer_value(json_array_get(list, i));
	}
	return n;
}

/* What the verdict on a case means for us, who also have a longest string, and the revision's
 * larger domain: "SmallMessageSize" is below a million. */
static enum rd_status wanted(const json_t *vector, size_t n)
{
	if (n > RD_FF1_NUMERALS_MAX) {
		return RD_LIMIT;
	}
	if (vector_has_flag(vector, "InvalidMessageSize") ||
		vector_has_flag(vector, "SmallMessageSize")) {
		return RD_OUT_OF_RANGE;
	}
	if (vector_is_valid(vector)) {
		return RD_OK;
	}
	assert_true(vector_has_flag(vector, "InvalidPlaintext"));
	return RD_BAD_NUMBER;
}

/* Whether the case was one of valid ones that fit. */
static bool run_case(const json_t *vector, unsigned radix)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = NULL;
	RD_CLEANUP(rd_buf_finish) struct rd_buf key = vector_bytes(vector, "key");
	RD_CLEANUP(rd_buf_finish) struct rd_buf tweak = vector_bytes(vector, "tweak");
	uint8_t message[300], ciphertext[300], out[300];
	size_t n = read_numerals(vector, "msg", message, sizeof(message));
	enum rd_status want = wanted(vector, n);

	(void)read_numerals(vector, "ct", ciphertext, sizeof(ciphertext));
	assert_ok(rd_aes_new(rd_buf_view(&key), &aes));
	assert_status(
		rd_ff1_encrypt(aes, radix, rd_buf_view(&tweak), rd_view(message, n), out), want);
	if (want != RD_OK) {
		return false;
	}
	assert_memory_equal(out, ciphertext, n);
	assert_ok(rd_ff1_decrypt(aes, radix, rd_buf_view(&tweak), rd_view(ciphertext, n), out));
	assert_memory_equal(out, message, n);
	return true;
}

static void refuse_key(const json_t *vector)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf key = vector_bytes(vector, "key");
	struct rd_aes *aes = NULL;

	assert_false(vector_is_valid(vector));
	assert_status(rd_aes_new(rd_buf_view(&key), &aes), RD_USAGE);
	assert_null(aes);
}

static void run_file(const char *name, size_t count, size_t valid)
{
	json_t *root = test_vectors(name);
	const json_t *tests = json_object_get(root, "tests");
	unsigned radix = vector_number(root, "radix");
	size_t accepted = 0;

	assert_int_equal(json_array_size(tests), count);
	for (size_t i = 0; i < count; i++) {
		const json_t *vector = json_array_get(tests, i);

		if (vector_has_flag(vector, "InvalidKeySize")) {
			refuse_key(vector);
		} else {
			accepted += run_case(vector, radix);
		}
	}
	assert_int_equal(accepted, valid);
	json_decref(root);
}

static void agrees_with_wycheproof(void **state)
{
	(void)state;
	run_file("wycheproof/aes_ff1_radix10.json", 499, 376);
	run_file("wycheproof/aes_ff1_radix36.json", 428, 344);
}

/* Encrypting n zeros in a radix: only the shapes matter. */
static enum rd_status encrypt_zeros(unsigned radix, size_t n, size_t tweak_len)
{
	static const uint8_t tweak[RD_FF1_TWEAK_MAX + 1];
	static const uint8_t zeros[RD_FF1_NUMERALS_MAX + 1];
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = aes_of(KEY_128);
	uint8_t out[RD_FF1_NUMERALS_MAX + 1];

	return rd_ff1_encrypt(aes, radix, rd_view(tweak, tweak_len), rd_view(zeros, n), out);
}

static void refuses_domains_below_a_million(void **state)
{
	(void)state;
	assert_ok(encrypt_zeros(10, 6, 0));
	assert_status(encrypt_zeros(10, 5, 0), RD_OUT_OF_RANGE);
	assert_ok(encrypt_zeros(2, 20, 0));
	assert_status(encrypt_zeros(2, 19, 0), RD_OUT_OF_RANGE);
	assert_ok(encrypt_zeros(36, 4, 0));
	assert_status(encrypt_zeros(36, 3, 0), RD_OUT_OF_RANGE);
	assert_status(encrypt_zeros(10, 0, 0), RD_OUT_OF_RANGE);
}

static void refuses_what_exceeds_its_limits(void **state)
{
	(void)state;
	assert_ok(encrypt_zeros(36, RD_FF1_NUMERALS_MAX, RD_FF1_TWEAK_MAX));
	assert_status(encrypt_zeros(36, RD_FF1_NUMERALS_MAX + 1, 0), RD_LIMIT);
	assert_status(encrypt_zeros(36, 20, RD_FF1_TWEAK_MAX + 1), RD_LIMIT);
	assert_status(encrypt_zeros(37, 20, 0), RD_USAGE);
	assert_status(encrypt_zeros(1, 20, 0), RD_USAGE);
	assert_status(encrypt_zeros(0, 20, 0), RD_USAGE);
}

static void refuses_a_numeral_outside_the_radix_and_writes_nothing(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = aes_of(KEY_256);
	uint8_t numerals[6] = {9, 9, 9, 9, 9, 9};
	const uint8_t untouched[6] = {0};
	uint8_t out[6] = {0};

	(void)state;
	assert_ok(rd_ff1_decrypt(aes, 10, rd_view("", 0), rd_view(numerals, 6), out));
	memset(out, 0, sizeof(out));
	for (size_t i = 0; i < 6; i++) {
		numerals[i] = 10;
		assert_status(rd_ff1_encrypt(aes, 10, rd_view("", 0), rd_view(numerals, 6), out),
			RD_BAD_NUMBER);
		assert_status(rd_ff1_decrypt(aes, 10, rd_view("", 0), rd_view(numerals, 6), out),
			RD_BAD_NUMBER);
		numerals[i] = 9;
	}
	assert_memory_equal(out, untouched, sizeof(out));
}

/* Whatever the radix and length: there and back, and never to where another tweak leads. */
static void decrypts_what_it_encrypts_at_every_radix_and_length(void **state)
{
	RD_CLEANUP(rd_aes_free) struct rd_aes *aes = aes_of(KEY_192);
	uint8_t in[RD_FF1_NUMERALS_MAX], out[RD_FF1_NUMERALS_MAX], back[RD_FF1_NUMERALS_MAX];

	(void)state;
	for (unsigned radix = RD_FF1_RADIX_MIN; radix <= RD_FF1_RADIX_MAX; radix++) {
		for (size_t n = 20; n <= RD_FF1_NUMERALS_MAX; n += 9) {
			for (size_t i = 0; i < n; i++) {
				in[i] = (uint8_t)((i * i + n) % radix);
			}
			assert_ok(
				rd_ff1_encrypt(aes, radix, rd_view_str("a"), rd_view(in, n), out));
			assert_memory_not_equal(out, in, n);
			assert_ok(rd_ff1_decrypt(
				aes, radix, rd_view_str("a"), rd_view(out, n), back));
			assert_memory_equal(back, in, n);
			assert_ok(rd_ff1_decrypt(
				aes, radix, rd_view_str("b"), rd_view(out, n), back));
			assert_memory_not_equal(back, in, n);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_nists_samples),
		cmocka_unit_test(agrees_with_wycheproof),
		cmocka_unit_test(refuses_domains_below_a_million),
		cmocka_unit_test(refuses_what_exceeds_its_limits),
		cmocka_unit_test(refuses_a_numeral_outside_the_radix_and_writes_nothing),
		cmocka_unit_test(decrypts_what_it_encrypts_at_every_radix_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
