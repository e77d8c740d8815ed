/* SPDX-License-Identifier: Apache-2.0 */
/* redoubtd: the command line. */
#include "crypto/secret.h"
#include "log/log.h"
#include "redoubtd/daemon.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* sysexits(3) has these numbers for "wrong command line" and "wrong configuration". */
#define EXIT_USAGE  64
#define EXIT_CONFIG 78
/* Another daemon runs: whoever wanted one can use that. */
#define EXIT_RUNNING 3

static const char help[] =
	"Usage: redoubtd [OPTIONS]\n\n"
	"Starts, watches and ends enclaves for nitro-cli. Stays in the foreground.\n\n"
	"Options:\n"
	"  --config FILE   Read FILE instead of redoubtd.yaml in the configuration directory\n"
	"  --check-config  Read the configuration, print what it comes to, and exit\n"
	"  --no-cgroup     Do not put enclaves into control groups of their own\n"
	"  -h, --help      Print this\n"
	"  -V, --version   Print the version\n";

struct arguments {
	struct rd_daemon_options options;
	bool check_config;
};

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'},
		{"no-cgroup", no_argument, NULL, 'g'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;

	ret->options.use_cgroups = true;
	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ret->options.config_path = optarg;
			break;
		case 'k':
			ret->check_config = true;
			break;
		case 'g':
			ret->options.use_cgroups = false;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("redoubtd " RD_VERSION);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "redoubtd: unexpected argument \"%s\": see --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static enum rd_status check_config(const struct rd_daemon_options *options, struct rd_error *err)
{
	static struct rd_config config;
	struct rd_config_host host;
	struct rd_paths paths;
	char path[RD_PATH_MAX];
	const char *file = options->config_path;

	RD_TRY(rd_config_host(&host, err));
	if (file == NULL) {
		RD_TRY(rd_paths_init(&paths, err));
		RD_TRY(rd_paths_join(path, paths.config, "redoubtd.yaml", NULL));
		file = path;
	}
	RD_TRY(rd_config_load(&host, file, options->config_path != NULL, &config, err));
	printf("%s: %llu MiB, %zu CPU slots, region %s\n", file,
		(unsigned long long)config.memory_mib, config.cpu_slot_count, config.region);
	return RD_OK;
}

/* Before there is a key. The few of the PKI need the smallest heap. */
static void open_heap(void)
{
	struct rd_error err = {0};

	if (rd_secret_heap_open(RD_SECRET_HEAP_MIN, &err) != RD_OK) {
		rd_log(RD_LOG_WARNING, "the PKI's keys are in ordinary memory: %s", err.text);
	}
}

int main(int argc, char **argv)
{
	static struct rd_daemon daemon;
	struct arguments args = {0};
	struct rd_error err = {.text = "internal error"};
	int code = parse(argc, argv, &args);
	enum rd_status st;

	if (code >= 0) {
		return code;
	}
	/* A reader that goes away and a file-size limit are write errors, reported as such. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(022);
	rd_log_set_level(getenv("RUST_LOG"), RD_LOG_INFO);
	if (args.check_config) {
		st = check_config(&args.options, &err);
		if (st != RD_OK) {
			fprintf(stderr, "redoubtd: %s\n", err.text);
		}
		return st == RD_OK ? 0 : EXIT_CONFIG;
	}
	open_heap();
	st = rd_daemon_open(&daemon, &args.options, &err);
	if (st != RD_OK) {
		rd_log(st == RD_EXISTS ? RD_LOG_INFO : RD_LOG_ERROR, "%s", err.text);
		rd_daemon_close(&daemon);
		return st == RD_EXISTS ? EXIT_RUNNING : EXIT_FAILURE;
	}
	st = rd_daemon_run(&daemon);
	rd_log(RD_LOG_INFO, "stopping; enclaves go on");
	rd_daemon_close(&daemon);
	return st == RD_OK ? 0 : EXIT_FAILURE;
}
