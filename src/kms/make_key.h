/* SPDX-License-Identifier: Apache-2.0 */
/* New key material, and material from outside checked against its spec. */
#ifndef KMS_MAKE_KEY_H
#define KMS_MAKE_KEY_H

#include "crypto/secret.h"
#include "kms/keyring.h"
#include "kms/model.h"

/* Room for the largest: PKCS#8 of RSA-4096. */
#define KMS_MATERIAL_SIZE_MAX 4096

/* Symmetric and HMAC: random bytes; asymmetric: PKCS#8. *ret is made here. RSA takes up to
 * seconds. */
enum rd_status kms_make_material(enum kms_spec spec, struct rd_secret *ret) RD_MUST_USE;

/* Whether bytes are material of that spec: a length, or a PKCS#8 key of that kind and size whose
 * numbers belong together. RD_WRONG_KEY or RD_MALFORMED otherwise. */
enum rd_status kms_check_material(enum kms_spec spec, struct rd_view bytes) RD_MUST_USE;

/* A record of made or imported bytes, wrapped and with its id: generation and state are the
 * caller's to set first. *ret is finished by the caller. */
enum rd_status kms_material_seal(struct kms_keyring *keyring, const struct kms_key *key,
	struct rd_view secret, struct kms_material *material) RD_MUST_USE;

#endif
