/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ciphertext that Decrypt and ReEncrypt begin with: which key it is for, whether the caller may
 * have it opened, and what is in it. In this order: nothing is opened before it is authorised.
 *
 *	KeyId given   that key → authorised → the blob names the same one, else
 *	              IncorrectKeyException
 *	no KeyId      the key that the blob names → authorised; a key that is not there, is
 *	              another installation's, or is another account's and not allowed:
 *	              AccessDeniedException, with one and the same text
 *
 * Source: the KMS reference, 2.2.1 (Decrypt, ReEncrypt), 2.7, 2.11 and 2.12.
 */
#ifndef KMS_SOURCE_H
#define KMS_SOURCE_H

#include "kms/algorithm_param.h"
#include "kms/ask.h"
#include "kms/blob.h"
#include "kms/encryption_context.h"

struct kms_source {
	/* What the request says; names are its members'. */
	const char *action; /* "kms:Decrypt" or "kms:ReEncryptFrom" */
	const char *key_id; /* NULL: none given */
	struct rd_view
		ciphertext; /* absent only with IGNORE_CIPHERTEXT, and then key_id is there */
	struct kms_algorithm_param algorithm;
	const struct kms_encryption_context *context;
	json_t *grant_tokens;
	/* What follows from it. */
	char alias[KMS_ALIAS_SIZE];
	const struct kms_cached_key *key;
	struct rd_envelope envelope; /* SYMMETRIC_DEFAULT; views into ciphertext */
};

void kms_source_finish(struct kms_call *call, struct kms_source *source);

/* Finds source->key. */
enum rd_status kms_source_resolve(struct kms_call *call, struct kms_source *source) RD_MUST_USE;
/* Asks for source->action, with the facts that are in ask already; then usage, algorithm and
 * state. */
enum rd_status kms_source_authorize(
	struct kms_call *call, struct kms_source *source, struct kms_ask *ask) RD_MUST_USE;
/* How much a source's plaintext can come to; at least 1, and no more than a call's limit. */
size_t kms_source_plaintext_cap(const struct kms_source *source);
/*
 * Replaces what out holds by the plaintext; its capacity is kms_source_plaintext_cap at least.
 * *ret_material_id: of the material that opened it, or NULL for an asymmetric key. Whatever is
 * wrong with the ciphertext is InvalidCiphertextException without a message.
 */
enum rd_status kms_source_open(struct kms_call *call, const struct kms_source *source,
	struct rd_secret *out, const char **ret_material_id) RD_MUST_USE;

#endif
