/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question that a cryptographic operation puts to kms_authorize, with the condition keys that
 * such operations supply (KMS reference, 4.7) and, for an attested call, two of ours:
 *
 *	redoubt:AttestationRoot   String: the name of the configured root that the document
 *	                          chains to
 *	redoubt:RequestBound      Bool: whether the document's user_data is the digest of this
 *	                          request (aws/request_digest.h)
 *
 * Both are absent without a document.
 */
#ifndef KMS_ASK_H
#define KMS_ASK_H

#include "kms/authorize.h"

struct kms_ask {
	struct kms_question question;
	const char *values[KMS_FACTS_MAX]; /* the one value of each fact */
};

/* ask stays where it is: its question points into it. key NULL: an action without a key. */
void kms_ask_begin(struct kms_ask *ask, const char *action, const struct kms_cached_key *key);
/* value lives until the question is answered; NULL adds nothing. */
void kms_ask_fact(struct kms_ask *ask, const char *name, const char *value);
/* Adds what the call's document says, and asks. Faults as kms_authorize. */
enum rd_status kms_ask(struct kms_call *call, struct kms_ask *ask) RD_MUST_USE;

#endif
