/* SPDX-License-Identifier: Apache-2.0 */
/* RSA keys: making, reading, writing. */
#include "crypto/rsa.h"

#include "crypto/internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdlib.h>

/* Larger public exponents only make others pay; OpenSSL refuses them for large moduli, too. */
#define EXPONENT_BITS_MAX 64

static void bn_free(BIGNUM **bn)
{
	BN_clear_free(*bn);
}

static bool is_offered_size(unsigned bits)
{
	return bits == 2048 || bits == 3072 || bits == 4096;
}

static enum rd_status check_public(const EVP_PKEY *pkey)
{
	RD_CLEANUP(bn_free) BIGNUM *n = NULL;
	RD_CLEANUP(bn_free) BIGNUM *e = NULL;

	RD_ENSURE(EVP_PKEY_is_a(pkey, "RSA"), RD_WRONG_KEY);
	RD_ENSURE(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1, RD_WRONG_KEY);
	RD_ENSURE(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1, RD_WRONG_KEY);
	RD_ENSURE(BN_num_bits(n) >= RD_RSA_BITS_MIN && BN_num_bits(n) <= RD_RSA_BITS_MAX,
		RD_WRONG_KEY);
	RD_ENSURE(BN_is_odd(n) && BN_is_odd(e), RD_WRONG_KEY);
	RD_ENSURE(BN_num_bits(e) > 16 && BN_num_bits(e) <= EXPONENT_BITS_MAX, RD_WRONG_KEY);
	return RD_OK;
}

static enum rd_status check_private(EVP_PKEY *pkey)
{
	RD_CLEANUP(bn_free) BIGNUM *e = NULL;

	RD_TRY(check_public(pkey));
	RD_ENSURE(is_offered_size((unsigned)EVP_PKEY_get_bits(pkey)), RD_WRONG_KEY);
	RD_ENSURE(EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1, RD_WRONG_KEY);
	return BN_is_word(e, RSA_F4) ? RD_OK : RD_WRONG_KEY;
}

/* Takes over what *pkey owns, on success. */
static enum rd_status take(EVP_PKEY **pkey, bool has_private, struct rd_rsa_key **ret)
{
	struct rd_rsa_key *key = calloc(1, sizeof(*key));

	RD_ENSURE(key != NULL, RD_NOMEM);
	key->pkey = rd_steal(pkey, NULL);
	key->bits = (unsigned)EVP_PKEY_get_bits(key->pkey);
	key->has_private = has_private;
	*ret = key;
	return RD_OK;
}

enum rd_status rd_rsa_key_generate(unsigned bits, struct rd_rsa_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;

	RD_ENSURE(is_offered_size(bits), RD_USAGE);
	pkey = EVP_RSA_gen(bits); /* its default exponent is 65537 */
	RD_ENSURE(pkey != NULL, RD_INTERNAL);
	RD_ENSURE(check_private(pkey) == RD_OK, RD_INTERNAL);
	return take(&pkey, true, ret);
}

void rd_rsa_key_free(struct rd_rsa_key **key)
{
	if (*key != NULL) {
		EVP_PKEY_free((*key)->pkey);
		free(rd_steal(key, NULL));
	}
}

enum rd_status rd_rsa_key_from_own_pkcs8(struct rd_view der, struct rd_rsa_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;

	RD_TRY(rd_crypto_pkcs8_read(der, RD_RSA_PKCS8_SIZE_MAX, &pkey));
	RD_TRY(check_private(pkey));
	return take(&pkey, true, ret);
}

enum rd_status rd_rsa_key_from_pkcs8(struct rd_view der, struct rd_rsa_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;

	RD_TRY(rd_crypto_pkcs8_read(der, RD_RSA_PKCS8_SIZE_MAX, &pkey));
	RD_TRY(check_private(pkey));
	RD_TRY(rd_crypto_pkey_check(pkey));
	return take(&pkey, true, ret);
}

enum rd_status rd_rsa_key_to_pkcs8(const struct rd_rsa_key *key, struct rd_secret *out)
{
	RD_ENSURE(key->has_private, RD_USAGE);
	return rd_crypto_pkcs8_write(key->pkey, out);
}

enum rd_status rd_rsa_key_from_spki(struct rd_view der, struct rd_rsa_key **ret)
{
	RD_CLEANUP(rd_crypto_pkey_free) EVP_PKEY *pkey = NULL;

	RD_TRY(rd_crypto_rsa_spki_read(der, &pkey));
	RD_TRY(check_public(pkey));
	return take(&pkey, false, ret);
}

enum rd_status rd_rsa_key_to_spki(const struct rd_rsa_key *key, struct rd_buf *out)
{
	return rd_crypto_spki_write(key->pkey, out);
}

unsigned rd_rsa_key_bits(const struct rd_rsa_key *key)
{
	return key->bits;
}

size_t rd_rsa_key_size(const struct rd_rsa_key *key)
{
	return (key->bits + 7) / 8;
}

bool rd_rsa_key_has_private(const struct rd_rsa_key *key)
{
	return key->has_private;
}
