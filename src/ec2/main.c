/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt-ec2: the command line, and signals. */
#include "base/secret.h"
#include "crypto/secret.h"
#include "ec2/http.h"
#include "ec2/server.h"
#include "log/log.h"
#include "os/server.h"

#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* sysexits(3) has these numbers for "wrong command line" and "wrong configuration". */
#define EXIT_USAGE  64
#define EXIT_CONFIG 78
/* Another server has the same state directory. */
#define EXIT_RUNNING 3

/* Locked memory: private keys of key pairs while they are made, one for each worker. */
#define HEAP_MAX (1UL << 20)

static const char help[] =
	"Usage: redoubt-ec2 [OPTIONS]\n\n"
	"Serves the AWS EC2 API for instances of this host. Stays in the foreground.\n\n"
	"Options:\n"
	"  --config FILE   Read FILE instead of ec2.yaml in the configuration directory\n"
	"  --check-config  Read the configuration, print what it comes to, and exit\n"
	"  -h, --help      Print this\n"
	"  -V, --version   Print the version\n";

struct arguments {
	const char *config_path;
	bool check;
};

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ret->config_path = optarg;
			break;
		case 'k':
			ret->check = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("redoubt-ec2 " RD_VERSION);
			return 0;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "redoubt-ec2: unexpected argument \"%s\": see --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static enum rd_status open_heap(struct rd_error *err)
{
	enum rd_status st = RD_LIMIT;

	for (size_t size = HEAP_MAX; size >= RD_SECRET_HEAP_MIN && st == RD_LIMIT; size /= 2) {
		st = rd_secret_heap_open(size, err);
	}
	return st;
}

static void reload(void *arg)
{
	struct ec2 *ec2 = arg;
	struct rd_error err = {.text = "internal error"};

	if (ec2_http_reload(ec2, &err) == RD_OK) {
		rd_log(RD_LOG_INFO, "the certificate is reloaded");
	} else {
		rd_log(RD_LOG_ERROR, "not reloaded: %s", err.text);
	}
}

static int serve(struct ec2 *ec2)
{
	struct rd_error err = {.text = "internal error"};
	sigset_t signals;
	enum rd_status st;

	rd_server_hold_signals(&signals);
	ec2->lock_fd = -1;
	rd_log_set_level(getenv("RUST_LOG"), RD_LOG_INFO);
	st = open_heap(&err);
	if (st == RD_OK) {
		st = ec2_server_start(ec2, &err);
	}
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s", err.text);
		ec2_server_stop(ec2);
		return st == RD_EXISTS ? EXIT_RUNNING : EXIT_FAILURE;
	}
	rd_server_wait(&signals, reload, ec2);
	rd_log(RD_LOG_INFO, "stopping");
	ec2_server_stop(ec2);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct ec2 ec2;
	struct arguments args = {0};
	struct rd_error err = {.text = "internal error"};
	struct rd_paths paths;
	int code = parse(argc, argv, &args);

	if (code >= 0) {
		return code;
	}
	/* A reader that goes away and a file-size limit are write errors, reported as such. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	/* Answers hold private keys, questions to the service door signatures; jansson does not
	 * know. */
	json_set_alloc_funcs(malloc, rd_wipe_and_free);
	if (rd_paths_init(&paths, &err) != RD_OK) {
		fprintf(stderr, "redoubt-ec2: %s\n", err.text);
		return EXIT_FAILURE;
	}
	if (ec2_config_load(&paths, args.config_path, &ec2.config, &err) != RD_OK) {
		fprintf(stderr, "redoubt-ec2: %s\n", err.text);
		return EXIT_CONFIG;
	}
	if (args.check) {
		ec2_config_print(&ec2.config, stdout);
		return EXIT_SUCCESS;
	}
	return serve(&ec2);
}
