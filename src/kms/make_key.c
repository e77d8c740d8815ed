/* SPDX-License-Identifier: Apache-2.0 */
/* New key material. */
#include "kms/make_key.h"

#include "crypto/ec.h"
#include "crypto/ed25519.h"
#include "crypto/rsa.h"
#include "kms/material.h"
#include "kms/spec.h"

#include <string.h>

static enum rd_status make_rsa(unsigned bits, struct rd_secret *out)
{
	struct rd_rsa_key *key RD_CLEANUP(rd_rsa_key_free) = NULL;

	RD_TRY(rd_rsa_key_generate(bits, &key));
	return rd_rsa_key_to_pkcs8(key, out);
}

static enum rd_status make_ec(enum rd_ec_curve curve, struct rd_secret *out)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;

	RD_TRY(rd_ec_key_generate(curve, &key));
	return rd_ec_key_to_pkcs8(key, out);
}

static enum rd_status make_ed25519(struct rd_secret *out)
{
	struct rd_ed25519_key *key RD_CLEANUP(rd_ed25519_key_free) = NULL;

	RD_TRY(rd_ed25519_key_generate(&key));
	return rd_ed25519_key_to_pkcs8(key, out);
}

static enum rd_status make_into(const struct kms_spec_info *info, struct rd_secret *out)
{
	switch (info->family) {
	case KMS_FAMILY_SYMMETRIC:
	case KMS_FAMILY_HMAC:
		return rd_secret_random(out, info->bytes);
	case KMS_FAMILY_RSA:
		return make_rsa(info->rsa_bits, out);
	case KMS_FAMILY_EC:
		return make_ec(info->curve, out);
	case KMS_FAMILY_ED25519:
		return make_ed25519(out);
	}
	return RD_INTERNAL;
}

enum rd_status kms_make_material(enum kms_spec spec, struct rd_secret *ret)
{
	struct rd_secret out RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};

	RD_TRY(rd_secret_init(&out, KMS_MATERIAL_SIZE_MAX));
	RD_TRY(make_into(kms_spec_info(spec), &out));
	*ret = rd_steal(&out, (struct rd_secret){.ptr = NULL});
	return RD_OK;
}

static enum rd_status check_rsa(unsigned bits, struct rd_view der)
{
	struct rd_rsa_key *key RD_CLEANUP(rd_rsa_key_free) = NULL;

	RD_TRY(rd_rsa_key_from_pkcs8(der, &key));
	RD_ENSURE(rd_rsa_key_bits(key) == bits, RD_WRONG_KEY);
	return RD_OK;
}

static enum rd_status check_ec(enum rd_ec_curve curve, struct rd_view der)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;

	return rd_ec_key_from_pkcs8(der, curve, &key);
}

static enum rd_status check_ed25519(struct rd_view der)
{
	struct rd_ed25519_key *key RD_CLEANUP(rd_ed25519_key_free) = NULL;

	return rd_ed25519_key_from_pkcs8(der, &key);
}

enum rd_status kms_check_material(enum kms_spec spec, struct rd_view bytes)
{
	const struct kms_spec_info *info = kms_spec_info(spec);

	switch (info->family) {
	case KMS_FAMILY_SYMMETRIC:
	case KMS_FAMILY_HMAC:
		return bytes.len == info->bytes ? RD_OK : RD_WRONG_KEY;
	case KMS_FAMILY_RSA:
		return check_rsa(info->rsa_bits, bytes);
	case KMS_FAMILY_EC:
		return check_ec(info->curve, bytes);
	case KMS_FAMILY_ED25519:
		return check_ed25519(bytes);
	}
	return RD_INTERNAL;
}

enum rd_status kms_material_seal(struct kms_keyring *keyring, const struct kms_key *key,
	struct rd_view secret, struct kms_material *material)
{
	memcpy(material->key_id, key->id, sizeof(material->key_id));
	RD_TRY(kms_material_id(keyring, key->id, secret, material->id));
	return kms_material_wrap(keyring, key, material, secret);
}
