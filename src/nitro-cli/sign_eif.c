/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli sign-eif: adds or replaces an image's signature. The image is written anew beside the
 * old one and takes its place when it is whole, so header, table and checksum cannot disagree.
 */
#include "eif/read.h"
#include "eif/write.h"
#include "nitro-cli/errors.h"
#include "nitro-cli/json_out.h"
#include "nitro-cli/options.h"
#include "nitro-cli/signer.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_CHUNK ((size_t)256 * 1024)

struct sign_args {
	const char *eif_path;
	const char *certificate;
	const char *key;
};

static const struct cli_option options[] = {
	{"eif-path", CLI_TEXT, offsetof(struct sign_args, eif_path), "PATH",
		"The enclave image file to sign, in place"},
	{"signing-certificate", CLI_TEXT, offsetof(struct sign_args, certificate), "PATH",
		"The PEM certificate", .requires = "private-key"},
	{"private-key", CLI_TEXT, offsetof(struct sign_args, key), "PATH",
		"The PEM private key, on P-256, P-384 or P-521", .requires = "signing-certificate"},
};

static enum rd_status copy_range(struct rd_eif_writer *w, int fd, const struct rd_eif_section *s,
	uint8_t *chunk, struct rd_error *err)
{
	for (uint64_t at = 0; at < s->size;) {
		size_t n = s->size - at < COPY_CHUNK ? (size_t)(s->size - at) : COPY_CHUNK;

		if (rd_fd_pread_full(fd, chunk, n, s->offset + at) != RD_OK) {
			return rd_fail(err, RD_IO, "the image changed while it was being signed");
		}
		RD_TRY(rd_eif_writer_put(w, rd_view(chunk, n), err));
		at += n;
	}
	return RD_OK;
}

static enum rd_status copy_sections(
	struct rd_eif_writer *w, int fd, const struct rd_eif_info *info, struct rd_error *err)
{
	uint8_t *chunk = malloc(COPY_CHUNK);
	enum rd_status st = chunk != NULL ? RD_OK : rd_fail(err, RD_NOMEM, "out of memory");

	for (unsigned i = 0; i < info->n_sections && st == RD_OK; i++) {
		if (info->sections[i].type == RD_EIF_SIGNATURE) {
			continue;
		}
		st = rd_eif_writer_begin(w, info->sections[i].type, err);
		if (st == RD_OK) {
			st = copy_range(w, fd, &info->sections[i], chunk, err);
		}
	}
	free(chunk);
	return st;
}

/* What was read twice must have been the same both times. */
static enum rd_status check_unchanged(
	const struct rd_eif_writer *w, const struct rd_eif_info *info, struct rd_error *err)
{
	struct rd_eif_pcrs pcrs;

	if (rd_eif_writer_pcrs(w, &pcrs) != RD_OK ||
		memcmp(&pcrs, &info->pcrs, sizeof(pcrs)) != 0) {
		return rd_fail(err, RD_UNTRUSTED, "the image changed while it was being signed");
	}
	return RD_OK;
}

static enum rd_status rewrite(const char *path, int fd, const struct rd_eif_info *info,
	struct rd_view signature, struct rd_error *err)
{
	struct rd_eif_writer *w RD_CLEANUP(rd_eif_writer_close) = NULL;

	RD_TRY(rd_eif_writer_open(path, info->aarch64, &w, err));
	RD_TRY(copy_sections(w, fd, info, err));
	RD_TRY(check_unchanged(w, info, err));
	RD_TRY(rd_eif_writer_begin(w, RD_EIF_SIGNATURE, err));
	RD_TRY(rd_eif_writer_put(w, signature, err));
	return rd_eif_writer_commit(w, err);
}

static int show(const struct rd_eif_pcrs *pcrs, const struct cli_signer *signer)
{
	json_t *out RD_CLEANUP(cli_json_free) = json_object();
	json_t *measurements = NULL;
	uint8_t pcr8[RD_EIF_PCR_SIZE];
	struct rd_error err;

	if (cli_certificate_pcr(rd_buf_view(&signer->cert_pem), pcr8, &err) != RD_OK) {
		return cli_fail(CLI_E60, &err);
	}
	if (cli_json_measurements(pcrs->pcr0, pcrs->pcr1, pcrs->pcr2, pcr8, &measurements) !=
			RD_OK ||
		cli_json_set(out, "Measurements", measurements) != RD_OK) {
		return cli_fail_text(CLI_E60, "out of memory");
	}
	fprintf(stderr, "Enclave Image successfully signed.\n");
	return cli_json_print(out, &err) == RD_OK ? 0 : cli_fail(CLI_E19, &err);
}

static enum cli_code code_of(enum rd_status st, enum cli_code otherwise)
{
	enum rd_category c = rd_category(st);

	return c == RD_CAT_IO || c == RD_CAT_NOTFOUND || c == RD_CAT_DENIED || st == RD_NOSPACE
		       ? CLI_E19
		       : otherwise;
}

static int sign_file(const struct sign_args *args, const struct cli_signer *signer)
{
	struct rd_eif_parser *parser RD_CLEANUP(rd_eif_parser_free) = NULL;
	struct rd_buf section RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_SIGNATURE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = open(args->eif_path, O_RDONLY | O_CLOEXEC);
	const struct rd_eif_info *info;
	struct rd_error err;
	enum rd_status st;

	if (fd < 0) {
		rd_fail_errno(&err, errno, "opening the image %s", args->eif_path);
		return cli_fail(CLI_E19, &err);
	}
	if (rd_eif_parser_new(&parser) != RD_OK) {
		return cli_fail_text(CLI_E60, "out of memory");
	}
	st = rd_eif_parser_read_fd(parser, fd, args->eif_path, &info, &err);
	if (st != RD_OK) {
		return cli_fail(code_of(st, CLI_E35), &err);
	}
	/* A signature over a damaged image would vouch for the damage. */
	if (info->crc_stored != info->crc_computed || info->version != RD_EIF_VERSION) {
		return cli_fail_text(CLI_E35,
			"%s is damaged (wrong checksum) or of version %u: build "
			"it again before signing",
			args->eif_path, info->version);
	}
	st = cli_signer_sign(signer, info->pcrs.pcr0, &section, &err);
	if (st == RD_OK) {
		st = rewrite(args->eif_path, fd, info, rd_buf_view(&section), &err);
	}
	return st == RD_OK ? show(&info->pcrs, signer) : cli_fail(code_of(st, CLI_E60), &err);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct cli_signer *signer RD_CLEANUP(cli_signer_free) = NULL;
	struct sign_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);
	struct rd_error err;

	if (parsed != CLI_PARSED) {
		return cli_parse_exit(parsed);
	}
	if (args.eif_path == NULL) {
		return cli_fail_text(CLI_E01, "--eif-path, the image to sign");
	}
	if (args.key == NULL) {
		return cli_fail_text(CLI_E60, "give --signing-certificate and --private-key");
	}
	if (cli_signer_new(args.certificate, args.key, &signer, &err) != RD_OK) {
		return cli_fail(CLI_E60, &err);
	}
	return sign_file(&args, signer);
}

const struct cli_command cli_sign_eif = {
	.name = "sign-eif",
	.about = "Sign an enclave image file",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
