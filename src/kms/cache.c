/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache: shards, each with a lock, a table of chains and a list by time of use.
 *
 *	miss    note the shard's number of drops → read the database, unlocked → keep what was read
 *	        if nothing has been dropped meanwhile, else hand it out once
 *	drop    unlink and count, whether or not it was there: a miss may be reading it
 *
 * So what was read before a change can never stay after it: the change is committed before it is
 * dropped. The table holds one reference of each entry; who looks one up holds another.
 */
#include "kms/cache-internal.h"

#include "crypto/random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHARDS 16
/* The longest id: "<account>:<alias name>". */
#define ID_SIZE (KMS_ACCOUNT_SIZE + KMS_ALIAS_SIZE)

struct entry {
	struct entry *chain;         /* next in its bucket */
	struct entry *newer, *older; /* used after, and before it */
	_Atomic unsigned refs;
	enum kms_cache_kind kind;
	char id[ID_SIZE];
	union kms_cached as;
};

struct shard {
	pthread_mutex_t lock;
	struct entry **buckets; /* as many as entries may be in it */
	struct entry *newest, *oldest;
	size_t n;
	uint64_t drops;
};

struct kms_cache {
	struct kms_keyring *keyring;
	char region[KMS_REGION_SIZE];
	uint64_t seed; /* ids are outsiders' choice in part: chains must not be */
	size_t shard_max;
	struct shard shards[SHARDS];
	_Atomic uint64_t hits, misses, drops;

	_Atomic int64_t polled_ms; /* when the last look at the changes began that succeeded */
	/* The poller's own. */
	int64_t number; /* of the last change seen; -1: none read yet */
};

/* Every look-up asks: the clock that ticks every few milliseconds will do. */
static int64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool is_stale(const struct kms_cache *cache)
{
	return monotonic_ms() - atomic_load(&cache->polled_ms) >= KMS_CACHE_STALE_MS;
}

/* A step of MurmurHash3's finalizer: every bit of the sum reaches both halves. */
static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0xff51afd7ed558ccdu;
	return hash ^ hash >> 33;
}

/* Eight bytes at a time: a call looks up three ids of some forty. */
static uint64_t hash_of(const struct kms_cache *cache, enum kms_cache_kind kind, const char *id)
{
	size_t left = strlen(id);
	uint64_t hash = mix(mix(cache->seed, kind), left), word;

	for (; left >= sizeof(word); id += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, id, sizeof(word));
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, id, left);
	return mix(hash, word);
}

static struct shard *shard_of(struct kms_cache *cache, uint64_t hash)
{
	return &cache->shards[hash >> 32 & (SHARDS - 1)];
}

static struct entry **bucket_of(const struct kms_cache *cache, struct shard *shard, uint64_t hash)
{
	return &shard->buckets[hash % cache->shard_max];
}

static void unref(struct entry *entry)
{
	if (atomic_fetch_sub(&entry->refs, 1) == 1) {
		kms_cached_finish(entry->kind, &entry->as);
		free(entry);
	}
}

static struct entry *find(struct entry **bucket, enum kms_cache_kind kind, const char *id)
{
	struct entry *entry = *bucket;

	while (entry != NULL && (entry->kind != kind || strcmp(entry->id, id) != 0)) {
		entry = entry->chain;
	}
	return entry;
}

static void list_remove(struct shard *shard, struct entry *entry)
{
	*(entry->newer != NULL ? &entry->newer->older : &shard->newest) = entry->older;
	*(entry->older != NULL ? &entry->older->newer : &shard->oldest) = entry->newer;
}

static void list_push(struct shard *shard, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = shard->newest;
	*(shard->newest != NULL ? &shard->newest->newer : &shard->oldest) = entry;
	shard->newest = entry;
}

/* Out of the table and the list; its reference is the caller's to give back, without the lock. */
static void take_out(const struct kms_cache *cache, struct shard *shard, struct entry *entry)
{
	struct entry **at = bucket_of(cache, shard, hash_of(cache, entry->kind, entry->id));

	while (*at != entry) {
		at = &(*at)->chain;
	}
	*at = entry->chain;
	list_remove(shard, entry);
	shard->n--;
}

static void init_shard(struct shard *shard)
{
	(void)pthread_mutex_init(&shard->lock, NULL);
}

enum rd_status kms_cache_new(
	struct kms_keyring *keyring, const char *region, size_t entries_max, struct kms_cache **ret)
{
	struct kms_cache *cache RD_CLEANUP(kms_cache_free) = NULL;

	RD_ENSURE(strlen(region) < KMS_REGION_SIZE && entries_max >= SHARDS, RD_USAGE);
	cache = calloc(1, sizeof(*cache));
	RD_ENSURE(cache != NULL, RD_NOMEM);
	cache->keyring = keyring;
	(void)snprintf(cache->region, sizeof(cache->region), "%s", region);
	cache->shard_max = entries_max / SHARDS;
	cache->number = -1;
	cache->polled_ms = monotonic_ms();
	for (size_t i = 0; i < SHARDS; i++) {
		init_shard(&cache->shards[i]);
	}
	RD_TRY(rd_random_bytes(&cache->seed, sizeof(cache->seed)));
	for (size_t i = 0; i < SHARDS; i++) {
		cache->shards[i].buckets = calloc(cache->shard_max, sizeof(struct entry *));
		RD_ENSURE(cache->shards[i].buckets != NULL, RD_NOMEM);
	}
	*ret = rd_steal(&cache, NULL);
	return RD_OK;
}

/* Lets go of entries, oldest first, until at most `left` are there. Unlocks the shard. */
static void shrink_and_unlock(struct kms_cache *cache, struct shard *shard, size_t left)
{
	struct entry *gone = NULL;
	struct entry *entry;

	while (shard->n > left) {
		entry = shard->oldest;
		take_out(cache, shard, entry);
		entry->chain = gone;
		gone = entry;
	}
	(void)pthread_mutex_unlock(&shard->lock);
	/* Freed without the lock: wiping and OpenSSL's heap take their time. */
	while (gone != NULL) {
		entry = gone;
		gone = entry->chain;
		unref(entry);
	}
}

static void drop_all(struct kms_cache *cache)
{
	for (size_t i = 0; i < SHARDS; i++) {
		(void)pthread_mutex_lock(&cache->shards[i].lock);
		cache->shards[i].drops++;
		shrink_and_unlock(cache, &cache->shards[i], 0);
	}
}

void kms_cache_free(struct kms_cache **cache)
{
	if (*cache == NULL) {
		return;
	}
	drop_all(*cache);
	for (size_t i = 0; i < SHARDS; i++) {
		free((*cache)->shards[i].buckets);
		(void)pthread_mutex_destroy(&(*cache)->shards[i].lock);
	}
	free(*cache);
	*cache = NULL;
}

/* A reference, or NULL and the number of drops so far. */
static struct entry *look_up(
	struct kms_cache *cache, enum kms_cache_kind kind, const char *id, uint64_t *ret_drops)
{
	const uint64_t hash = hash_of(cache, kind, id);
	struct shard *shard = shard_of(cache, hash);
	struct entry *entry;

	(void)pthread_mutex_lock(&shard->lock);
	entry = find(bucket_of(cache, shard, hash), kind, id);
	if (entry != NULL && is_stale(cache)) {
		entry = NULL;
	}
	if (entry != NULL) {
		list_remove(shard, entry);
		list_push(shard, entry);
		atomic_fetch_add(&entry->refs, 1);
	}
	*ret_drops = shard->drops;
	(void)pthread_mutex_unlock(&shard->lock);
	return entry;
}

/* Whether it is kept: not when it may be stale, nor when another thread was first. */
static void keep(struct kms_cache *cache, struct entry *entry, uint64_t drops)
{
	const uint64_t hash = hash_of(cache, entry->kind, entry->id);
	struct shard *shard = shard_of(cache, hash);
	struct entry **bucket = bucket_of(cache, shard, hash);

	(void)pthread_mutex_lock(&shard->lock);
	if (shard->drops == drops && find(bucket, entry->kind, entry->id) == NULL) {
		entry->chain = *bucket;
		*bucket = entry;
		list_push(shard, entry);
		shard->n++;
		atomic_fetch_add(&entry->refs, 1);
	}
	shrink_and_unlock(cache, shard, cache->shard_max);
}

/* The heap for secrets is shared with calls: what is only remembered makes room. */
static enum rd_status load(
	struct kms_cache *cache, const struct kms_load *what, union kms_cached *ret)
{
	enum rd_status st = kms_cached_load(what, ret);

	if (st == RD_NOMEM) {
		kms_cached_finish(what->kind, ret);
		for (size_t i = 0; i < SHARDS; i++) {
			(void)pthread_mutex_lock(&cache->shards[i].lock);
			shrink_and_unlock(cache, &cache->shards[i], cache->shards[i].n / 2);
		}
		st = kms_cached_load(what, ret);
	}
	return st;
}

static enum rd_status get(struct kms_cache *cache, struct rd_db *db, enum kms_cache_kind kind,
	const char *id, struct entry **ret)
{
	const struct kms_load what = {.keyring = cache->keyring,
		.region = cache->region,
		.db = db,
		.kind = kind,
		.id = id};
	uint64_t drops;
	struct entry *entry;
	enum rd_status st;

	RD_ENSURE(strlen(id) < ID_SIZE, RD_NOTFOUND);
	entry = look_up(cache, kind, id, &drops);
	if (entry != NULL) {
		atomic_fetch_add(&cache->hits, 1);
		*ret = entry;
		return RD_OK;
	}
	atomic_fetch_add(&cache->misses, 1);
	entry = calloc(1, sizeof(*entry));
	RD_ENSURE(entry != NULL, RD_NOMEM);
	entry->kind = kind;
	atomic_init(&entry->refs, 1);
	(void)snprintf(entry->id, sizeof(entry->id), "%s", id);
	st = load(cache, &what, &entry->as);
	if (st != RD_OK) {
		unref(entry);
		return st;
	}
	keep(cache, entry, drops);
	*ret = entry;
	return RD_OK;
}

enum rd_status kms_cache_key(struct kms_cache *cache, struct rd_db *db, const char *id,
	const struct kms_cached_key **ret)
{
	struct entry *entry;

	RD_TRY(get(cache, db, KMS_CACHE_KEY, id, &entry));
	*ret = &entry->as.key;
	return RD_OK;
}

enum rd_status kms_cache_alias(struct kms_cache *cache, struct rd_db *db, const char *account,
	const char *name, char ret_key_id[KMS_KEY_ID_SIZE])
{
	char id[ID_SIZE];
	struct entry *entry;
	int len = snprintf(id, sizeof(id), "%s:%s", account, name);

	RD_ENSURE(len > 0 && (size_t)len < sizeof(id), RD_NOTFOUND);
	RD_TRY(get(cache, db, KMS_CACHE_ALIAS, id, &entry));
	memcpy(ret_key_id, entry->as.alias.key_id, KMS_KEY_ID_SIZE);
	unref(entry);
	return RD_OK;
}

enum rd_status kms_cache_principal(struct kms_cache *cache, struct rd_db *db, const char *uid,
	const struct kms_cached_principal **ret)
{
	struct entry *entry;

	RD_TRY(get(cache, db, KMS_CACHE_PRINCIPAL, uid, &entry));
	*ret = &entry->as.principal;
	return RD_OK;
}

enum rd_status kms_cache_credential(struct kms_cache *cache, struct rd_db *db, const char *akid,
	const struct kms_cached_credential **ret)
{
	struct entry *entry;

	RD_TRY(get(cache, db, KMS_CACHE_CREDENTIAL, akid, &entry));
	*ret = &entry->as.credential;
	return RD_OK;
}

void kms_cache_put(struct kms_cache *cache, const void *cached)
{
	(void)cache;
	if (cached != NULL) {
		/* All members of the union begin where it does. */
		unref((struct entry *)((uintptr_t)cached - offsetof(struct entry, as)));
	}
}

void kms_cache_drop(struct kms_cache *cache, char kind, const char *id)
{
	const uint64_t hash = hash_of(cache, (enum kms_cache_kind)kind, id);
	struct shard *shard = shard_of(cache, hash);
	struct entry *entry;

	(void)pthread_mutex_lock(&shard->lock);
	shard->drops++;
	entry = find(bucket_of(cache, shard, hash), (enum kms_cache_kind)kind, id);
	if (entry != NULL) {
		take_out(cache, shard, entry);
	}
	(void)pthread_mutex_unlock(&shard->lock);
	if (entry != NULL) {
		atomic_fetch_add(&cache->drops, 1);
		unref(entry);
	}
}

struct poll {
	struct kms_cache *cache;
	bool roots;
};

static enum rd_status change(void *arg, int64_t number, char kind, const char *id)
{
	struct poll *poll = arg;

	if (kind == 'r') {
		poll->roots = true;
	} else {
		kms_cache_drop(poll->cache, kind, id);
	}
	poll->cache->number = number;
	return RD_OK;
}

/*
 * What is cached before the first poll may be older than the number that it begins with. So it is
 * with everything after a long silence: changes may have been pruned. RD_MISSING: the database has
 * fewer changes than we have seen; it is another one, a standby or a backup.
 */
static enum rd_status read_changes(struct rd_db *db, struct poll *poll)
{
	struct kms_cache *cache = poll->cache;
	enum rd_status st = RD_MISSING;

	if (cache->number >= 0 && !is_stale(cache)) {
		st = kms_store_changes_since(db, cache->number, change, poll);
	}
	if (st == RD_MISSING) {
		RD_TRY(kms_store_changes_last(db, &cache->number));
		drop_all(cache);
		poll->roots = true;
		st = RD_OK;
	}
	return st;
}

enum rd_status kms_cache_poll(struct kms_cache *cache, struct rd_db *db)
{
	struct poll poll = {.cache = cache, .roots = false};
	const int64_t begun_ms = monotonic_ms();
	enum rd_status st = read_changes(db, &poll);

	if (st != RD_OK) {
		if (is_stale(cache)) {
			drop_all(cache); /* of no use any more, and it holds secrets */
		}
		return st;
	}
	atomic_store(&cache->polled_ms, begun_ms);
	return poll.roots ? kms_keyring_reload(cache->keyring, db, NULL) : RD_OK;
}

void kms_cache_stats(struct kms_cache *cache, struct kms_cache_stats *ret)
{
	*ret = (struct kms_cache_stats){.hits = atomic_load(&cache->hits),
		.misses = atomic_load(&cache->misses),
		.drops = atomic_load(&cache->drops)};
	for (size_t i = 0; i < SHARDS; i++) {
		(void)pthread_mutex_lock(&cache->shards[i].lock);
		ret->entries += cache->shards[i].n;
		(void)pthread_mutex_unlock(&cache->shards[i].lock);
	}
}
