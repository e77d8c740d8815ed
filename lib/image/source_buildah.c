/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a Dockerfile without a daemon: buildah, with a storage of its own in a private directory
 * that is gone afterwards, so that nothing of the host's containers is touched and two builds do
 * not meet. The result is pushed to an OCI layout and read like any other.
 *
 * The build's own times (of the image and of the files that it makes) are set to
 * $SOURCE_DATE_EPOCH, else to 0: the same directory gives the same image.
 */
#include "image/progress.h"
#include "image/source.h"
#include "image/workdir.h"

#include "base/text.h"
#include "os/fd.h"
#include "os/isolate.h"
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define TEMP_TAG     "localhost/redoubt-build:latest"
/* Global options before a command, and the longest command. */
#define ARGS_MAX 32

/* What buildah may see of our environment: where its configuration and the network are. */
static const char *const passed_on[] = {"PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
	"REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "CONTAINERS_CONF", "CONTAINERS_REGISTRIES_CONF",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY",
	"HTTPS_PROXY", "NO_PROXY", "LANG"};

struct builder {
	struct rd_opening *o;
	struct rd_workdir dir;
	char program[PATH_MAX];
	char root[PATH_MAX];
	char runroot[PATH_MAX];
	char out[PATH_MAX];
	char tmpdir[PATH_MAX];
	char *env[RD_ARRAY_LEN(passed_on) + 2];
	size_t n_env;
	char last_line[RD_PROGRESS_LINE_MAX]; /* of the program's output: usually the reason */
};

static enum rd_status find_program(char ret_path[PATH_MAX], struct rd_error *err)
{
	const char *path = getenv("PATH");

	path = path != NULL && path[0] != '\0' ? path : DEFAULT_PATH;
	while (*path != '\0') {
		size_t len = strcspn(path, ":");
		int n = snprintf(ret_path, PATH_MAX, "%.*s/buildah", (int)len, path);

		if (len > 0 && path[0] == '/' && n < PATH_MAX && access(ret_path, X_OK) == 0) {
			return RD_OK;
		}
		path += len + (path[len] == ':' ? 1 : 0);
	}
	return rd_fail(err, RD_NOTFOUND,
		"neither a Docker Engine nor buildah is here to build the image: apt-get install "
		"buildah");
}

static enum rd_status add_env(struct builder *b, const char *name, const char *value)
{
	char *entry;

	RD_ENSURE(asprintf(&entry, "%s=%s", name, value) != -1, RD_NOMEM);
	b->env[b->n_env++] = entry;
	return RD_OK;
}

static enum rd_status make_env(struct builder *b, struct rd_error *err)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(passed_on); i++) {
		const char *value = getenv(passed_on[i]);

		if (value != NULL && add_env(b, passed_on[i], value) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "out of memory");
		}
	}
	if (add_env(b, "TMPDIR", b->tmpdir) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	return RD_OK;
}

static bool join(char out[PATH_MAX], const char *dir, const char *name)
{
	return (size_t)snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX;
}

static enum rd_status prepare(struct builder *b, struct rd_error *err)
{
	RD_TRY(find_program(b->program, err));
	b->o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_workdir_make(b->o->options->scratch_dir, &b->dir, err));
	if (!join(b->root, b->dir.path, "root") || !join(b->runroot, b->dir.path, "run") ||
		!join(b->out, b->dir.path, "out") || !join(b->tmpdir, b->dir.path, "tmp")) {
		return rd_fail(err, RD_LIMIT, "the scratch directory's path is too long");
	}
	if (mkdir(b->tmpdir, 0700) == -1) {
		return rd_fail_errno(err, errno, "cannot make %s", b->tmpdir);
	}
	b->o->stage = RD_IMAGE_STAGE_BUILD;
	return make_env(b, err);
}

static void on_line(void *ctx, const char *line)
{
	struct builder *b = ctx;

	(void)snprintf(b->last_line, sizeof(b->last_line), "%s", line);
	if (b->o->options->progress != NULL) {
		b->o->options->progress(b->o->options->progress_ctx, line);
	}
}

/* Passes the program's output on until it closes it. */
static enum rd_status relay(struct builder *b, int fd)
{
	const struct rd_image_options lines = {.progress = on_line, .progress_ctx = b};
	struct rd_progress progress = {.options = &lines};
	char chunk[4096];
	size_t n;

	for (;;) {
		RD_TRY(rd_fd_read(fd, chunk, sizeof(chunk), &n));
		if (n == 0) {
			rd_progress_flush(&progress);
			return RD_OK;
		}
		rd_progress_add(&progress, rd_view(chunk, n));
	}
}

static enum rd_status wait_for(struct builder *b, struct rd_child *child, struct rd_error *err)
{
	struct rd_exit how;

	RD_TRY(rd_child_reap(child, true, &how));
	if (how.signalled) {
		return rd_fail(err, RD_IO, "buildah was ended by signal %d", how.code);
	}
	if (how.code != 0) {
		return rd_fail(err, RD_IO, "buildah failed with status %d: %s", how.code,
			b->last_line[0] != '\0' ? b->last_line : "it gave no reason");
	}
	return RD_OK;
}

/* In buildah's process. An ordinary user's buildah makes the namespaces that it needs itself. */
static int isolate_mounts(void *arg)
{
	struct rd_error err = {0};

	(void)arg;
	if (rd_isolate_mounts(&err) == RD_OK || err.os_errno == EPERM) {
		return 0;
	}
	errno = err.os_errno;
	return -1;
}

/* Runs buildah with a NULL-terminated command; its output goes to progress. */
static enum rd_status run(struct builder *b, const char *const *command, struct rd_error *err)
{
	const char *argv[ARGS_MAX] = {
		"buildah", "--root", b->root, "--runroot", b->runroot, "--storage-driver", "vfs"};
	int out[2];
	struct rd_spawn_fd fds[2];
	struct rd_child child RD_CLEANUP(rd_child_finish) = RD_CHILD_INIT;
	struct rd_spawn how = {
		.path = b->program,
		.argv = argv,
		.envp = (const char *const *)b->env,
		.fds = fds,
		.fd_count = RD_ARRAY_LEN(fds),
		.death_signal = SIGTERM,
		.prepare = isolate_mounts,
	};
	enum rd_status st;

	for (size_t n = 7, i = 0; command[i] != NULL && n < ARGS_MAX - 1; i++) {
		argv[n++] = command[i];
	}
	if (pipe2(out, O_CLOEXEC) == -1) {
		return rd_fail_errno(err, errno, "cannot make a pipe");
	}
	fds[0] = (struct rd_spawn_fd){.from = out[1], .to = STDOUT_FILENO};
	fds[1] = (struct rd_spawn_fd){.from = out[1], .to = STDERR_FILENO};
	b->last_line[0] = '\0';
	st = rd_spawn(&how, &child, err);
	rd_fd_close(&out[1]);
	if (st == RD_OK) {
		st = relay(b, out[0]);
		st = st == RD_OK ? wait_for(b, &child, err)
				 : rd_fail(err, st, "cannot read buildah's output");
	}
	rd_fd_close(&out[0]);
	return st;
}

static enum rd_status build(struct builder *b, struct rd_error *err)
{
	static const char platform[] = RD_IMAGE_OS "/" RD_IMAGE_ARCH;
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	const char *const bud[] = {"bud", "--isolation", "chroot", "--platform", platform,
		"--timestamp", epoch != NULL ? epoch : "0", "--tag", TEMP_TAG, "--",
		b->o->options->build_dir, NULL};
	char target[PATH_MAX + 8];
	const char *const push[] = {"push", "--quiet", TEMP_TAG, target, NULL};
	uint64_t ignored;

	if (epoch != NULL && rd_parse_u64(epoch, 0, UINT32_MAX, &ignored) != RD_OK) {
		return rd_fail(err, RD_BAD_NUMBER,
			"SOURCE_DATE_EPOCH is \"%s\", not seconds since 1970", epoch);
	}
	(void)snprintf(target, sizeof(target), "oci:%s", b->out);
	RD_TRY(run(b, bud, err));
	return run(b, push, err);
}

static enum rd_status read_result(
	struct builder *b, const char *name, struct rd_image **ret_image, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = open(b->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rd_store store = {.dir_fd = dir_fd};

	if (dir_fd == -1) {
		return rd_fail_errno(err, errno, "buildah left no image in %s", b->out);
	}
	return rd_oci_read(b->o, &store, NULL, name, ret_image, err);
}

/* Ids of a user namespace own what an ordinary user's build made: only buildah gets at that. */
static void clean_up(struct builder *b)
{
	const char *const remove[] = {"unshare", "rm", "-rf", "--", b->dir.path, NULL};

	if (rd_workdir_remove(&b->dir) != RD_OK && b->n_env > 0) {
		enum rd_status st = run(b, remove, NULL);

		/* Whether that worked or not, there is nothing else to try. */
		(void)st;
		st = rd_workdir_remove(&b->dir);
		(void)st;
	}
	for (size_t i = 0; i < b->n_env; i++) {
		free(b->env[i]);
	}
}

enum rd_status rd_source_buildah(struct rd_opening *o, const struct rd_ref *ref,
	struct rd_image **ret_image, struct rd_error *err)
{
	struct builder *b = calloc(1, sizeof(*b));
	enum rd_status st;

	RD_ENSURE(b != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	b->o = o;
	o->stage = RD_IMAGE_STAGE_BUILD;
	st = prepare(b, err);
	if (st == RD_OK) {
		st = build(b, err);
		if (st != RD_OK) {
			st = rd_error_wrap(err, st, "cannot build %s", o->options->build_dir);
		}
	}
	if (st == RD_OK) {
		st = read_result(b, ref->full, ret_image, err);
	}
	clean_up(b);
	free(b);
	return st;
}
