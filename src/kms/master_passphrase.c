/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pass phrase in a file, for where there is no better place for a key.
 *
 * Wrapped form: KMS_MASTER_PASSPHRASE || log2 of scrypt's N || salt || nonce || ciphertext || tag.
 * The parameters lie beside each wrapped key, so that a change of master is one transaction, and
 * later ones may cost more. All that one process wraps has one salt; a key once derived is kept
 * until the master is closed.
 */
#include "base/secret.h"
#include "crypto/kdf.h"
#include "crypto/random.h"
#include "kms/master.h"

#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 32
/* What scrypt makes of a shorter one is still quickly guessed. */
#define PASS_PHRASE_MIN 12
#define PASS_PHRASE_MAX 1024

struct parameters {
	uint8_t log2_n;
	uint8_t salt[RD_SCRYPT_SALT_MIN];
};

struct passphrase {
	struct kms_master master;
	char *path;
	struct rd_secret text; /* while open */
	struct rd_secret key;  /* of parameters; empty until the first is derived */
	struct parameters parameters;
};

static void passphrase_free(struct kms_master *master)
{
	struct passphrase *p = (struct passphrase *)master;

	free(p->path);
	free(p);
}

static enum rd_status passphrase_parse(
	const char *text, struct kms_master **ret, struct rd_error *err)
{
	const char *path = text + strlen(kms_master_passphrase.scheme);
	struct passphrase *p;

	if (path[0] != '/') {
		return rd_fail(err, RD_USAGE, "master '%s': give the whole path, from / on", text);
	}
	p = calloc(1, sizeof(*p));
	RD_ENSURE(p != NULL, rd_fail(err, RD_NOMEM, "no memory for the master"));
	p->master.ops = &kms_master_passphrase;
	p->path = strdup(path);
	if (p->path == NULL) {
		passphrase_free(&p->master);
		return rd_fail(err, RD_NOMEM, "no memory for the master");
	}
	*ret = &p->master;
	return RD_OK;
}

static void passphrase_close(struct kms_master *master)
{
	struct passphrase *p = (struct passphrase *)master;

	rd_secret_finish(&p->text);
	rd_secret_finish(&p->key);
}

static enum rd_status passphrase_open(struct kms_master *master, struct rd_error *err)
{
	struct passphrase *p = (struct passphrase *)master;
	struct rd_secret text RD_CLEANUP(rd_secret_finish) = {0};
	enum rd_status st = kms_master_read_line(p->path, PASS_PHRASE_MAX + 1, &text, err);

	if (st == RD_NOTFOUND) {
		return rd_fail(err, st,
			"there is no pass phrase %s: write it into that file, chmod 600", p->path);
	}
	RD_TRY(st);
	if (text.len < PASS_PHRASE_MIN) {
		return rd_fail(err, RD_TRUNCATED,
			"the pass phrase in %s has %zu bytes: %d at least, better six random words",
			p->path, text.len, PASS_PHRASE_MIN);
	}
	p->text = rd_steal(&text, (struct rd_secret){0});
	return RD_OK;
}

static enum rd_status derive(struct passphrase *p, const struct parameters *parameters)
{
	struct rd_secret key RD_CLEANUP(rd_secret_finish) = {0};

	if (p->key.len > 0 && memcmp(parameters, &p->parameters, sizeof(*parameters)) == 0) {
		return RD_OK;
	}
	RD_TRY(rd_secret_init(&key, KEY_SIZE));
	RD_TRY(rd_scrypt(rd_secret_view(&p->text),
		rd_view(parameters->salt, sizeof(parameters->salt)), parameters->log2_n, key.ptr,
		KEY_SIZE));
	key.len = KEY_SIZE;
	rd_secret_finish(&p->key);
	p->key = rd_steal(&key, (struct rd_secret){0});
	p->parameters = *parameters;
	return RD_OK;
}

static enum rd_status put(
	struct passphrase *p, struct rd_view aad, struct rd_view root, struct rd_buf *out)
{
	struct parameters fresh = {.log2_n = RD_SCRYPT_LOG2_N_DEFAULT};

	if (p->key.len == 0) {
		RD_TRY(rd_random_bytes(fresh.salt, sizeof(fresh.salt)));
		RD_TRY(derive(p, &fresh));
	}
	RD_TRY(rd_buf_u8(out, KMS_MASTER_PASSPHRASE));
	RD_TRY(rd_buf_u8(out, p->parameters.log2_n));
	RD_TRY(rd_buf_put(out, p->parameters.salt, sizeof(p->parameters.salt)));
	return kms_master_seal(p->key.ptr, aad, root, out);
}

static enum rd_status passphrase_wrap(struct kms_master *master, struct rd_view aad,
	struct rd_view root, struct rd_buf *out, struct rd_error *err)
{
	struct passphrase *p = (struct passphrase *)master;
	enum rd_status st = put(p, aad, root, out);

	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot wrap a root key with the pass phrase in %s",
				     p->path);
}

static enum rd_status take(
	struct passphrase *p, struct rd_view aad, struct rd_cur *c, struct rd_secret *ret)
{
	struct parameters parameters = {.log2_n = 0};

	RD_TRY(rd_cur_u8(c, &parameters.log2_n));
	RD_TRY(rd_cur_copy(c, parameters.salt, sizeof(parameters.salt)));
	RD_TRY(derive(p, &parameters));
	return kms_master_unseal(p->key.ptr, aad, rd_view(c->ptr, c->left), ret);
}

static enum rd_status passphrase_unwrap(struct kms_master *master, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err)
{
	struct passphrase *p = (struct passphrase *)master;
	struct rd_cur c = rd_cur(wrapped);
	uint8_t form = 0;
	enum rd_status st = rd_cur_u8(&c, &form);

	if (st != RD_OK || form != KMS_MASTER_PASSPHRASE) {
		return rd_fail(err, RD_WRONG_KEY,
			"the database's root keys are not wrapped by a pass phrase: set master to "
			"what wrapped them");
	}
	st = take(p, aad, &c, ret);
	/* Parameters that are no parameters: the row is altered. */
	if (st == RD_WRONG_KEY || st == RD_TRUNCATED || st == RD_OUT_OF_RANGE) {
		return rd_fail(err, RD_WRONG_KEY,
			"the pass phrase in %s is not the one of this database: bring back the "
			"right one",
			p->path);
	}
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot derive a key from the pass phrase in %s: %s",
				     p->path, rd_status_text(st));
}

static enum rd_status passphrase_make(struct kms_master *master, struct rd_error *err)
{
	struct passphrase *p = (struct passphrase *)master;

	return rd_fail(err, RD_UNSUPPORTED,
		"a pass phrase is yours to make: write it into %s, chmod 600", p->path);
}

const struct kms_master_ops kms_master_passphrase = {
	.scheme = "passphrase:",
	.parse = passphrase_parse,
	.make = passphrase_make,
	.open = passphrase_open,
	.close = passphrase_close,
	.wrap = passphrase_wrap,
	.unwrap = passphrase_unwrap,
	.free = passphrase_free,
};
