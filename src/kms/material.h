/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows with a secret in them: what identifies each to the keyring, and wrapping them anew after a
 * rotation of the root key (kms.md 7.2, 7.3).
 */
#ifndef KMS_MATERIAL_H
#define KMS_MATERIAL_H

#include "kms/keyring.h"
#include "kms/model.h"

/*
 * Material. What is authenticated: account, key id, generation, spec, usage, origin, none of which
 * a row ever changes. wrap replaces material->wrapped and sets present; key_id and generation of
 * the record are set already. unwrap makes *ret; its failures are kms_unwrap_with's, and RD_MISSING
 * when the material is not present.
 */
enum rd_status kms_material_wrap(struct kms_keyring *keyring, const struct kms_key *key,
	struct kms_material *material, struct rd_view secret) RD_MUST_USE;
enum rd_status kms_material_unwrap(struct kms_keyring *keyring, struct rd_db *db,
	const struct kms_key *key, const struct kms_material *material, struct rd_secret *ret)
	RD_MUST_USE;

/*
 * KeyMaterialId: 64 hex digits of a keyed hash over key id and material. The same bytes imported
 * again have the same id; nobody learns from it whether two keys share their material, nor can he
 * try guesses.
 */
enum rd_status kms_material_id(struct kms_keyring *keyring, const char *key_id,
	struct rd_view secret, char ret_id[KMS_MATERIAL_ID_SIZE]) RD_MUST_USE;

/* A secret access key; akid and uid of the record are set already. */
enum rd_status kms_credential_wrap(struct kms_keyring *keyring, struct kms_credential *credential,
	struct rd_view secret) RD_MUST_USE;
enum rd_status kms_credential_unwrap(struct kms_keyring *keyring, struct rd_db *db,
	const struct kms_credential *credential, struct rd_secret *ret) RD_MUST_USE;

/*
 * Wraps at most max rows of material and as many of credentials anew whose generation is older than
 * the ring's, in one transaction; *ret_n 0: none is left. For the scheduler, after a rotation,
 * again and again. A row that does not open ends it with kms_unwrap's status: *ret_row names it.
 */
#define KMS_REWRAP_ROW_SIZE (KMS_AKID_SIZE + 16)
enum rd_status kms_rewrap(struct kms_keyring *keyring, struct rd_db *db, uint32_t max,
	size_t *ret_n, char ret_row[KMS_REWRAP_ROW_SIZE]) RD_MUST_USE;

#endif
