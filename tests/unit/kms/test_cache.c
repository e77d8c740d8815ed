/* SPDX-License-Identifier: Apache-2.0 */
/* The cache on both databases. */
#include "database.h"
#include "token.h"

#include "crypto/random.h"
#include "db/db_rows.h"
#include "kms/cache.h"
#include "kms/master.h"
#include "kms/material.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>

#define REGION "local-1"
#define POLICY                                                                                     \
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","     \
	"\"Action\":\"kms:*\",\"Resource\":\"*\"}}"
#define IDENTITY_POLICY                                                                            \
	"{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"kms:*\","    \
	"\"Resource\":\"*\"}}"

struct place {
	struct test_database *t;
	struct rd_db *db;
	struct test_place files;
	struct kms_keyring *ring;
	struct kms_cache *cache;
	size_t secret_bytes; /* before the cache has seen anything */
};

/* What OpenSSL itself keeps there: the state of its random generators. */
static size_t idle_bytes;

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	void *database = NULL;
	struct kms_master *master = NULL;
	char text[128];

	assert_non_null(place);
	database_setup(&database);
	place->t = database;
	place->db = place->t->db;
	test_place_make(&place->files);
	snprintf(text, sizeof(text), "file:%s/key", place->files.dir);
	assert_ok(kms_master_new(text, &master, NULL));
	assert_ok(kms_master_make(master, NULL));
	kms_master_free(&master);
	assert_ok(kms_keyring_open(place->db, text, &place->ring, NULL));
	assert_ok(kms_cache_new(place->ring, REGION, 1000, &place->cache));
	assert_ok(kms_cache_poll(place->cache, place->db));
	place->secret_bytes = CRYPTO_secure_used();
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	void *database = place->t;

	kms_cache_free(&place->cache);
	kms_keyring_free(&place->ring);
	/* No secret is left behind by anything. */
	assert_int_equal(CRYPTO_secure_used(), idle_bytes);
	database_teardown(&database);
	test_place_remove(&place->files);
	free(place);
	return 0;
}

static struct kms_key cached_test_key(unsigned number, enum kms_spec spec, enum kms_usage usage)
{
	struct kms_key key = test_key(number);

	key.spec = spec;
	key.usage = usage;
	key.origin = KMS_ORIGIN_AWS_KMS;
	key.policy = (char *)(uintptr_t)POLICY;
	return key;
}

static void add_generation(
	struct place *place, const struct kms_key *key, uint32_t generation, struct rd_view secret)
{
	struct kms_material m = {.generation = generation, .state = KMS_MATERIAL_CURRENT};

	snprintf(m.key_id, sizeof(m.key_id), "%s", key->id);
	assert_ok(kms_material_wrap(place->ring, key, &m, secret));
	assert_ok(kms_material_id(place->ring, key->id, secret, m.id));
	in_transaction(place->db, kms_store_material_add(place->db, &m));
	kms_material_finish(&m);
}

static struct kms_key add_key(struct place *place, unsigned number, enum kms_spec spec,
	enum kms_usage usage, struct rd_view secret)
{
	struct kms_key key = cached_test_key(number, spec, usage);

	in_transaction(place->db, kms_store_key_add(place->db, &key));
	add_generation(place, &key, 1, secret);
	return key;
}

#define SECRET rd_view("0123456789abcdef0123456789abcdef", 32)

static struct kms_key add_symmetric(struct place *place, unsigned number)
{
	return add_key(place, number, KMS_SPEC_SYMMETRIC_DEFAULT, KMS_ENCRYPT_DECRYPT, SECRET);
}

static struct kms_cache_stats stats(struct kms_cache *cache)
{
	struct kms_cache_stats s;

	kms_cache_stats(cache, &s);
	return s;
}

static void key_comes_with_all_that_it_has(void **state)
{
	struct place *place = *state;
	struct kms_key key = add_symmetric(place, 1);
	struct kms_tag tag = {.key = "team", .value = "blue"};
	struct kms_alias alias = test_alias("alias/one", key.id);
	const struct kms_cached_key *got;
	const struct kms_cached_key *again;

	add_generation(place, &key, 2, rd_view("fedcba9876543210fedcba9876543210", 32));
	in_transaction(place->db, kms_store_tag_put(place->db, key.id, &tag));
	in_transaction(place->db, kms_store_alias_add(place->db, &alias));
	assert_ok(kms_cache_key(place->cache, place->db, key.id, &got));
	assert_string_equal(got->record.id, key.id);
	assert_string_equal(got->arn,
		"arn:aws:kms:" REGION ":" ACCOUNT ":key/00000000-0000-4000-8000-000000000001");
	assert_non_null(got->policy);
	assert_int_equal(got->n_materials, 2);
	assert_int_equal(got->materials[0].record.generation, 1);
	assert_true(rd_view_equal(rd_secret_view(&got->materials[0].secret), SECRET));
	assert_int_equal(got->materials[1].record.generation, 2);
	assert_memory_equal(got->materials[1].secret.ptr, "fedcba98", 8);
	assert_null(got->materials[0].record.wrapped);
	assert_int_equal(got->n_tags, 1);
	assert_string_equal(got->tags[0].value, "blue");
	assert_int_equal(got->n_aliases, 1);
	assert_string_equal(got->aliases[0], "alias/one");
	assert_ok(kms_cache_key(place->cache, place->db, key.id, &again));
	assert_ptr_equal(got, again);
	assert_int_equal(stats(place->cache).hits, 1);
	assert_int_equal(stats(place->cache).misses, 1);
	kms_cache_put(place->cache, got);
	kms_cache_put(place->cache, again);
	kms_cache_put(place->cache, NULL);
}

static void add_rsa(struct place *place, unsigned number)
{
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_rsa_key *rsa = NULL;

	assert_ok(rd_secret_init(&der, RD_RSA_PKCS8_SIZE_MAX));
	assert_ok(rd_rsa_key_generate(2048, &rsa));
	assert_ok(rd_rsa_key_to_pkcs8(rsa, &der));
	rd_rsa_key_free(&rsa);
	add_key(place, number, KMS_SPEC_RSA_2048, KMS_SIGN_VERIFY, rd_secret_view(&der));
}

static void add_ec(struct place *place, unsigned number, enum rd_ec_curve curve, enum kms_spec spec)
{
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_ec_key *ec = NULL;

	assert_ok(rd_secret_init(&der, 1024));
	assert_ok(rd_ec_key_generate(curve, &ec));
	assert_ok(rd_ec_key_to_pkcs8(ec, &der));
	rd_ec_key_free(&ec);
	add_key(place, number, spec, KMS_SIGN_VERIFY, rd_secret_view(&der));
}

static void add_ed25519(struct place *place, unsigned number)
{
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_ed25519_key *key = NULL;

	assert_ok(rd_secret_init(&der, 1024));
	assert_ok(rd_ed25519_key_generate(&key));
	assert_ok(rd_ed25519_key_to_pkcs8(key, &der));
	rd_ed25519_key_free(&key);
	add_key(place, number, KMS_SPEC_ECC_NIST_EDWARDS25519, KMS_SIGN_VERIFY,
		rd_secret_view(&der));
}

static const struct kms_cached_key *get(struct place *place, unsigned number)
{
	struct kms_key key = test_key(number);
	const struct kms_cached_key *got = NULL;

	assert_ok(kms_cache_key(place->cache, place->db, key.id, &got));
	return got;
}

static void asymmetric_keys_come_parsed(void **state)
{
	static const struct {
		enum rd_ec_curve curve;
		enum kms_spec spec;
	} curves[] = {{RD_P256, KMS_SPEC_ECC_NIST_P256}, {RD_P384, KMS_SPEC_ECC_NIST_P384},
		{RD_P521, KMS_SPEC_ECC_NIST_P521}, {RD_SECP256K1, KMS_SPEC_ECC_SECG_P256K1}};
	struct place *place = *state;
	const struct kms_cached_key *got;
	uint8_t storage[RD_RSA_SIZE_MAX];
	struct rd_buf signature = rd_buf_fixed(storage, sizeof(storage));

	add_rsa(place, 1);
	got = get(place, 1);
	assert_int_equal(rd_rsa_key_bits(got->materials[0].rsa), 2048);
	assert_ok(rd_rsa_sign(
		got->materials[0].rsa, RD_RSA_PSS, RD_SHA256, rd_view("x", 1), &signature));
	kms_cache_put(place->cache, got);
	for (unsigned i = 0; i < RD_ARRAY_LEN(curves); i++) {
		add_ec(place, 10 + i, curves[i].curve, curves[i].spec);
		got = get(place, 10 + i);
		assert_int_equal(rd_ec_key_curve(got->materials[0].ec), curves[i].curve);
		assert_true(rd_ec_key_has_private(got->materials[0].ec));
		assert_null(got->materials[0].rsa);
		kms_cache_put(place->cache, got);
	}
	add_ed25519(place, 20);
	got = get(place, 20);
	assert_ok(rd_ed25519_sign(got->materials[0].ed25519, rd_view("x", 1), storage));
	kms_cache_put(place->cache, got);
}

static void material_of_another_kind_is_refused(void **state)
{
	struct place *place = *state;
	const struct kms_cached_key *got;
	struct kms_key key = add_key(place, 1, KMS_SPEC_ECC_NIST_P256, KMS_SIGN_VERIFY, SECRET);

	assert_status(kms_cache_key(place->cache, place->db, key.id, &got), RD_MALFORMED);
	add_ec(place, 2, RD_P384, KMS_SPEC_ECC_NIST_P256);
	key = test_key(2);
	assert_status(kms_cache_key(place->cache, place->db, key.id, &got), RD_WRONG_KEY);
	assert_int_equal(stats(place->cache).entries, 0);
	assert_int_equal(CRYPTO_secure_used(), place->secret_bytes);
}

static void what_is_not_there_is_not_remembered(void **state)
{
	struct place *place = *state;
	struct kms_key key = test_key(1);
	const struct kms_cached_key *got;
	const struct kms_cached_principal *principal;
	const struct kms_cached_credential *credential;
	char id[KMS_KEY_ID_SIZE];

	assert_status(kms_cache_key(place->cache, place->db, key.id, &got), RD_NOTFOUND);
	assert_status(
		kms_cache_alias(place->cache, place->db, ACCOUNT, "alias/x", id), RD_NOTFOUND);
	assert_status(
		kms_cache_principal(place->cache, place->db, "AIDAX", &principal), RD_NOTFOUND);
	assert_status(
		kms_cache_credential(place->cache, place->db, "AKIAX", &credential), RD_NOTFOUND);
	assert_int_equal(stats(place->cache).entries, 0);
	add_symmetric(place, 1);
	got = get(place, 1);
	kms_cache_put(place->cache, got);
}

static void swap(struct rd_db *db)
{
	assert_ok(rd_db_begin(db));
	assert_ok(rd_db_run(db,
		"UPDATE key_material SET key_id = CASE WHEN key_id ="
		" '00000000-0000-4000-8000-000000000001' THEN"
		" '00000000-0000-4000-8000-000000000002' ELSE"
		" '00000000-0000-4000-8000-000000000001' END, generation = 3 - generation WHERE key_id IN ("
		"'00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002')",
		NULL, 0, NULL, NULL, NULL));
	assert_ok(rd_db_commit(db));
}

/* Case 168, as an operation meets it. */
static void swapped_rows_are_refused(void **state)
{
	struct place *place = *state;
	struct kms_key a = add_symmetric(place, 1);
	struct kms_key b = add_symmetric(place, 2);
	const struct kms_cached_key *got;

	swap(place->db);
	assert_status(kms_cache_key(place->cache, place->db, a.id, &got), RD_BAD_SIGNATURE);
	assert_status(kms_cache_key(place->cache, place->db, b.id, &got), RD_BAD_SIGNATURE);
	assert_int_equal(CRYPTO_secure_used(), place->secret_bytes);
}

static void more_than_a_key_may_have_is_refused(void **state)
{
	static const char *const texts[] = {
		"INSERT INTO tag (key_id, tag_key, tag_value) VALUES ($1, $2, '')",
		"INSERT INTO alias (key_id, name, account, created_ms, updated_ms)"
		" VALUES ($1, $2, '" ACCOUNT "', 0, 0)",
	};
	static const unsigned quotas[] = {KMS_TAGS_PER_KEY, KMS_ALIASES_PER_KEY};
	struct place *place = *state;
	const struct kms_cached_key *got;
	char name[16];

	for (unsigned what = 0; what < RD_ARRAY_LEN(texts); what++) {
		struct kms_key key = add_symmetric(place, what + 1);

		for (unsigned i = 0; i <= quotas[what]; i++) {
			got = get(place, what + 1);
			assert_int_equal(got->n_tags + got->n_aliases, i);
			kms_cache_put(place->cache, got);
			snprintf(name, sizeof(name), "%u", i);
			assert_ok(rd_db_run(place->db, texts[what],
				RD_DB_ARGS(rd_db_text(key.id), rd_db_text(name)), NULL, NULL,
				NULL));
			kms_cache_drop(place->cache, 'k', key.id);
		}
		assert_status(kms_cache_key(place->cache, place->db, key.id, &got), RD_LIMIT);
	}
}

static void set_state(struct place *place, unsigned number, enum kms_state to)
{
	struct kms_key id = test_key(number);
	struct kms_key key = {.version = 0};

	assert_ok(kms_store_key_find(place->db, id.id, &key));
	key.state = to;
	in_transaction(place->db, kms_store_key_update(place->db, &key));
	kms_cache_drop(place->cache, 'k', key.id);
	kms_key_finish(&key);
}

static void only_enabled_keys_have_their_material(void **state)
{
	struct place *place = *state;
	const struct kms_cached_key *before;
	const struct kms_cached_key *got;

	add_symmetric(place, 1);
	before = get(place, 1);
	set_state(place, 1, KMS_STATE_DISABLED);
	/* Who held it goes on to its end, and then it is gone. */
	assert_true(rd_view_equal(rd_secret_view(&before->materials[0].secret), SECRET));
	got = get(place, 1);
	assert_int_equal(got->record.state, KMS_STATE_DISABLED);
	assert_null(got->materials[0].secret.ptr);
	assert_true(got->materials[0].record.present);
	kms_cache_put(place->cache, before);
	assert_int_equal(CRYPTO_secure_used(), place->secret_bytes);
	kms_cache_put(place->cache, got);
	set_state(place, 1, KMS_STATE_PENDING_DELETION);
	got = get(place, 1);
	assert_null(got->materials[0].secret.ptr);
	kms_cache_put(place->cache, got);
	set_state(place, 1, KMS_STATE_ENABLED);
	got = get(place, 1);
	assert_true(rd_view_equal(rd_secret_view(&got->materials[0].secret), SECRET));
	kms_cache_put(place->cache, got);
}

/* Case 169: the other server hears of it when it polls, at the latest. */
static void change_through_one_is_seen_by_the_other(void **state)
{
	struct place *place = *state;
	struct kms_cache *other = NULL;
	struct rd_db *db = NULL;
	struct kms_alias alias = {.created_ms = 1};
	const struct kms_cached_key *got;
	struct kms_key key = add_symmetric(place, 1);
	struct kms_key second = add_symmetric(place, 2);
	char id[KMS_KEY_ID_SIZE];

	alias = test_alias("alias/one", key.id);
	in_transaction(place->db, kms_store_alias_add(place->db, &alias));
	test_open(place->t, &db);
	assert_ok(kms_cache_new(place->ring, REGION, 1000, &other));
	assert_ok(kms_cache_poll(other, db));
	assert_ok(kms_cache_key(other, db, key.id, &got));
	kms_cache_put(other, got);
	assert_ok(kms_cache_alias(other, db, ACCOUNT, "alias/one", id));
	assert_string_equal(id, key.id);

	set_state(place, 1, KMS_STATE_DISABLED);
	strcpy(alias.key_id, second.id);
	in_transaction(place->db, kms_store_alias_update(place->db, &alias));
	assert_ok(kms_cache_key(other, db, key.id, &got));
	assert_int_equal(got->record.state, KMS_STATE_ENABLED);
	kms_cache_put(other, got);
	assert_ok(kms_cache_poll(other, db));
	assert_ok(kms_cache_key(other, db, key.id, &got));
	assert_int_equal(got->record.state, KMS_STATE_DISABLED);
	kms_cache_put(other, got);
	assert_ok(kms_cache_alias(other, db, ACCOUNT, "alias/one", id));
	assert_string_equal(id, second.id);
	/* What has not changed is still there. */
	assert_ok(kms_cache_key(other, db, key.id, &got));
	assert_ok(kms_cache_poll(other, db));
	kms_cache_put(other, got);
	kms_cache_free(&other);
	rd_db_close(&db);
}

static void poll_takes_in_root_generations(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = NULL;
	char text[128];

	snprintf(text, sizeof(text), "file:%s/key", place->files.dir);
	assert_ok(kms_keyring_open(place->db, text, &ring, NULL));
	assert_ok(kms_keyring_rotate(ring, place->db, NULL));
	assert_int_equal(kms_keyring_generation(place->ring), 1);
	assert_ok(kms_cache_poll(place->cache, place->db));
	assert_int_equal(kms_keyring_generation(place->ring), 2);
	kms_keyring_free(&ring);
}

static void add_principal(struct place *place, struct kms_principal *user)
{
	*user = (struct kms_principal){.uid = "AIDAAAAAAAAAAAAAAAAAA",
		.account = ACCOUNT,
		.kind = KMS_USER,
		.path = "/team/",
		.name = "anna",
		.boundary = (char *)(uintptr_t) "arn:aws:iam::" ACCOUNT ":policy/bound"};
	in_transaction(place->db, kms_store_principal_add(place->db, user));
	in_transaction(
		place->db, kms_store_policy_put(place->db, user->uid, "inline", IDENTITY_POLICY));
}

static void principal_comes_with_its_policies(void **state)
{
	struct place *place = *state;
	const struct kms_cached_principal *got;
	struct kms_principal user;

	add_principal(place, &user);
	/* Its boundary is not there: that must not look like no boundary, nor like no principal. */
	assert_status(kms_cache_principal(place->cache, place->db, user.uid, &got), RD_MISSING);
	in_transaction(place->db,
		kms_store_managed_add(place->db, ACCOUNT, "arn:aws:iam::" ACCOUNT ":policy/bound",
			"bound", IDENTITY_POLICY, 1));
	in_transaction(place->db,
		kms_store_managed_add(place->db, ACCOUNT, "arn:aws:iam::" ACCOUNT ":policy/more",
			"more", IDENTITY_POLICY, 1));
	in_transaction(place->db,
		kms_store_attach(place->db, user.uid, "arn:aws:iam::" ACCOUNT ":policy/more"));
	assert_ok(kms_cache_principal(place->cache, place->db, user.uid, &got));
	assert_string_equal(got->arn, "arn:aws:iam::" ACCOUNT ":user/team/anna");
	assert_int_equal(got->n_policies, 2);
	assert_string_equal(got->policy_names[0], "inline");
	assert_string_equal(got->policy_names[1], "more");
	assert_non_null(got->boundary);
	kms_cache_put(place->cache, got);
	in_transaction(place->db, kms_store_policy_delete(place->db, user.uid, "inline"));
	assert_ok(kms_cache_poll(place->cache, place->db));
	assert_ok(kms_cache_principal(place->cache, place->db, user.uid, &got));
	assert_int_equal(got->n_policies, 1);
	kms_cache_put(place->cache, got);
}

static void credential_comes_with_its_secret_while_active(void **state)
{
	struct place *place = *state;
	const struct kms_cached_credential *got;
	struct kms_credential credential = {
		.akid = "AKIAAAAAAAAAAAAAAAAA", .account = ACCOUNT, .active = true};
	struct kms_principal user;

	add_principal(place, &user);
	strcpy(credential.uid, user.uid);
	assert_ok(kms_credential_wrap(place->ring, &credential, SECRET));
	in_transaction(place->db, kms_store_credential_add(place->db, &credential));
	assert_ok(kms_cache_credential(place->cache, place->db, credential.akid, &got));
	assert_true(rd_view_equal(rd_secret_view(&got->secret), SECRET));
	assert_int_equal(got->record.wrapped_len, 0);
	kms_cache_put(place->cache, got);
	in_transaction(place->db, kms_store_credential_set(place->db, credential.akid, false));
	assert_ok(kms_cache_poll(place->cache, place->db));
	assert_ok(kms_cache_credential(place->cache, place->db, credential.akid, &got));
	assert_false(got->record.active);
	assert_null(got->secret.ptr);
	kms_cache_put(place->cache, got);
	assert_int_equal(CRYPTO_secure_used(), place->secret_bytes);
}

#define MANY 10000

/* One transaction: what is slow here is the disk. */
static void add_many(struct place *place)
{
	struct kms_material m = {.generation = 1, .state = KMS_MATERIAL_CURRENT};

	assert_ok(rd_db_begin(place->db));
	for (unsigned i = 0; i < MANY; i++) {
		struct kms_key key = cached_test_key(
			i, KMS_SPEC_SYMMETRIC_DEFAULT, KMS_ENCRYPT_DECRYPT);

		snprintf(m.key_id, sizeof(m.key_id), "%s", key.id);
		assert_ok(kms_material_wrap(place->ring, &key, &m, SECRET));
		assert_ok(kms_store_key_add(place->db, &key));
		assert_ok(kms_store_material_add(place->db, &m));
	}
	assert_ok(rd_db_commit(place->db));
	kms_material_finish(&m);
}

static void many_keys_take_bounded_memory(void **state)
{
	struct place *place = *state;
	const struct kms_cached_key *first;
	size_t most = 0;

	add_many(place);
	assert_ok(kms_cache_poll(place->cache, place->t->db));
	first = get(place, 0);
	for (unsigned i = 1; i < MANY; i++) {
		kms_cache_put(place->cache, get(place, i));
		most = CRYPTO_secure_used() > most ? CRYPTO_secure_used() : most;
	}
	assert_true(stats(place->cache).entries <= 1000);
	assert_true(stats(place->cache).entries >= 900);
	/* One block of 32 bytes a key, and that of the one which is held. */
	assert_true(most - place->secret_bytes <= 1002 * 32);
	/* It has long been let go, and is still whole. */
	assert_true(rd_view_equal(rd_secret_view(&first->materials[0].secret), SECRET));
	kms_cache_put(place->cache, first);
	/* The last ones are there, the first are not. */
	{
		struct kms_cache_stats before;

		/* A slow machine takes longer than entries may be used without news. */
		assert_ok(kms_cache_poll(place->cache, place->t->db));
		for (unsigned i = MANY - 1000; i < MANY; i++) {
			kms_cache_put(place->cache, get(place, i));
		}
		before = stats(place->cache);
		for (unsigned i = MANY - 100; i < MANY; i++) {
			kms_cache_put(place->cache, get(place, i));
		}
		assert_int_equal(stats(place->cache).hits - before.hits, 100);
		kms_cache_put(place->cache, get(place, 1));
		assert_int_equal(stats(place->cache).misses - before.misses, 1);
	}
}

struct race {
	struct place *place;
	_Atomic bool stop;
	_Atomic unsigned stale;
	_Atomic unsigned reads;
	_Atomic int64_t committed; /* version that is known to be in force */
};

static void *read_all_the_time(void *arg)
{
	struct race *race = arg;
	struct kms_key id = test_key(1);
	const struct kms_cached_key *got;
	struct rd_db *db = NULL;

	test_open(race->place->t, &db);
	while (!atomic_load(&race->stop)) {
		int64_t at_least = atomic_load(&race->committed);

		if (kms_cache_key(race->place->cache, db, id.id, &got) != RD_OK) {
			continue; /* RD_AGAIN: it changes all the time */
		}
		atomic_fetch_add(&race->reads, 1);
		if (got->record.version < at_least) {
			atomic_fetch_add(&race->stale, 1);
		}
		kms_cache_put(race->place->cache, got);
	}
	rd_db_close(&db);
	return NULL;
}

/* After a change is committed and dropped, nobody gets what was before. */
static void readers_never_bring_back_what_was_dropped(void **state)
{
	struct place *place = *state;
	struct race race = {.place = place};
	struct kms_key key = {.version = 0};
	pthread_t threads[4];

	(void)add_symmetric(place, 1);
	assert_ok(kms_store_key_find(place->db, "00000000-0000-4000-8000-000000000001", &key));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &race), 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		in_transaction(place->db, kms_store_key_update(place->db, &key));
		kms_cache_drop(place->cache, 'k', key.id);
		atomic_store(&race.committed, key.version);
		usleep(500);
	}
	atomic_store(&race.stop, true);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(atomic_load(&race.stale), 0);
	assert_true(atomic_load(&race.reads) > 0);
	kms_key_finish(&key);
}

static void server_cut_off_from_changes_forgets(void **state)
{
	struct place *place = *state;
	struct kms_cache *cache = NULL;
	struct rd_db *db = NULL;
	const struct kms_cached_key *got;
	struct kms_key key = add_symmetric(place, 1);

	test_open(place->t, &db);
	assert_ok(kms_cache_new(place->ring, REGION, 1000, &cache));
	assert_ok(kms_cache_poll(cache, db));
	assert_ok(kms_cache_key(cache, db, key.id, &got));
	kms_cache_put(cache, got);
	/* A poller that cannot read: its view is gone. */
	assert_ok(rd_db_begin(db));
	assert_ok(rd_db_run(db, "DROP VIEW change_horizon", NULL, 0, NULL, NULL, NULL));
	assert_ok(rd_db_commit(db));
	assert_int_not_equal(kms_cache_poll(cache, db), RD_OK);
	assert_int_equal(stats(cache).entries, 1);
	assert_ok(kms_cache_key(cache, db, key.id, &got));
	kms_cache_put(cache, got);
	assert_int_equal(stats(cache).misses, 1);
	/* Too old to be used, whether or not the poller has come round to it. */
	usleep(1000u * (KMS_CACHE_STALE_MS + 100));
	assert_ok(kms_cache_key(cache, db, key.id, &got));
	kms_cache_put(cache, got);
	assert_int_equal(stats(cache).misses, 2);
	assert_int_not_equal(kms_cache_poll(cache, db), RD_OK);
	assert_int_equal(stats(cache).entries, 0);
	kms_cache_free(&cache);
	rd_db_close(&db);
}

static void size_and_region_are_checked(void **state)
{
	struct place *place = *state;
	struct kms_cache *cache = NULL;

	assert_status(kms_cache_new(place->ring, REGION, 3, &cache), RD_USAGE);
	assert_status(
		kms_cache_new(place->ring, "a-region-of-more-than-thirty-two-bytes", 100, &cache),
		RD_USAGE);
	assert_null(cache);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_comes_with_all_that_it_has),
		TEST(asymmetric_keys_come_parsed),
		TEST(material_of_another_kind_is_refused),
		TEST(what_is_not_there_is_not_remembered),
		TEST(swapped_rows_are_refused),
		TEST(more_than_a_key_may_have_is_refused),
		TEST(only_enabled_keys_have_their_material),
		TEST(change_through_one_is_seen_by_the_other),
		TEST(poll_takes_in_root_generations),
		TEST(principal_comes_with_its_policies),
		TEST(credential_comes_with_its_secret_while_active),
		TEST(many_keys_take_bounded_memory),
		TEST(readers_never_bring_back_what_was_dropped),
		TEST(server_cut_off_from_changes_forgets),
		TEST(size_and_region_are_checked),
	};
	struct rd_ed25519_key *warm = NULL;
	uint8_t c;

	if (rd_secret_heap_open(1024 * 1024, NULL) != RD_OK) {
		return 1;
	}
	if (rd_ed25519_key_generate(&warm) != RD_OK || rd_random_bytes(&c, 1) != RD_OK) {
		return 1;
	}
	rd_ed25519_key_free(&warm);
	idle_bytes = CRYPTO_secure_used();
	return RUN_ON_BOTH(tests);
}
