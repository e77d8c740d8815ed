/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RSA public keys of documents: SubjectPublicKeyInfo in DER (RFC 3279 2.3.1).
 *
 *   SEQUENCE { SEQUENCE { rsaEncryption, NULL }, BIT STRING { SEQUENCE { INTEGER n, INTEGER e } } }
 *
 * Read here and not by OpenSSL: its general decoder takes five times as long as the encryption that
 * the key is for, once for each attested call, and takes BER; a key has one encoding.
 */
#include "crypto/der.h"
#include "crypto/internal.h"
#include "crypto/rsa.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

static const uint8_t oid_rsa_encryption[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01};

struct numbers {
	struct rd_view n;
	struct rd_view e;
};

static void bn_free(BIGNUM **bn)
{
	BN_free(*bn);
}

static void build_free(OSSL_PARAM_BLD **build)
{
	OSSL_PARAM_BLD_free(*build);
}

static void params_free(OSSL_PARAM **params)
{
	OSSL_PARAM_free(*params);
}

static enum rd_status read_algorithm(struct rd_view algorithm)
{
	struct rd_cur c = rd_cur(algorithm);
	struct rd_view view;

	RD_TRY(rd_der_take(&c, RD_DER_OID, &view));
	RD_ENSURE(rd_view_equal(view, rd_view(oid_rsa_encryption, sizeof(oid_rsa_encryption))),
		RD_WRONG_KEY);
	RD_TRY(rd_der_take(&c, RD_DER_NULL, &view));
	RD_ENSURE(view.len == 0, RD_MALFORMED);
	return rd_cur_finish(&c);
}

static enum rd_status read_numbers(struct rd_view bit_string, struct numbers *ret)
{
	struct rd_cur c = rd_cur(bit_string);
	struct rd_view view;
	uint8_t unused_bits;

	RD_TRY(rd_cur_u8(&c, &unused_bits));
	RD_ENSURE(unused_bits == 0, RD_MALFORMED);
	RD_TRY(rd_der_take(&c, RD_DER_SEQUENCE, &view));
	RD_TRY(rd_cur_finish(&c));
	c = rd_cur(view);
	RD_TRY(rd_der_take_positive(&c, &ret->n));
	RD_TRY(rd_der_take_positive(&c, &ret->e));
	return rd_cur_finish(&c);
}

static enum rd_status read_info(struct rd_view info, struct numbers *ret)
{
	struct rd_cur c = rd_cur(info);
	struct rd_view view;

	RD_TRY(rd_der_take(&c, RD_DER_SEQUENCE, &view));
	RD_TRY(read_algorithm(view));
	RD_TRY(rd_der_take(&c, RD_DER_BIT_STRING, &view));
	RD_TRY(read_numbers(view, ret));
	return rd_cur_finish(&c);
}

static enum rd_status read_spki(struct rd_view der, struct numbers *ret)
{
	struct rd_cur c = rd_cur(der);
	struct rd_view info;
	enum rd_status st;

	RD_ENSURE(rd_der_take(&c, RD_DER_SEQUENCE, &info) == RD_OK, RD_MALFORMED);
	RD_ENSURE(c.left == 0, RD_TRAILING);
	st = read_info(info, ret);
	return st == RD_OK || st == RD_WRONG_KEY ? st : RD_MALFORMED;
}

enum rd_status rd_crypto_rsa_spki_read(struct rd_view der, EVP_PKEY **ret)
{
	RD_CLEANUP(bn_free) BIGNUM *n = NULL;
	RD_CLEANUP(bn_free) BIGNUM *e = NULL;
	RD_CLEANUP(build_free) OSSL_PARAM_BLD *build = NULL;
	RD_CLEANUP(params_free) OSSL_PARAM *params = NULL;
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = NULL;
	struct numbers numbers;
	int ok;

	RD_ENSURE(der.len <= RD_RSA_SPKI_SIZE_MAX, RD_LIMIT);
	RD_TRY(read_spki(der, &numbers));
	n = BN_bin2bn(numbers.n.ptr, (int)numbers.n.len, NULL);
	e = BN_bin2bn(numbers.e.ptr, (int)numbers.e.len, NULL);
	build = OSSL_PARAM_BLD_new();
	RD_ENSURE(n != NULL && e != NULL && build != NULL, RD_NOMEM);
	RD_ENSURE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1, RD_NOMEM);
	RD_ENSURE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1, RD_NOMEM);
	params = OSSL_PARAM_BLD_to_param(build);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	RD_ENSURE(params != NULL && ctx != NULL, RD_NOMEM);
	RD_ENSURE(EVP_PKEY_fromdata_init(ctx) == 1, RD_INTERNAL);
	ok = EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params);
	ERR_clear_error();
	return ok == 1 ? RD_OK : RD_WRONG_KEY;
}
