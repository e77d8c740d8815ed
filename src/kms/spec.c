/* SPDX-License-Identifier: Apache-2.0 */
/* The table of key specs and their algorithms. */
#include "kms/spec.h"

#define USE(usage) (1u << (usage))

static const struct kms_spec_info specs[KMS_SPEC_COUNT] = {
	[KMS_SPEC_SYMMETRIC_DEFAULT] = {.family = KMS_FAMILY_SYMMETRIC,
		.usages = USE(KMS_ENCRYPT_DECRYPT),
		.bytes = 32},
	[KMS_SPEC_RSA_2048] = {.family = KMS_FAMILY_RSA,
		.usages = USE(KMS_ENCRYPT_DECRYPT) | USE(KMS_SIGN_VERIFY),
		.rsa_bits = 2048},
	[KMS_SPEC_RSA_3072] = {.family = KMS_FAMILY_RSA,
		.usages = USE(KMS_ENCRYPT_DECRYPT) | USE(KMS_SIGN_VERIFY),
		.rsa_bits = 3072},
	[KMS_SPEC_RSA_4096] = {.family = KMS_FAMILY_RSA,
		.usages = USE(KMS_ENCRYPT_DECRYPT) | USE(KMS_SIGN_VERIFY),
		.rsa_bits = 4096},
	[KMS_SPEC_ECC_NIST_P256] = {.family = KMS_FAMILY_EC,
		.usages = USE(KMS_SIGN_VERIFY) | USE(KMS_KEY_AGREEMENT),
		.curve = RD_P256},
	[KMS_SPEC_ECC_NIST_P384] = {.family = KMS_FAMILY_EC,
		.usages = USE(KMS_SIGN_VERIFY) | USE(KMS_KEY_AGREEMENT),
		.curve = RD_P384},
	[KMS_SPEC_ECC_NIST_P521] = {.family = KMS_FAMILY_EC,
		.usages = USE(KMS_SIGN_VERIFY) | USE(KMS_KEY_AGREEMENT),
		.curve = RD_P521},
	[KMS_SPEC_ECC_SECG_P256K1] = {.family = KMS_FAMILY_EC,
		.usages = USE(KMS_SIGN_VERIFY),
		.curve = RD_SECP256K1},
	[KMS_SPEC_ECC_NIST_EDWARDS25519] = {.family = KMS_FAMILY_ED25519,
		.usages = USE(KMS_SIGN_VERIFY)},
	[KMS_SPEC_HMAC_224] = {.family = KMS_FAMILY_HMAC,
		.usages = USE(KMS_GENERATE_VERIFY_MAC),
		.hmac = RD_HMAC_SHA224,
		.bytes = 28},
	[KMS_SPEC_HMAC_256] = {.family = KMS_FAMILY_HMAC,
		.usages = USE(KMS_GENERATE_VERIFY_MAC),
		.hmac = RD_HMAC_SHA256,
		.bytes = 32},
	[KMS_SPEC_HMAC_384] = {.family = KMS_FAMILY_HMAC,
		.usages = USE(KMS_GENERATE_VERIFY_MAC),
		.hmac = RD_HMAC_SHA384,
		.bytes = 48},
	[KMS_SPEC_HMAC_512] = {.family = KMS_FAMILY_HMAC,
		.usages = USE(KMS_GENERATE_VERIFY_MAC),
		.hmac = RD_HMAC_SHA512,
		.bytes = 64},
};

static const struct {
	const char *name;
	enum kms_usage usage;
} algorithms[KMS_ALG_COUNT] = {
#define X(alg, use) [KMS_ALG_##alg] = {#alg, use},
	KMS_ALGORITHM_LIST(X)
#undef X
};

const struct kms_spec_info *kms_spec_info(enum kms_spec spec)
{
	assert((unsigned)spec < KMS_SPEC_COUNT);
	return &specs[spec];
}

const char *kms_algorithm_name(enum kms_algorithm algorithm)
{
	return (unsigned)algorithm < KMS_ALG_COUNT ? algorithms[algorithm].name : NULL;
}

enum kms_usage kms_algorithm_usage(enum kms_algorithm algorithm)
{
	assert((unsigned)algorithm < KMS_ALG_COUNT);
	return algorithms[algorithm].usage;
}

/* ECDSA's hash goes with the curve. */
static bool fits_curve(enum kms_algorithm algorithm, enum rd_ec_curve curve)
{
	if (algorithm == KMS_ALG_ECDSA_SHA_256) {
		return curve == RD_P256 || curve == RD_SECP256K1;
	}
	if (algorithm == KMS_ALG_ECDSA_SHA_384) {
		return curve == RD_P384;
	}
	if (algorithm == KMS_ALG_ECDSA_SHA_512) {
		return curve == RD_P521;
	}
	return algorithm == KMS_ALG_ECDH && curve != RD_SECP256K1;
}

bool kms_algorithm_fits(enum kms_algorithm algorithm, enum kms_spec spec)
{
	const struct kms_spec_info *info = kms_spec_info(spec);

	switch (info->family) {
	case KMS_FAMILY_SYMMETRIC:
		return algorithm == KMS_ALG_SYMMETRIC_DEFAULT;
	case KMS_FAMILY_RSA:
		return algorithm >= KMS_ALG_RSAES_OAEP_SHA_1 &&
		       algorithm <= KMS_ALG_RSASSA_PSS_SHA_512;
	case KMS_FAMILY_EC:
		return fits_curve(algorithm, info->curve);
	case KMS_FAMILY_ED25519:
		return algorithm == KMS_ALG_ED25519_SHA_512;
	case KMS_FAMILY_HMAC:
		return algorithm == KMS_ALG_HMAC_SHA_224 + (unsigned)info->hmac;
	}
	return false;
}
