/* SPDX-License-Identifier: Apache-2.0 */
/* Roots from their files. */
#include "kms/roots.h"

#include "crypto/x509.h"
#include "log/log.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kms_trust {
	struct kms_trust *older;
	struct kms_recipients *recipients;
	struct rd_cert *roots[KMS_ROOTS_MAX];
	char names[KMS_ROOTS_MAX][64];
	size_t n;
};

static enum rd_status read_root(const char *path, struct rd_cert **ret, struct rd_error *err)
{
	struct rd_buf pem RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "roots: cannot open %s", path);
	}
	st = rd_fd_read_all(fd, &pem);
	if (st == RD_OK) {
		st = rd_cert_from_pem(rd_buf_view(&pem), ret);
	}
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "roots: %s is no certificate in PEM: %s", path,
				     rd_status_text(st));
}

/* "root" for …/root.pem: what policies and the audit log call it. */
static void name_root(const char *path, char ret[64])
{
	const char *base = strrchr(path, '/');
	char *dot;

	snprintf(ret, 64, "%.63s", base == NULL ? path : base + 1);
	dot = strrchr(ret, '.');
	if (dot != NULL && dot != ret) {
		*dot = '\0';
	}
}

static enum rd_status add_root(struct kms_trust *t, const char *path, struct rd_error *err)
{
	RD_TRY(read_root(path, &t->roots[t->n], err));
	name_root(path, t->names[t->n]);
	t->n++;
	return RD_OK;
}

static enum rd_status add_roots(struct kms_trust *t, const struct kms_config *config,
	const struct rd_paths *paths, struct rd_error *err)
{
	char own[RD_PATH_MAX];

	for (size_t i = 0; i < config->n_roots; i++) {
		RD_TRY(add_root(t, config->roots[i], err));
	}
	if (config->n_roots > 0) {
		return RD_OK;
	}
	RD_TRY(rd_paths_join(own, paths->state, "root.pem", NULL));
	if (access(own, F_OK) != 0) {
		rd_log(RD_LOG_WARNING,
			"no attestation root: every attestation document is refused until "
			"\"roots\" names one, or redoubtd has made %s",
			own);
		return RD_OK;
	}
	return add_root(t, own, err);
}

static enum rd_status make_recipients(
	struct kms_trust *t, const struct kms_config *config, struct rd_error *err)
{
	const struct rd_cert *roots[KMS_ROOTS_MAX];
	const char *names[KMS_ROOTS_MAX];
	const struct kms_recipient_config recipients = {
		.roots = roots,
		.root_names = names,
		.n_roots = t->n,
		.max_age_s = config->max_document_age_s,
		.skew_s = RD_VERIFY_SKEW_S,
		.allow_debug = config->allow_debug,
	};
	enum rd_status st;

	for (size_t i = 0; i < t->n; i++) {
		roots[i] = t->roots[i];
		names[i] = t->names[i];
	}
	st = kms_recipients_new(&recipients, &t->recipients);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "roots: %s", rd_status_text(st));
}

void kms_trust_free(struct kms_trust **trust)
{
	struct kms_trust *t = rd_steal(trust, NULL);

	while (t != NULL) {
		struct kms_trust *older = t->older;

		kms_recipients_free(&t->recipients);
		for (size_t i = 0; i < t->n; i++) {
			rd_cert_free(&t->roots[i]);
		}
		free(t);
		t = older;
	}
}

enum rd_status kms_trust_load(struct kms *kms, const struct kms_config *config,
	const struct rd_paths *paths, struct rd_error *err)
{
	struct kms_trust *t = calloc(1, sizeof(*t));
	enum rd_status st;

	if (t == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory for roots");
	}
	st = add_roots(t, config, paths, err);
	if (st == RD_OK) {
		st = make_recipients(t, config, err);
	}
	if (st != RD_OK) {
		kms_trust_free(&t);
		return st;
	}
	t->older = kms->trust;
	kms->trust = t;
	__atomic_store_n(&kms->recipients, t->recipients, __ATOMIC_RELEASE);
	return RD_OK;
}
