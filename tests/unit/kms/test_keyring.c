/* SPDX-License-Identifier: Apache-2.0 */
/* The keyring on both databases: wrapping, rotation under load, masters that change or go away. */
#include "database.h"
#include "token.h"

#include "kms/keyring.h"
#include "kms/master.h"
#include "kms/material.h"

#include <pthread.h>
#include <stdatomic.h>

struct place {
	struct test_database *t;
	struct test_place files;
	char master[512];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	void *database = NULL;
	struct kms_master *master = NULL;

	assert_non_null(place);
	database_setup(&database);
	place->t = database;
	test_place_make(&place->files);
	snprintf(place->master, sizeof(place->master), "file:%s/key", place->files.dir);
	assert_ok(kms_master_new(place->master, &master, NULL));
	assert_ok(kms_master_make(master, NULL));
	kms_master_free(&master);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;
	void *database = place->t;

	database_teardown(&database);
	test_place_remove(&place->files);
	free(place);
	return 0;
}

static struct kms_keyring *open_ring(struct rd_db *db, const char *master)
{
	struct rd_error err = {.text = ""};
	struct kms_keyring *ring = NULL;

	if (kms_keyring_open(db, master, &ring, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	return ring;
}

#define IDENTITY rd_view("row", 3)
#define SECRET   rd_view("the secret of the row", 21)

struct wrapped {
	uint8_t bytes[128];
	size_t len;
};

static void wrap(struct kms_keyring *ring, struct wrapped *ret)
{
	struct rd_buf out = rd_buf_fixed(ret->bytes, sizeof(ret->bytes));

	assert_ok(kms_wrap(ring, KMS_PURPOSE_MATERIAL, IDENTITY, SECRET, &out));
	ret->len = out.used;
	assert_int_equal(ret->len, SECRET.len + KMS_WRAP_OVERHEAD);
}

static struct rd_view view(const struct wrapped *w)
{
	return rd_view(w->bytes, w->len);
}

static enum rd_status unwrap_as(struct kms_keyring *ring, enum kms_purpose purpose,
	struct rd_view identity, const struct wrapped *w)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};
	enum rd_status st = kms_unwrap(ring, purpose, identity, view(w), &secret);

	assert_true((st == RD_OK) == (secret.ptr != NULL));
	if (st == RD_OK) {
		assert_true(rd_view_equal(rd_secret_view(&secret), SECRET));
	}
	return st;
}

static enum rd_status unwrap(struct kms_keyring *ring, const struct wrapped *w)
{
	return unwrap_as(ring, KMS_PURPOSE_MATERIAL, IDENTITY, w);
}

static enum rd_status unwrap_with(
	struct kms_keyring *ring, struct rd_db *db, const struct wrapped *w)
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};

	return kms_unwrap_with(ring, db, KMS_PURPOSE_MATERIAL, IDENTITY, view(w), &secret);
}

static void wraps_and_refuses_what_differs(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = open_ring(place->t->db, place->master);
	struct wrapped w;
	struct wrapped again;
	size_t whole;

	wrap(ring, &w);
	wrap(ring, &again);
	assert_false(rd_view_equal(view(&w), view(&again)));
	assert_ok(unwrap(ring, &w));
	assert_int_equal(kms_wrapped_generation(view(&w)), 1);
	assert_status(unwrap_as(ring, KMS_PURPOSE_CREDENTIAL, IDENTITY, &w), RD_BAD_SIGNATURE);
	assert_status(
		unwrap_as(ring, KMS_PURPOSE_MATERIAL, rd_view("rox", 3), &w), RD_BAD_SIGNATURE);
	assert_status(unwrap_as(ring, (enum kms_purpose)0, IDENTITY, &w), RD_USAGE);
	assert_status(unwrap_as(ring, KMS_PURPOSE_COUNT, IDENTITY, &w), RD_USAGE);
	for (size_t i = 0; i < w.len; i++) {
		w.bytes[i] ^= 1;
		assert_status(unwrap(ring, &w), i < 4 ? RD_NOTFOUND : RD_BAD_SIGNATURE);
		w.bytes[i] ^= 1;
	}
	whole = w.len;
	for (w.len = 0; w.len < whole; w.len++) {
		assert_status(unwrap(ring, &w), RD_BAD_SIGNATURE);
	}
	w.len = whole + 1;
	assert_status(unwrap(ring, &w), RD_BAD_SIGNATURE);
	kms_keyring_free(&ring);
}

static void wrap_without_room_leaves_nothing(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = open_ring(place->t->db, place->master);
	uint8_t storage[40];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	assert_ok(rd_buf_u8(&out, 7));
	assert_status(kms_wrap(ring, KMS_PURPOSE_MATERIAL, IDENTITY, SECRET, &out), RD_NOSPACE);
	assert_int_equal(out.used, 1);
	kms_keyring_free(&ring);
}

static void ring_is_the_same_when_opened_again(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = open_ring(place->t->db, place->master);
	uint8_t installation[2][KMS_INSTALLATION_SIZE];
	uint8_t mac[3][32];
	struct wrapped w;

	wrap(ring, &w);
	kms_keyring_installation(ring, installation[0]);
	assert_ok(kms_keyed_hash(ring, KMS_PURPOSE_MARKER, IDENTITY, mac[0]));
	assert_ok(kms_keyring_rotate(ring, place->t->db, NULL));
	assert_int_equal(kms_keyring_generation(ring), 2);
	assert_ok(kms_keyed_hash(ring, KMS_PURPOSE_MARKER, IDENTITY, mac[1]));
	assert_memory_equal(mac[0], mac[1], 32);
	assert_ok(kms_keyed_hash(ring, KMS_PURPOSE_MATERIAL_ID, IDENTITY, mac[2]));
	assert_memory_not_equal(mac[0], mac[2], 32);
	assert_status(kms_keyed_hash(ring, KMS_PURPOSE_COUNT, IDENTITY, mac[2]), RD_USAGE);
	kms_keyring_free(&ring);

	ring = open_ring(place->t->db, place->master);
	assert_int_equal(kms_keyring_generation(ring), 2);
	assert_ok(unwrap(ring, &w));
	kms_keyring_installation(ring, installation[1]);
	assert_memory_equal(installation[0], installation[1], KMS_INSTALLATION_SIZE);
	assert_ok(kms_keyed_hash(ring, KMS_PURPOSE_MARKER, IDENTITY, mac[1]));
	assert_memory_equal(mac[0], mac[1], 32);
	kms_keyring_free(&ring);
}

static void open_fails(
	struct place *place, const char *master, enum rd_status want, const char *what)
{
	struct rd_error err = {.text = ""};
	struct kms_keyring *ring = NULL;

	assert_status(kms_keyring_open(place->t->db, master, &ring, &err), want);
	assert_null(ring);
	assert_non_null(strstr(err.text, what));
	assert_null(strchr(err.text, '\n'));
}

static void another_master_is_refused(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = open_ring(place->t->db, place->master);

	kms_keyring_free(&ring);
	test_write(&place->files, "key",
		"00000000000000000000000000000000000000000000000000000000000000ff\n", 0600);
	open_fails(place, place->master, RD_WRONG_KEY, "bring back the right one");
	test_write(&place->files, "phrase", "correct horse battery staple\n", 0600);
	snprintf(place->master, sizeof(place->master), "passphrase:%s/phrase", place->files.dir);
	open_fails(place, place->master, RD_WRONG_KEY, "set master to");
}

static void missing_master_makes_nothing(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = NULL;
	struct rd_buf id RD_CLEANUP(rd_buf_finish) = rd_buf_growable(64);
	char other[512];

	snprintf(other, sizeof(other), "file:%s/none", place->files.dir);
	open_fails(place, other, RD_NOTFOUND, "--make-master");
	assert_status(kms_store_meta_get(place->t->db, "installation", &id), RD_NOTFOUND);
	ring = open_ring(place->t->db, place->master);
	kms_keyring_free(&ring);
}

static void run_sql(struct rd_db *db, const char *sql)
{
	assert_ok(rd_db_begin(db));
	assert_ok(rd_db_run(db, sql, NULL, 0, NULL, NULL, NULL));
	assert_ok(rd_db_commit(db));
}

static void altered_generations_are_refused(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = open_ring(place->t->db, place->master);

	assert_ok(kms_keyring_rotate(ring, place->t->db, NULL));
	kms_keyring_free(&ring);
	/* 1 and 2 change places; then one is lost. */
	run_sql(place->t->db, "UPDATE root_key_generation SET generation = 9 WHERE generation = 1");
	open_fails(place, place->master, RD_WRONG_KEY, "not the one of this database");
	run_sql(place->t->db, "DELETE FROM root_key_generation WHERE generation = 9");
	run_sql(place->t->db, "DELETE FROM root_key_generation WHERE generation = 0");
	open_fails(place, place->master, RD_MISSING, "lost some of its root keys");
}

static struct kms_key symmetric_key(unsigned number)
{
	struct kms_key key = test_key(number);

	key.spec = KMS_SPEC_SYMMETRIC_DEFAULT;
	key.usage = KMS_ENCRYPT_DECRYPT;
	key.origin = KMS_ORIGIN_AWS_KMS;
	return key;
}

static void add_key(struct rd_db *db, struct kms_keyring *ring, const struct kms_key *key)
{
	struct kms_material m = {.generation = 1, .state = KMS_MATERIAL_CURRENT};
	uint8_t bytes[32];

	memset(bytes, key->id[35], sizeof(bytes));
	snprintf(m.key_id, sizeof(m.key_id), "%s", key->id);
	assert_ok(kms_material_wrap(ring, key, &m, rd_view(bytes, sizeof(bytes))));
	assert_ok(kms_material_id(ring, key->id, rd_view(bytes, sizeof(bytes)), m.id));
	assert_int_equal(strlen(m.id), 64);
	in_transaction(db, kms_store_key_add(db, key));
	in_transaction(db, kms_store_material_add(db, &m));
	kms_material_finish(&m);
}

struct one_material {
	struct kms_keyring *ring;
	struct rd_db *db;
	const struct kms_key *key;
	enum rd_status st;
	uint32_t generation;
};

static enum rd_status try_material(void *arg, struct kms_material *material)
{
	struct one_material *one = arg;
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};

	one->generation = kms_wrapped_generation(rd_view(material->wrapped, material->wrapped_len));
	one->st = kms_material_unwrap(one->ring, one->db, one->key, material, &secret);
	return RD_OK;
}

static enum rd_status material_status(struct kms_keyring *ring, struct rd_db *db,
	const struct kms_key *key, uint32_t *ret_generation)
{
	struct one_material one = {.ring = ring, .db = db, .key = key, .st = RD_MISSING};

	assert_ok(kms_store_material_list(db, key->id, try_material, &one));
	if (ret_generation != NULL) {
		*ret_generation = one.generation;
	}
	return one.st;
}

/* Case 168. */
static void rows_of_two_keys_swapped_are_refused(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct kms_keyring *ring = open_ring(db, place->master);
	struct kms_key a = symmetric_key(1);
	struct kms_key b = symmetric_key(2);

	add_key(db, ring, &a);
	add_key(db, ring, &b);
	assert_ok(material_status(ring, db, &a, NULL));
	run_sql(db,
		"UPDATE key_material SET key_id = CASE WHEN key_id ="
		" '00000000-0000-4000-8000-000000000001' THEN"
		" '00000000-0000-4000-8000-000000000002' ELSE"
		" '00000000-0000-4000-8000-000000000001' END,"
		" generation = CASE WHEN key_id = '00000000-0000-4000-8000-000000000001'"
		" THEN 2 ELSE 1 END WHERE key_id IN ("
		"'00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002')");
	assert_status(material_status(ring, db, &a, NULL), RD_BAD_SIGNATURE);
	assert_status(material_status(ring, db, &b, NULL), RD_BAD_SIGNATURE);
	kms_keyring_free(&ring);
}

static void material_is_bound_to_all_that_the_key_is(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct kms_keyring *ring = open_ring(db, place->master);
	struct kms_key key = symmetric_key(1);
	struct kms_key other = key;

	add_key(db, ring, &key);
	assert_ok(material_status(ring, db, &other, NULL));
	other.spec = KMS_SPEC_HMAC_256;
	assert_status(material_status(ring, db, &other, NULL), RD_BAD_SIGNATURE);
	other = key;
	other.usage = KMS_GENERATE_VERIFY_MAC;
	assert_status(material_status(ring, db, &other, NULL), RD_BAD_SIGNATURE);
	other = key;
	other.origin = KMS_ORIGIN_EXTERNAL;
	assert_status(material_status(ring, db, &other, NULL), RD_BAD_SIGNATURE);
	other = key;
	strcpy(other.account, OTHER);
	assert_status(material_status(ring, db, &other, NULL), RD_BAD_SIGNATURE);
	other = symmetric_key(2);
	assert_ok(material_status(ring, db, &key, NULL));
	kms_keyring_free(&ring);
}

static void material_id_tells_material_and_key_apart(void **state)
{
	struct place *place = *state;
	struct kms_keyring *ring = open_ring(place->t->db, place->master);
	char id[4][KMS_MATERIAL_ID_SIZE];

	assert_ok(kms_material_id(ring, "key-1", SECRET, id[0]));
	assert_ok(kms_material_id(ring, "key-1", SECRET, id[1]));
	assert_ok(kms_material_id(ring, "key-1", IDENTITY, id[2]));
	assert_ok(kms_material_id(ring, "key-2", SECRET, id[3]));
	assert_string_equal(id[0], id[1]);
	assert_string_not_equal(id[0], id[2]);
	assert_string_not_equal(id[0], id[3]);
	kms_keyring_free(&ring);
}

static void add_credential(struct rd_db *db, struct kms_keyring *ring)
{
	struct kms_principal user = {.uid = "AIDAAAAAAAAAAAAAAAAAA",
		.account = ACCOUNT,
		.kind = KMS_USER,
		.path = "/",
		.name = "a"};
	struct kms_credential credential = {
		.akid = "AKIAAAAAAAAAAAAAAAAA", .account = ACCOUNT, .active = true};

	strcpy(credential.uid, user.uid);
	assert_ok(kms_credential_wrap(ring, &credential, SECRET));
	in_transaction(db, kms_store_principal_add(db, &user));
	in_transaction(db, kms_store_credential_add(db, &credential));
}

static void rotation_wraps_rows_anew(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct kms_keyring *ring = open_ring(db, place->master);
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {0};
	char row[KMS_REWRAP_ROW_SIZE];
	struct kms_credential credential;
	struct kms_key keys[5];
	size_t n = 0;
	size_t total = 0;
	uint32_t generation;

	for (unsigned i = 0; i < 5; i++) {
		keys[i] = symmetric_key(i);
		add_key(db, ring, &keys[i]);
	}
	add_credential(db, ring);
	assert_ok(kms_rewrap(ring, db, 2, &n, row));
	assert_int_equal(n, 0);
	assert_ok(kms_keyring_rotate(ring, db, NULL));
	do {
		assert_ok(kms_rewrap(ring, db, 2, &n, row));
		total += n;
	} while (n > 0);
	assert_int_equal(total, 6);
	for (unsigned i = 0; i < 5; i++) {
		assert_ok(material_status(ring, db, &keys[i], &generation));
		assert_int_equal(generation, 2);
	}
	assert_ok(kms_store_credential_get(db, "AKIAAAAAAAAAAAAAAAAA", &credential));
	assert_int_equal(
		kms_wrapped_generation(rd_view(credential.wrapped, credential.wrapped_len)), 2);
	assert_ok(kms_credential_unwrap(ring, db, &credential, &secret));
	assert_true(rd_view_equal(rd_secret_view(&secret), SECRET));
	strcpy(credential.uid, "AIDABBBBBBBBBBBBBBBBB");
	rd_secret_finish(&secret);
	assert_status(kms_credential_unwrap(ring, db, &credential, &secret), RD_BAD_SIGNATURE);
	/* A row that does not open is named, and stays as it is. */
	assert_ok(kms_keyring_rotate(ring, db, NULL));
	run_sql(db, "UPDATE kms_key SET account = '444455556666'"
		    " WHERE id = '00000000-0000-4000-8000-000000000003'");
	assert_status(kms_rewrap(ring, db, 100, &n, row), RD_BAD_SIGNATURE);
	assert_string_equal(row, "key 00000000-0000-4000-8000-000000000003");
	assert_ok(material_status(ring, db, &keys[0], &generation));
	assert_int_equal(generation, 2);
	kms_keyring_free(&ring);
}

struct load {
	const struct place *place;
	struct kms_keyring *ring;
	_Atomic bool stop;
	_Atomic unsigned failures;
	_Atomic unsigned done;
};

static void *work(void *arg)
{
	struct load *load = arg;
	struct wrapped first = {.len = 0};
	struct wrapped w;
	struct rd_db *db = NULL;

	test_open(load->place->t, &db);
	wrap(load->ring, &first);
	while (!atomic_load(&load->stop)) {
		wrap(load->ring, &w);
		if (unwrap_with(load->ring, db, &w) != RD_OK ||
			unwrap_with(load->ring, db, &first) != RD_OK) {
			atomic_fetch_add(&load->failures, 1);
		}
		atomic_fetch_add(&load->done, 1);
	}
	rd_db_close(&db);
	return NULL;
}

/* Case 172, with a second server on the same database that hears of nothing. */
static void rotation_under_load_fails_nobody(void **state)
{
	struct place *place = *state;
	struct kms_keyring *a = open_ring(place->t->db, place->master);
	struct kms_keyring *b = open_ring(place->t->db, place->master);
	struct load load = {.place = place, .ring = a};
	pthread_t threads[4];
	struct wrapped w;

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, work, &load), 0);
	}
	for (uint32_t i = 2; i <= 12; i++) {
		unsigned before = atomic_load(&load.done);

		assert_ok(kms_keyring_rotate(a, place->t->db, NULL));
		assert_int_equal(kms_keyring_generation(a), i);
		wrap(a, &w);
		assert_int_equal(kms_wrapped_generation(view(&w)), i);
		assert_status(unwrap(b, &w), RD_NOTFOUND);
		assert_ok(unwrap_with(b, place->t->db, &w));
		while (atomic_load(&load.done) < before + 20) {
			usleep(100);
		}
	}
	atomic_store(&load.stop, true);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(atomic_load(&load.failures), 0);
	assert_true(atomic_load(&load.done) > 100);
	kms_keyring_free(&a);
	kms_keyring_free(&b);
}

static void two_servers_rotate_in_turn(void **state)
{
	struct place *place = *state;
	struct kms_keyring *a = open_ring(place->t->db, place->master);
	struct kms_keyring *b = open_ring(place->t->db, place->master);
	struct wrapped w;

	assert_ok(kms_keyring_rotate(a, place->t->db, NULL));
	assert_ok(kms_keyring_rotate(b, place->t->db, NULL));
	assert_int_equal(kms_keyring_generation(b), 3);
	wrap(b, &w);
	assert_ok(kms_keyring_reload(a, place->t->db, NULL));
	assert_int_equal(kms_keyring_generation(a), 3);
	assert_ok(unwrap(a, &w));
	/* A generation that nobody has made. */
	w.bytes[0] = 0x7f;
	assert_status(unwrap_with(a, place->t->db, &w), RD_NOTFOUND);
	kms_keyring_free(&a);
	kms_keyring_free(&b);
}

static void changed_master_opens_and_the_old_one_does_not(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct kms_keyring *ring = open_ring(db, place->master);
	char phrase[512];
	struct wrapped w;

	assert_ok(kms_keyring_rotate(ring, db, NULL));
	wrap(ring, &w);
	snprintf(phrase, sizeof(phrase), "passphrase:%s/phrase", place->files.dir);
	{
		struct rd_error err = {.text = ""};
		assert_status(kms_keyring_change_master(ring, db, phrase, &err), RD_NOTFOUND);
		assert_non_null(strstr(err.text, "write it"));
	}
	/* Nothing has changed. */
	assert_ok(kms_keyring_rotate(ring, db, NULL));
	test_write(&place->files, "phrase", "correct horse battery staple\n", 0600);
	assert_ok(kms_keyring_change_master(ring, db, phrase, NULL));
	assert_ok(unwrap(ring, &w));
	assert_ok(kms_keyring_rotate(ring, db, NULL));
	kms_keyring_free(&ring);
	open_fails(place, place->master, RD_WRONG_KEY, "set master to");
	ring = open_ring(db, phrase);
	assert_int_equal(kms_keyring_generation(ring), 4);
	assert_ok(unwrap(ring, &w));
	kms_keyring_free(&ring);
}

/* The key file is lost; the server that still runs saves the database. */
static void running_server_survives_its_master(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct kms_keyring *ring = open_ring(db, place->master);
	struct kms_master *master = NULL;
	char path[96];
	char other[512];
	struct wrapped w;

	wrap(ring, &w);
	test_path(&place->files, "key", path);
	assert_int_equal(unlink(path), 0);
	assert_status(kms_keyring_rotate(ring, db, NULL), RD_NOTFOUND);
	assert_ok(unwrap(ring, &w));
	snprintf(other, sizeof(other), "file:%s/new", place->files.dir);
	assert_ok(kms_master_new(other, &master, NULL));
	assert_ok(kms_master_make(master, NULL));
	kms_master_free(&master);
	assert_ok(kms_keyring_change_master(ring, db, other, NULL));
	kms_keyring_free(&ring);
	ring = open_ring(db, other);
	assert_ok(unwrap(ring, &w));
	kms_keyring_free(&ring);
}

static void require_token(struct place *place)
{
	struct kms_master *master = NULL;

	if (!test_token_make(&place->files)) {
		puts("skipped: SoftHSM is not installed (tools/setup check)");
		skip();
	}
	test_token_uri(&place->files, "root", place->master);
	assert_ok(kms_master_new(place->master, &master, NULL));
	assert_ok(kms_master_make(master, NULL));
	kms_master_free(&master);
}

/* Case 173: what is in memory goes on, what is not is unavailable until the token is back. */
static void token_vanishes_and_returns(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct rd_error err = {.text = ""};
	struct kms_keyring *a;
	struct kms_keyring *b;
	struct wrapped warm;
	struct wrapped cold;

	require_token(place);
	a = open_ring(db, place->master);
	b = open_ring(db, place->master);
	wrap(a, &warm);
	assert_ok(kms_keyring_rotate(a, db, NULL));
	wrap(a, &cold);
	test_token_pull(&place->files, true);
	assert_ok(unwrap_with(b, db, &warm));
	assert_status(unwrap_with(b, db, &cold), RD_UNAVAILABLE);
	assert_ok(unwrap_with(b, db, &warm));
	assert_status(kms_keyring_reload(b, db, &err), RD_UNAVAILABLE);
	assert_non_null(strstr(err.text, "a moment ago"));
	assert_status(kms_keyring_rotate(b, db, &err), RD_UNAVAILABLE);
	assert_non_null(strstr(err.text, "no such token"));
	test_token_pull(&place->files, false);
	/* By itself, once the time between tries is over. */
	usleep(1000u * (KMS_MASTER_RETRY_MS + 100));
	assert_ok(unwrap_with(b, db, &cold));
	assert_ok(kms_keyring_rotate(b, db, NULL));
	kms_keyring_free(&a);
	kms_keyring_free(&b);
}

static void refused_pin_is_not_tried_again_by_itself(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct rd_error err = {.text = ""};
	struct kms_keyring *a;
	struct kms_keyring *b;
	struct wrapped cold;

	require_token(place);
	a = open_ring(db, place->master);
	b = open_ring(db, place->master);
	assert_ok(kms_keyring_rotate(a, db, NULL));
	wrap(a, &cold);
	test_write(&place->files, "pin", "11112222\n", 0600);
	open_fails(place, place->master, RD_DENIED, "refuses the PIN");
	assert_status(unwrap_with(b, db, &cold), RD_UNAVAILABLE);
	test_write(&place->files, "pin", TOKEN_PIN "\n", 0600);
	usleep(1000u * (KMS_MASTER_RETRY_MS + 100));
	assert_status(kms_keyring_reload(b, db, &err), RD_UNAVAILABLE);
	assert_non_null(strstr(err.text, "correct the PIN"));
	/* The operator's own word counts. */
	assert_ok(kms_keyring_rotate(b, db, NULL));
	assert_ok(unwrap_with(b, db, &cold));
	kms_keyring_free(&a);
	kms_keyring_free(&b);
}

static void from_key_file_to_token(void **state)
{
	struct place *place = *state;
	struct rd_db *db = place->t->db;
	struct kms_keyring *ring = open_ring(db, place->master);
	char file[512];
	struct wrapped w;

	memcpy(file, place->master, sizeof(file));
	wrap(ring, &w);
	require_token(place);
	assert_ok(kms_keyring_change_master(ring, db, place->master, NULL));
	kms_keyring_free(&ring);
	open_fails(place, file, RD_WRONG_KEY, "set master to");
	ring = open_ring(db, place->master);
	assert_ok(unwrap(ring, &w));
	kms_keyring_free(&ring);
	test_token_pull(&place->files, true);
	open_fails(place, place->master, RD_UNAVAILABLE, "no such token");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wraps_and_refuses_what_differs),
		TEST(wrap_without_room_leaves_nothing),
		TEST(ring_is_the_same_when_opened_again),
		TEST(another_master_is_refused),
		TEST(missing_master_makes_nothing),
		TEST(altered_generations_are_refused),
		TEST(rows_of_two_keys_swapped_are_refused),
		TEST(material_is_bound_to_all_that_the_key_is),
		TEST(material_id_tells_material_and_key_apart),
		TEST(rotation_wraps_rows_anew),
		TEST(rotation_under_load_fails_nobody),
		TEST(two_servers_rotate_in_turn),
		TEST(changed_master_opens_and_the_old_one_does_not),
		TEST(running_server_survives_its_master),
		TEST(token_vanishes_and_returns),
		TEST(refused_pin_is_not_tried_again_by_itself),
		TEST(from_key_file_to_token),
	};

	if (rd_secret_heap_open(1024 * 1024, NULL) != RD_OK) {
		return 1;
	}
	return RUN_ON_BOTH(tests);
}
