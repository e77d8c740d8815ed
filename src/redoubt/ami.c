/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt ami: its command line, and starting the script that makes an image. */
#include "redoubt/ami.h"

#include "base/text.h"
#include "os/paths.h"
#include "os/spawn.h"
#include "redoubt/redoubt.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	OPT_OUTPUT = 1,
	OPT_FORMAT,
	OPT_SUITE,
	OPT_PACKAGE,
	OPT_SIZE,
	OPT_ENDPOINT_URL,
	OPT_NAME,
	OPT_IMAGE_ID,
	OPT_HELP
};

static const struct option build_options[] = {
	{"output", required_argument, NULL, OPT_OUTPUT},
	{"format", required_argument, NULL, OPT_FORMAT},
	{"suite", required_argument, NULL, OPT_SUITE},
	{"package", required_argument, NULL, OPT_PACKAGE},
	{"size", required_argument, NULL, OPT_SIZE},
	{"endpoint-url", required_argument, NULL, OPT_ENDPOINT_URL},
	{"name", required_argument, NULL, OPT_NAME},
	{"image-id", required_argument, NULL, OPT_IMAGE_ID},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const struct option register_options[] = {
	{"endpoint-url", required_argument, NULL, OPT_ENDPOINT_URL},
	{"name", required_argument, NULL, OPT_NAME},
	{"image-id", required_argument, NULL, OPT_IMAGE_ID},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	puts("usage: redoubt ami build [--output FILE] [--format raw|qcow2] [--size GIB]\n"
	     "                         [--suite SUITE] [--package DEB]\n"
	     "                         [--endpoint-url URL [--name NAME | --image-id ID]]\n"
	     "       redoubt ami register --endpoint-url URL [--name NAME | --image-id ID] FILE\n"
	     "\n"
	     "build makes the disk image of a parent instance: Debian, ssh, Docker, nitro-cli. The\n"
	     "same packages give the same bytes. register makes an image known to the EC2 API, so\n"
	     "that run-instances can name it; build does so itself if it is told an endpoint.\n"
	     "\n"
	     "  --output FILE        where to; redoubt-parent.qcow2 unless told\n"
	     "  --format FORMAT      raw or qcow2; unless told, raw if FILE ends in .raw or .img\n"
	     "  --size GIB           the disk's size, 2 to 1024; 8 unless told\n"
	     "  --suite SUITE        Debian's release, by its code name; the host's unless told\n"
	     "  --package DEB        redoubt-parent's package, if not the installed one\n"
	     "  --endpoint-url URL   the EC2 API; who calls it is in AWS_ACCESS_KEY_ID and so on\n"
	     "  --name NAME          the image's name there; redoubt-parent unless told\n"
	     "  --image-id ID        the id that it shall have, and its name: ami-12345678\n"
	     "  --help               this text");
}

static enum rd_status set_size(struct ami_args *a, struct rd_error *err)
{
	return rd_parse_u64(optarg, AMI_SIZE_MIN_GIB, AMI_SIZE_MAX_GIB, &a->size_gib) == RD_OK
		       ? RD_OK
		       : rd_fail(err, RD_USAGE, "--size %s is not a number from %d to %d", optarg,
				 AMI_SIZE_MIN_GIB, AMI_SIZE_MAX_GIB);
}

static enum rd_status set_option(int opt, struct ami_args *a, struct rd_error *err)
{
	switch (opt) {
	case OPT_OUTPUT:
		a->file = optarg;
		return RD_OK;
	case OPT_FORMAT:
		a->format = optarg;
		return RD_OK;
	case OPT_SUITE:
		a->suite = optarg;
		return RD_OK;
	case OPT_PACKAGE:
		a->package = optarg;
		return RD_OK;
	case OPT_SIZE:
		return set_size(a, err);
	case OPT_ENDPOINT_URL:
		a->endpoint_url = optarg;
		return RD_OK;
	case OPT_NAME:
		a->name = optarg;
		return RD_OK;
	case OPT_IMAGE_ID:
		a->image_id = optarg;
		return RD_OK;
	case OPT_HELP:
		a->help = true;
		return RD_OK;
	default:
		return rd_fail(err, RD_USAGE,
			"unknown option, or one without its value; see `redoubt ami --help`");
	}
}

static bool ends_in(const char *text, const char *suffix)
{
	size_t len = strlen(text), n = strlen(suffix);

	return len >= n && strcmp(text + len - n, suffix) == 0;
}

/* "ami-" and 8 or 17 hex digits, as EC2 has them. */
static bool is_image_id(const char *text)
{
	size_t digits = strlen(text) - 4;

	return strncmp(text, "ami-", 4) == 0 && (digits == 8 || digits == 17) &&
	       strspn(text + 4, "0123456789abcdef") == digits;
}

/* The service takes a name of an id's form as the id, too. */
static enum rd_status check_image_id(struct ami_args *a, struct rd_error *err)
{
	if (strlen(a->image_id) < 4 || !is_image_id(a->image_id)) {
		return rd_fail(err, RD_USAGE,
			"--image-id %.32s is not \"ami-\" and 8 or 17 digits of 0-9a-f",
			a->image_id);
	}
	if (a->name != NULL) {
		return rd_fail(
			err, RD_USAGE, "--image-id is the image's name, too: leave out --name");
	}
	a->name = a->image_id;
	return RD_OK;
}

static enum rd_status check_build(struct ami_args *a, struct rd_error *err)
{
	if (a->format == NULL) {
		a->format = ends_in(a->file, ".raw") || ends_in(a->file, ".img") ? "raw" : "qcow2";
	}
	if (strcmp(a->format, "raw") != 0 && strcmp(a->format, "qcow2") != 0) {
		return rd_fail(err, RD_USAGE, "--format %.32s is neither raw nor qcow2", a->format);
	}
	/* It becomes a word of sources.list. */
	if (a->suite != NULL &&
		(a->suite[0] == '\0' ||
			strspn(a->suite, "abcdefghijklmnopqrstuvwxyz") != strlen(a->suite))) {
		return rd_fail(err, RD_USAGE,
			"--suite %.32s is no code name of a Debian release, as bookworm is",
			a->suite);
	}
	return RD_OK;
}

static enum rd_status check(struct ami_args *a, struct rd_error *err)
{
	if (a->build) {
		RD_TRY(check_build(a, err));
	}
	if (!a->build && a->endpoint_url == NULL) {
		return rd_fail(err, RD_USAGE, "register wants --endpoint-url");
	}
	if (a->image_id != NULL) {
		return check_image_id(a, err);
	}
	a->name = a->name != NULL ? a->name : "redoubt-parent";
	if (strlen(a->name) < AMI_NAME_MIN || strlen(a->name) > AMI_NAME_MAX) {
		return rd_fail(err, RD_USAGE, "--name must have %d to %d characters", AMI_NAME_MIN,
			AMI_NAME_MAX);
	}
	return RD_OK;
}

static enum rd_status parse(int argc, char **argv, struct ami_args *a, struct rd_error *err)
{
	int opt;

	a->help = argc > 1 && strcmp(argv[1], "--help") == 0;
	if (a->help) {
		return RD_OK;
	}
	a->build = argc > 1 && strcmp(argv[1], "build") == 0;
	if (!a->build && (argc < 2 || strcmp(argv[1], "register") != 0)) {
		return rd_fail(err, RD_USAGE, "wants build or register; see `redoubt ami --help`");
	}
	opterr = 0;
	optind = 1;
	while ((opt = getopt_long(argc - 1, argv + 1, "",
			a->build ? build_options : register_options, NULL)) != -1) {
		RD_TRY(set_option(opt, a, err));
	}
	if (a->help) {
		return RD_OK;
	}
	if (optind != argc - (a->build ? 1 : 2)) {
		return rd_fail(err, RD_USAGE, "%s",
			a->build ? "build takes no arguments besides options"
				 : "register wants exactly one image file");
	}
	if (!a->build) {
		a->file = argv[1 + optind];
	}
	return check(a, err);
}

/* The script says what it does and what failed; so we have nothing to add. */
static enum rd_status run_script(const struct ami_args *a, struct rd_error *err)
{
	char script[RD_PATH_MAX], share[RD_PATH_MAX], package[RD_PATH_MAX], size[24];
	struct rd_child child = RD_CHILD_INIT;
	struct rd_exit how = {0};
	const struct rd_spawn_fd fds[] = {{STDIN_FILENO, STDIN_FILENO},
		{STDOUT_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};

	RD_TRY(rd_paths_libexec("redoubt-ami-build", script, err));
	RD_TRY(rd_paths_share("ami", share, err));
	RD_TRY(rd_paths_join(package, share, "redoubt-parent.deb", NULL));
	snprintf(size, sizeof(size), "%llu", (unsigned long long)a->size_gib);
	{
		const char *const argv[] = {script, "--share", share, "--output", a->file,
			"--format", a->format, "--size", size, "--package",
			a->package != NULL ? a->package : package,
			a->suite != NULL ? "--suite" : NULL, a->suite, NULL};
		const struct rd_spawn spawn = {.path = script,
			.argv = argv,
			.envp = (const char *const *)environ,
			.fds = fds,
			.fd_count = RD_ARRAY_LEN(fds),
			.death_signal = SIGTERM};

		RD_TRY(rd_spawn(&spawn, &child, err));
	}
	RD_TRY(rd_child_reap(&child, true, &how));
	return how.signalled || how.code != 0 ? rd_fail(err, RD_IO, "no image was made") : RD_OK;
}

static enum rd_status run(const struct ami_args *a, struct rd_error *err)
{
	if (a->build) {
		RD_TRY(run_script(a, err));
	}
	return a->endpoint_url != NULL ? ami_register(a, err) : RD_OK;
}

int rd_redoubt_ami(int argc, char **argv)
{
	struct ami_args args = {.file = "redoubt-parent.qcow2", .size_gib = AMI_SIZE_GIB};
	struct rd_error err;

	if (parse(argc, argv, &args, &err) != RD_OK) {
		fprintf(stderr, "redoubt ami: %s\n", err.text);
		return RD_EXIT_USAGE;
	}
	if (args.help) {
		print_help();
		return RD_EXIT_OK;
	}
	if (run(&args, &err) != RD_OK) {
		fprintf(stderr, "redoubt ami: %s\n", err.text);
		return RD_EXIT_FAILURE;
	}
	return RD_EXIT_OK;
}
