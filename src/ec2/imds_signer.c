/* SPDX-License-Identifier: Apache-2.0 */
/* The key that identity documents are signed with, and its certificate. */
#include "ec2/imds-internal.h"

#include "base/text.h"
#include "crypto/cms_sign.h"
#include "crypto/random.h"
#include "os/fd.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static enum rd_status save_key(const struct imds_signer *s, int dir_fd, struct rd_error *err)
{
	struct rd_secret der RD_CLEANUP(rd_secret_finish) = {.len = 0};
	enum rd_status st = rd_secret_init(&der, RD_RSA_PKCS8_SIZE_MAX);

	if (st == RD_OK) {
		st = rd_rsa_key_to_pkcs8(s->key, &der);
	}
	return st == RD_OK ? rd_file_replace(dir_fd, KEY_FILE, rd_secret_view(&der), 0600, err)
			   : rd_fail(err, st, "cannot write " KEY_FILE ": %s", rd_status_text(st));
}

static enum rd_status save_cert(const struct imds_signer *s, int dir_fd, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_SIZE_MAX);

	RD_TRY(rd_cert_to_pem(s->cert, &pem));
	return rd_file_replace(dir_fd, CERT_FILE, rd_buf_view(&pem), 0644, err);
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
static enum rd_status make(
	struct imds_signer *s, int dir_fd, const char *region, int64_t now_s, struct rd_error *err)
{
	enum rd_status st = rd_rsa_key_generate(KEY_BITS, &s->key);

	if (st == RD_OK) {
		st = certify(s, region, now_s);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make the key for instance identity documents: %s",
			rd_status_text(st));
	}
	RD_TRY(save_cert(s, dir_fd, err));
	return save_key(s, dir_fd, err);
}

static enum rd_status load(
	struct imds_signer *s, int dir_fd, const struct rd_buf *key, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	struct rd_buf probe RD_CLEANUP(rd_buf_finish) = rd_buf_growable(SIGNED_MAX);
	enum rd_status st = rd_file_load(dir_fd, CERT_FILE, &pem, err);

	if (st == RD_NOTFOUND) {
		return rd_fail(err, st, KEY_FILE " is there, and " CERT_FILE " is not");
	}
	RD_TRY(st);
	st = rd_rsa_key_from_pkcs8(rd_buf_view(key), &s->key);
	if (st != RD_OK) {
		return rd_fail(err, st, KEY_FILE " is not our key: %s", rd_status_text(st));
	}
	st = rd_cert_from_pem(rd_buf_view(&pem), &s->cert);
	if (st == RD_OK) {
		st = rd_cms_sign(s->key, s->cert, rd_view_str("x"), &probe);
	}
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st, CERT_FILE " is not the certificate of " KEY_FILE ": %s",
				 rd_status_text(st));
}

static enum rd_status open_in(
	int dir_fd, const char *region, int64_t now_s, struct imds_signer *s, struct rd_error *err)
{
	uint8_t storage[RD_RSA_PKCS8_SIZE_MAX];
	struct rd_buf key = rd_buf_fixed(storage, sizeof(storage));
	enum rd_status st = rd_file_load(dir_fd, KEY_FILE, &key, err);

	if (st == RD_NOTFOUND) {
		return make(s, dir_fd, region, now_s, err);
	}
	RD_TRY(st);
	st = load(s, dir_fd, &key, err);
	explicit_bzero(storage, sizeof(storage));
	return st;
}

enum rd_status imds_signer_open(const char *directory, const char *region, int64_t now_s,
	struct imds_signer **ret, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct imds_signer *s = calloc(1, sizeof(*s));
	enum rd_status st;

	RD_ENSURE(s != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	st = dir_fd >= 0 ? open_in(dir_fd, region, now_s, s, err)
			 : rd_fail_errno(err, errno, "cannot be opened");
	if (st != RD_OK) {
		imds_signer_free(&s);
		return rd_error_wrap(err, st, "%s", directory);
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
