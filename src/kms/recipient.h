/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Recipient parameter: an attestation document in, facts for the policy and an envelope for its
 * key out. Source: the KMS reference, section 3.
 *
 * A document is checked in full for every call; only that a chain's certificates are signed as they
 * should be is remembered, by the digest of all of them (attest/verify.h). A call whose document is
 * refused is answered ValidationException and goes no further: there is no way from a Recipient,
 * however malformed, to an answer with plaintext.
 */
#ifndef KMS_RECIPIENT_H
#define KMS_RECIPIENT_H

#include "attest/verify.h"
#include "base/bytes.h"
#include "base/error.h"

#define KMS_DOCUMENT_MAX 262144 /* the API's limit; the verifier's own is lower */
/* An anchor's name, with its NUL. */
#define KMS_ROOT_NAME_SIZE 64

struct kms_recipient_config {
	const struct rd_cert *const *roots; /* borrowed, for as long as the recipients live */
	const char *const *root_names;      /* which anchor: for audit and policies; copied */
	size_t n_roots;                     /* 0: every document is refused */
	uint32_t max_age_s;                 /* 0: the leaf's life alone limits it */
	uint32_t skew_s; /* how far ahead of ours its clock, and its certificates' may be */
	bool allow_debug;
};

struct kms_recipients; /* configuration and the memory of good chains; any number of threads */

enum rd_status kms_recipients_new(
	const struct kms_recipient_config *config, struct kms_recipients **ret) RD_MUST_USE;
void kms_recipients_free(struct kms_recipients **recipients);

/* A verified document: everything copied, nothing points into the input. */
struct kms_attested {
	bool present;
	char module_id[RD_DOC_MODULE_ID_MAX + 1];
	uint32_t pcr_mask; /* bit i: pcr[i] is there */
	uint8_t pcr[RD_DOC_PCR_COUNT][RD_DOC_PCR_SIZE];
	uint64_t timestamp_ms;
	uint8_t public_key[RD_DOC_FIELD_MAX]; /* SPKI DER, RSA 2048 to 4096, checked */
	size_t public_key_len;
	uint8_t user_data[RD_DOC_FIELD_MAX];
	size_t user_data_len;
	bool has_user_data;
	char root_name[KMS_ROOT_NAME_SIZE];
	uint8_t digest[RD_SHA256_SIZE]; /* SHA-256 of the document */
	bool debug;
	bool bound; /* to its request; of the call, not of the document: ask.c sets it */
};

/*
 * RD_UNTRUSTED: refused; *ret_why is then the verdict ("RD_VERIFY_EXPIRED", or "PUBLIC_KEY" when
 * the document is genuine and its public_key is none that we seal for), a constant for the audit
 * log only. Anything else: the check could not be made. *ret is all zeros then.
 */
enum rd_status kms_recipient_verify(struct kms_recipients *recipients, struct rd_view document,
	int64_t now_ms, struct kms_attested *ret, const char **ret_why) RD_MUST_USE;

/* CiphertextForRecipient: the CMS bytes of section 3.4, appended to out. */
enum rd_status kms_recipient_seal(
	const struct kms_attested *attested, struct rd_view secret, struct rd_buf *out) RD_MUST_USE;

/* "kms:RecipientAttestation:PCR3" and its siblings: the value in lowercase hex, or false. Names
 * compare without case. */
bool kms_attested_key(const struct kms_attested *attested, const char *name, char ret_hex[97]);

/* How often the memory of chains knew one; for metrics. */
void kms_recipients_stats(
	struct kms_recipients *recipients, uint64_t *ret_hits, uint64_t *ret_misses);

#endif
