/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that a management operation is about, and its change.
 *
 * Reads are answered from the cached key. A change reads the key anew within its transaction,
 * compares the state there, and drops the cached one after the commit: what another call or server
 * did meanwhile is seen, and two that exclude each other are serialised.
 */
#ifndef KMS_TARGET_H
#define KMS_TARGET_H

#include "kms/keys.h"
#include "kms/store.h"

struct kms_target {
	struct kms_call *call;
	const struct kms_cached_key *key;
	char alias[KMS_ALIAS_SIZE];
};

/* For RD_CLEANUP. */
void kms_target_finish(struct kms_target *target);

/*
 * Found by id or ARN, of the caller's own account, and the caller may do the operation.
 * question: what the operation adds to it (facts, context, tokens; action and key are set here),
 * NULL for nothing.
 */
enum rd_status kms_target_open(struct kms_call *call, const char *key_id,
	struct kms_question *question, struct kms_target *ret) RD_MUST_USE;
/* The same with keys of other accounts, and in the forms that are told. */
enum rd_status kms_target_open_any(struct kms_call *call, const char *key_id,
	enum kms_key_forms forms, struct kms_question *question, struct kms_target *ret)
	RD_MUST_USE;

/* kms_target_open by KeyId, the operation's only parameter. */
enum rd_status kms_target_open_alone(struct kms_call *call, struct kms_target *ret) RD_MUST_USE;

/* A number of days that an operation takes, and the condition key that tells policies of it. */
struct kms_days_param {
	const char *name;
	const char *condition;
	uint32_t min, max, fallback;
};
/* kms_target_open by KeyId, the operation's other parameter. */
enum rd_status kms_target_open_days(struct kms_call *call, const struct kms_days_param *param,
	struct kms_target *ret, uint32_t *ret_days) RD_MUST_USE;

/* kms_authorize with the operation's own action; key NULL: resource is asked about. */
enum rd_status kms_may(struct kms_call *call, const struct kms_cached_key *key,
	const char *resource, struct kms_question *question) RD_MUST_USE;
/* The same with another action ("kms:TagResource"). */
enum rd_status kms_may_action(struct kms_call *call, const char *action,
	const struct kms_cached_key *key, const char *resource, struct kms_question *question)
	RD_MUST_USE;
/* A condition key that the operation supplies; the values stay the caller's. */
void kms_fact_add(
	struct kms_question *question, const char *name, const char *const *values, size_t n);
/* The call answers json, which is taken over; NULL is out of memory. */
enum rd_status kms_answer(struct kms_call *call, json_t *json) RD_MUST_USE;

/* AccessDeniedException in the words that a key of another account has, existing or not. */
enum rd_status kms_deny_foreign(struct kms_call *call, const char *resource);
/* The fault of a state that the operation does not bear. */
enum rd_status kms_state_check(
	struct kms_call *call, const char *arn, enum kms_state state, unsigned states) RD_MUST_USE;

struct kms_edit;
/* Within the transaction, perhaps more than once; writes edit->key with kms_store_key_update if it
 * changes it. */
typedef enum rd_status kms_edit_fn(struct rd_db *db, struct kms_edit *edit);

struct kms_edit {
	const struct kms_target *target;
	unsigned states; /* that it bears, KMS_IN_… */
	kms_edit_fn *fn;
	void *arg;
	struct kms_key key; /* as it is within the transaction; finished by kms_edit_run */
};

/* NotFoundException when the key has gone meanwhile. */
enum rd_status kms_edit_run(struct kms_edit *edit) RD_MUST_USE;

#endif
