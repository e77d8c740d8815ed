/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt pki tls: an authority of one's own, and a server's certificate under it.
 *
 * The authority's key is on P-384, the server's on P-256. Both certificates begin an hour ago, for
 * clients whose clocks are slow. A file is written beside its name and then put in place, the key
 * before its certificate.
 */
#include "base/secret.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "os/fd.h"
#include "os/file.h"
#include "redoubt/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_S           86400
#define BACKDATE_S      3600
#define AUTHORITY_DAYS  3652
#define SERIAL_SIZE     16
#define COMMON_NAME_MAX 64 /* X.520 */
#define AUTHORITY_NAME  "Redoubt TLS authority"
#define SERVER_NAME     "redoubt-kms"
#define PRIVATE_MODE    0600
#define PUBLIC_MODE     0644
#define FILE_NAME_MAX   32

struct pair {
	struct rd_ec_key *key;
	struct rd_cert *cert;
};

static void pair_finish(struct pair *p)
{
	rd_ec_key_free(&p->key);
	rd_cert_free(&p->cert);
}

static void finish_secret(struct rd_buf *b)
{
	rd_wipe(b->ptr, b->used);
	rd_buf_finish(b);
}

/* NAME.key, then NAME.pem. */
static enum rd_status save(int dir, const char *name, const struct pair *p, struct rd_error *err)
{
	uint8_t storage[RD_EC_PEM_SIZE_MAX / 4];
	RD_CLEANUP(finish_secret)
	struct rd_buf key = rd_buf_fixed(storage, sizeof(storage));
	RD_CLEANUP(rd_buf_finish) struct rd_buf cert = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	char file[FILE_NAME_MAX];
	enum rd_status st = rd_ec_key_to_pem(p->key, &key);

	if (st == RD_OK) {
		st = rd_cert_to_pem(p->cert, &cert);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot encode %s: %s", name, rd_status_text(st));
	}
	snprintf(file, sizeof(file), "%s.key", name);
	RD_TRY(rd_file_replace(dir, file, rd_buf_view(&key), PRIVATE_MODE, err));
	snprintf(file, sizeof(file), "%s.pem", name);
	return rd_file_replace(dir, file, rd_buf_view(&cert), PUBLIC_MODE, err);
}

/* ret holds the new key; issuer NULL: signs itself. */
static enum rd_status issue(const struct rd_cert_template *tmpl, const struct pair *issuer,
	enum rd_ec_curve curve, struct pair *ret)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf der = rd_buf_growable(RD_CERT_SIZE_MAX);
	struct rd_cert_template t = *tmpl;
	uint8_t serial[SERIAL_SIZE];

	RD_TRY(rd_random_bytes(serial, sizeof(serial)));
	/* Positive, not zero, and of full length. */
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	t.serial = rd_view(serial, sizeof(serial));
	RD_TRY(rd_ec_key_generate(curve, &ret->key));
	RD_TRY(rd_cert_issue(&t, ret->key, issuer == NULL ? NULL : issuer->cert,
		issuer == NULL ? ret->key : issuer->key, &der));
	return rd_cert_from_der(rd_buf_view(&der), &ret->cert);
}

static enum rd_status make_authority(int dir, int64_t now_s, struct pair *ret, struct rd_error *err)
{
	static const enum rd_cert_ext exts[] = {
		RD_EXT_BASIC_CONSTRAINTS, RD_EXT_KEY_USAGE, RD_EXT_SUBJECT_KEY_ID};
	static const struct rd_dn_attr name[] = {{RD_DN_CN, AUTHORITY_NAME}};
	struct rd_cert_template t = {
		.subject = name,
		.n_subject = RD_ARRAY_LEN(name),
		.not_before_s = now_s - BACKDATE_S,
		.not_after_s = now_s + (int64_t)AUTHORITY_DAYS * DAY_S,
		.is_ca = true,
		.path_len = 0,
		.key_usage = RD_KU_KEY_CERT_SIGN | RD_KU_CRL_SIGN,
		.key_usage_critical = true,
		.exts = exts,
		.n_exts = RD_ARRAY_LEN(exts),
	};
	enum rd_status st = issue(&t, NULL, RD_P384, ret);

	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make the authority: %s", rd_status_text(st));
	}
	return save(dir, "ca", ret, err);
}

static enum rd_status parse_authority(
	struct rd_view key, struct rd_view cert, struct pair *ret, struct rd_error *err)
{
	enum rd_status st = rd_ec_key_from_pem(key, &ret->key);

	if (st == RD_OK) {
		st = rd_cert_from_pem(cert, &ret->cert);
	}
	if (st == RD_OK && (rd_cert_key(ret->cert) == NULL ||
				   !rd_ec_key_same(ret->key, rd_cert_key(ret->cert)))) {
		st = RD_WRONG_KEY;
	}
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st,
				     "ca.pem and ca.key are no authority (%s): bring them back, or "
				     "name another directory",
				     rd_status_text(st));
}

static enum rd_status open_authority(int dir, int64_t now_s, struct pair *ret, struct rd_error *err)
{
	uint8_t storage[RD_EC_PEM_SIZE_MAX / 4];
	RD_CLEANUP(finish_secret)
	struct rd_buf key = rd_buf_fixed(storage, sizeof(storage));
	RD_CLEANUP(rd_buf_finish) struct rd_buf cert = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	enum rd_status key_st = rd_file_load(dir, "ca.key", &key, err);
	enum rd_status cert_st = rd_file_load(dir, "ca.pem", &cert, err);

	if (key_st == RD_NOTFOUND && cert_st == RD_NOTFOUND) {
		return make_authority(dir, now_s, ret, err);
	}
	if (key_st == RD_NOTFOUND || cert_st == RD_NOTFOUND) {
		return rd_fail(err, RD_MISSING,
			"there is a %s but no %s: bring it back, or name another directory",
			key_st == RD_NOTFOUND ? "ca.pem" : "ca.key",
			key_st == RD_NOTFOUND ? "ca.key" : "ca.pem");
	}
	RD_TRY(key_st);
	RD_TRY(cert_st);
	return parse_authority(rd_buf_view(&key), rd_buf_view(&cert), ret, err);
}

static enum rd_status make_server(int dir, const struct pki_args *args, int64_t now_s,
	const struct pair *authority, struct rd_error *err)
{
	static const enum rd_cert_ext exts[] = {RD_EXT_BASIC_CONSTRAINTS, RD_EXT_KEY_USAGE,
		RD_EXT_SERVER_AUTH, RD_EXT_SUBJECT_KEY_ID, RD_EXT_AUTHORITY_KEY_ID,
		RD_EXT_ALT_NAMES};
	bool fits = strlen(args->names[0]) <= COMMON_NAME_MAX;
	const struct rd_dn_attr name[] = {{RD_DN_CN, fits ? args->names[0] : SERVER_NAME}};
	RD_CLEANUP(pair_finish) struct pair server = {0};
	struct rd_cert_template t = {
		.subject = name,
		.n_subject = RD_ARRAY_LEN(name),
		.not_before_s = now_s - BACKDATE_S,
		.not_after_s = now_s + (int64_t)args->days * DAY_S,
		.path_len = RD_PATH_LEN_NONE,
		.key_usage = RD_KU_DIGITAL_SIGNATURE,
		.key_usage_critical = true,
		.alt_names = args->names,
		.n_alt_names = args->n_names,
		.exts = exts,
		.n_exts = RD_ARRAY_LEN(exts),
	};
	enum rd_status st;

	if (t.not_after_s > rd_cert_info(authority->cert)->not_after_s) {
		return rd_fail(err, RD_EXPIRED,
			"the authority ends before: fewer --days, or a new one in another directory");
	}
	st = issue(&t, authority, RD_P256, &server);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot issue the certificate: %s", rd_status_text(st));
	}
	return save(dir, "server", &server, err);
}

enum rd_status pki_tls(const struct pki_args *args, int64_t now_s, struct rd_error *err)
{
	RD_CLEANUP(pair_finish) struct pair authority = {0};
	RD_CLEANUP(rd_fd_close) int dir = -1;

	if (mkdir(args->out, 0755) != 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "cannot make %s", args->out);
	}
	dir = open(args->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", args->out);
	}
	RD_TRY(open_authority(dir, now_s, &authority, err));
	RD_TRY(make_server(dir, args, now_s, &authority, err));
	printf("%s/server.pem, server.key: for redoubt-kms (tls_certificate, tls_key)\n"
	       "%s/ca.pem: for its clients\n",
		args->out, args->out);
	return RD_OK;
}
