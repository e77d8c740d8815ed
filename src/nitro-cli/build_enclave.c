/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli build-enclave: a container image becomes an enclave image. What can be wrong with the
 * arguments is found out first, before anything is built or pulled; the output gets its name last.
 */
#include "base/text.h"
#include "eif/write.h"
#include "image/image.h"
#include "nitro-cli/blobs.h"
#include "nitro-cli/errors.h"
#include "nitro-cli/json_out.h"
#include "nitro-cli/log.h"
#include "nitro-cli/metadata.h"
#include "nitro-cli/options.h"
#include "nitro-cli/progress.h"
#include "nitro-cli/signer.h"
#include "ramdisk/ramdisk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a container engine gives a process whose image says nothing of it. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct build_args {
	const char *docker_uri;
	const char *docker_dir;
	const char *output_file;
	const char *certificate;
	const char *key;
	const char *name;
	const char *version;
	const char *metadata;
	bool pull;
};

struct build {
	struct build_args args;
	enum cli_code code; /* of the step that fails */
	struct cli_blobs blobs;
	struct cli_signer *signer; /* NULL: unsigned */
	json_t *custom;
	struct rd_image *image;
	struct rd_strings env; /* the image's and what an engine adds */
	struct rd_eif_writer *writer;
	struct rd_eif_pcrs pcrs;
	uint8_t pcr8[RD_EIF_PCR_SIZE];
};

static const struct cli_option options[] = {
	{"docker-uri", CLI_TEXT, offsetof(struct build_args, docker_uri), "IMAGE",
		"name:tag of the Docker Engine, docker-archive:FILE[:REF] or oci:DIR[:TAG]",
		.required = true},
	{"docker-dir", CLI_TEXT, offsetof(struct build_args, docker_dir), "DIR",
		"Build the Dockerfile of this directory; the result is named by --docker-uri"},
	{"output-file", CLI_TEXT, offsetof(struct build_args, output_file), "FILE",
		"Where the enclave image goes", .required = true},
	{"signing-certificate", CLI_TEXT, offsetof(struct build_args, certificate), "FILE",
		"Sign the image: PEM certificate", .requires = "private-key"},
	{"private-key", CLI_TEXT, offsetof(struct build_args, key), "FILE",
		"PEM private key on P-256, P-384 or P-521", .requires = "signing-certificate"},
	{"name", CLI_TEXT, offsetof(struct build_args, name), "NAME",
		"Name of the enclave image; the container image's otherwise"},
	{"version", CLI_TEXT, offsetof(struct build_args, version), "VERSION",
		"Version of the enclave image; the container image's id otherwise"},
	{"metadata", CLI_TEXT, offsetof(struct build_args, metadata), "FILE",
		"JSON of your own to keep in the image, at most 4 KiB"},
	{"pull", CLI_FLAG, offsetof(struct build_args, pull), NULL,
		"Ask the registry even if the engine has the image"},
};

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static enum rd_status open_blobs(struct build *b, struct rd_error *err)
{
	char dir[RD_PATH_MAX];
	enum rd_status st;

	b->code = CLI_E52;
	RD_TRY(cli_blobs_find(dir, err));
	st = cli_blobs_open(dir, &b->blobs, err);
	b->code = st == RD_BAD_ARCH ? CLI_E48 : CLI_E19;
	return st;
}

static enum rd_status read_inputs(struct build *b, struct rd_error *err)
{
	const struct build_args *a = &b->args;

	RD_TRY(open_blobs(b, err));
	b->code = CLI_E48;
	if (a->key != NULL) {
		RD_TRY(cli_signer_new(a->certificate, a->key, &b->signer, err));
		RD_TRY(cli_certificate_pcr(rd_buf_view(&b->signer->cert_pem), b->pcr8, err));
	}
	if (a->metadata != NULL) {
		RD_TRY(cli_metadata_read_custom(a->metadata, &b->custom, err));
	}
	b->code = CLI_E19;
	return rd_eif_writer_open(a->output_file, false, &b->writer, err);
}

static enum rd_status open_image(struct build *b, struct rd_error *err)
{
	static const enum cli_code codes[] = {
		[RD_IMAGE_STAGE_IMAGE] = CLI_E48,
		[RD_IMAGE_STAGE_FILE] = CLI_E19,
		[RD_IMAGE_STAGE_PULL] = CLI_E50,
		[RD_IMAGE_STAGE_BUILD] = CLI_E49,
	};
	const struct rd_image_options how = {.build_dir = b->args.docker_dir,
		.always_pull = b->args.pull,
		.progress = print_line};
	enum rd_image_stage stage = RD_IMAGE_STAGE_IMAGE;
	enum rd_status st = rd_image_open(b->args.docker_uri, &how, &stage, &b->image, err);

	b->code = codes[stage];
	RD_TRY(st);
	if (b->image->from_local) {
		fprintf(stderr, "Using the locally available Docker image...\n");
	}
	return RD_OK;
}

static bool has_variable(const struct rd_strings *env, const char *prefix)
{
	for (size_t i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], prefix, strlen(prefix)) == 0) {
			return true;
		}
	}
	return false;
}

static enum rd_status append_variable(struct rd_strings *env, const char *name, const char *value)
{
	RD_ENSURE(asprintf(&env->v[env->n], "%s%s", name, value) > 0, RD_NOMEM);
	env->n++;
	return RD_OK;
}

/* The image's environment with HOME and PATH, if it has none of its own. */
static enum rd_status complete_env(struct build *b)
{
	const struct rd_strings *from = &b->image->env;

	b->env.v = calloc(from->n + 2, sizeof(*b->env.v));
	RD_ENSURE(b->env.v != NULL, RD_NOMEM);
	for (size_t i = 0; i < from->n; i++) {
		RD_TRY(append_variable(&b->env, from->v[i], ""));
	}
	if (!has_variable(from, "PATH=")) {
		RD_TRY(append_variable(&b->env, DEFAULT_PATH, ""));
	}
	if (!has_variable(from, "HOME=")) {
		RD_TRY(append_variable(&b->env, "HOME=", b->image->user.home));
	}
	return RD_OK;
}

static enum rd_status into_writer(void *ctx, struct rd_view bytes, struct rd_error *err)
{
	struct cli_progress *progress = ctx;

	cli_progress_add(progress, bytes.len);
	return rd_eif_writer_put(progress->ctx, bytes, err);
}

static enum rd_status put_bytes(
	struct build *b, enum rd_eif_type type, struct rd_view bytes, struct rd_error *err)
{
	RD_TRY(rd_eif_writer_begin(b->writer, type, err));
	return rd_eif_writer_put(b->writer, bytes, err);
}

static enum rd_status write_small_sections(struct build *b, struct rd_error *err)
{
	const struct cli_metadata what = {.source = b->args.docker_uri,
		.name = b->args.name,
		.version = b->args.version,
		.custom = b->custom,
		.blobs = &b->blobs,
		.image = b->image};
	struct rd_buf metadata RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_METADATA_MAX);
	char kernel[RD_PATH_MAX + sizeof("/bzImage")];

	b->code = CLI_E48;
	RD_TRY(cli_metadata_make(&what, &metadata, err));
	b->code = CLI_E19;
	snprintf(kernel, sizeof(kernel), "%s/bzImage", b->blobs.dir);
	RD_TRY(rd_eif_writer_begin(b->writer, RD_EIF_KERNEL, err));
	RD_TRY(rd_eif_writer_put_fd(b->writer, b->blobs.kernel_fd, kernel, err));
	RD_TRY(put_bytes(b, RD_EIF_CMDLINE, rd_view_str(b->blobs.cmdline), err));
	return put_bytes(b, RD_EIF_METADATA, rd_buf_view(&metadata), err);
}

static void warn_of_xattrs(const struct rd_ramdisk_report *report)
{
	char first[512]; /* a longer path is cut; the names are the image's, so anything */

	if (report->xattrs_dropped == 0) {
		return;
	}
	snprintf(first, sizeof(first), "/%s (%s)", report->first_xattr, report->first_attr);
	rd_text_make_printable(first);
	fprintf(stderr,
		"warning: %" PRIu64 " file(s) lose extended attributes, which a ramdisk cannot "
		"hold; the first is %s\n",
		report->xattrs_dropped, first);
}

static enum rd_status write_ramdisks(struct build *b, struct rd_error *err)
{
	const struct rd_ramdisk_process process = {.args = &b->image->args,
		.env = &b->env,
		.cwd = b->image->workdir,
		.uid = b->image->user.uid,
		.gid = b->image->user.gid,
		.groups = b->image->user.groups,
		.n_groups = b->image->user.n_groups};
	struct cli_progress progress;
	struct rd_cpio_sink sink = {into_writer, &progress};
	struct rd_ramdisk_report report = {0};

	if (complete_env(b) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	cli_progress_init(&progress, "Packing the image", b->writer);
	RD_TRY(rd_eif_writer_begin(b->writer, RD_EIF_RAMDISK, err));
	RD_TRY(rd_ramdisk_write_bootstrap(b->blobs.dir, sink, err));
	RD_TRY(rd_eif_writer_begin(b->writer, RD_EIF_RAMDISK, err));
	RD_TRY(rd_ramdisk_write_application(b->image->tree, &process, sink, &report, err));
	warn_of_xattrs(&report);
	return RD_OK;
}

/* A full disk or an unreadable blob is E19; what a ramdisk cannot hold is the image's fault. */
static enum rd_status write_sections(struct build *b, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(write_small_sections(b, err));
	st = write_ramdisks(b, err);
	b->code = st == RD_LIMIT || st == RD_BAD_PATH ? CLI_E48 : CLI_E19;
	return st;
}

static enum rd_status sign(struct build *b, struct rd_error *err)
{
	struct rd_buf section RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_SIGNATURE_MAX);

	b->code = CLI_E48;
	if (rd_eif_writer_pcrs(b->writer, &b->pcrs) != RD_OK) {
		return rd_fail(err, RD_INTERNAL, "measuring the image failed");
	}
	if (b->signer == NULL) {
		return RD_OK;
	}
	RD_TRY(cli_signer_sign(b->signer, b->pcrs.pcr0, &section, err));
	b->code = CLI_E19;
	return put_bytes(b, RD_EIF_SIGNATURE, rd_buf_view(&section), err);
}

static enum rd_status commit(struct build *b, struct rd_error *err)
{
	b->code = CLI_E19;
	return rd_eif_writer_commit(b->writer, err);
}

static enum rd_status show(struct build *b, struct rd_error *err)
{
	json_t *out RD_CLEANUP(cli_json_free) = json_object();
	json_t *measurements = NULL;

	b->code = CLI_E19;
	if (cli_json_measurements(b->pcrs.pcr0, b->pcrs.pcr1, b->pcrs.pcr2,
		    b->signer != NULL ? b->pcr8 : NULL, &measurements) != RD_OK ||
		cli_json_set(out, "Measurements", measurements) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	fprintf(stderr, "Enclave Image successfully created.\n");
	return cli_json_print(out, err);
}

static enum rd_status build(struct build *b, struct rd_error *err)
{
	static enum rd_status (*const steps[])(struct build *, struct rd_error *) = {
		read_inputs, open_image, write_sections, sign, commit, show};

	for (size_t i = 0; i < RD_ARRAY_LEN(steps); i++) {
		RD_TRY(steps[i](b, err));
	}
	return RD_OK;
}

static void finish(struct build *b)
{
	rd_eif_writer_close(&b->writer);
	rd_image_close(&b->image);
	cli_signer_free(&b->signer);
	json_decref(b->custom);
	cli_blobs_close(&b->blobs);
	for (size_t i = 0; i < b->env.n; i++) {
		free(b->env.v[i]);
	}
	free(b->env.v);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct build b RD_CLEANUP(finish) = {.blobs = {.kernel_fd = -1}};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &b.args);
	struct rd_error err = {0};

	if (parsed != CLI_PARSED) {
		return cli_parse_exit(parsed);
	}
	fprintf(stderr, "Start building the Enclave Image...\n");
	if (build(&b, &err) != RD_OK) {
		return cli_fail(b.code, &err);
	}
	cli_log(CLI_LOG_INFO, "built %s from %s", b.args.output_file, b.args.docker_uri);
	return 0;
}

const struct cli_command cli_build_enclave = {
	.name = "build-enclave",
	.about = CLI_BUILD_ENCLAVE_ABOUT,
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
