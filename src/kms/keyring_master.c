/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring and its master: opening, rotation, change of master, generations of other servers.
 *
 * A generation exists once its row is committed. Two servers that make one at the same time meet at
 * the row's primary key: one of them goes on from the other's. Nothing is wrapped under a
 * generation before its row is durable.
 */
#include "base/secret.h"
#include "crypto/random.h"
#include "kms/keyring-internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define META_INSTALLATION "installation"
#define LABEL_ROOT        "redoubt-kms root 1"
#define ROOT_AAD_SIZE     (sizeof(LABEL_ROOT) + 4 + KMS_INSTALLATION_SIZE)
/* One a day for more than a hundred years; more rows are not of our making. */
#define ROOTS_MAX 65536

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Rows, read before the master is asked: no statement runs while a token thinks. */
struct rows {
	struct kms_root *at;
	size_t n;
};

static void rows_finish(struct rows *rows)
{
	free(rows->at);
	*rows = (struct rows){.n = 0};
}

static enum rd_status keep_row(void *arg, const struct kms_root *root)
{
	struct rows *rows = arg;
	struct kms_root *grown;

	RD_ENSURE(rows->n < ROOTS_MAX, RD_LIMIT);
	grown = reallocarray(rows->at, rows->n + 1, sizeof(*grown));
	RD_ENSURE(grown != NULL, RD_NOMEM);
	rows->at = grown;
	grown[rows->n++] = *root;
	return RD_OK;
}

static enum rd_status root_aad(
	const struct kms_keyring *keyring, uint32_t generation, struct rd_buf *out)
{
	RD_TRY(rd_buf_put(out, LABEL_ROOT, sizeof(LABEL_ROOT)));
	RD_TRY(rd_buf_be32(out, generation));
	return rd_buf_put(out, keyring->installation, sizeof(keyring->installation));
}

static enum rd_status wrap_root(const struct kms_keyring *keyring, struct kms_master *master,
	const struct kms_ring_root *root, struct kms_root *ret, struct rd_error *err)
{
	uint8_t storage[ROOT_AAD_SIZE];
	struct rd_buf aad = rd_buf_fixed(storage, sizeof(storage));
	struct rd_buf out = rd_buf_fixed(ret->wrapped, sizeof(ret->wrapped));

	RD_TRY(root_aad(keyring, root->generation, &aad));
	RD_TRY(kms_master_wrap(
		master, rd_buf_view(&aad), rd_secret_view(&root->secret), &out, err));
	ret->generation = root->generation;
	ret->wrapped_len = out.used;
	return RD_OK;
}

static enum rd_status unwrap_root(const struct kms_keyring *keyring, struct kms_master *master,
	const struct kms_root *row, struct kms_ring_root *ret, struct rd_error *err)
{
	uint8_t storage[ROOT_AAD_SIZE];
	struct rd_buf aad = rd_buf_fixed(storage, sizeof(storage));

	ret->generation = row->generation;
	RD_TRY(root_aad(keyring, row->generation, &aad));
	RD_TRY(rd_secret_init(&ret->secret, KMS_ROOT_SIZE));
	RD_TRY(kms_master_unwrap(master, rd_buf_view(&aad), rd_view(row->wrapped, row->wrapped_len),
		&ret->secret, err));
	RD_ENSURE(ret->secret.len == KMS_ROOT_SIZE,
		rd_fail(err, RD_WRONG_KEY, "root key generation %u has the wrong size",
			(unsigned)row->generation));
	return kms_ring_root_derive(keyring, ret);
}

static enum rd_status make_root(
	const struct kms_keyring *keyring, uint32_t generation, struct kms_ring_root *ret)
{
	ret->generation = generation;
	RD_TRY(rd_secret_init(&ret->secret, KMS_ROOT_SIZE));
	RD_TRY(rd_secret_random(&ret->secret, KMS_ROOT_SIZE));
	return kms_ring_root_derive(keyring, ret);
}

/* Of each row a root in the ring. */
static enum rd_status take_in(
	struct kms_keyring *keyring, const struct rows *rows, struct rd_error *err)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct kms_ring_root root RD_CLEANUP(kms_ring_root_finish) = {.generation = 0};

		RD_TRY(unwrap_root(keyring, keyring->master, &rows->at[i], &root, err));
		if (root.generation == 0) {
			keyring->hashes = rd_steal(&root, (struct kms_ring_root){0});
		} else {
			RD_TRY(kms_ring_add(keyring, &root));
		}
	}
	return RD_OK;
}

/* Opening. */

struct opening {
	struct kms_keyring *keyring;
	struct rows rows;
	struct rd_error *err;
};

static enum rd_status add_root(struct rd_db *db, struct opening *o, uint32_t generation)
{
	struct kms_ring_root root RD_CLEANUP(kms_ring_root_finish) = {.generation = 0};
	struct kms_root row = {.wrapped_len = 0};

	RD_TRY(make_root(o->keyring, generation, &root));
	RD_TRY(wrap_root(o->keyring, o->keyring->master, &root, &row, o->err));
	RD_TRY(kms_store_root_add(db, &row));
	return keep_row(&o->rows, &row);
}

static enum rd_status read_installation(struct rd_db *db, struct kms_keyring *keyring)
{
	struct rd_buf id = rd_buf_fixed(keyring->installation, sizeof(keyring->installation));
	enum rd_status st = kms_store_meta_get(db, META_INSTALLATION, &id);

	if (st == RD_NOTFOUND) {
		RD_TRY(rd_random_bytes(keyring->installation, sizeof(keyring->installation)));
		return kms_store_meta_add(db, META_INSTALLATION,
			rd_view(keyring->installation, sizeof(keyring->installation)));
	}
	RD_TRY(st);
	return id.used == KMS_INSTALLATION_SIZE ? RD_OK : RD_BAD_TYPE;
}

static enum rd_status read_or_make(struct rd_db *db, void *arg)
{
	struct opening *o = arg;
	enum rd_status st;

	rows_finish(&o->rows);
	st = read_installation(db, o->keyring);
	if (st == RD_OK) {
		st = kms_store_roots_list(db, 0, keep_row, &o->rows);
	}
	if (st == RD_OK && o->rows.n == 0) {
		st = add_root(db, o, 0);
		if (st == RD_OK) {
			st = add_root(db, o, 1);
		}
	}
	/* Another server was first: read what it made. */
	return st == RD_EXISTS ? RD_AGAIN : st;
}

static enum rd_status load(struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err)
{
	struct rd_error why = {.status = RD_OK};
	struct opening o = {.keyring = keyring, .err = &why};
	enum rd_status st = rd_db_transact(db, read_or_make, &o);

	if (st != RD_OK && why.status == RD_OK) {
		st = rd_fail(&why, st, "cannot read the database's root keys: %s", rd_db_error(db));
	}
	if (st == RD_OK) {
		st = take_in(keyring, &o.rows, &why);
	}
	rows_finish(&o.rows);
	if (st != RD_OK) {
		return rd_fail(err, st, "%s", why.status == RD_OK ? rd_status_text(st) : why.text);
	}
	if (keyring->hashes.secret.ptr == NULL || keyring->n_roots == 0) {
		return rd_fail(err, RD_MISSING,
			"the database has lost some of its root keys: bring it back from its "
			"backup");
	}
	return RD_OK;
}

/* Calls that unwrap one after the other must not keep a new generation waiting. */
static void init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

enum rd_status kms_keyring_open(
	struct rd_db *db, const char *master, struct kms_keyring **ret, struct rd_error *err)
{
	struct kms_keyring *keyring RD_CLEANUP(kms_keyring_free) = calloc(1, sizeof(*keyring));
	enum rd_status st;

	RD_ENSURE(keyring != NULL, rd_fail(err, RD_NOMEM, "no memory for the keyring"));
	init_lock(&keyring->lock);
	(void)pthread_mutex_init(&keyring->master_lock, NULL);
	RD_TRY(kms_master_new(master, &keyring->master, err));
	RD_TRY(kms_master_open(keyring->master, err));
	st = load(keyring, db, err);
	kms_master_close(keyring->master);
	RD_TRY(st);
	*ret = rd_steal(&keyring, NULL);
	return RD_OK;
}

void kms_keyring_free(struct kms_keyring **ptr)
{
	struct kms_keyring *keyring = *ptr;

	if (keyring == NULL) {
		return;
	}
	for (size_t i = 0; i < keyring->n_roots; i++) {
		kms_ring_root_finish(&keyring->roots[i]);
	}
	free(keyring->roots);
	kms_ring_root_finish(&keyring->hashes);
	kms_master_free(&keyring->master);
	(void)pthread_mutex_destroy(&keyring->master_lock);
	(void)pthread_rwlock_destroy(&keyring->lock);
	free(keyring);
	*ptr = NULL;
}

/* Generations of other servers. Under master_lock from here on. */

/* Whether a call may ask the master unbidden: not so soon again, and never with a refused PIN. */
static bool may_ask(const struct kms_keyring *keyring)
{
	return !keyring->master->refused &&
	       (keyring->failed_ms == 0 ||
		       monotonic_ms() - keyring->failed_ms >= KMS_MASTER_RETRY_MS);
}

static enum rd_status ask_for(
	struct kms_keyring *keyring, const struct rows *rows, struct rd_error *err)
{
	enum rd_status st = kms_master_open(keyring->master, err);

	if (st == RD_OK) {
		st = take_in(keyring, rows, err);
		kms_master_close(keyring->master);
	}
	keyring->failed_ms = st == RD_OK ? 0 : monotonic_ms();
	return st;
}

static enum rd_status reload(
	struct kms_keyring *keyring, struct rd_db *db, struct rows *rows, struct rd_error *err)
{
	struct rd_error why = {.text = ""};
	enum rd_status st = kms_store_roots_list(
		db, kms_keyring_generation(keyring) + 1, keep_row, rows);

	if (st != RD_OK) {
		return rd_fail(
			err, st, "cannot read the database's root keys: %s", rd_db_error(db));
	}
	if (rows->n == 0) {
		return RD_OK;
	}
	if (!may_ask(keyring)) {
		return rd_fail(err, RD_UNAVAILABLE,
			"cannot take in root key generation %u: the master %s",
			(unsigned)rows->at[0].generation,
			keyring->master->refused ? "refused us: correct the PIN and start again"
						 : "was away a moment ago");
	}
	st = ask_for(keyring, rows, &why);
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, RD_UNAVAILABLE, "cannot take in root key generation %u: %s",
				 (unsigned)rows->at[0].generation, why.text);
}

enum rd_status kms_keyring_reload(
	struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err)
{
	struct rows rows = {.n = 0};
	enum rd_status st;

	(void)pthread_mutex_lock(&keyring->master_lock);
	st = reload(keyring, db, &rows, err);
	(void)pthread_mutex_unlock(&keyring->master_lock);
	rows_finish(&rows);
	return st;
}

/* Rotation. */

struct rotation {
	struct kms_keyring *keyring;
	struct rows rows; /* made by others meanwhile; the last one is ours */
	struct rd_error *err;
};

static enum rd_status add_generation(struct rd_db *db, void *arg)
{
	struct rotation *r = arg;
	struct kms_ring_root root RD_CLEANUP(kms_ring_root_finish) = {.generation = 0};
	uint32_t newest = kms_keyring_generation(r->keyring);
	struct kms_root row = {.wrapped_len = 0};
	enum rd_status st;

	rows_finish(&r->rows);
	RD_TRY(kms_store_roots_list(db, newest + 1, keep_row, &r->rows));
	if (r->rows.n > 0) {
		newest = r->rows.at[r->rows.n - 1].generation;
	}
	RD_ENSURE(newest < UINT32_MAX, RD_LIMIT);
	RD_TRY(make_root(r->keyring, newest + 1, &root));
	RD_TRY(wrap_root(r->keyring, r->keyring->master, &root, &row, r->err));
	st = kms_store_root_add(db, &row);
	RD_ENSURE(st != RD_EXISTS, RD_AGAIN);
	RD_TRY(st);
	return keep_row(&r->rows, &row);
}

static enum rd_status rotate(struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err)
{
	struct rd_error why = {.status = RD_OK};
	struct rotation r = {.keyring = keyring, .err = &why};
	enum rd_status st;

	RD_TRY(kms_master_open(keyring->master, err));
	st = rd_db_transact(db, add_generation, &r);
	if (st != RD_OK && why.status == RD_OK) {
		st = rd_fail(&why, st, "cannot store a new root key: %s", rd_db_error(db));
	}
	if (st == RD_OK) {
		/* Ours is read back from what is stored, too: it opens, or it is not used. */
		st = take_in(keyring, &r.rows, &why);
	}
	kms_master_close(keyring->master);
	rows_finish(&r.rows);
	keyring->failed_ms = 0;
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "%s",
				     why.status == RD_OK ? rd_status_text(st) : why.text);
}

enum rd_status kms_keyring_rotate(
	struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err)
{
	enum rd_status st;

	(void)pthread_mutex_lock(&keyring->master_lock);
	st = rotate(keyring, db, err);
	(void)pthread_mutex_unlock(&keyring->master_lock);
	return st;
}

/* Change of master. The ring's own rows are written under master_lock only, so roots stay. */

struct change {
	struct kms_keyring *keyring;
	struct kms_master *master; /* the new one, open */
	struct rows rows;
	struct rd_error *err;
};

static const struct kms_ring_root *root_of(const struct kms_keyring *keyring, uint32_t generation)
{
	if (generation == 0) {
		return &keyring->hashes;
	}
	for (size_t i = 0; i < keyring->n_roots; i++) {
		if (keyring->roots[i].generation == generation) {
			return &keyring->roots[i];
		}
	}
	return NULL;
}

/* What cannot be opened again must not replace what can. */
static enum rd_status wrap_and_check(
	struct change *c, const struct kms_ring_root *root, struct kms_root *ret)
{
	struct kms_ring_root again RD_CLEANUP(kms_ring_root_finish) = {.generation = 0};

	RD_TRY(wrap_root(c->keyring, c->master, root, ret, c->err));
	RD_TRY(unwrap_root(c->keyring, c->master, ret, &again, c->err));
	RD_ENSURE(rd_equal_constant_time(
			  rd_secret_view(&root->secret), rd_secret_view(&again.secret)),
		rd_fail(c->err, RD_WRONG_KEY,
			"the new master gives back something else than it was given"));
	return RD_OK;
}

static enum rd_status wrap_all(struct rd_db *db, void *arg)
{
	struct change *c = arg;

	rows_finish(&c->rows);
	RD_TRY(kms_store_roots_list(db, 0, keep_row, &c->rows));
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct kms_ring_root *root = root_of(c->keyring, c->rows.at[i].generation);
		struct kms_root row = {.wrapped_len = 0};

		RD_ENSURE(root != NULL,
			rd_fail(c->err, RD_AGAIN,
				"another server has just rotated the root key: try again"));
		RD_TRY(wrap_and_check(c, root, &row));
		RD_TRY(kms_store_root_update(db, &row));
	}
	return RD_OK;
}

static enum rd_status change_master(struct kms_keyring *keyring, struct rd_db *db,
	struct kms_master **master, struct rd_error *err)
{
	struct rd_error why = {.status = RD_OK};
	struct change c = {.keyring = keyring, .master = *master, .err = &why};
	struct kms_master *old = keyring->master;
	enum rd_status st;

	RD_TRY(kms_master_open(*master, err));
	st = rd_db_transact(db, wrap_all, &c);
	kms_master_close(*master);
	rows_finish(&c.rows);
	if (st != RD_OK) {
		return rd_fail(err, st, "the master is not changed: %s",
			why.status == RD_OK ? rd_db_error(db) : why.text);
	}
	keyring->master = *master;
	keyring->failed_ms = 0;
	*master = old;
	return RD_OK;
}

enum rd_status kms_keyring_change_master(
	struct kms_keyring *keyring, struct rd_db *db, const char *new_master, struct rd_error *err)
{
	struct kms_master *master RD_CLEANUP(kms_master_free) = NULL;
	enum rd_status st;

	RD_TRY(kms_keyring_reload(keyring, db, err));
	RD_TRY(kms_master_new(new_master, &master, err));
	(void)pthread_mutex_lock(&keyring->master_lock);
	st = change_master(keyring, db, &master, err);
	(void)pthread_mutex_unlock(&keyring->master_lock);
	return st;
}
