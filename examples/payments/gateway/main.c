/* SPDX-License-Identifier: Apache-2.0 */
/* payments-gateway: the command line, and signals. */
#include "gateway/isolate.h"
#include "gateway/report.h"
#include "gateway/server.h"
#include "http/tls_files.h"
#include "os/fd.h"
#include "os/paths.h"
#include "os/server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* sysexits(3) has this number for "wrong command line". */
#define EXIT_USAGE     64
#define LISTEN_DEFAULT "127.0.0.1:8583"

static const char help[] =
	"Usage: payments-gateway --state DIR --cert FILE --key FILE [OPTIONS]\n"
	"       payments-gateway --report DIR\n\n"
	"An acquirer's gateway for tests and demonstrations: ISO 8583 over TLS 1.3, with\n"
	"books of its own, scripted answers, and the witness of an audit log's tree heads.\n"
	"Stays in the foreground.\n\n"
	"  --listen HOST:PORT  Where to listen; " LISTEN_DEFAULT " unless told. With port 0 the\n"
	"                      kernel chooses. The first line on stdout says where it is\n"
	"  --state DIR         Books, key and witness.log; made if it is not there\n"
	"  --cert FILE         The server's certificate, then intermediates, in PEM form\n"
	"  --key FILE          Its key. `redoubt pki tls' makes both\n"
	"  --script FILE       What to answer; see below\n"
	"  --witness-key FILE  Witness the log of this P-256 public key (PEM) and no other;\n"
	"                      otherwise any log, with the key that its first head brings\n"
	"  --check-config      Read certificate, keys and script, and exit\n"
	"  --report DIR        Print the books of a state directory as JSON, also while a\n"
	"                      gateway runs: sums of each card, state of each RRN, heads\n"
	"  -h, --help          Print this\n"
	"  -V, --version       Print the version\n\n"
	"SIGHUP reads certificate, key and script again.\n\n"
	"Answers. The first copy of a request is dealt with as the script's first fitting\n"
	"line says, otherwise by the last two digits of the amount (not reversals); a\n"
	"repeated one gets the first answer. All but lost and drop are recorded first.\n\n"
	"  ..05 ..14 ..51 ..54 ..91 ..96   declined with this code\n"
	"  ..80 no answer                  ..81 answered after 3 s\n"
	"  ..82 answered twice             ..83 connection closed instead\n"
	"  ..84 answer with a wrong RRN    ..85 garbage instead\n"
	"  others: approved\n\n"
	"Script: a line is MTI SELECTOR ACTION; # begins a comment.\n"
	"  MTI       0100, 0200, 0400, 0800 or any\n"
	"  SELECTOR  any, amount=N, ends=NN, last4=NNNN, rrn=TEXT, nth=N (every Nth)\n"
	"  ACTION    approve, decline=CC, no-answer, late=MS, twice, close, wrong-rrn,\n"
	"            garbage; nothing recorded either: lost, drop (closes)\n\n"
	"Exit status: 0, 1 for a failure, 64 for a wrong command line.\n";

struct arguments {
	const char *listen, *state, *cert, *key, *script, *witness_key, *report;
	bool check;
};

struct gateway {
	const struct arguments *args;
	struct rd_loop *loop;
	struct rd_watch *signals[3];
	struct rd_tls_server *tls;
	struct gw_books books;
	struct gw_server *server;
	int state_fd, lock_fd;
};

/* -1: go on; otherwise the exit code. */
static int parse_one(int option, struct arguments *ret)
{
	switch (option) {
	case 'l':
		ret->listen = optarg;
		return -1;
	case 's':
		ret->state = optarg;
		return -1;
	case 'c':
		ret->cert = optarg;
		return -1;
	case 'k':
		ret->key = optarg;
		return -1;
	case 'p':
		ret->script = optarg;
		return -1;
	case 'w':
		ret->witness_key = optarg;
		return -1;
	case 'r':
		ret->report = optarg;
		return -1;
	case 'C':
		ret->check = true;
		return -1;
	case 'h':
		fputs(help, stdout);
		return EXIT_SUCCESS;
	case 'V':
		puts("payments-gateway " RD_VERSION);
		return EXIT_SUCCESS;
	default:
		return EXIT_USAGE;
	}
}

static int check_arguments(int argc, char **argv, const struct arguments *args)
{
	const char *missing = args->state == NULL  ? "--state"
			      : args->cert == NULL ? "--cert"
			      : args->key == NULL  ? "--key"
						   : NULL;

	if (optind < argc) {
		fprintf(stderr, "payments-gateway: unexpected argument \"%s\": see --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (args->report == NULL && missing != NULL) {
		fprintf(stderr, "payments-gateway: %s is wanted: see --help\n", missing);
		return EXIT_USAGE;
	}
	return -1;
}

static int parse(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"state", required_argument, NULL, 's'},
		{"cert", required_argument, NULL, 'c'},
		{"key", required_argument, NULL, 'k'},
		{"script", required_argument, NULL, 'p'},
		{"witness-key", required_argument, NULL, 'w'},
		{"report", required_argument, NULL, 'r'},
		{"check-config", no_argument, NULL, 'C'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option, code = -1;

	while (code < 0 && (option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		code = parse_one(option, ret);
	}
	return code >= 0 ? code : check_arguments(argc, argv, ret);
}

/* --- the report --- */

static enum rd_status report(const char *state, struct rd_error *err)
{
	struct rd_db *db = NULL;
	struct stat sb;
	enum rd_status st;

	if (stat(state, &sb) != 0) {
		return rd_fail_errno(err, errno, "cannot look at %s", state);
	}
	RD_TRY(gw_ledger_open(state, &db, err));
	st = gw_report_print(db, stdout, err);
	rd_db_close(&db);
	return st;
}

/* --- serving --- */

static void on_end(void *arg)
{
	rd_loop_stop(((struct gateway *)arg)->loop);
}

static void on_hangup(void *arg)
{
	struct gateway *g = arg;
	struct rd_error err = {.text = "internal error"};
	static struct gw_script script; /* large for a stack */
	enum rd_status st = gw_script_read(g->args->script, &script, &err);

	st = st == RD_OK ? rd_http_tls_load(g->args->cert, g->args->key, &g->tls, &err) : st;
	if (st != RD_OK) {
		fprintf(stderr, "payments-gateway: nothing is read again: %s\n", err.text);
		return;
	}
	g->books.script = script;
	fprintf(stderr, "payments-gateway: certificate, key and script are read again\n");
}

static enum rd_status watch_signals(struct gateway *g)
{
	RD_TRY(rd_loop_signal(g->loop, SIGTERM, on_end, g, &g->signals[0]));
	RD_TRY(rd_loop_signal(g->loop, SIGINT, on_end, g, &g->signals[1]));
	return rd_loop_signal(g->loop, SIGHUP, on_hangup, g, &g->signals[2]);
}

static enum rd_status load_config(struct gateway *g, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(gw_script_read(g->args->script, &g->books.script, err));
	RD_TRY(rd_http_tls_load(g->args->cert, g->args->key, &g->tls, err));
	st = rd_tls_server_require_13(g->tls);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "TLS 1.3 is not to be had");
}

/* Two gateways with the same books would each have a first answer. */
static enum rd_status lock_state(struct gateway *g, struct rd_error *err)
{
	const char *state = g->args->state;
	enum rd_status st;

	RD_TRY(rd_paths_make_dir(state, 0700, err));
	g->state_fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->state_fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", state);
	}
	st = rd_server_lock(g->state_fd, "lock", &g->lock_fd, err);
	if (st == RD_EXISTS) {
		return rd_fail(err, st, "another gateway runs with %s", state);
	}
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", state);
}

static enum rd_status open_books(struct gateway *g, struct rd_error *err)
{
	struct gw_books *books = &g->books;

	RD_TRY(lock_state(g, err));
	RD_TRY(gw_secrets_open(g->state_fd, &books->ledger.secrets, err));
	RD_TRY(gw_ledger_open(g->args->state, &books->ledger.db, err));
	return gw_witness_open(
		books->ledger.db, g->state_fd, g->args->witness_key, &books->witness, err);
}

static enum rd_status serve(struct gateway *g, struct rd_error *err)
{
	uint16_t port = 0;
	enum rd_status st;

	RD_TRY(open_books(g, err));
	st = rd_loop_new(&g->loop);
	st = st == RD_OK ? watch_signals(g) : st;
	RD_ENSURE(st == RD_OK, rd_fail(err, st, "no event loop: %s", rd_status_text(st)));
	RD_TRY(gw_server_new(g->loop, g->args->listen, g->tls, &g->books, &g->server, &port, err));
	RD_TRY(gw_isolate(err));
	printf("listening on port %u\n", port);
	(void)fflush(stdout);
	st = rd_loop_run(g->loop);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "the event loop failed");
}

static void finish(struct gateway *g)
{
	gw_server_free(&g->server);
	for (size_t i = 0; i < RD_ARRAY_LEN(g->signals); i++) {
		rd_watch_free(&g->signals[i]);
	}
	rd_loop_free(&g->loop);
	gw_witness_close(&g->books.witness);
	rd_db_close(&g->books.ledger.db);
	rd_tls_server_free(&g->tls);
	rd_fd_close(&g->lock_fd);
	rd_fd_close(&g->state_fd);
}

static enum rd_status run(const struct arguments *args, struct rd_error *err)
{
	static struct gateway g;
	enum rd_status st;

	g.args = args;
	g.state_fd = g.lock_fd = g.books.witness.log_fd = -1;
	st = load_config(&g, err);
	if (st == RD_OK && !args->check) {
		st = serve(&g, err);
	} else if (st == RD_OK && args->witness_key != NULL) {
		st = gw_witness_check_key(args->witness_key, err);
	}
	finish(&g);
	return st;
}

int main(int argc, char **argv)
{
	struct arguments args = {.listen = LISTEN_DEFAULT};
	struct rd_error err = {.text = "internal error"};
	/* A reader that goes away and a file-size limit are write errors, reported as such. */
	struct sigaction ignore_signal = {.sa_handler = SIG_IGN};
	int code = parse(argc, argv, &args);
	enum rd_status st;

	if (code >= 0) {
		return code;
	}
	(void)sigaction(SIGPIPE, &ignore_signal, NULL);
	(void)sigaction(SIGXFSZ, &ignore_signal, NULL);
	(void)umask(077);
	st = args.report != NULL ? report(args.report, &err) : run(&args, &err);
	if (st != RD_OK) {
		fprintf(stderr, "payments-gateway: %s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
