/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate and key that the user signs images with. */
#ifndef NITRO_CLI_SIGNER_H
#define NITRO_CLI_SIGNER_H

#include "crypto/x509.h"
#include "eif/signature.h"

struct cli_signer {
	struct rd_buf cert_pem;
	size_t key_len;
	uint8_t key_pem[RD_EC_PEM_SIZE_MAX]; /* wiped by finish */
};

/* Reads both files and tries them on each other, so that a mistake shows before the work. */
enum rd_status cli_signer_new(const char *cert_path, const char *key_path,
	struct cli_signer **ret_signer, struct rd_error *err) RD_MUST_USE;
void cli_signer_free(struct cli_signer **signer);

/* Appends the signature section over pcr0. */
enum rd_status cli_signer_sign(const struct cli_signer *signer, const uint8_t pcr0[RD_EIF_PCR_SIZE],
	struct rd_buf *out, struct rd_error *err) RD_MUST_USE;

/* PCR8: the measurement of the certificate. */
enum rd_status cli_certificate_pcr(struct rd_view cert_pem, uint8_t ret_pcr8[RD_EIF_PCR_SIZE],
	struct rd_error *err) RD_MUST_USE;

/* A whole file of at most b->max bytes; name says what it is, for messages. */
enum rd_status cli_read_file(
	const char *path, const char *name, struct rd_buf *b, struct rd_error *err) RD_MUST_USE;

#endif
