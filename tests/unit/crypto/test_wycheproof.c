/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM and HKDF against Project Wycheproof's vectors. */
#include "vectors.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"

/* What a case is about. */
struct gcm_case {
	struct rd_buf key, nonce, aad, message, sealed;
};

static struct gcm_case gcm_case(const json_t *vector)
{
	struct gcm_case c = {
		.key = vector_bytes(vector, "key"),
		.nonce = vector_bytes(vector, "iv"),
		.aad = vector_bytes(vector, "aad"),
		.message = vector_bytes(vector, "msg"),
		.sealed = vector_bytes(vector, "ct"),
	};

	assert_ok(rd_hex_decode(rd_view_str(vector_text(vector, "tag")), &c.sealed));
	assert_int_equal(c.key.used, RD_AEAD_KEY_SIZE);
	assert_int_equal(c.nonce.used, RD_AEAD_NONCE_SIZE);
	return c;
}

static void finish(struct gcm_case *c)
{
	rd_buf_finish(&c->key);
	rd_buf_finish(&c->nonce);
	rd_buf_finish(&c->aad);
	rd_buf_finish(&c->message);
	rd_buf_finish(&c->sealed);
}

static void run_gcm(const json_t *vector)
{
	RD_CLEANUP(finish) struct gcm_case c = gcm_case(vector);
	RD_CLEANUP(rd_secret_finish) struct rd_secret opened = {0};
	RD_CLEANUP(rd_buf_finish) struct rd_buf sealed = rd_buf_growable(TEST_DATA_MAX);
	struct rd_view view = rd_buf_view(&c.aad);
	struct rd_aead_aad aad = {.views = &view, .n = 1};
	bool valid = vector_is_valid(vector);

	assert_ok(rd_secret_init(&opened, RD_SECRET_SIZE_MAX));
	assert_status(rd_aead_open(c.key.ptr, c.nonce.ptr, aad, rd_buf_view(&c.sealed), &opened),
		valid ? RD_OK : RD_UNTRUSTED);
	assert_ok(rd_aead_seal(c.key.ptr, c.nonce.ptr, aad, rd_buf_view(&c.message), &sealed));
	assert_int_equal(rd_view_equal(rd_buf_view(&sealed), rd_buf_view(&c.sealed)), valid);
	if (valid) {
		assert_true(rd_view_equal(rd_secret_view(&opened), rd_buf_view(&c.message)));
	} else {
		assert_int_equal(opened.len, 0);
	}
}

static void gcm_seals_and_opens_what_is_valid_and_nothing_else(void **state)
{
	json_t *root = test_vectors("wycheproof/aes_256_gcm.json");
	const json_t *tests = json_object_get(root, "tests");

	(void)state;
	assert_int_equal(json_array_size(tests), 66);
	for (size_t i = 0; i < json_array_size(tests); i++) {
		run_gcm(json_array_get(tests, i));
	}
	json_decref(root);
}

static void run_hkdf(enum rd_digest_alg alg, const json_t *vector)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf ikm = vector_bytes(vector, "ikm");
	RD_CLEANUP(rd_buf_finish) struct rd_buf salt = vector_bytes(vector, "salt");
	RD_CLEANUP(rd_buf_finish) struct rd_buf info = vector_bytes(vector, "info");
	RD_CLEANUP(rd_buf_finish) struct rd_buf want = vector_bytes(vector, "okm");
	unsigned size = vector_number(vector, "size");
	uint8_t prk[RD_DIGEST_SIZE_MAX];
	uint8_t *okm = calloc(1, size);

	assert_non_null(okm);
	assert_ok(rd_hkdf_extract(alg, rd_buf_view(&salt), rd_buf_view(&ikm), prk));
	if (vector_is_valid(vector)) {
		assert_ok(rd_hkdf_expand(
			alg, rd_view(prk, rd_digest_size(alg)), rd_buf_view(&info), okm, size));
		assert_true(rd_view_equal(rd_view(okm, size), rd_buf_view(&want)));
	} else {
		assert_true(vector_has_flag(vector, "SizeTooLarge"));
		assert_status(rd_hkdf_expand(alg, rd_view(prk, rd_digest_size(alg)),
				      rd_buf_view(&info), okm, size),
			RD_LIMIT);
	}
	free(okm);
}

static void run_hkdf_file(enum rd_digest_alg alg, const char *name, size_t count)
{
	json_t *root = test_vectors(name);
	const json_t *tests = json_object_get(root, "tests");

	assert_int_equal(json_array_size(tests), count);
	for (size_t i = 0; i < json_array_size(tests); i++) {
		run_hkdf(alg, json_array_get(tests, i));
	}
	json_decref(root);
}

static void hkdf_derives_what_is_valid_and_refuses_what_is_too_long(void **state)
{
	(void)state;
	run_hkdf_file(RD_SHA256, "wycheproof/hkdf_sha256.json", 86);
	run_hkdf_file(RD_SHA384, "wycheproof/hkdf_sha384.json", 83);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcm_seals_and_opens_what_is_valid_and_nothing_else),
		cmocka_unit_test(hkdf_derives_what_is_valid_and_refuses_what_is_too_long),
	};

	if (rd_secret_heap_open(RD_SECRET_HEAP_MIN, NULL) != RD_OK) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
