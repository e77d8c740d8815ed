/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May this caller do this to that key? Facts are collected here, lib/policy decides. Source: the
 * KMS reference, sections 4.1 and 4.7 to 4.9; grants 2.9.
 */
#ifndef KMS_AUTHORIZE_H
#define KMS_AUTHORIZE_H

#include "kms/cache.h"
#include "kms/call.h"

/* A condition key that the operation itself supplies ("kms:EncryptionAlgorithm" …). */
struct kms_fact {
	const char *name;
	const char *const *values;
	size_t n_values;
};

/* 50 tags of a request, and what the operation has itself. */
#define KMS_FACTS_MAX (KMS_TAGS_PER_KEY + 32)
/*
 * Of another service (the service door): 50 tags of a resource under both of their names, 50 of a
 * request, and what the operation has itself.
 */
#define KMS_SERVICE_FACTS_MAX (3 * KMS_TAGS_PER_KEY + 32)

struct kms_question {
	const char *action;               /* "kms:Decrypt" */
	const struct kms_cached_key *key; /* NULL: an action without a key */
	const char *resource;             /* ARN when there is no key, or "*" */
	json_t *context;                  /* encryption context of the request, or NULL */
	const char *alias;                /* how the caller named the key, for kms:RequestAlias */
	json_t *grant_tokens;             /* of the request, or NULL */
	bool grants_apply;                /* false for actions that no grant can give */
	const struct rd_policy *trust;    /* sts:AssumeRole: the role's; NULL otherwise */
	struct kms_fact facts[KMS_FACTS_MAX];
	size_t n_facts;
	const struct kms_fact *service_facts; /* of the service door, instead of those */
	size_t n_service_facts;
};

/*
 * RD_OK: allowed. Otherwise the call's fault is AccessDeniedException with AWS's sentence (or
 * InvalidGrantTokenException), and RD_DENIED. call->decision says what decided in either case.
 */
enum rd_status kms_authorize(struct kms_call *call, const struct kms_question *question)
	RD_MUST_USE;

/*
 * Whether the operation verifies a Recipient and its policies see kms:RecipientAttestation:*: the
 * five that have one (3.7), and, as an extension that a key's policy asks for by naming the
 * condition key KMS_ASK_ATTESTATION in a statement for that action, Sign, ReEncryptFrom and
 * ReEncryptTo (each side's key for its own), and PutKeyPolicy. key may be NULL.
 */
#define KMS_ASK_ATTESTATION "redoubt:RecipientAttested"
bool kms_attestation_applies(const char *action, const struct kms_cached_key *key);

/* Would this policy text let the caller put another one later? (lockout check, 4.10) A
 * policy that does not parse is RD_USAGE's or the parser's status: validate it first. key: the one
 * that it is for, or NULL before it exists. */
enum rd_status kms_authorize_lockout(struct kms_call *call, const struct kms_cached_key *key,
	const char *policy, bool *ret_safe) RD_MUST_USE;

#endif
