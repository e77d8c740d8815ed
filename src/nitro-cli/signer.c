/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and using a signing key. */
#include "nitro-cli/signer.h"

#include "base/secret.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum rd_status cli_read_file(
	const char *path, const char *name, struct rd_buf *b, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "opening the %s %s", name, path);
	}
	errno = 0;
	st = rd_fd_read_all(fd, b);
	if (st == RD_LIMIT) {
		return rd_fail(err, st, "the %s %s has more than %zu bytes", name, path, b->max);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "reading the %s %s: %s", name, path,
			errno != 0 ? strerror(errno) : rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status read_pair(
	struct cli_signer *s, const char *cert_path, const char *key_path, struct rd_error *err)
{
	struct rd_buf key = rd_buf_fixed(s->key_pem, sizeof(s->key_pem));

	if (strncmp(key_path, "arn:", 4) == 0) {
		return rd_fail(err, RD_UNSUPPORTED,
			"--private-key %s names a key in AWS KMS: give a PEM file instead",
			key_path);
	}
	s->cert_pem = rd_buf_growable(RD_CERT_PEM_SIZE_MAX);
	RD_TRY(cli_read_file(cert_path, "signing certificate", &s->cert_pem, err));
	RD_TRY(cli_read_file(key_path, "private key", &key, err));
	s->key_len = key.used;
	return RD_OK;
}

enum rd_status cli_signer_new(const char *cert_path, const char *key_path,
	struct cli_signer **ret_signer, struct rd_error *err)
{
	static const uint8_t any_pcr0[RD_EIF_PCR_SIZE];
	struct rd_buf trial RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	struct cli_signer *s RD_CLEANUP(cli_signer_free) = calloc(1, sizeof(*s));
	enum rd_status st;

	if (s == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	RD_TRY(read_pair(s, cert_path, key_path, err));
	st = cli_signer_sign(s, any_pcr0, &trial, err);
	if (st != RD_OK) {
		return rd_error_wrap(err, st, "%s with %s", cert_path, key_path);
	}
	*ret_signer = rd_steal(&s, NULL);
	return RD_OK;
}

void cli_signer_free(struct cli_signer **signer)
{
	struct cli_signer *s = *signer;

	if (s != NULL) {
		rd_wipe(s->key_pem, sizeof(s->key_pem));
		rd_buf_finish(&s->cert_pem);
		free(s);
	}
	*signer = NULL;
}

enum rd_status cli_signer_sign(const struct cli_signer *signer, const uint8_t pcr0[RD_EIF_PCR_SIZE],
	struct rd_buf *out, struct rd_error *err)
{
	return rd_eif_signature_make(rd_buf_view(&signer->cert_pem),
		rd_view(signer->key_pem, signer->key_len), pcr0, out, err);
}

enum rd_status cli_certificate_pcr(
	struct rd_view cert_pem, uint8_t ret_pcr8[RD_EIF_PCR_SIZE], struct rd_error *err)
{
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;
	enum rd_status st = rd_cert_from_pem(cert_pem, &cert);

	if (st != RD_OK) {
		return rd_fail(err, st, "the signing certificate is not a PEM certificate");
	}
	st = rd_eif_measure_bytes(rd_cert_info(cert)->der, ret_pcr8);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "measuring the signing certificate failed");
}
