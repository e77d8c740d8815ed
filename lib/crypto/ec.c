/* SPDX-License-Identifier: Apache-2.0 */
/* EC keys: making, reading, writing, comparing. Signatures are in ecdsa.c. */
#include "crypto/ec.h"

#include "base/secret.h"
#include "base/text.h"
#include "crypto/internal.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *group; /* OpenSSL's name of the curve */
	size_t field_size;
	enum rd_digest_alg digest;
} curves[RD_EC_CURVE_COUNT] = {
	[RD_P256] = {"prime256v1", 32, RD_SHA256},
	[RD_P384] = {"secp384r1", 48, RD_SHA384},
	[RD_P521] = {"secp521r1", 66, RD_SHA512},
	[RD_SECP256K1] = {"secp256k1", 32, RD_SHA256},
};

enum rd_digest_alg rd_ec_digest(enum rd_ec_curve curve)
{
	assert(curve < RD_EC_CURVE_COUNT);
	return curves[curve].digest;
}

size_t rd_ec_signature_size(enum rd_ec_curve curve)
{
	assert(curve < RD_EC_CURVE_COUNT);
	return 2 * curves[curve].field_size;
}

enum rd_ec_curve rd_ec_key_curve(const struct rd_ec_key *key)
{
	return key->curve;
}

bool rd_ec_key_has_private(const struct rd_ec_key *key)
{
	return key->has_private;
}

bool rd_ec_key_same(const struct rd_ec_key *a, const struct rd_ec_key *b)
{
	return a->curve == b->curve && EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

/* Curves given by explicit parameters are refused even when they spell out a known one: RFC 5480
 * forbids them, and they let the key's maker choose the group. */
static enum rd_status find_curve(const EVP_PKEY *pkey, enum rd_ec_curve *ret)
{
	char group[32] = "";
	size_t len = 0;
	int explicit_params = 0;

	RD_ENSURE(EVP_PKEY_is_a(pkey, "EC"), RD_WRONG_KEY);
	if (EVP_PKEY_get_int_param(
		    pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_params) == 1) {
		RD_ENSURE(explicit_params == 0, RD_WRONG_KEY);
	}
	if (EVP_PKEY_get_group_name(pkey, group, sizeof(group), &len) != 1) {
		return RD_WRONG_KEY;
	}
	for (size_t i = 0; i < RD_EC_CURVE_COUNT; i++) {
		if (strcmp(group, curves[i].group) == 0) {
			*ret = (enum rd_ec_curve)i;
			return RD_OK;
		}
	}
	return RD_WRONG_KEY;
}

static bool private_half_of(const EVP_PKEY *pkey)
{
	BIGNUM *d = NULL;
	bool has = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1;

	BN_clear_free(d);
	return has;
}

enum rd_status rd_crypto_key_take(EVP_PKEY *pkey, struct rd_ec_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *owned = pkey;
	struct rd_ec_key *key;
	enum rd_ec_curve curve;

	RD_TRY(find_curve(pkey, &curve));
	key = calloc(1, sizeof(*key));
	RD_ENSURE(key != NULL, RD_NOMEM);
	key->curve = curve;
	key->has_private = private_half_of(pkey);
	key->pkey = rd_steal(&owned, NULL);
	*ret = key;
	return RD_OK;
}

enum rd_status rd_crypto_nist_key_take(EVP_PKEY *pkey, struct rd_ec_key **ret)
{
	struct rd_ec_key *key = NULL;

	RD_TRY(rd_crypto_key_take(pkey, &key));
	if (key->curve >= RD_EC_NIST_CURVE_COUNT) {
		rd_ec_key_free(&key);
		return RD_WRONG_KEY;
	}
	*ret = key;
	return RD_OK;
}

enum rd_status rd_ec_key_generate(enum rd_ec_curve curve, struct rd_ec_key **ret)
{
	EVP_PKEY *pkey;

	assert(curve < RD_EC_CURVE_COUNT);
	pkey = EVP_EC_gen(curves[curve].group);
	RD_ENSURE(pkey != NULL, RD_INTERNAL);
	return rd_crypto_key_take(pkey, ret);
}

void rd_ec_key_free(struct rd_ec_key **key)
{
	if (*key != NULL) {
		/* OpenSSL clears the private scalar as it frees it. */
		EVP_PKEY_free((*key)->pkey);
		free(rd_steal(key, NULL));
	}
}

/* An encrypted key must fail, not ask the terminal for its pass phrase. */
static int no_pass_phrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

enum rd_status rd_ec_key_from_pem(struct rd_view pem, struct rd_ec_key **ret)
{
	RD_CLEANUP(rd_crypto_bio_free) BIO *bio = NULL;
	EVP_PKEY *pkey;

	RD_ENSURE(pem.len > 0, RD_MALFORMED);
	RD_ENSURE(pem.len <= RD_EC_PEM_SIZE_MAX, RD_LIMIT);
	bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	RD_ENSURE(bio != NULL, RD_NOMEM);
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
	ERR_clear_error();
	RD_ENSURE(pkey != NULL, RD_MALFORMED);
	return rd_crypto_nist_key_take(pkey, ret);
}

enum rd_status rd_ec_key_from_pkcs8(
	struct rd_view der, enum rd_ec_curve curve, struct rd_ec_key **ret)
{
	struct rd_ec_key *key = NULL;
	EVP_PKEY *pkey = NULL;
	enum rd_status st;

	/* A valid key of another kind may be long: it is to be told from garbage. */
	RD_TRY(rd_crypto_pkcs8_read(der, RD_SECRET_SIZE_MAX, &pkey));
	RD_TRY(rd_crypto_key_take(pkey, &key));
	st = key->curve == curve ? rd_crypto_pkey_check(key->pkey) : RD_WRONG_KEY;
	if (st != RD_OK) {
		rd_ec_key_free(&key);
		return st;
	}
	*ret = key;
	return RD_OK;
}

enum rd_status rd_ec_key_to_pkcs8(const struct rd_ec_key *key, struct rd_secret *out)
{
	RD_ENSURE(key->has_private, RD_USAGE);
	return rd_crypto_pkcs8_write(key->pkey, out);
}

enum rd_status rd_ec_key_to_pem(const struct rd_ec_key *key, struct rd_buf *out)
{
	/* A secure-memory BIO clears what it held. */
	RD_CLEANUP(rd_crypto_bio_free) BIO *bio = BIO_new(BIO_s_secmem());

	RD_ENSURE(bio != NULL, RD_NOMEM);
	RD_ENSURE(key->has_private, RD_USAGE);
	RD_ENSURE(PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1,
		RD_INTERNAL);
	return rd_crypto_bio_drain(bio, out);
}

/* A compressed point would go into a certificate as it came, and no genuine chain has one. */
static enum rd_status check_uncompressed(const struct rd_ec_key *key)
{
	uint8_t point[RD_EC_POINT_SIZE_MAX];
	struct rd_buf b = rd_buf_fixed(point, sizeof(point));

	return rd_ec_key_point(key, &b);
}

enum rd_status rd_ec_key_from_spki(struct rd_view der, struct rd_ec_key **ret)
{
	struct rd_ec_key *key = NULL;
	EVP_PKEY *pkey = NULL;
	enum rd_status st;

	RD_TRY(rd_crypto_spki_read(der, RD_EC_SPKI_SIZE_MAX, &pkey));
	RD_TRY(rd_crypto_nist_key_take(pkey, &key));
	st = check_uncompressed(key);
	if (st != RD_OK) {
		rd_ec_key_free(&key);
		return st;
	}
	*ret = key;
	return RD_OK;
}

enum rd_status rd_ec_key_to_spki(const struct rd_ec_key *key, struct rd_buf *out)
{
	return rd_crypto_spki_write(key->pkey, out);
}

enum rd_status rd_ec_key_from_point(
	enum rd_ec_curve curve, struct rd_view point, struct rd_ec_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;
	uint8_t copy[RD_EC_POINT_SIZE_MAX];
	struct rd_buf b = rd_buf_fixed(copy, sizeof(copy));
	char group[32];
	OSSL_PARAM params[3];
	EVP_PKEY *pkey = NULL;
	int ok;

	assert(curve < RD_EC_CURVE_COUNT);
	RD_ENSURE(point.len == 1 + 2 * curves[curve].field_size, RD_MALFORMED);
	RD_TRY(rd_buf_put_view(&b, point));
	RD_ENSURE(copy[0] == 0x04, RD_MALFORMED);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	RD_ENSURE(ctx != NULL && EVP_PKEY_fromdata_init(ctx) == 1, RD_NOMEM);
	/* Parameters are read only, but their types have no const. */
	rd_text_copy(group, sizeof(group), curves[curve].group);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, b.used);
	params[2] = OSSL_PARAM_construct_end();
	/* Refuses what is not on the curve. */
	ok = EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params);
	ERR_clear_error();
	RD_ENSURE(ok == 1, RD_WRONG_KEY);
	return rd_crypto_key_take(pkey, ret);
}

enum rd_status rd_ec_key_point(const struct rd_ec_key *key, struct rd_buf *out)
{
	uint8_t point[RD_EC_POINT_SIZE_MAX];
	size_t len = 0;

	RD_ENSURE(EVP_PKEY_get_octet_string_param(
			  key->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) == 1,
		RD_INTERNAL);
	/* The provider gives the form in which the key came; SKIs and documents use this one only.
	 */
	RD_ENSURE(len == 1 + 2 * curves[key->curve].field_size && point[0] == 0x04, RD_UNSUPPORTED);
	return rd_buf_put(out, point, len);
}

enum rd_status rd_crypto_key_id(const struct rd_ec_key *key, uint8_t ret_id[RD_CRYPTO_KEY_ID_SIZE])
{
	uint8_t point[RD_EC_POINT_SIZE_MAX];
	struct rd_buf b = rd_buf_fixed(point, sizeof(point));

	RD_TRY(rd_ec_key_point(key, &b));
	RD_ENSURE(EVP_Digest(point, b.used, ret_id, NULL, EVP_sha1(), NULL) == 1, RD_INTERNAL);
	return RD_OK;
}
