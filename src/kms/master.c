/* SPDX-License-Identifier: Apache-2.0 */
/* The master, whichever it is, and what its kinds have in common. */
#include "kms/master.h"

#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum rd_status kms_master_new(const char *text, struct kms_master **ret, struct rd_error *err)
{
	static const struct kms_master_ops *const kinds[] = {
		&kms_master_file, &kms_master_passphrase, &kms_master_pkcs11};

	for (size_t i = 0; i < RD_ARRAY_LEN(kinds); i++) {
		if (strncmp(text, kinds[i]->scheme, strlen(kinds[i]->scheme)) == 0) {
			return kinds[i]->parse(text, ret, err);
		}
	}
	return rd_fail(err, RD_USAGE,
		"master '%s' is neither file:/PATH nor passphrase:/PATH nor pkcs11:URI", text);
}

void kms_master_free(struct kms_master **master)
{
	if (*master != NULL) {
		(*master)->ops->close(*master);
		(*master)->ops->free(*master);
		*master = NULL;
	}
}

enum rd_status kms_master_make(struct kms_master *master, struct rd_error *err)
{
	return master->ops->make(master, err);
}

enum rd_status kms_master_open(struct kms_master *master, struct rd_error *err)
{
	return master->ops->open(master, err);
}

void kms_master_close(struct kms_master *master)
{
	master->ops->close(master);
}

enum rd_status kms_master_wrap(struct kms_master *master, struct rd_view aad, struct rd_view root,
	struct rd_buf *out, struct rd_error *err)
{
	return master->ops->wrap(master, aad, root, out, err);
}

enum rd_status kms_master_unwrap(struct kms_master *master, struct rd_view aad,
	struct rd_view wrapped, struct rd_secret *ret, struct rd_error *err)
{
	return master->ops->unwrap(master, aad, wrapped, ret, err);
}

static enum rd_status open_private(const char *path, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(
		path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	struct stat sb;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	if (fstat(fd, &sb) != 0) {
		return rd_fail_errno(err, errno, "cannot look at %s", path);
	}
	if (!S_ISREG(sb.st_mode)) {
		return rd_fail(err, RD_BAD_TYPE, "%s is not a file", path);
	}
	if ((sb.st_mode & 077) != 0) {
		return rd_fail(err, RD_DENIED,
			"%s may be read or written by others (mode %04o): chmod 600 it", path,
			(unsigned)(sb.st_mode & 07777));
	}
	if (sb.st_uid != 0 && sb.st_uid != geteuid()) {
		return rd_fail(err, RD_DENIED, "%s belongs to user %u: chown it to user %u", path,
			(unsigned)sb.st_uid, (unsigned)geteuid());
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

/* Into the secret's own memory, and nowhere else on the way. */
static enum rd_status read_into(int fd, struct rd_secret *s)
{
	size_t n;

	do {
		RD_ENSURE(s->len < s->cap, RD_LIMIT);
		RD_TRY(rd_fd_read(fd, s->ptr + s->len, s->cap - s->len, &n));
		s->len += n;
	} while (n > 0);
	return RD_OK;
}

enum rd_status kms_master_read_line(
	const char *path, size_t size, struct rd_secret *ret, struct rd_error *err)
{
	struct rd_secret s RD_CLEANUP(rd_secret_finish) = {0};
	int fd RD_CLEANUP(rd_fd_close) = -1;
	const uint8_t *end;
	enum rd_status st;

	RD_TRY(open_private(path, &fd, err));
	/* A line's end, and one more byte to see that nothing follows. */
	st = rd_secret_init(&s, size + 1);
	if (st == RD_OK) {
		st = read_into(fd, &s);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", path,
			st == RD_LIMIT ? "it is too long" : rd_status_text(st));
	}
	end = s.len == 0 ? NULL : memchr(s.ptr, '\n', s.len);
	if (end != NULL) {
		if ((size_t)(end - s.ptr) + 1 != s.len) {
			return rd_fail(err, RD_TRAILING,
				"%s has more than one line: leave the first only", path);
		}
		s.len--;
	}
	*ret = rd_steal(&s, (struct rd_secret){0});
	return RD_OK;
}

enum rd_status kms_master_seal(
	const uint8_t key[32], struct rd_view aad, struct rd_view secret, struct rd_buf *out)
{
	uint8_t nonce[RD_AEAD_NONCE_SIZE];

	RD_TRY(rd_random_bytes(nonce, sizeof(nonce)));
	RD_TRY(rd_buf_put(out, nonce, sizeof(nonce)));
	return rd_aead_seal(key, nonce, (struct rd_aead_aad){.views = &aad, .n = 1}, secret, out);
}

enum rd_status kms_master_unseal(
	const uint8_t key[32], struct rd_view aad, struct rd_view sealed, struct rd_secret *ret)
{
	struct rd_cur c = rd_cur(sealed);
	uint8_t nonce[RD_AEAD_NONCE_SIZE];
	enum rd_status st = rd_cur_copy(&c, nonce, sizeof(nonce));

	if (st == RD_OK) {
		st = rd_aead_open(key, nonce, (struct rd_aead_aad){.views = &aad, .n = 1},
			rd_view(c.ptr, c.left), ret);
	}
	return st == RD_UNTRUSTED || st == RD_TRUNCATED ? RD_WRONG_KEY : st;
}
