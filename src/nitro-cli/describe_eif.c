/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli describe-eif: what an image file says and whether it holds. A wrong checksum and a
 * signature over another image are reported (exit 0); what cannot be read at all is E35.
 */
#include "crypto/x509.h"
#include "eif/read.h"
#include "eif/signature.h"
#include "nitro-cli/eif_json.h"
#include "nitro-cli/errors.h"
#include "nitro-cli/options.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct describe_args {
	const char *eif_path;
};

static const struct cli_option options[] = {
	{"eif-path", CLI_TEXT, offsetof(struct describe_args, eif_path), "PATH",
		"The enclave image file", .required = true},
};

/* Names of a kind that comes twice collapse to the last, as in the original. */
static enum rd_status issuer_json(const struct rd_cert *cert, json_t **ret_object)
{
	json_t *o RD_CLEANUP(cli_json_free) = json_object();
	struct rd_cert_attr attr;

	for (size_t i = 0; i < rd_cert_attr_count(cert, RD_CERT_ISSUER); i++) {
		RD_TRY(rd_cert_attr(cert, RD_CERT_ISSUER, i, &attr));
		RD_TRY(cli_json_set_text(o, attr.long_name, attr.value));
	}
	return cli_json_sorted(o, ret_object);
}

/* "30:64:02:…" */
static enum rd_status set_colon_hex(json_t *object, const char *key, struct rd_view bytes)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(3 * bytes.len + 1);

	for (size_t i = 0; i < bytes.len; i++) {
		RD_TRY(rd_buf_printf(&text, "%s%02X", i > 0 ? ":" : "", bytes.ptr[i]));
	}
	return cli_json_set(object, key, json_stringn((const char *)text.ptr, text.used));
}

static enum rd_status certificate_json(const struct rd_cert *cert, json_t **ret_object)
{
	const struct rd_cert_info *info = rd_cert_info(cert);
	json_t *o RD_CLEANUP(cli_json_free) = json_object();
	json_t *issuer = NULL;
	char text[RD_CERT_TIME_TEXT_SIZE];

	RD_TRY(issuer_json(cert, &issuer));
	RD_TRY(cli_json_set(o, "IssuerName", issuer));
	RD_TRY(cli_json_set_text(o, "Algorithm", info->sig_alg));
	rd_cert_time_text(info->not_before_s, text);
	RD_TRY(cli_json_set_text(o, "NotBefore", text));
	rd_cert_time_text(info->not_after_s, text);
	RD_TRY(cli_json_set_text(o, "NotAfter", text));
	RD_TRY(set_colon_hex(o, "Signature", info->signature));
	*ret_object = rd_steal(&o, NULL);
	return RD_OK;
}

static enum rd_status add_certificate(json_t *out, const struct rd_eif_signature *signature)
{
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;
	json_t *o = NULL;

	RD_TRY(rd_cert_from_der(rd_view(signature->cert_der, signature->cert_der_len), &cert));
	RD_TRY(certificate_json(cert, &o));
	return cli_json_set(out, "SigningCertificate", o);
}

static enum rd_status fill(
	json_t *out, const struct rd_eif_info *info, const struct rd_eif_signature *signature)
{
	json_t *measurements = NULL;

	RD_TRY(cli_json_set(out, "EifVersion", json_integer(info->version)));
	RD_TRY(cli_json_measurements(info->pcrs.pcr0, info->pcrs.pcr1, info->pcrs.pcr2,
		signature != NULL ? signature->pcr8 : NULL, &measurements));
	RD_TRY(cli_json_set(out, "Measurements", measurements));
	RD_TRY(cli_json_set(out, "IsSigned", json_boolean(signature != NULL)));
	if (signature != NULL) {
		RD_TRY(add_certificate(out, signature));
	}
	RD_TRY(cli_json_set(out, "CheckCRC", json_boolean(info->crc_stored == info->crc_computed)));
	if (signature != NULL) {
		RD_TRY(cli_json_set(out, "SignatureCheck", json_boolean(signature->covers_pcr0)));
	}
	return RD_OK;
}

static enum rd_status describe(const struct rd_eif_info *info, json_t *out, struct rd_error *err)
{
	struct rd_eif_signature signature = {0};
	bool is_signed = info->signature.ptr != NULL;
	enum rd_status st;

	if (is_signed) {
		RD_TRY(rd_eif_signature_open(info->signature, info->pcrs.pcr0, &signature, err));
	}
	st = fill(out, info, is_signed ? &signature : NULL);
	rd_eif_signature_finish(&signature);
	if (st != RD_OK) {
		return rd_fail(
			err, st, "the signing certificate cannot be shown: %s", rd_status_text(st));
	}
	return info->metadata.ptr != NULL ? cli_json_add_metadata(out, info->metadata, err) : RD_OK;
}

static int describe_file(const char *path)
{
	struct rd_eif_parser *parser RD_CLEANUP(rd_eif_parser_free) = NULL;
	json_t *out RD_CLEANUP(cli_json_free) = json_object();
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC);
	const struct rd_eif_info *info;
	struct rd_error err;
	enum rd_status st;

	if (fd < 0) {
		rd_fail_errno(&err, errno, "opening the image %s", path);
		return cli_fail(CLI_E19, &err);
	}
	if (rd_eif_parser_new(&parser) != RD_OK || out == NULL) {
		return cli_fail_text(CLI_E35, "%s: out of memory", path);
	}
	st = rd_eif_parser_read_fd(parser, fd, path, &info, &err);
	if (st != RD_OK) {
		return cli_fail(rd_category(st) == RD_CAT_IO ? CLI_E19 : CLI_E35, &err);
	}
	st = describe(info, out, &err);
	if (st != RD_OK) {
		rd_error_wrap(&err, st, "%s", path);
		return cli_fail(CLI_E35, &err);
	}
	return cli_json_print(out, &err) == RD_OK ? 0 : cli_fail(CLI_E19, &err);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct describe_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);

	return parsed == CLI_PARSED ? describe_file(args.eif_path) : cli_parse_exit(parsed);
}

const struct cli_command cli_describe_eif = {
	.name = "describe-eif",
	.about = "Describe an enclave image file",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
