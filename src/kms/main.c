/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt-kms: the command line, and signals. */
#include "base/secret.h"
#include "kms/master.h"
#include "kms/own_call.h"
#include "kms/schema.h"
#include "kms/server.h"
#include "log/log.h"
#include "os/server.h"

#include <getopt.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* sysexits(3) has these numbers for "wrong command line" and "wrong configuration". */
#define EXIT_USAGE  64
#define EXIT_CONFIG 78
/* Another server has the same state directory. */
#define EXIT_RUNNING 3

/* Locked memory for secrets: the cache's, and what calls hold. The larger size is for as many keys
 * as the cache has entries; the smaller is enough for a few hundred. */
#define HEAP_MAX (64UL << 20)
#define HEAP_MIN (1UL << 20)

static const char help[] =
	"Usage: redoubt-kms [OPTIONS]\n\n"
	"A key management server that speaks the AWS KMS API. Stays in the foreground.\n\n"
	"Options:\n"
	"  --config FILE        Read FILE instead of kms.yaml in the configuration directory\n"
	"  --check-config       Read the configuration, print what it comes to, and exit\n"
	"  --make-master FILE   Make a master key in FILE, file:FILE or the token of a pkcs11: URI, and exit\n"
	"  --backup FILE        Copy the SQLite database to FILE, also while a server runs, and exit\n"
	"  --rotate-root        Make a new root key, also while servers run, and exit\n"
	"  --change-master NEW  Protect the root keys by the master NEW from now on, and exit\n"
	"  -h, --help           Print this\n"
	"  -V, --version        Print the version\n";

enum action { SERVE, CHECK_CONFIG, MAKE_MASTER, BACKUP, ROTATE_ROOT, CHANGE_MASTER };

struct arguments {
	const char *config_path;
	enum action action;
	const char *operand; /* of the action */
};

static int set_action(struct arguments *ret, enum action action)
{
	if (ret->action != SERVE) {
		fprintf(stderr, "redoubt-kms: only one thing at a time: see --help\n");
		return EXIT_USAGE;
	}
	ret->action = action;
	ret->operand = optarg;
	return -1;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char **argv, struct arguments *ret)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check-config", no_argument, NULL, CHECK_CONFIG},
		{"make-master", required_argument, NULL, MAKE_MASTER},
		{"backup", required_argument, NULL, BACKUP},
		{"rotate-root", no_argument, NULL, ROTATE_ROOT},
		{"change-master", required_argument, NULL, CHANGE_MASTER},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int option;
	int code = -1;

	while (code < 0 && (option = getopt_long(argc, argv, "hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			ret->config_path = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("redoubt-kms " RD_VERSION);
			return 0;
		case '?':
			return EXIT_USAGE;
		default:
			code = set_action(ret, (enum action)option);
			break;
		}
	}
	if (code < 0 && optind < argc) {
		fprintf(stderr, "redoubt-kms: unexpected argument \"%s\": see --help\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return code;
}

/* As large as the system allows. */
static enum rd_status open_heap(struct rd_error *err)
{
	struct rlimit limit;
	enum rd_status st = RD_LIMIT;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	for (size_t size = HEAP_MAX; size >= HEAP_MIN && st == RD_LIMIT; size /= 2) {
		st = rd_secret_heap_open(size, err);
	}
	return st;
}

/* --- actions --- */

/* A value of "master" in the configuration, or a bare path, from the working directory on. */
static enum rd_status master_text(const char *operand, char ret[RD_PATH_MAX], struct rd_error *err)
{
	struct rd_paths paths;
	char dir[RD_PATH_MAX];
	char *here = NULL;
	int n;

	if (strchr(operand, ':') != NULL && operand[0] != '/') {
		RD_TRY(rd_paths_init(&paths, err));
		RD_TRY(rd_paths_join(dir, paths.state, "kms", NULL));
		RD_TRY(rd_paths_make_dir(dir, 0700, err));
		return kms_config_master(dir, operand, ret, err);
	}
	here = operand[0] == '/' ? NULL : realpath(".", NULL);
	n = snprintf(ret, RD_PATH_MAX, "file:%s%s%s", here == NULL ? "" : here,
		here == NULL ? "" : "/", operand);
	free(here);
	RD_ENSURE(n > 0 && n < RD_PATH_MAX, rd_fail(err, RD_LIMIT, "the path is too long"));
	return RD_OK;
}

static enum rd_status make_master(const char *operand, struct rd_error *err)
{
	char text[RD_PATH_MAX];
	struct kms_master *master = NULL;
	enum rd_status st;

	RD_TRY(master_text(operand, text, err));
	RD_TRY(open_heap(err));
	RD_TRY(kms_master_new(text, &master, err));
	st = kms_master_make(master, err);
	kms_master_free(&master);
	RD_TRY(st);
	printf("made; in kms.yaml:\n  master: \"%s\"\n"
	       "Keep a copy elsewhere: without it, whatever the server holds is lost.\n",
		text);
	return RD_OK;
}

/* With a record for the audit log in its transaction, where a server finds it. */
static enum rd_status change_keyring(const struct arguments *args, struct kms *kms,
	struct kms_keyring *keyring, struct rd_db *db, struct rd_error *err)
{
	static const struct kms_op rotate = {.name = "RotateRootKey", .flags = KMS_OP_WRITES},
				   change = {.name = "ChangeMasterKey", .flags = KMS_OP_WRITES};
	bool rotates = args->action == ROTATE_ROOT;
	struct kms_own_call *own RD_CLEANUP(kms_own_call_free) = kms_own_call_new(
		kms, rotates ? &rotate : &change, (int64_t)time(NULL) * 1000);
	enum rd_status st;

	if (own == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	snprintf(own->call.user_agent, sizeof(own->call.user_agent), "redoubt-kms %s, user id %u",
		rotates ? "--rotate-root" : "--change-master", (unsigned)getuid());
	rd_db_before_commit(db, kms_own_call_leave, own);
	st = rotates ? kms_keyring_rotate(keyring, db, err)
		     : kms_keyring_change_master(keyring, db, args->operand, err);
	rd_db_before_commit(db, NULL, NULL);
	return st;
}

/* What the other actions work on. */
static enum rd_status with_keyring(
	const struct arguments *args, struct kms *kms, struct rd_error *err)
{
	const struct kms_config *config = &kms->config;
	struct rd_db *db = NULL;
	struct kms_keyring *keyring = NULL;
	enum rd_status st;

	RD_TRY(open_heap(err));
	RD_TRY(rd_db_open(config->database, &kms_schema, &db, err));
	st = kms_keyring_open(db, config->master, &keyring, err);
	if (st == RD_OK) {
		st = change_keyring(args, kms, keyring, db, err);
	}
	if (st == RD_OK && args->action == ROTATE_ROOT) {
		printf("root key %u is in use; servers wrap rows anew in the background\n",
			(unsigned)kms_keyring_generation(keyring));
	} else if (st == RD_OK) {
		printf("done; in kms.yaml, before the next start:\n  master: \"%s\"\n",
			args->operand);
	}
	kms_keyring_free(&keyring);
	rd_db_close(&db);
	return st;
}

static enum rd_status backup(
	const char *path, const struct kms_config *config, struct rd_error *err)
{
	struct rd_db *db = NULL;
	enum rd_status st;

	RD_TRY(rd_db_open(config->database, &kms_schema, &db, err));
	st = rd_db_backup(db, path, err);
	rd_db_close(&db);
	RD_TRY(st);
	printf("%s: keys made from now on are not in it; it opens only with the master key\n",
		path);
	return RD_OK;
}

/* --- serving --- */

/* What a reload needs. */
struct source {
	struct kms *kms;
	const struct rd_paths *paths;
	const char *path;
};

static void reload(void *arg)
{
	static struct kms_config config;
	const struct source *s = arg;
	struct rd_error err = {.text = "internal error"};
	enum rd_status st = kms_config_load(s->paths, s->path, &config, &err);

	if (st == RD_OK) {
		st = kms_server_reload(s->kms, &config, s->paths, &err);
	}
	if (st == RD_OK) {
		rd_log(RD_LOG_INFO, "certificate, roots and limits are reloaded");
	} else {
		rd_log(RD_LOG_ERROR, "not reloaded: %s", err.text);
	}
}

static int serve(struct kms *kms, const struct rd_paths *paths, const char *path)
{
	struct source source = {.kms = kms, .paths = paths, .path = path};
	struct rd_error err = {.text = "internal error"};
	sigset_t signals;
	enum rd_status st;

	rd_server_hold_signals(&signals);
	kms->lock_fd = -1;
	rd_log_set_level(getenv("RUST_LOG"), RD_LOG_INFO);
	st = open_heap(&err);
	if (st == RD_OK) {
		st = kms_server_start(kms, paths, &err);
	}
	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s", err.text);
		kms_server_stop(kms);
		return st == RD_EXISTS ? EXIT_RUNNING : EXIT_FAILURE;
	}
	rd_server_wait(&signals, reload, &source);
	rd_log(RD_LOG_INFO, "stopping");
	kms_server_stop(kms);
	return EXIT_SUCCESS;
}

static enum rd_status act(const struct arguments *args, struct kms *kms, struct rd_error *err)
{
	const struct kms_config *config = &kms->config;

	switch (args->action) {
	case CHECK_CONFIG:
		kms_config_print(config, stdout);
		return RD_OK;
	case BACKUP:
		return backup(args->operand, config, err);
	case ROTATE_ROOT:
	case CHANGE_MASTER:
		return with_keyring(args, kms, err);
	case SERVE:
	case MAKE_MASTER:
		break;
	}
	return RD_INTERNAL;
}

int main(int argc, char **argv)
{
	static struct kms kms;
	struct arguments args = {0};
	struct rd_error err = {.text = "internal error"};
	struct rd_paths paths;
	int code = parse(argc, argv, &args);
	enum rd_status st;

	if (code >= 0) {
		return code;
	}
	/* A reader that goes away and a file-size limit are write errors, reported as such. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(077);
	/* Requests and answers hold plaintexts, and jansson does not know. */
	json_set_alloc_funcs(malloc, rd_wipe_and_free);
	if (args.action == MAKE_MASTER) {
		st = make_master(args.operand, &err);
	} else {
		st = rd_paths_init(&paths, &err);
		if (st == RD_OK) {
			st = kms_config_load(&paths, args.config_path, &kms.config, &err);
			code = st == RD_OK ? -1 : EXIT_CONFIG;
		}
		if (st == RD_OK && args.action == SERVE) {
			return serve(&kms, &paths, args.config_path);
		}
		st = st == RD_OK ? act(&args, &kms, &err) : st;
	}
	if (st != RD_OK) {
		fprintf(stderr, "redoubt-kms: %s\n", err.text);
		return code > 0 ? code : EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
