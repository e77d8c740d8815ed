/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys of each spec are, what they may be used for and with which algorithms. Source: the KMS
 * reference, sections 2.4 to 2.6.
 *
 * ED25519_PH_SHA_512 is not in the table: lib/crypto has no Ed25519ph, and what cannot be done is
 * not reported.
 */
#ifndef KMS_SPEC_H
#define KMS_SPEC_H

#include "crypto/ec.h"
#include "crypto/hmac.h"
#include "kms/model.h"

enum kms_family {
	KMS_FAMILY_SYMMETRIC,
	KMS_FAMILY_RSA,
	KMS_FAMILY_EC,
	KMS_FAMILY_ED25519,
	KMS_FAMILY_HMAC,
};

struct kms_spec_info {
	enum kms_family family;
	unsigned usages; /* bits: 1 << KMS_… */
	unsigned rsa_bits;
	enum rd_ec_curve curve;
	enum rd_hmac_alg hmac;
	size_t bytes; /* of symmetric and HMAC material */
};

const struct kms_spec_info *kms_spec_info(enum kms_spec spec);

static inline bool kms_spec_bears(enum kms_spec spec, enum kms_usage usage)
{
	return (kms_spec_info(spec)->usages & (1u << usage)) != 0;
}

/* X(wire name, usage); the order is that in which answers list them. */
#define KMS_ALGORITHM_LIST(X)                                                                      \
	X(SYMMETRIC_DEFAULT, KMS_ENCRYPT_DECRYPT)                                                  \
	X(RSAES_OAEP_SHA_1, KMS_ENCRYPT_DECRYPT)                                                   \
	X(RSAES_OAEP_SHA_256, KMS_ENCRYPT_DECRYPT)                                                 \
	X(RSASSA_PKCS1_V1_5_SHA_256, KMS_SIGN_VERIFY)                                              \
	X(RSASSA_PKCS1_V1_5_SHA_384, KMS_SIGN_VERIFY)                                              \
	X(RSASSA_PKCS1_V1_5_SHA_512, KMS_SIGN_VERIFY)                                              \
	X(RSASSA_PSS_SHA_256, KMS_SIGN_VERIFY)                                                     \
	X(RSASSA_PSS_SHA_384, KMS_SIGN_VERIFY)                                                     \
	X(RSASSA_PSS_SHA_512, KMS_SIGN_VERIFY)                                                     \
	X(ECDSA_SHA_256, KMS_SIGN_VERIFY)                                                          \
	X(ECDSA_SHA_384, KMS_SIGN_VERIFY)                                                          \
	X(ECDSA_SHA_512, KMS_SIGN_VERIFY)                                                          \
	X(ED25519_SHA_512, KMS_SIGN_VERIFY)                                                        \
	X(HMAC_SHA_224, KMS_GENERATE_VERIFY_MAC)                                                   \
	X(HMAC_SHA_256, KMS_GENERATE_VERIFY_MAC)                                                   \
	X(HMAC_SHA_384, KMS_GENERATE_VERIFY_MAC)                                                   \
	X(HMAC_SHA_512, KMS_GENERATE_VERIFY_MAC)                                                   \
	X(ECDH, KMS_KEY_AGREEMENT)

enum kms_algorithm {
#define X(name, usage) KMS_ALG_##name,
	KMS_ALGORITHM_LIST(X)
#undef X
		KMS_ALG_COUNT
};

const char *kms_algorithm_name(enum kms_algorithm algorithm);
enum kms_usage kms_algorithm_usage(enum kms_algorithm algorithm);
/* Whether keys of this spec know the algorithm, for whatever usage. */
bool kms_algorithm_fits(enum kms_algorithm algorithm, enum kms_spec spec);

#endif
