/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls look up, in memory: keys with their material and parsed policy, aliases, principals
 * with their parsed policies, credentials.
 *
 * Entries are immutable and counted: a call holds the one that it began with to its end. A change
 * (ours, or another server's, heard of through the table `change`) drops an entry; the next call
 * reads the database. Bounded in number; the least recently used goes first. Secrets in entries are
 * in locked memory, and are wiped when the last holder lets go.
 *
 * Bound on staleness with several servers: KMS_CACHE_POLL_MS after a change was committed, less
 * when PostgreSQL's notification arrives first.
 */
#ifndef KMS_CACHE_H
#define KMS_CACHE_H

#include "crypto/secret.h"
#include "kms/db.h"
#include "kms/identity.h"
#include "kms/keyring.h"
#include "kms/model.h"
#include "policy/parse.h"

#define KMS_CACHE_POLL_MS 500

struct kms_cache;

/* One generation of a key: its metadata always, its bytes when they are here and the state of the
 * key has let anybody ask for them. */
struct kms_cached_material {
	struct kms_material record;
	struct rd_secret *secret; /* NULL when not present */
};

struct kms_cached_key {
	struct kms_key record;
	struct rd_policy *policy;
	struct kms_cached_material *materials; /* ascending generations */
	size_t n_materials;
	struct kms_tag *tags;
	size_t n_tags;
	char (*aliases)[KMS_ALIAS_SIZE];
	size_t n_aliases;
	char arn[KMS_ARN_SIZE];
};

struct kms_cached_principal {
	struct kms_principal record;
	char arn[KMS_ARN_SIZE];
	struct rd_policy **policies; /* identity policies, inline first */
	char **policy_names;
	size_t n_policies;
	struct rd_policy *boundary; /* or NULL */
};

struct kms_cached_credential {
	struct kms_credential_record {
		char akid[KMS_AKID_SIZE];
		char uid[KMS_UID_SIZE];
		char account[KMS_ACCOUNT_SIZE];
		bool active;
	} record;
	struct rd_secret *secret; /* the secret access key's text */
};

enum rd_status kms_cache_new(
	struct kms_keyring *keyring, const char *region, struct kms_cache **ret) RD_MUST_USE;
void kms_cache_free(struct kms_cache **cache);

/* Counted references; release with kms_cache_put. RD_NOTFOUND is not remembered. */
enum rd_status kms_cache_key(struct kms_cache *cache, struct kms_db *db, const char *id,
	const struct kms_cached_key **ret) RD_MUST_USE;
enum rd_status kms_cache_alias(struct kms_cache *cache, struct kms_db *db, const char *account,
	const char *name, char ret_key_id[KMS_KEY_ID_SIZE]) RD_MUST_USE;
enum rd_status kms_cache_principal(struct kms_cache *cache, struct kms_db *db, const char *uid,
	const struct kms_cached_principal **ret) RD_MUST_USE;
enum rd_status kms_cache_credential(struct kms_cache *cache, struct kms_db *db, const char *akid,
	const struct kms_cached_credential **ret) RD_MUST_USE;
void kms_cache_put(struct kms_cache *cache, const void *entry); /* accepts NULL */

/* Drops one entry: kind as in store.h's changes. */
void kms_cache_drop(struct kms_cache *cache, char kind, const char *id);
/* Reads changes since the last time and drops what they name; from one thread, periodically. */
enum rd_status kms_cache_poll(struct kms_cache *cache, struct kms_db *db) RD_MUST_USE;

struct kms_cache_stats {
	uint64_t hits, misses, drops, entries;
};
void kms_cache_stats(const struct kms_cache *cache, struct kms_cache_stats *ret);

#endif
