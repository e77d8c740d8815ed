/* SPDX-License-Identifier: Apache-2.0 */
/* Algorithms of requests. */
#include "kms/algorithm_param.h"

#include <string.h>

static const char *const encryption[] = {
	"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"};
static const char *const signing[] = {"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384",
	"RSASSA_PSS_SHA_512", "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384",
	"RSASSA_PKCS1_V1_5_SHA_512", "ECDSA_SHA_256", "ECDSA_SHA_384", "ECDSA_SHA_512", "SM2DSA",
	"ML_DSA_SHAKE_256", "ED25519_SHA_512", "ED25519_PH_SHA_512"};
static const char *const mac[] = {"HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"};
static const char *const agreement[] = {"ECDH"};

static const struct {
	const char *const *names;
	size_t n;
} sets[KMS_USAGE_COUNT] = {
	[KMS_ENCRYPT_DECRYPT] = {encryption, RD_ARRAY_LEN(encryption)},
	[KMS_SIGN_VERIFY] = {signing, RD_ARRAY_LEN(signing)},
	[KMS_GENERATE_VERIFY_MAC] = {mac, RD_ARRAY_LEN(mac)},
	[KMS_KEY_AGREEMENT] = {agreement, RD_ARRAY_LEN(agreement)},
};

static struct kms_algorithm_param named(const char *name)
{
	int i = 0;

	while (i < KMS_ALG_COUNT && strcmp(kms_algorithm_name((enum kms_algorithm)i), name) != 0) {
		i++;
	}
	return (struct kms_algorithm_param){.name = name, .algorithm = (enum kms_algorithm)i};
}

struct kms_algorithm_param kms_param_algorithm(
	struct kms_params *p, const char *name, enum kms_usage usage, const char *fallback)
{
	int i = kms_param_enum(p, name, fallback == NULL, sets[usage].names, sets[usage].n);

	if (i >= 0) {
		return named(sets[usage].names[i]);
	}
	if (fallback != NULL) {
		return named(fallback);
	}
	return (struct kms_algorithm_param){.name = NULL, .algorithm = KMS_ALG_COUNT};
}

enum rd_status kms_algorithm_check(struct kms_call *call, const struct kms_cached_key *key,
	const struct kms_algorithm_param *param)
{
	enum kms_spec spec = key->record.spec;

	if (param->algorithm != KMS_ALG_COUNT && kms_algorithm_fits(param->algorithm, spec)) {
		return RD_OK;
	}
	if (spec == KMS_SPEC_ECC_NIST_EDWARDS25519 &&
		strcmp(param->name, "ED25519_PH_SHA_512") == 0) {
		return kms_fail(call, KMS_FAULT_UNSUPPORTED,
			"ED25519_PH_SHA_512 is not supported by this server.");
	}
	return kms_fail(call, KMS_FAULT_INVALID_KEY_USAGE,
		"Algorithm %s is incompatible with key spec %s.", param->name, kms_spec_name(spec));
}
