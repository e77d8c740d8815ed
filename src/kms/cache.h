/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls look up, in memory: keys with their material and parsed policy, aliases, principals
 * with their parsed policies, credentials.
 *
 * Entries are immutable and counted: a call holds the one that it began with to its end. A change
 * (ours, or another server's, heard of through the table `change`) drops an entry; the next call
 * reads the database. What was read while a change came in is used once and not kept. Bounded in
 * number; the least recently used goes first. Secrets in entries are in locked memory, and are
 * wiped when the last holder lets go.
 *
 * Bound on staleness with several servers: KMS_CACHE_POLL_MS after a change was committed, less
 * when PostgreSQL's notification arrives first. What has not been held against the changes for
 * KMS_CACHE_STALE_MS, because they cannot be read, is not used any more and forgotten, whatever
 * holds up the thread that reads them.
 */
#ifndef KMS_CACHE_H
#define KMS_CACHE_H

#include "crypto/ec.h"
#include "crypto/ed25519.h"
#include "crypto/rsa.h"
#include "crypto/secret.h"
#include "db/db.h"
#include "kms/keyring.h"
#include "kms/model.h"
#include "kms/store.h"
#include "policy/parse.h"

#define KMS_CACHE_POLL_MS  500
#define KMS_CACHE_STALE_MS 5000
/* Entries of all kinds; the secrets of as many RSA-4096 keys, parsed, take some 20 MiB. */
#define KMS_CACHE_ENTRIES 4096

struct kms_cache;

/*
 * One generation of a key: its metadata always (but record.wrapped is NULL), its bytes when they
 * are here and the key is enabled: no other state lets anybody use them, and DisableKey or
 * ScheduleKeyDeletion drops the entry that had them.
 *
 * Asymmetric keys are parsed when they are loaded, into the one of rsa, ec and ed25519 that the
 * spec calls for; any number of threads may use it at once. secret then is its PKCS#8.
 */
struct kms_cached_material {
	struct kms_material record;
	struct rd_secret secret; /* empty (ptr NULL) when not present or not for use */
	struct rd_rsa_key *rsa;
	struct rd_ec_key *ec;
	struct rd_ed25519_key *ed25519;
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
	struct kms_credential record; /* without wrapped */
	struct rd_secret secret;      /* the secret access key's text; empty while it is inactive */
};

/* entries_max: KMS_CACHE_ENTRIES but in tests. keyring is borrowed. */
enum rd_status kms_cache_new(struct kms_keyring *keyring, const char *region, size_t entries_max,
	struct kms_cache **ret) RD_MUST_USE;
/* Nobody holds an entry any more. */
void kms_cache_free(struct kms_cache **cache);

/*
 * Counted references; release with kms_cache_put. RD_NOTFOUND is not remembered. Of a key:
 * RD_BAD_SIGNATURE when its material is altered or another row's (an alarm, and
 * KMSInternalException to the caller), RD_UNAVAILABLE (keyring.h), RD_NOMEM when the heap for
 * secrets is full even after entries have been let go. What does not parse any more is its parser's
 * status.
 */
enum rd_status kms_cache_key(struct kms_cache *cache, struct rd_db *db, const char *id,
	const struct kms_cached_key **ret) RD_MUST_USE;
enum rd_status kms_cache_alias(struct kms_cache *cache, struct rd_db *db, const char *account,
	const char *name, char ret_key_id[KMS_KEY_ID_SIZE]) RD_MUST_USE;
/* Users and roles; RD_MISSING when its permissions boundary names a policy that is not there. */
enum rd_status kms_cache_principal(struct kms_cache *cache, struct rd_db *db, const char *uid,
	const struct kms_cached_principal **ret) RD_MUST_USE;
enum rd_status kms_cache_credential(struct kms_cache *cache, struct rd_db *db, const char *akid,
	const struct kms_cached_credential **ret) RD_MUST_USE;
void kms_cache_put(struct kms_cache *cache, const void *entry); /* accepts NULL */

/* Drops one entry: kind and id as in store.h's changes. After the commit of what one has written:
 * the other servers hear of it, this one need not wait until it does. */
void kms_cache_drop(struct kms_cache *cache, char kind, const char *id);
/*
 * Reads changes since the last time and drops what they name; from one thread, at least every
 * KMS_CACHE_POLL_MS, and once before the first call is served. Also takes in root key generations:
 * RD_UNAVAILABLE when only that failed.
 */
enum rd_status kms_cache_poll(struct kms_cache *cache, struct rd_db *db) RD_MUST_USE;

struct kms_cache_stats {
	uint64_t hits, misses, drops, entries;
};
void kms_cache_stats(struct kms_cache *cache, struct kms_cache_stats *ret);

#endif
