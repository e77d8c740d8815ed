/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphertext blobs of symmetric keys: lib/envelope with the server's keys. */
#ifndef KMS_BLOB_H
#define KMS_BLOB_H

#include "envelope/envelope.h"
#include "kms/cache.h"
#include "kms/call.h"

/*
 * Appends a blob under the key's current material. context: rd_context_encode's. RD_NOTFOUND: the
 * key has no material now; RD_LIMIT: plaintext longer than RD_ENVELOPE_PLAINTEXT_MAX.
 */
enum rd_status kms_blob_seal(const struct kms_call *call, const struct kms_cached_key *key,
	struct rd_view context, struct rd_view plaintext, struct rd_buf *out) RD_MUST_USE;

/* The id of the key that a blob names, as text; RD_NOTFOUND: a key of another installation. */
enum rd_status kms_blob_key_id(const struct kms *kms, const struct rd_envelope *envelope,
	char ret_id[KMS_KEY_ID_SIZE]) RD_MUST_USE;

/* The material of key that a blob names; NULL: key has none of that id. */
const struct kms_cached_material *kms_blob_material(
	const struct kms_cached_key *key, const struct rd_envelope *envelope);

#endif
