/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF and scrypt through OpenSSL's EVP_KDF, and SP 800-108. */
#include "crypto/kdf.h"

#include "base/byteorder.h"
#include "base/secret.h"
#include "crypto/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#define HKDF_DIGESTS_MAX 255 /* RFC 5869 2.3: the counter is one octet */
#define KBKDF_KEY_MIN    16
#define SCRYPT_R         8
#define SCRYPT_P         1
/* 128 * r * (N + p) and OpenSSL's own bookkeeping. */
#define SCRYPT_SLACK (1024 * 1024)

static void kdf_ctx_free(EVP_KDF_CTX **ctx)
{
	EVP_KDF_CTX_free(*ctx);
}

static enum rd_status derive(
	const char *name, const OSSL_PARAM *params, uint8_t *ret_key, size_t len)
{
	RD_CLEANUP(kdf_ctx_free) EVP_KDF_CTX *ctx = NULL;
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
	int ok;

	RD_ENSURE(kdf != NULL, RD_INTERNAL);
	ctx = EVP_KDF_CTX_new(kdf);
	EVP_KDF_free(kdf); /* the context keeps its own reference */
	RD_ENSURE(ctx != NULL, RD_NOMEM);
	ok = EVP_KDF_derive(ctx, ret_key, len, params);
	ERR_clear_error();
	return ok == 1 ? RD_OK : RD_INTERNAL;
}

/* Parameters are read only, but their type has no const. */
static OSSL_PARAM octets(const char *name, struct rd_view v)
{
	union {
		const uint8_t *read_only;
		void *untyped;
	} data = {.read_only = v.len > 0 ? v.ptr : (const uint8_t *)""};

	return OSSL_PARAM_construct_octet_string(name, data.untyped, v.len);
}

static OSSL_PARAM text(const char *name, const char *value)
{
	union {
		const char *read_only;
		char *untyped;
	} data = {.read_only = value};

	return OSSL_PARAM_construct_utf8_string(name, data.untyped, 0);
}

static OSSL_PARAM digest_of(enum rd_digest_alg alg)
{
	return text(OSSL_KDF_PARAM_DIGEST, EVP_MD_get0_name(rd_crypto_md(alg)));
}

enum rd_status rd_hkdf_extract(
	enum rd_digest_alg alg, struct rd_view salt, struct rd_view ikm, uint8_t *ret_prk)
{
	OSSL_PARAM params[] = {
		digest_of(alg),
		text(OSSL_KDF_PARAM_MODE, "EXTRACT_ONLY"),
		octets(OSSL_KDF_PARAM_KEY, ikm),
		octets(OSSL_KDF_PARAM_SALT, salt),
		OSSL_PARAM_construct_end(),
	};

	RD_ENSURE(ikm.len > 0, RD_USAGE);
	return derive(OSSL_KDF_NAME_HKDF, params, ret_prk, rd_digest_size(alg));
}

enum rd_status rd_hkdf_expand(enum rd_digest_alg alg, struct rd_view prk, struct rd_view info,
	uint8_t *ret_key, size_t len)
{
	OSSL_PARAM params[] = {
		digest_of(alg),
		text(OSSL_KDF_PARAM_MODE, "EXPAND_ONLY"),
		octets(OSSL_KDF_PARAM_KEY, prk),
		octets(OSSL_KDF_PARAM_INFO, info),
		OSSL_PARAM_construct_end(),
	};

	RD_ENSURE(len > 0 && prk.len >= rd_digest_size(alg), RD_USAGE);
	RD_ENSURE(len <= HKDF_DIGESTS_MAX * rd_digest_size(alg), RD_LIMIT);
	return derive(OSSL_KDF_NAME_HKDF, params, ret_key, len);
}

/* One block: HMAC over counter || label || 0 || context || bits asked for, numbers of 32 bits. */
static enum rd_status kbkdf_block(enum rd_hmac_alg alg, struct rd_view key, uint32_t counter,
	const struct rd_view parts[2], uint32_t bits, uint8_t *ret_block)
{
	uint8_t first[4], last[4];
	const struct rd_view views[] = {
		rd_view(first, sizeof(first)),
		parts[0],
		rd_view("", 1),
		parts[1],
		rd_view(last, sizeof(last)),
	};

	rd_put_be32(first, counter);
	rd_put_be32(last, bits);
	return rd_hmac_views(alg, key, views, RD_ARRAY_LEN(views), ret_block);
}

static enum rd_hmac_alg hmac_of(enum rd_digest_alg alg)
{
	return alg == RD_SHA256   ? RD_HMAC_SHA256
	       : alg == RD_SHA384 ? RD_HMAC_SHA384
				  : RD_HMAC_SHA512;
}

/*
 * Not through EVP_KDF, which looks HMAC and digest up by name in each call: 3.0 us for the one
 * block that every message of the key server needs, 0.6 this way.
 */
enum rd_status rd_kbkdf_counter(enum rd_digest_alg alg, struct rd_view key, struct rd_view label,
	struct rd_view context, uint8_t *ret_key, size_t len)
{
	const struct rd_view parts[2] = {label, context};
	size_t size = rd_digest_size(alg);
	uint8_t block[RD_DIGEST_SIZE_MAX];
	enum rd_status st = RD_OK;
	uint32_t counter = 1;

	RD_ENSURE(
		key.len >= KBKDF_KEY_MIN && label.len > 0 && context.len > 0 && len > 0, RD_USAGE);
	RD_ENSURE(key.len <= RD_KBKDF_PART_MAX && label.len <= RD_KBKDF_PART_MAX, RD_LIMIT);
	RD_ENSURE(context.len <= RD_KBKDF_PART_MAX && len <= RD_KBKDF_PART_MAX, RD_LIMIT);
	for (size_t at = 0; at < len && st == RD_OK; at += size) {
		st = kbkdf_block(hmac_of(alg), key, counter++, parts, (uint32_t)(8 * len), block);
		if (st == RD_OK) {
			memcpy(ret_key + at, block, len - at < size ? len - at : size);
		}
	}
	rd_wipe(block, sizeof(block));
	return st;
}

enum rd_status rd_scrypt(struct rd_view pass_phrase, struct rd_view salt, unsigned log2_n,
	uint8_t *ret_key, size_t len)
{
	uint64_t n;
	uint32_t r = SCRYPT_R;
	uint32_t p = SCRYPT_P;
	uint64_t memory;

	RD_ENSURE(
		log2_n >= RD_SCRYPT_LOG2_N_MIN && log2_n <= RD_SCRYPT_LOG2_N_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE(pass_phrase.len > 0 && salt.len >= RD_SCRYPT_SALT_MIN, RD_USAGE);
	RD_ENSURE(len > 0 && len <= RD_SCRYPT_KEY_MAX, RD_USAGE);
	n = UINT64_C(1) << log2_n;
	memory = 128 * SCRYPT_R * (n + SCRYPT_P) + SCRYPT_SLACK;
	return derive(OSSL_KDF_NAME_SCRYPT,
		(OSSL_PARAM[]){
			octets(OSSL_KDF_PARAM_PASSWORD, pass_phrase),
			octets(OSSL_KDF_PARAM_SALT, salt),
			OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
			OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
			OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
			OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
			OSSL_PARAM_construct_end(),
		},
		ret_key, len);
}
