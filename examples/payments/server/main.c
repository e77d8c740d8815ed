/* SPDX-License-Identifier: Apache-2.0 */
/* payments-server: the command line, and signals. */
#include "base/secret.h"
#include "log/log.h"
#include "os/server.h"
#include "server/admin.h"
#include "server/enclave.h"
#include "server/export.h"
#include "server/http.h"
#include "server/server.h"

#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* sysexits(3) has these numbers for "wrong command line" and "wrong configuration". */
#define EXIT_USAGE  64
#define EXIT_CONFIG 78
/* Another server has the same folder. */
#define EXIT_RUNNING 3

static const char help[] =
	"Usage: payments-server --config FILE [OPTIONS]\n\n"
	"Serves the card payments example's HTTP API. Stays in the foreground; on SIGHUP it reads\n"
	"its list of enclaves and its certificate again.\n\n"
	"Options:\n"
	"  --config FILE         The configuration\n"
	"  --check-config        Read it, print what it comes to, and exit\n"
	"  --add-merchant NAME   Add a merchant, print its id, and exit\n"
	"  --add-key ROLE        Add an API key for a merchant, viewer, operator or custodian,\n"
	"                        print it, and exit; with\n"
	"      --name NAME       who uses it\n"
	"      --merchant ID     whose it is\n"
	"  --export-log DIR      Write the audit log as a folder that \"redoubt audit verify\"\n"
	"                        takes, and exit\n"
	"  -h, --help            Print this\n"
	"  -V, --version         Print the version\n";

struct arguments {
	const char *config, *merchant_name, *role, *name, *merchant, *export;
	bool check;
};

static bool set(struct arguments *args, int option)
{
	const struct {
		int option;
		const char **value;
	} values[] = {{'c', &args->config}, {'m', &args->merchant_name}, {'r', &args->role},
		{'n', &args->name}, {'i', &args->merchant}, {'e', &args->export}};

	for (size_t i = 0; i < RD_ARRAY_LEN(values); i++) {
		if (values[i].option == option) {
			*values[i].value = optarg;
			return true;
		}
	}
	args->check = args->check || option == 'k';
	return option == 'k';
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, 'k'},
		{"add-merchant", required_argument, NULL, 'm'},
		{"add-key", required_argument, NULL, 'r'}, {"name", required_argument, NULL, 'n'},
		{"merchant", required_argument, NULL, 'i'},
		{"export-log", required_argument, NULL, 'e'}, {"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option == 'V') {
			puts("payments-server " RD_VERSION);
			return 0;
		}
		if (!set(ret, option)) {
			return EXIT_USAGE;
		}
	}
	if (optind < argc || ret->config == NULL) {
		fprintf(stderr, "payments-server: %s: see --help\n",
			optind < argc ? "an unexpected argument" : "--config FILE is wanted");
		return EXIT_USAGE;
	}
	return -1;
}

/* What a reload needs. */
struct source {
	struct ps *ps;
	const char *path;
};

static void reload(void *arg)
{
	const struct source *s = arg;
	struct rd_error err = {.text = "internal error"};
	struct ps_config config;

	if (ps_config_load(s->path, &config, &err) != RD_OK ||
		ps_http_reload(s->ps, &err) != RD_OK) {
		rd_log(RD_LOG_ERROR, "not reloaded: %s", err.text);
		return;
	}
	ps_enclave_places(s->ps->enclave, config.enclaves, config.n_enclaves);
	rd_log(RD_LOG_INFO, "the certificate and the list of enclaves are reloaded");
}

static int serve(struct ps *ps, const char *path)
{
	struct source source = {.ps = ps, .path = path};
	struct rd_error err = {.text = "internal error"};
	sigset_t signals;
	enum rd_status st;

	rd_server_hold_signals(&signals);
	rd_log_set_level(getenv("RUST_LOG"), RD_LOG_INFO);
	st = ps_server_start(ps, &err);
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s", err.text);
		ps_server_stop(ps);
		return st == RD_EXISTS ? EXIT_RUNNING : EXIT_FAILURE;
	}
	rd_server_wait(&signals, reload, &source);
	rd_log(RD_LOG_INFO, "stopping");
	ps_server_stop(ps);
	return EXIT_SUCCESS;
}

static int administer(const struct ps_config *config, const struct arguments *args)
{
	struct rd_error err = {.text = "internal error"};
	enum rd_status st;

	if (args->merchant_name != NULL) {
		st = ps_admin_add_merchant(config, args->merchant_name, stdout, &err);
	} else if (args->role != NULL) {
		st = ps_admin_add_key(config, args->role, args->name == NULL ? "" : args->name,
			args->merchant, stdout, &err);
	} else {
		st = ps_export_log(config, args->export, stdout, &err);
	}
	if (st != RD_OK) {
		fprintf(stderr, "payments-server: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static struct ps ps = {.lock_fd = -1, .pages_fd = -1};
	struct arguments args = {0};
	struct rd_error err = {.text = "internal error"};
	int code = parse(argc, argv, &args);

	if (code >= 0) {
		return code;
	}
	/* A reader that goes away and a file-size limit are write errors, reported as such. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	/* Requests hold API keys and sealed cards, and jansson does not know. */
	json_set_alloc_funcs(malloc, rd_wipe_and_free);
	if (ps_config_load(args.config, &ps.config, &err) != RD_OK) {
		fprintf(stderr, "payments-server: %s\n", err.text);
		return EXIT_CONFIG;
	}
	if (args.check) {
		ps_config_print(&ps.config, stdout);
		return EXIT_SUCCESS;
	}
	if (args.merchant_name != NULL || args.role != NULL || args.export != NULL) {
		return administer(&ps.config, &args);
	}
	return serve(&ps, args.config);
}
