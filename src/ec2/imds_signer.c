/* SPDX-License-Identifier: Apache-2.0 */
/* The key that identity documents are signed with, and its certificate. */
#include "ec2/imds-internal.h"

#include "base/text.h"
#include "crypto/cms_sign.h"
#include "crypto/random.h"
#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE  "identity.key"
#define CERT_FILE "identity.pem"
#define KEY_BITS  2048
/* Who verifies documents has pinned it: as long as anybody plans. */
#define YEARS    30
#define YEAR_S   INT64_C(31557600)
#define LINE_LEN 64
/* A signed document of 4 KiB, as base64. */
#define SIGNED_MAX 8192

struct imds_signer {
	struct rd_rsa_key *key;
	struct rd_cert *cert;
};

/* Whole or not at all. */
static enum rd_status write_file(
	const char *path, mode_t mode, struct rd_view bytes, struct rd_error *err)
{
	char temporary[RD_PATH_MAX + 8];
	int fd RD_CLEANUP(rd_fd_close) = -1;

	(void)snprintf(temporary, sizeof(temporary), "%s.new", path);
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0 || rd_fd_write_full(fd, bytes) != RD_OK || fsync(fd) != 0 ||
		rename(temporary, path) != 0) {
		return rd_fail_errno(err, errno, "cannot write %s", path);
	}
	return RD_OK;
}

/* RD_NOTFOUND when it is not there. */
static enum rd_status read_file(const char *path, struct rd_buf *out, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, out);
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
}

static enum rd_status save_key(const struct imds_signer *s, const char *path, struct rd_error *err)
{
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {.len = 0};
	enum rd_status st = rd_secret_init(&der, RD_RSA_PKCS8_SIZE_MAX);

	if (st == RD_OK) {
		st = rd_rsa_key_to_pkcs8(s->key, &der);
	}
	return st == RD_OK ? write_file(path, 0600, rd_secret_view(&der), err)
			   : rd_fail(err, st, "cannot write %s: %s", path, rd_status_text(st));
}

static enum rd_status save_cert(const struct imds_signer *s, const char *path, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_SIZE_MAX);

	RD_TRY(rd_cert_to_pem(s->cert, &pem));
	return write_file(path, 0644, rd_buf_view(&pem), err);
}

static enum rd_status certify(struct imds_signer *s, const char *region, int64_t now_s)
{
	struct rd_buf der RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_SIZE_MAX);
	char name[96];
	uint8_t serial[16];

	(void)snprintf(name, sizeof(name), "instance identity %.32s", region);
	RD_TRY(rd_random_bytes(serial, sizeof(serial)));
	serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
	/* An hour for clocks that are behind. */
	RD_TRY(rd_rsa_certify_self(s->key, name, rd_view(serial, sizeof(serial)), now_s - 3600,
		now_s + YEARS * YEAR_S, &der));
	return rd_cert_from_der(rd_buf_view(&der), &s->cert);
}

/* The key last: without it, all is made anew. */
static enum rd_status make(struct imds_signer *s, const char *key_path, const char *cert_path,
	const char *region, int64_t now_s, struct rd_error *err)
{
	enum rd_status st = rd_rsa_key_generate(KEY_BITS, &s->key);

	if (st == RD_OK) {
		st = certify(s, region, now_s);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make the key for instance identity documents: %s",
			rd_status_text(st));
	}
	RD_TRY(save_cert(s, cert_path, err));
	return save_key(s, key_path, err);
}

static enum rd_status load(struct imds_signer *s, const char *key_path, const char *cert_path,
	struct rd_buf *key, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	struct rd_buf probe RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SIGNED_MAX);
	enum rd_status st;

	RD_TRY(read_file(cert_path, &pem, err));
	st = rd_rsa_key_from_pkcs8(rd_buf_view(key), &s->key);
	if (st != RD_OK) {
		return rd_fail(err, st, "%s is not our key: %s", key_path, rd_status_text(st));
	}
	st = rd_cert_from_pem(rd_buf_view(&pem), &s->cert);
	if (st == RD_OK) {
		st = rd_cms_sign(s->key, s->cert, rd_view_str("x"), &probe);
	}
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "%s is not the certificate of %s: %s", cert_path,
				     key_path, rd_status_text(st));
}

static enum rd_status open_in(const char *directory, const char *region, int64_t now_s,
	struct imds_signer *s, struct rd_error *err)
{
	uint8_t storage[RD_RSA_PKCS8_SIZE_MAX];
	struct rd_buf key = rd_buf_fixed(storage, sizeof(storage));
	char key_path[RD_PATH_MAX], cert_path[RD_PATH_MAX];
	enum rd_status st;

	RD_TRY(rd_paths_join(key_path, directory, KEY_FILE, NULL));
	RD_TRY(rd_paths_join(cert_path, directory, CERT_FILE, NULL));
	st = read_file(key_path, &key, err);
	if (st == RD_NOTFOUND) {
		return make(s, key_path, cert_path, region, now_s, err);
	}
	RD_TRY(st);
	st = load(s, key_path, cert_path, &key, err);
	explicit_bzero(storage, sizeof(storage));
	return st;
}

enum rd_status imds_signer_open(const char *directory, const char *region, int64_t now_s,
	struct imds_signer **ret, struct rd_error *err)
{
	struct imds_signer *s = calloc(1, sizeof(*s));
	enum rd_status st;

	RD_ENSURE(s != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	st = open_in(directory, region, now_s, s, err);
	if (st != RD_OK) {
		imds_signer_free(&s);
		return st;
	}
	*ret = s;
	return RD_OK;
}

void imds_signer_free(struct imds_signer **signer)
{
	struct imds_signer *s = rd_steal(signer, NULL);

	if (s != NULL) {
		rd_rsa_key_free(&s->key);
		rd_cert_free(&s->cert);
		free(s);
	}
}

static enum rd_status put_lines(struct rd_view bytes, struct rd_buf *out)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(2 * SIGNED_MAX);
	struct rd_cur c;
	struct rd_view line;

	RD_TRY(rd_base64_encode(bytes, &text));
	c = rd_cur(rd_buf_view(&text));
	while (c.left > 0) {
		RD_TRY(rd_cur_take(&c, c.left < LINE_LEN ? c.left : LINE_LEN, &line));
		RD_TRY(rd_buf_put_view(out, line));
		if (c.left > 0) {
			RD_TRY(rd_buf_u8(out, '\n'));
		}
	}
	return RD_OK;
}

enum rd_status imds_signer_sign(
	const struct imds_signer *signer, struct rd_view text, struct rd_buf *out)
{
	uint8_t storage[RD_RSA_SIZE_MAX];
	struct rd_buf signature = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_rsa_sign(signer->key, RD_RSA_PKCS1, RD_SHA256, text, &signature));
	return put_lines(rd_buf_view(&signature), out);
}

enum rd_status imds_signer_envelop(
	const struct imds_signer *signer, struct rd_view text, struct rd_buf *out)
{
	struct rd_buf message RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SIGNED_MAX);

	RD_TRY(rd_cms_sign(signer->key, signer->cert, text, &message));
	return put_lines(rd_buf_view(&message), out);
}
