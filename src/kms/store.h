/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in the database: one function for each thing that is read or written, all SQL in
 * store_*.c and nowhere else.
 *
 * Writers are called within a transaction (rd_db_transact) and compare versions: RD_AGAIN when
 * the record has changed meanwhile. Every write of something that servers cache also appends to the
 * table `change`, in the same transaction, and (PostgreSQL) notifies: cache.c reads on from the
 * last number that it has seen. RD_NOTFOUND, RD_EXISTS as usual; RD_LIMIT for a quota of model.h.
 * After a writer's failure the transaction is rolled back: something may have been counted already.
 * A row that is not of our making is RD_BAD_TYPE, RD_BAD_NUMBER or RD_LIMIT.
 */
#ifndef KMS_STORE_H
#define KMS_STORE_H

#include "db/db.h"
#include "kms/model.h"

/* store_keys.c */
enum rd_status kms_store_key_add(struct rd_db *db, const struct kms_key *key) RD_MUST_USE;
enum rd_status kms_store_key_get(
	struct rd_db *db, const char *account, const char *id, struct kms_key *ret) RD_MUST_USE;
/* Whoever's it is: ciphertexts name keys without an account. */
enum rd_status kms_store_key_find(struct rd_db *db, const char *id, struct kms_key *ret)
	RD_MUST_USE;
/* All fields but account, id, spec, usage, origin, created; raises key->version on success. */
enum rd_status kms_store_key_update(struct rd_db *db, struct kms_key *key) RD_MUST_USE;
/* With its material, aliases, grants and tags. */
enum rd_status kms_store_key_destroy(struct rd_db *db, const char *id) RD_MUST_USE;
/* Ids after `after` ("" for the first) in ascending order, at most max. */
typedef enum rd_status kms_store_key_fn(void *arg, const char *id);
enum rd_status kms_store_keys_list(struct rd_db *db, const char *account, const char *after,
	uint32_t max, kms_store_key_fn *fn, void *arg) RD_MUST_USE;
/*
 * What a scheduler has to do at now_ms, the longest overdue first: keys pending deletion whose
 * deletion_ms has come; enabled keys that rotate and whose next_rotation_ms has come; keys with
 * present material that expires and whose own valid_to_ms has come (the key's own fields do not
 * count: each material has its date).
 */
enum kms_due { KMS_DUE_DELETION, KMS_DUE_ROTATION, KMS_DUE_EXPIRY };
/* In the order in which they fell due; without the first skip. */
enum rd_status kms_store_keys_due(struct rd_db *db, enum kms_due what, int64_t now_ms,
	uint32_t skip, uint32_t max, kms_store_key_fn *fn, void *arg) RD_MUST_USE;

/* store_material.c */
enum rd_status kms_store_material_add(struct rd_db *db, const struct kms_material *material)
	RD_MUST_USE;
enum rd_status kms_store_material_update(struct rd_db *db, const struct kms_material *material)
	RD_MUST_USE;
/* The same bytes wrapped anew: no change, for those who have them in memory. */
enum rd_status kms_store_material_rewrap(struct rd_db *db, const struct kms_material *material)
	RD_MUST_USE;
/* By generation, ascending; the record is fn's to keep (it clears it) or is finished after it. That
 * holds for every record that is handed to a function below. */
typedef enum rd_status kms_store_material_fn(void *arg, struct kms_material *material);
enum rd_status kms_store_material_list(
	struct rd_db *db, const char *key_id, kms_store_material_fn *fn, void *arg) RD_MUST_USE;
/* Material wrapped by an older root generation, for the re-wrapper; credentials: below. */
enum rd_status kms_store_material_stale(struct rd_db *db, uint32_t before_generation, uint32_t max,
	kms_store_material_fn *fn, void *arg) RD_MUST_USE;

/* store_aliases.c */
enum rd_status kms_store_alias_add(struct rd_db *db, const struct kms_alias *alias) RD_MUST_USE;
enum rd_status kms_store_alias_get(
	struct rd_db *db, const char *account, const char *name, struct kms_alias *ret) RD_MUST_USE;
enum rd_status kms_store_alias_update(struct rd_db *db, const struct kms_alias *alias) RD_MUST_USE;
enum rd_status kms_store_alias_delete(struct rd_db *db, const char *account, const char *name)
	RD_MUST_USE;
/* key_id NULL: of all keys. */
typedef enum rd_status kms_store_alias_fn(void *arg, const struct kms_alias *alias);
enum rd_status kms_store_aliases_list(struct rd_db *db, const char *account, const char *key_id,
	const char *after, uint32_t max, kms_store_alias_fn *fn, void *arg) RD_MUST_USE;

/* store_tags.c */
enum rd_status kms_store_tag_put(struct rd_db *db, const char *key_id, const struct kms_tag *tag)
	RD_MUST_USE;
enum rd_status kms_store_tag_delete(struct rd_db *db, const char *key_id, const char *tag_key)
	RD_MUST_USE;
typedef enum rd_status kms_store_tag_fn(void *arg, const struct kms_tag *tag);
enum rd_status kms_store_tags_list(struct rd_db *db, const char *key_id, const char *after,
	uint32_t max, kms_store_tag_fn *fn, void *arg) RD_MUST_USE;

/* store_whole_key.c: a key with what belongs to it, all of one moment. *ret is zeroed, and the
 * caller's to finish after a failure, too; it is filled before a function is called. */
struct kms_whole_key {
	kms_store_material_fn *material; /* in the orders of the lists above */
	kms_store_tag_fn *tag;
	kms_store_alias_fn *alias;
	void *arg;
};
enum rd_status kms_store_whole_key_get(struct rd_db *db, const char *id, struct kms_key *ret,
	const struct kms_whole_key *whole) RD_MUST_USE;

/* store_grants.c */
enum rd_status kms_store_grant_add(struct rd_db *db, const struct kms_grant *grant) RD_MUST_USE;
enum rd_status kms_store_grant_get(
	struct rd_db *db, const char *key_id, const char *id, struct kms_grant *ret) RD_MUST_USE;
enum rd_status kms_store_grant_delete(struct rd_db *db, const char *key_id, const char *id)
	RD_MUST_USE;
/* Any filter may be NULL, but not all of key_id, grantee and retiring. */
struct kms_grant_filter {
	const char *key_id, *id, *grantee, *retiring, *name;
};
typedef enum rd_status kms_store_grant_fn(void *arg, struct kms_grant *grant);
enum rd_status kms_store_grants_list(struct rd_db *db, const struct kms_grant_filter *filter,
	const char *after, uint32_t max, kms_store_grant_fn *fn, void *arg) RD_MUST_USE;

/* store_iam.c: users, roles, their policies; names compare without case, as IAM's do. */
enum rd_status kms_store_principal_add(struct rd_db *db, const struct kms_principal *principal)
	RD_MUST_USE;
enum rd_status kms_store_principal_get(struct rd_db *db, const char *account,
	enum kms_principal_kind kind, const char *name, struct kms_principal *ret) RD_MUST_USE;
enum rd_status kms_store_principal_by_uid(
	struct rd_db *db, const char *uid, struct kms_principal *ret) RD_MUST_USE;
enum rd_status kms_store_principal_update(struct rd_db *db, const struct kms_principal *principal)
	RD_MUST_USE;
/* RD_FORBIDDEN while it has keys, policies or attachments (IAM's DeleteConflict). */
enum rd_status kms_store_principal_delete(struct rd_db *db, const char *uid) RD_MUST_USE;
typedef enum rd_status kms_store_principal_fn(void *arg, struct kms_principal *principal);
enum rd_status kms_store_principals_list(struct rd_db *db, const char *account,
	enum kms_principal_kind kind, const char *after, uint32_t max, kms_store_principal_fn *fn,
	void *arg) RD_MUST_USE;

enum rd_status kms_store_policy_put(
	struct rd_db *db, const char *uid, const char *name, const char *document) RD_MUST_USE;
enum rd_status kms_store_policy_delete(struct rd_db *db, const char *uid, const char *name)
	RD_MUST_USE;
/* managed: its ARN; inline: NULL. */
typedef enum rd_status kms_store_policy_fn(
	void *arg, const char *name, const char *arn, const char *document);
/* Inline and attached, in this order; what a principal's decision needs. */
enum rd_status kms_store_policies_of(
	struct rd_db *db, const char *uid, kms_store_policy_fn *fn, void *arg) RD_MUST_USE;
enum rd_status kms_store_managed_add(struct rd_db *db, const char *account, const char *arn,
	const char *name, const char *document, int64_t now_ms) RD_MUST_USE;
enum rd_status kms_store_managed_get(struct rd_db *db, const char *account, const char *arn,
	kms_store_policy_fn *fn, void *arg) RD_MUST_USE;
enum rd_status kms_store_managed_delete(struct rd_db *db, const char *account, const char *arn)
	RD_MUST_USE;
enum rd_status kms_store_managed_list(struct rd_db *db, const char *account, const char *after,
	uint32_t max, kms_store_policy_fn *fn, void *arg) RD_MUST_USE;
enum rd_status kms_store_attach(struct rd_db *db, const char *uid, const char *arn) RD_MUST_USE;
enum rd_status kms_store_detach(struct rd_db *db, const char *uid, const char *arn) RD_MUST_USE;

/* store_profiles.c: instance profiles; names as above. A role that is in one cannot be deleted. */
enum rd_status kms_store_profile_add(struct rd_db *db, const struct kms_profile *profile)
	RD_MUST_USE;
enum rd_status kms_store_profile_get(struct rd_db *db, const char *account, const char *name,
	struct kms_profile *ret) RD_MUST_USE;
/* role_uid "": none. */
enum rd_status kms_store_profile_set_role(struct rd_db *db, const char *uid, const char *role_uid)
	RD_MUST_USE;
enum rd_status kms_store_profile_delete(struct rd_db *db, const char *uid) RD_MUST_USE;
/* By name, after `after`, at most max; role_uid NULL: with any role or none. */
typedef enum rd_status kms_store_profile_fn(void *arg, const struct kms_profile *profile);
enum rd_status kms_store_profiles_list(struct rd_db *db, const char *account, const char *role_uid,
	const char *after, uint32_t max, kms_store_profile_fn *fn, void *arg) RD_MUST_USE;

/* store_last_use.c */
/* Within a transaction, for many. */
enum rd_status kms_store_last_use_put(struct rd_db *db, const struct kms_last_use *use) RD_MUST_USE;
enum rd_status kms_store_last_use_get(
	struct rd_db *db, const char *key_id, struct kms_last_use *ret) RD_MUST_USE;
/* When the database began to keep them. */
enum rd_status kms_store_last_use_since(struct rd_db *db, int64_t *ret_ms) RD_MUST_USE;

/* store_credentials.c: long-lived access keys; sessions are sealed tokens and are not stored. */
struct kms_credential {
	char akid[KMS_AKID_SIZE];
	char uid[KMS_UID_SIZE];
	char account[KMS_ACCOUNT_SIZE];
	bool active;
	int64_t created_ms;
	uint8_t wrapped[128]; /* the secret access key, wrapped; identity is akid and uid */
	size_t wrapped_len;
};
enum rd_status kms_store_credential_add(struct rd_db *db, const struct kms_credential *credential)
	RD_MUST_USE;
enum rd_status kms_store_credential_get(
	struct rd_db *db, const char *akid, struct kms_credential *ret) RD_MUST_USE;
enum rd_status kms_store_credential_set(struct rd_db *db, const char *akid, bool active)
	RD_MUST_USE;
enum rd_status kms_store_credential_delete(struct rd_db *db, const char *akid) RD_MUST_USE;
typedef enum rd_status kms_store_credential_fn(void *arg, const struct kms_credential *credential);
/* uid NULL: all, wrapped by an older generation than before_generation (0: any). */
enum rd_status kms_store_credentials_list(struct rd_db *db, const char *uid,
	uint32_t before_generation, uint32_t max, kms_store_credential_fn *fn, void *arg)
	RD_MUST_USE;
enum rd_status kms_store_credential_rewrap(
	struct rd_db *db, const struct kms_credential *credential) RD_MUST_USE;

/* store_roots.c: root key generations as the master has wrapped them (keyring.h). Writes are told
 * of as 'r'. */
#define KMS_ROOT_WRAPPED_MAX 256
struct kms_root {
	uint32_t generation;
	uint8_t wrapped[KMS_ROOT_WRAPPED_MAX];
	size_t wrapped_len;
};
enum rd_status kms_store_root_add(struct rd_db *db, const struct kms_root *root) RD_MUST_USE;
enum rd_status kms_store_root_update(struct rd_db *db, const struct kms_root *root) RD_MUST_USE;
/* Ascending, from generation `from` on. */
typedef enum rd_status kms_store_root_fn(void *arg, const struct kms_root *root);
enum rd_status kms_store_roots_list(
	struct rd_db *db, uint32_t from, kms_store_root_fn *fn, void *arg) RD_MUST_USE;

/* store_meta.c: small named values (installation id, scrypt parameters …), and changes. */
enum rd_status kms_store_meta_get(struct rd_db *db, const char *name, struct rd_buf *out)
	RD_MUST_USE;
/* RD_EXISTS when it is there; replace writes over it. */
enum rd_status kms_store_meta_add(struct rd_db *db, const char *name, struct rd_view value)
	RD_MUST_USE;
enum rd_status kms_store_meta_replace(struct rd_db *db, const char *name, struct rd_view value)
	RD_MUST_USE;
/*
 * kind: 'k' key (also its material, aliases, tags, grants), 'a' alias (id "<account>:<name>"), 'p'
 * principal (also its policies), 'c' credential, 'r' a value of meta (root generations). What did
 * not exist cannot have been cached: adding a key, alias, principal or credential says nothing of
 * it (but an alias does of its key).
 */
enum rd_status kms_store_change_add(struct rd_db *db, char kind, const char *id) RD_MUST_USE;
/* number: what to go on from the next time. It does not grow while an older change may still be
 * committed; later ones are then told of again. RD_MISSING: the database has not come as far as
 * number, so that it is not the one that number is of. */
typedef enum rd_status kms_store_change_fn(void *arg, int64_t number, char kind, const char *id);
enum rd_status kms_store_changes_since(
	struct rd_db *db, int64_t number, kms_store_change_fn *fn, void *arg) RD_MUST_USE;
/* Where a server with an empty cache starts. */
enum rd_status kms_store_changes_last(struct rd_db *db, int64_t *ret_number) RD_MUST_USE;
/* Forgets changes from before a time. Who has not read on since then must drop everything. */
enum rd_status kms_store_changes_prune(struct rd_db *db, int64_t before_ms) RD_MUST_USE;

/* store_pending.c: audit records of changes, in the changes' transactions (journal.h). The others
 * are statements of their own, outside of any transaction. */
#define KMS_PENDING_ID_SIZE 37
/* Another one of the same request replaces it. */
enum rd_status kms_store_pending_put(
	struct rd_db *db, const char *request_id, struct rd_view record) RD_MUST_USE;
/* By id, after `after` ("" for the first). */
typedef enum rd_status kms_store_pending_id_fn(void *arg, const char *request_id);
enum rd_status kms_store_pending_ids(struct rd_db *db, const char *after, uint32_t max,
	kms_store_pending_id_fn *fn, void *arg) RD_MUST_USE;
/* Older than age_ms by the database's clock, the oldest first. record: borrowed. */
typedef enum rd_status kms_store_pending_fn(
	void *arg, const char *request_id, struct rd_view record);
enum rd_status kms_store_pending_due(struct rd_db *db, int64_t age_ms, uint32_t max,
	kms_store_pending_fn *fn, void *arg) RD_MUST_USE;
/* Makes it new, if it still is older than age_ms: RD_NOTFOUND when another server was first. */
enum rd_status kms_store_pending_claim(struct rd_db *db, const char *request_id, int64_t age_ms)
	RD_MUST_USE;
/* At most RD_DB_COLUMNS_MAX. */
enum rd_status kms_store_pending_delete(
	struct rd_db *db, const char (*request_ids)[KMS_PENDING_ID_SIZE], size_t n) RD_MUST_USE;

#endif
