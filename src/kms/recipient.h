/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Recipient parameter: an attestation document in, facts for the policy and an envelope for its
 * key out. Source: the KMS reference, section 3.
 *
 * A document is checked in full for every call; only the verification of a chain's certificates is
 * remembered, by the digest of all its certificates, until the first of them expires.
 */
#ifndef KMS_RECIPIENT_H
#define KMS_RECIPIENT_H

#include "attest/verify.h"
#include "base/bytes.h"
#include "base/error.h"

#define KMS_DOCUMENT_MAX 262144 /* the API's limit; the verifier's own is lower */

struct kms_recipient_config {
	const struct rd_cert *const *roots;
	const char *const *root_names; /* audit and condition key of ours: which anchor */
	size_t n_roots;
	uint32_t max_age_s; /* 0: the leaf's life alone limits it */
	uint32_t skew_s;
	bool allow_debug;
};

struct kms_recipients; /* configuration and the memory of good chains; any number of threads */

enum rd_status kms_recipients_new(
	const struct kms_recipient_config *config, struct kms_recipients **ret) RD_MUST_USE;
void kms_recipients_free(struct kms_recipients **recipients);

/* A verified document: everything copied, nothing points into the input. */
struct kms_attested {
	bool present;
	char module_id[128];
	uint32_t pcr_mask; /* bit i: pcr[i] is there */
	uint8_t pcr[32][48];
	uint64_t timestamp_ms;
	uint8_t public_key[1024]; /* SPKI DER, RSA 2048 to 4096, checked */
	size_t public_key_len;
	uint8_t user_data[1024];
	size_t user_data_len;
	bool has_user_data;
	char root_name[64];
	uint8_t digest[32]; /* SHA-256 of the document */
	bool debug;
};

/*
 * RD_UNTRUSTED category or malformed: refused; *ret_why is the verifier's verdict, for the audit
 * log only. bound: the hash that user_data must be in request-bound mode, or a NULL view.
 */
enum rd_status kms_recipient_verify(struct kms_recipients *recipients, struct rd_view document,
	int64_t now_ms, struct kms_attested *ret, enum rd_verify_result *ret_why) RD_MUST_USE;

/* CiphertextForRecipient: the CMS bytes of section 3.4, appended to out. */
enum rd_status kms_recipient_seal(
	const struct kms_attested *attested, struct rd_view secret, struct rd_buf *out) RD_MUST_USE;

/* "kms:RecipientAttestation:PCR3" and its siblings: the value in lowercase hex, or false. Names
 * compare without case. */
bool kms_attested_key(const struct kms_attested *attested, const char *name, char ret_hex[97]);

#endif
