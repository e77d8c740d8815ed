/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to authorisation: the condition keys of one question (facts.c). */
#ifndef KMS_AUTHORIZE_INTERNAL_H
#define KMS_AUTHORIZE_INTERNAL_H

#include "base/text.h"
#include "kms/authorize.h"
#include "policy/attested.h"
#include "policy/context.h"
#include "policy/grant.h"

/* The operation's own, and those of every call: about thirty. */
#define KMS_CONTEXT_ENTRIES (KMS_SERVICE_FACTS_MAX + 40)
/* One for each entry; aliases and tag keys, 50 each, and grant operations may have many. */
#define KMS_CONTEXT_VALUES 256

/* A family of keys ("kms:EncryptionContext:…"): sorted without regard to case, so that what a key
 * means is side by side. */
struct kms_pairs {
	struct rd_view *keys;
	struct rd_view *values;
	size_t n;
};

struct kms_context {
	struct rd_policy_entry entries[KMS_CONTEXT_ENTRIES];
	size_t n_entries;
	struct rd_view values[KMS_CONTEXT_VALUES];
	size_t n_values;
	char current_time[RD_TIME_TEXT_SIZE];
	char epoch_time[24];
	char issue_time[RD_TIME_TEXT_SIZE];
	char userid[KMS_UID_SIZE + KMS_NAME_SIZE];
	char source_ip[64];
	struct kms_pairs encryption; /* encryption context of the request */
	struct kms_pairs resource_tags;
	struct kms_pairs principal_tags;
	struct rd_attested attested;
	bool has_attested;
};

/* principal: the caller's, NULL for an account's root. RD_LIMIT: more values than a request can
 * have. Borrows from the call and the question. Finish in either case. */
enum rd_status kms_context_init(struct kms_context *c, const struct kms_call *call,
	const struct kms_question *question, const struct kms_cached_principal *principal)
	RD_MUST_USE;
void kms_context_finish(struct kms_context *c);

/* For struct rd_policy_context. */
bool kms_context_lookup(
	const void *context, struct rd_view key, struct rd_policy_values *ret_values);

/* Pairs of a JSON object of strings; other members are left out. object may be NULL. */
enum rd_status kms_pairs_of_json(json_t *object, struct kms_pairs *ret) RD_MUST_USE;
void kms_pairs_finish(struct kms_pairs *pairs);

/*
 * Whether a grant on the key lets the caller do it (grants.c). ret_id: which, or "". The fault is
 * set when a grant token is none.
 */
enum rd_status kms_find_grant(struct kms_call *call, const struct kms_question *question,
	const struct rd_policy_caller *caller, const struct kms_pairs *context,
	char ret_id[KMS_GRANT_ID_SIZE]) RD_MUST_USE;

#endif
