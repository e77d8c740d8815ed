/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key file: 64 hex digits and a line's end, 0600. Whoever has the file and the database has
 * everything; it belongs on another medium than the database's backups.
 *
 * Wrapped form: KMS_MASTER_FILE || nonce || ciphertext || tag.
 */
#include "base/secret.h"
#include "base/text.h"
#include "crypto/aead.h"
#include "kms/master.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIGITS (2 * RD_AEAD_KEY_SIZE)
/* Enough to see what else is in a file that is not such a key. */
#define LINE_MAX_SIZE 512

struct file {
	struct kms_master master;
	char *path;
	struct rd_secret key; /* while open */
};

static void file_free(struct kms_master *master)
{
	struct file *f = (struct file *)master;

	free(f->path);
	free(f);
}

static enum rd_status file_parse(const char *text, struct kms_master **ret, struct rd_error *err)
{
	const char *path = text + strlen(kms_master_file.scheme);
	struct file *f;

	if (path[0] != '/') {
		return rd_fail(err, RD_USAGE, "master '%s': give the whole path, from / on", text);
	}
	f = calloc(1, sizeof(*f));
	RD_ENSURE(f != NULL, rd_fail(err, RD_NOMEM, "no memory for the master"));
	f->master.ops = &kms_master_file;
	f->path = strdup(path);
	if (f->path == NULL) {
		file_free(&f->master);
		return rd_fail(err, RD_NOMEM, "no memory for the master");
	}
	*ret = &f->master;
	return RD_OK;
}

static void file_close(struct kms_master *master)
{
	rd_secret_finish(&((struct file *)master)->key);
}

static enum rd_status digits_to_key(
	const char *path, struct rd_view line, struct rd_secret *key, struct rd_error *err)
{
	struct rd_buf b = rd_buf_fixed(key->ptr, key->cap);

	if (line.len < DIGITS) {
		return rd_fail(err, RD_TRUNCATED,
			"master key %s has %zu hex digits, not %d: bring it back from its backup",
			path, line.len, DIGITS);
	}
	if (line.len > DIGITS || rd_hex_decode(line, &b) != RD_OK) {
		return rd_fail(err, RD_MALFORMED,
			"master key %s is not %d hex digits: bring it back from its backup", path,
			DIGITS);
	}
	key->len = b.used;
	return RD_OK;
}

static enum rd_status file_open(struct kms_master *master, struct rd_error *err)
{
	struct file *f = (struct file *)master;
	struct rd_secret line RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_secret key RD_CLEANUP(rd_secret_finish) = {0};
	enum rd_status st = kms_master_read_line(f->path, LINE_MAX_SIZE, &line, err);

	if (st == RD_NOTFOUND) {
		return rd_fail(err, st,
			"there is no master key %s: make one with redoubt-kms --make-master "
			"file:%s, or bring it back from its backup",
			f->path, f->path);
	}
	RD_TRY(st);
	st = rd_secret_init(&key, RD_AEAD_KEY_SIZE);
	RD_ENSURE(st == RD_OK, rd_fail(err, st, "no memory for the master key"));
	RD_TRY(digits_to_key(f->path, rd_secret_view(&line), &key, err));
	f->key = rd_steal(&key, (struct rd_secret){0});
	return RD_OK;
}

static enum rd_status file_wrap(struct kms_master *master, struct rd_view aad, struct rd_view root,
	struct rd_buf *out, struct rd_error *err)
{
	struct file *f = (struct file *)master;
	enum rd_status st = rd_buf_u8(out, KMS_MASTER_FILE);

	if (st == RD_OK) {
		st = kms_master_seal(f->key.ptr, aad, root, out);
	}
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot wrap a root key with %s", f->path);
}

static enum rd_status file_unwrap(struct kms_master *master, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err)
{
	struct file *f = (struct file *)master;
	struct rd_cur c = rd_cur(wrapped);
	uint8_t form = 0;
	enum rd_status st = rd_cur_u8(&c, &form);

	if (st != RD_OK || form != KMS_MASTER_FILE) {
		return rd_fail(err, RD_WRONG_KEY,
			"the database's root keys are not wrapped by a key file: set master to "
			"what wrapped them");
	}
	st = kms_master_unseal(f->key.ptr, aad, rd_view(c.ptr, c.left), ret);
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st,
				 "master key %s is not the one of this database: bring back the "
				 "right one",
				 f->path);
}

static enum rd_status write_key(int fd)
{
	struct rd_secret key RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_secret line RD_CLEANUP(rd_secret_finish) = {0};
	struct rd_buf b;

	RD_TRY(rd_secret_init(&key, RD_AEAD_KEY_SIZE));
	RD_TRY(rd_secret_random(&key, RD_AEAD_KEY_SIZE));
	RD_TRY(rd_secret_init(&line, DIGITS + 1));
	b = rd_buf_fixed(line.ptr, line.cap);
	RD_TRY(rd_hex_encode(rd_secret_view(&key), &b));
	RD_TRY(rd_buf_u8(&b, '\n'));
	RD_TRY(rd_fd_write_full(fd, rd_buf_view(&b)));
	return fsync(fd) == 0 ? RD_OK : rd_status_from_errno(errno);
}

/* A name that a power cut takes back would take the whole database with it. */
static enum rd_status sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st = RD_OK;

	RD_ENSURE(copy != NULL, RD_NOMEM);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0 || fsync(fd) != 0) {
		st = rd_status_from_errno(errno);
	}
	return st;
}

static enum rd_status file_make(struct kms_master *master, struct rd_error *err)
{
	struct file *f = (struct file *)master;
	int fd RD_CLEANUP(rd_fd_close) = open(
		f->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum rd_status st;

	if (fd < 0 && errno == EEXIST) {
		return rd_fail(err, RD_EXISTS,
			"master key %s exists already, and is left as it is: name another file",
			f->path);
	}
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot make master key %s", f->path);
	}
	st = write_key(fd);
	if (st == RD_OK) {
		st = sync_directory(f->path);
	}
	if (st != RD_OK) {
		(void)unlink(f->path);
		return rd_fail(
			err, st, "cannot write master key %s: %s", f->path, rd_status_text(st));
	}
	return RD_OK;
}

const struct kms_master_ops kms_master_file = {
	.scheme = "file:",
	.parse = file_parse,
	.make = file_make,
	.open = file_open,
	.close = file_close,
	.wrap = file_wrap,
	.unwrap = file_unwrap,
	.free = file_free,
};
