/* SPDX-License-Identifier: Apache-2.0 */
/* Finding and reading the CA certificates. */
#include "kmstool/trust.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>

/* Mozilla's bundle has 220 KB. */
#define BUNDLE_SIZE_MAX (4u << 20)

/* Where AWS's library looks, in its order; no environment variable has a say. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
};

static enum rd_status read_file(int fd, const char *path, struct rd_buf *out, struct rd_error *err)
{
	enum rd_status st = rd_fd_read_all(fd, out);

	if (st == RD_LIMIT) {
		return rd_fail(err, st, "%s is larger than %u bytes", path, BUNDLE_SIZE_MAX);
	}
	return st == RD_OK ? RD_OK : rd_fail_errno(err, errno, "cannot read %s", path);
}

static enum rd_status load(
	int fd, const char *path, struct rd_tls_client **ret, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(BUNDLE_SIZE_MAX);
	enum rd_status st;

	RD_TRY(read_file(fd, path, &text, err));
	st = rd_tls_client_new(rd_buf_view(&text), ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", path);
}

enum rd_status rdkms_trust_load(const char *path, struct rd_tls_client **ret, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	if (path != NULL) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		return fd < 0 ? rd_fail_errno(err, errno, "cannot open %s", path)
			      : load(fd, path, ret, err);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(bundles); i++) {
		fd = open(bundles[i], O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			return load(fd, bundles[i], ret, err);
		}
	}
	return rd_fail(err, RD_NOTFOUND,
		"no CA certificates: the image has none of the system's bundles, such as %s; add "
		"one, or name a file",
		bundles[0]);
}
