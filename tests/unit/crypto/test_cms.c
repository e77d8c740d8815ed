/* SPDX-License-Identifier: Apache-2.0 */
/* CiphertextForRecipient: the vector, its bytes made again, the C SDK's rules, and what is altered.
 */
#include "data.h"

#include "crypto/cms.h"

#define HEAP (256 * 1024)
/* Offsets in the vector. */
#define AT_VERSION      19
#define AT_SET          20
#define AT_RECIPIENT    24
#define AT_KTRI_VERSION 30
#define AT_KEY_ID       33
#define AT_OAEP         65
#define AT_KEY          131
#define AT_CONTENT_INFO 387
#define AT_CIPHER       402
#define AT_IV           415
#define AT_CONTENT      431
#define AT_CIPHERTEXT   435
#define AT_CLOSING      483
#define VECTOR_SIZE     493

static const char plaintext_hex[] =
	"f3bca8eeac3d2195f7f612f8c3d42716dc7e1d5f9adcda07e2ddebc26bda34a0";
static const char content_key_hex[] =
	"b99d578b1252ca571fb577aa205665af5bc727cdbdc1eebf5af72e487b2ef0c9";

struct vector {
	struct rd_buf ber;
	struct rd_rsa_key *key;
	struct rd_secret out;
	uint8_t storage[RD_CMS_SIZE_MAX];
	struct rd_cms cms;
};

static int open_vector(void **state)
{
	struct vector *v = calloc(1, sizeof(*v));
	struct rd_buf der = test_data("cms/recipient-key.der");

	assert_non_null(v);
	v->ber = test_data("cms/ciphertext-for-recipient.ber");
	assert_int_equal(v->ber.used, VECTOR_SIZE);
	assert_ok(rd_rsa_key_from_pkcs8(rd_buf_view(&der), &v->key));
	assert_ok(rd_secret_init(&v->out, RD_CMS_SIZE_MAX));
	rd_buf_finish(&der);
	*state = v;
	return 0;
}

static int close_vector(void **state)
{
	struct vector *v = *state;

	rd_rsa_key_free(&v->key);
	rd_secret_finish(&v->out);
	rd_buf_finish(&v->ber);
	free(v);
	return 0;
}

static enum rd_status open_ber(struct vector *v, struct rd_view ber)
{
	return rd_cms_open(v->key, ber, &v->out);
}

/* The vector with n bytes at an offset replaced by a hexadecimal text. */
static struct rd_buf spliced(const struct vector *v, size_t at, size_t n, const char *hex)
{
	struct rd_buf b = rd_buf_growable(2 * RD_CMS_SIZE_MAX);

	assert_ok(rd_buf_put(&b, v->ber.ptr, at));
	assert_ok(rd_hex_decode(rd_view_str(hex), &b));
	assert_ok(rd_buf_put(&b, v->ber.ptr + at + n, v->ber.used - at - n));
	return b;
}

static void the_vector_opens(void **state)
{
	struct vector *v = *state;

	assert_ok(open_ber(v, rd_buf_view(&v->ber)));
	assert_view_hex(rd_secret_view(&v->out), plaintext_hex);
}

static void the_vectors_parts_are_where_they_are(void **state)
{
	struct vector *v = *state;
	struct rd_buf spki = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	uint8_t digest[RD_SHA256_SIZE];

	assert_ok(rd_cms_read(rd_buf_view(&v->ber), v->storage, &v->cms));
	assert_ok(rd_rsa_key_to_spki(v->key, &spki));
	assert_ok(rd_digest_once(RD_SHA256, rd_buf_view(&spki), digest));
	assert_true(rd_view_equal(v->cms.key_id, rd_view(digest, sizeof(digest))));
	assert_ptr_equal(v->cms.encrypted_key.ptr, v->ber.ptr + AT_KEY);
	assert_int_equal(v->cms.encrypted_key.len, 256);
	assert_ptr_equal(v->cms.iv.ptr, v->ber.ptr + AT_IV);
	assert_ok(rd_rsa_oaep_decrypt(v->key, RD_OAEP_SHA256, v->cms.encrypted_key, &v->out));
	assert_view_hex(rd_secret_view(&v->out), content_key_hex);
	rd_buf_finish(&spki);
}

static void the_same_parts_give_the_same_bytes(void **state)
{
	struct vector *v = *state;
	struct rd_buf out = rd_buf_growable(RD_CMS_SIZE_MAX);

	assert_ok(rd_cms_read(rd_buf_view(&v->ber), v->storage, &v->cms));
	assert_ok(rd_cms_write(&v->cms, &out));
	assert_true(rd_view_equal(rd_buf_view(&out), rd_buf_view(&v->ber)));
	rd_buf_finish(&out);
}

static void the_same_random_inputs_give_the_vector_again(void **state)
{
	struct vector *v = *state;
	struct rd_buf spki = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	struct rd_buf out = rd_buf_growable(RD_CMS_SIZE_MAX);
	struct rd_cms_random random;
	struct rd_buf key = rd_buf_fixed(random.content_key, sizeof(random.content_key));
	uint8_t plaintext[32];
	struct rd_buf text = rd_buf_fixed(plaintext, sizeof(plaintext));

	assert_ok(rd_hex_decode(rd_view_str(content_key_hex), &key));
	assert_ok(rd_hex_decode(rd_view_str(plaintext_hex), &text));
	memcpy(random.iv, v->ber.ptr + AT_IV, sizeof(random.iv));
	assert_ok(rd_rsa_key_to_spki(v->key, &spki));
	assert_ok(rd_cms_seal_with(&random, rd_buf_view(&spki), rd_buf_view(&text), &out));
	assert_int_equal(out.used, VECTOR_SIZE);
	/* All but RSA-OAEP's result, whose seed is OpenSSL's own. */
	assert_memory_equal(out.ptr, v->ber.ptr, AT_KEY);
	assert_memory_not_equal(out.ptr + AT_KEY, v->ber.ptr + AT_KEY, 256);
	assert_memory_equal(
		out.ptr + AT_KEY + 256, v->ber.ptr + AT_KEY + 256, VECTOR_SIZE - AT_KEY - 256);
	assert_ok(open_ber(v, rd_buf_view(&out)));
	assert_view_hex(rd_secret_view(&v->out), plaintext_hex);
	rd_buf_finish(&out);
	rd_buf_finish(&spki);
}

static void every_size_has_the_length_of_awss(void **state)
{
	static const struct {
		size_t plaintext;
		size_t cms;
		const char *content_head;
	} cases[] = {
		{0, 461, "0410"},
		{15, 461, "0410"},
		{16, 477, "0420"},
		{32, 493, "0430"},
		{48, 509, "0440"},
		{111, 445 + 112, "0470"},
		{112, 446 + 128, "048180"},
		{239, 446 + 240, "0481f0"},
		{240, 447 + 256, "04820100"},
		{4096, 4559, "04821010"},
	};
	struct vector *v = *state;
	struct rd_buf spki = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
	uint8_t plaintext[RD_CMS_PLAINTEXT_MAX + 1];

	memset(plaintext, 0x5a, sizeof(plaintext));
	assert_ok(rd_rsa_key_to_spki(v->key, &spki));
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_view text = rd_view(plaintext, cases[i].plaintext);
		struct rd_buf out = rd_buf_growable(RD_CMS_SIZE_MAX);

		assert_ok(rd_cms_seal(rd_buf_view(&spki), text, &out));
		assert_int_equal(out.used, cases[i].cms);
		assert_view_hex(
			rd_view(out.ptr + AT_CONTENT + 2, strlen(cases[i].content_head) / 2),
			cases[i].content_head);
		assert_ok(open_ber(v, rd_buf_view(&out)));
		assert_true(rd_view_equal(rd_secret_view(&v->out), text));
		rd_buf_finish(&out);
	}
	{
		struct rd_buf out = rd_buf_growable(RD_CMS_SIZE_MAX);

		assert_status(rd_cms_seal(rd_buf_view(&spki), rd_view(plaintext, sizeof(plaintext)),
				      &out),
			RD_LIMIT);
		assert_int_equal(out.used, 0);
		rd_buf_finish(&out);
	}
	rd_buf_finish(&spki);
}

static void larger_recipients_change_three_lengths(void **state)
{
	static const struct {
		unsigned bits;
		const char *set;
		const char *key;
	} cases[] = {
		{3072, "318201eb308201e7", "04820180"}, {4096, "3182026b30820267", "04820200"}};
	struct vector *v = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_rsa_key *key = NULL;
		struct rd_buf spki = rd_buf_growable(RD_RSA_SPKI_SIZE_MAX);
		struct rd_buf out = rd_buf_growable(RD_CMS_SIZE_MAX);
		uint8_t plaintext[RD_CMS_PLAINTEXT_MAX] = {0};

		assert_ok(rd_rsa_key_generate(cases[i].bits, &key));
		assert_ok(rd_rsa_key_to_spki(key, &spki));
		assert_ok(rd_cms_seal(rd_buf_view(&spki), rd_view(plaintext, 4096), &out));
		assert_int_equal(out.used, 4559 + cases[i].bits / 8 - 256);
		assert_view_hex(rd_view(out.ptr + AT_SET, 8), cases[i].set);
		assert_view_hex(rd_view(out.ptr + AT_KEY - 4, 4), cases[i].key);
		assert_ok(rd_cms_open(key, rd_buf_view(&out), &v->out));
		assert_int_equal(v->out.len, 4096);
		assert_status(open_ber(v, rd_buf_view(&out)), RD_UNTRUSTED);
		rd_buf_finish(&out);
		rd_buf_finish(&spki);
		rd_rsa_key_free(&key);
	}
}

/* Nobody looks at these: who the recipient is, how OAEP is spelled, what follows the content. */
static bool is_unread(size_t at)
{
	return at == AT_KEY_ID - 2 || (at >= AT_KEY_ID && at < AT_OAEP) ||
	       (at > AT_OAEP + 1 && at < AT_KEY - 4) || at >= AT_CLOSING;
}

/* CBC does not authenticate: these decrypt to something else, or to bad padding, or (the length)
 * are no whole blocks. */
static bool is_unauthenticated(size_t at)
{
	return (at >= AT_IV && at < AT_IV + 16) || (at >= AT_CIPHERTEXT - 1 && at < AT_CLOSING);
}

static void every_altered_byte_has_its_consequence(void **state)
{
	struct vector *v = *state;
	uint8_t plaintext[32];
	struct rd_buf original = rd_buf_fixed(plaintext, sizeof(plaintext));

	assert_ok(rd_hex_decode(rd_view_str(plaintext_hex), &original));
	for (size_t at = 0; at < v->ber.used; at++) {
		enum rd_status st;

		v->ber.ptr[at] ^= 0x04;
		st = open_ber(v, rd_buf_view(&v->ber));
		v->ber.ptr[at] ^= 0x04;
		if (at >= AT_KEY && at < AT_KEY + 256) {
			assert_status(st, RD_UNTRUSTED);
		} else if (is_unauthenticated(at)) {
			assert_true(st == RD_OK || st == RD_UNTRUSTED);
			assert_false(
				rd_view_equal(rd_secret_view(&v->out), rd_buf_view(&original)));
		} else if (is_unread(at)) {
			/* Where a segment would follow, 04 for 00 begins one, and it is empty. */
			assert_ok(st);
			assert_view_hex(rd_secret_view(&v->out), plaintext_hex);
			continue;
		} else {
			if (rd_category(st) != RD_CAT_MALFORMED &&
				rd_category(st) != RD_CAT_FORBIDDEN &&
				rd_category(st) != RD_CAT_UNSUPPORTED) {
				fail_msg("byte %zu: %s", at, rd_status_name(st));
			}
		}
		if (st != RD_OK) {
			assert_int_equal(v->out.len, 0);
		}
	}
}

static void every_prefix_is_refused(void **state)
{
	struct vector *v = *state;

	for (size_t len = 0; len < AT_CLOSING; len++) {
		enum rd_status st = open_ber(v, rd_view(v->ber.ptr, len));

		if (len == AT_CIPHERTEXT - 2) {
			assert_status(st, RD_MISSING);
		} else {
			assert_status(st, RD_TRUNCATED);
		}
	}
	/* Whole but for its end-of-contents: as the C SDK has it. */
	for (size_t len = AT_CLOSING; len <= VECTOR_SIZE; len++) {
		assert_ok(open_ber(v, rd_view(v->ber.ptr, len)));
	}
}

static void follows_the_c_sdks_rules(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		size_t n;
		const char *hex;
		enum rd_status want;
	} cases[] = {
		{"ContentInfo definite", 0, 2, "308201e9", RD_NONCANONICAL},
		{"[0] definite", 13, 2, "a08201da", RD_NONCANONICAL},
		{"EnvelopedData definite", 15, 2, "308201d6", RD_NONCANONICAL},
		{"EncryptedContentInfo definite", AT_CONTENT_INFO, 2, "3060", RD_NONCANONICAL},
		{"SET indefinite", AT_SET, 4, "3180", RD_NONCANONICAL},
		{"recipient indefinite", AT_RECIPIENT, 4, "3080", RD_NONCANONICAL},
		{"SET length not minimal", AT_SET, 4, "318300016b", RD_NONCANONICAL},
		{"key length not minimal", AT_KEY - 4, 4, "0483000100", RD_NONCANONICAL},
		{"OAEP length not minimal", AT_OAEP, 2, "30813c", RD_NONCANONICAL},
		{"cipher indefinite", AT_CIPHER - 2, 2, "3080", RD_NONCANONICAL},
		{"no IV", AT_CIPHER - 2, 31, "300b060960864801650304012a", RD_TRUNCATED},
		{"IV of 12", AT_CIPHER - 2, 31,
			"3019060960864801650304012a040c000000000000000000000000", RD_OUT_OF_RANGE},
		{"EnvelopedData version 0", AT_VERSION, 1, "00", RD_BAD_VERSION},
		{"EnvelopedData version 3", AT_VERSION, 1, "03", RD_BAD_VERSION},
		{"recipient version 0", AT_KTRI_VERSION, 1, "00", RD_BAD_VERSION},
		{"originatorInfo", AT_SET, 0, "a000", RD_BAD_TYPE},
		{"signed data", 12, 1, "02", RD_BAD_ALG},
		{"content not data", AT_CONTENT_INFO + 12, 1, "02", RD_BAD_ALG},
		{"AES-128-CBC", AT_CIPHER + 10, 1, "02", RD_BAD_ALG},
		{"AES-256-GCM", AT_CIPHER + 10, 1, "2e", RD_BAD_ALG},
		{"content constructed and definite", AT_CONTENT, 2, "a032", RD_NONCANONICAL},
		{"content nested", AT_CIPHERTEXT - 2, 2, "24800430", RD_MISSING},
		{"no content", AT_CONTENT, 52, "", RD_BAD_TYPE},
		{"empty content", AT_CIPHERTEXT - 2, 50, "0400", RD_MISSING},
		{"content in one primitive", AT_CONTENT, 4, "8030", RD_OK},
		{"an empty segment behind", AT_CLOSING, 0, "0400", RD_OK},
		{"trailing bytes", VECTOR_SIZE, 0, "ffffffff", RD_OK},
		{"unprotected attributes", AT_CLOSING + 4, 0, "a100", RD_OK},
		{"ciphertext not of whole blocks", AT_CLOSING, 0, "0401aa", RD_UNTRUSTED},
	};
	struct vector *v = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_buf b = spliced(v, cases[i].at, cases[i].n, cases[i].hex);
		enum rd_status st = open_ber(v, rd_buf_view(&b));

		if (st != cases[i].want) {
			fail_msg("%s: got %s, want %s", cases[i].what, rd_status_name(st),
				rd_status_name(cases[i].want));
		}
		if (st == RD_OK) {
			assert_view_hex(rd_secret_view(&v->out), plaintext_hex);
		}
		rd_buf_finish(&b);
	}
}

static void content_may_come_in_segments(void **state)
{
	struct vector *v = *state;
	struct rd_buf b = rd_buf_growable(RD_CMS_SIZE_MAX);

	assert_ok(rd_buf_put(&b, v->ber.ptr, AT_CONTENT + 2));
	for (size_t at = AT_CIPHERTEXT; at < AT_CLOSING; at += 12) {
		assert_ok(rd_buf_u8(&b, 0x04));
		assert_ok(rd_buf_u8(&b, 12));
		assert_ok(rd_buf_put(&b, v->ber.ptr + at, 12));
	}
	assert_ok(rd_buf_put_zeros(&b, 10));
	assert_ok(open_ber(v, rd_buf_view(&b)));
	assert_view_hex(rd_secret_view(&v->out), plaintext_hex);
	rd_buf_finish(&b);
}

/* Each recipient is 363 bytes; the second one is for somebody else. */
static void the_first_of_two_recipients_is_read(void **state)
{
	struct vector *v = *state;
	struct rd_buf b = rd_buf_growable(RD_CMS_SIZE_MAX);
	size_t second;

	assert_ok(rd_buf_put(&b, v->ber.ptr, AT_SET));
	assert_ok(rd_buf_put(&b, "\x31\x82\x02\xd6", 4));
	assert_ok(rd_buf_put(&b, v->ber.ptr + AT_RECIPIENT, 363));
	second = b.used;
	assert_ok(rd_buf_put(&b, v->ber.ptr + AT_RECIPIENT, 363));
	memset(b.ptr + second + 363 - 256, 0, 256);
	assert_ok(rd_buf_put(&b, v->ber.ptr + AT_CONTENT_INFO, VECTOR_SIZE - AT_CONTENT_INFO));
	assert_ok(open_ber(v, rd_buf_view(&b)));
	assert_view_hex(rd_secret_view(&v->out), plaintext_hex);
	memset(b.ptr + second - 256, 0, 256);
	assert_status(open_ber(v, rd_buf_view(&b)), RD_UNTRUSTED);
	rd_buf_finish(&b);
}

static void sizes_and_uses_are_judged(void **state)
{
	struct vector *v = *state;
	RD_CLEANUP(rd_secret_finish) struct rd_secret small = {0};
	struct rd_buf out = rd_buf_growable(2 * RD_CMS_SIZE_MAX);
	uint8_t big[RD_CMS_SIZE_MAX + 1] = {0x30, 0x80};
	struct rd_cms cms;

	assert_status(rd_cms_read(rd_view(big, sizeof(big)), v->storage, &cms), RD_LIMIT);
	assert_ok(rd_secret_init(&small, RD_CMS_SIZE_MAX - 1));
	assert_status(rd_cms_open(v->key, rd_buf_view(&v->ber), &small), RD_USAGE);
	assert_ok(rd_cms_read(rd_buf_view(&v->ber), v->storage, &v->cms));
	cms = v->cms;
	cms.key_id.len = 20;
	assert_status(rd_cms_write(&cms, &out), RD_USAGE);
	cms = v->cms;
	cms.iv.len = 12;
	assert_status(rd_cms_write(&cms, &out), RD_USAGE);
	cms = v->cms;
	cms.ciphertext = rd_view(big, sizeof(big));
	assert_status(rd_cms_write(&cms, &out), RD_LIMIT);
	cms = v->cms;
	cms.encrypted_key = rd_view(big, RD_RSA_SIZE_MAX + 1);
	assert_status(rd_cms_write(&cms, &out), RD_LIMIT);
	assert_status(rd_cms_seal(rd_view(big, 300), rd_view(big, 16), &out), RD_MALFORMED);
	assert_int_equal(out.used, 0);
	rd_buf_finish(&out);
}

static int open_heap(void **state)
{
	(void)state;
	return rd_secret_heap_open(HEAP, NULL) == RD_OK ? 0 : -1;
}

#define with_vector(test) cmocka_unit_test_setup_teardown(test, open_vector, close_vector)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_vector(the_vector_opens),
		with_vector(the_vectors_parts_are_where_they_are),
		with_vector(the_same_parts_give_the_same_bytes),
		with_vector(the_same_random_inputs_give_the_vector_again),
		with_vector(every_size_has_the_length_of_awss),
		with_vector(larger_recipients_change_three_lengths),
		with_vector(every_altered_byte_has_its_consequence),
		with_vector(every_prefix_is_refused),
		with_vector(follows_the_c_sdks_rules),
		with_vector(content_may_come_in_segments),
		with_vector(the_first_of_two_recipients_is_read),
		with_vector(sizes_and_uses_are_judged),
	};

	return cmocka_run_group_tests(tests, open_heap, NULL);
}
