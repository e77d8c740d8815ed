/* SPDX-License-Identifier: Apache-2.0 */
/* The directory table, and our own installation found from our own executable. */
#include "os/paths.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_set(const char *v)
{
	return v != NULL && v[0] != '\0';
}

/* printf into a path; false when it does not fit. */
static bool RD_PRINTF(2, 3) put_path(char ret[RD_PATH_MAX], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(ret, RD_PATH_MAX, fmt, ap);
	va_end(ap);
	return n >= 0 && n < RD_PATH_MAX;
}

enum rd_status rd_paths_join(char ret[RD_PATH_MAX], const char *dir, const char *a, const char *b)
{
	char path[RD_PATH_MAX];

	RD_ENSURE(put_path(path, "%s/%s%s%s", dir, a, b == NULL ? "" : "/", b == NULL ? "" : b),
		RD_LIMIT);
	memcpy(ret, path, sizeof(path));
	return RD_OK;
}

static enum rd_status resolve_home(
	const struct rd_paths_env *env, struct rd_paths *ret, struct rd_error *err)
{
	const char *home = env->redoubt_home;

	if (home[0] != '/') {
		return rd_fail(err, RD_USAGE, "REDOUBT_HOME=%s: must be an absolute path", home);
	}
	if (!put_path(ret->run, "%s/run", home) || !put_path(ret->state, "%s/state", home) ||
		!put_path(ret->config, "%s/config", home)) {
		return rd_fail(err, RD_USAGE, "REDOUBT_HOME: path too long");
	}
	return RD_OK;
}

/* "$XDG_…/redoubt", or "<home>/<fallback>/redoubt". */
static enum rd_status resolve_xdg(const char *xdg, const struct rd_paths_env *env,
	const char *fallback, char ret[RD_PATH_MAX], struct rd_error *err)
{
	bool ok;

	if (is_set(xdg) && xdg[0] == '/') {
		ok = put_path(ret, "%s/redoubt", xdg);
	} else if (is_set(env->home) && env->home[0] == '/') {
		ok = put_path(ret, "%s/%s/redoubt", env->home, fallback);
	} else {
		return rd_fail(err, RD_USAGE,
			"no directory for our files: set HOME or REDOUBT_HOME to an absolute path");
	}
	return ok ? RD_OK : rd_fail(err, RD_USAGE, "HOME or XDG directory: path too long");
}

static enum rd_status resolve_user(
	const struct rd_paths_env *env, struct rd_paths *ret, struct rd_error *err)
{
	bool ok;

	if (is_set(env->xdg_runtime_dir) && env->xdg_runtime_dir[0] == '/') {
		ok = put_path(ret->run, "%s/redoubt", env->xdg_runtime_dir);
	} else {
		ok = put_path(ret->run, "/tmp/redoubt-%u", (unsigned)env->uid);
	}
	if (!ok) {
		return rd_fail(err, RD_USAGE, "XDG_RUNTIME_DIR: path too long");
	}
	RD_TRY(resolve_xdg(env->xdg_state_home, env, ".local/state", ret->state, err));
	return resolve_xdg(env->xdg_config_home, env, ".config", ret->config, err);
}

enum rd_status rd_paths_resolve(
	const struct rd_paths_env *env, struct rd_paths *ret, struct rd_error *err)
{
	struct rd_paths paths = {0};

	if (is_set(env->redoubt_home)) {
		RD_TRY(resolve_home(env, &paths, err));
	} else if (env->uid == 0) {
		(void)put_path(paths.run, "/run/redoubt");
		(void)put_path(paths.state, "/var/lib/redoubt");
		(void)put_path(paths.config, "/etc/redoubt");
	} else {
		RD_TRY(resolve_user(env, &paths, err));
	}
	if (strlen(paths.run) + RD_PATHS_RUN_SUFFIX_MAX > RD_SOCKET_PATH_MAX) {
		return rd_fail(err, RD_USAGE,
			"run directory %.200s: too long by %zu bytes for the sockets in it: "
			"set REDOUBT_HOME to a shorter path",
			paths.run,
			strlen(paths.run) + RD_PATHS_RUN_SUFFIX_MAX - RD_SOCKET_PATH_MAX);
	}
	*ret = paths;
	return RD_OK;
}

enum rd_status rd_paths_init(struct rd_paths *ret, struct rd_error *err)
{
	struct rd_paths_env env = {
		.uid = geteuid(),
		.redoubt_home = getenv("REDOUBT_HOME"),
		.home = getenv("HOME"),
		.xdg_runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.xdg_state_home = getenv("XDG_STATE_HOME"),
		.xdg_config_home = getenv("XDG_CONFIG_HOME"),
	};

	return rd_paths_resolve(&env, ret, err);
}

/* The directory itself, without following a link that somebody may have put in its place. */
static enum rd_status check_dir(const char *path, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct stat sb;

	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &sb) != 0) {
		return rd_fail_errno(err, errno, "cannot open directory %s", path);
	}
	if (!S_ISDIR(sb.st_mode)) {
		return rd_fail(err, RD_DENIED, "%s is not a directory: remove it", path);
	}
	if (sb.st_uid != geteuid() && sb.st_uid != 0) {
		return rd_fail(err, RD_DENIED, "%s belongs to uid %u, not to us: remove it", path,
			(unsigned)sb.st_uid);
	}
	if ((sb.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return rd_fail(err, RD_DENIED, "others may write to %s: chmod go-w it", path);
	}
	return RD_OK;
}

enum rd_status rd_paths_make_dir(const char *path, mode_t mode, struct rd_error *err)
{
	char partial[RD_PATH_MAX];
	char *slash;

	if (!put_path(partial, "%s", path)) {
		return rd_fail(err, RD_LIMIT, "path too long: %.100s...", path);
	}
	for (slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(partial, 0755) != 0 && errno != EEXIST) {
			return rd_fail_errno(err, errno, "cannot make directory %s", partial);
		}
		*slash = '/';
	}
	if (mkdir(partial, mode) != 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "cannot make directory %s", partial);
	}
	return check_dir(path, err);
}

/* The directory of /proc/self/exe. */
static enum rd_status own_dir(char ret[RD_PATH_MAX])
{
	char path[RD_PATH_MAX];
	char *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	RD_ENSURE(n > 0, rd_status_from_errno(errno));
	RD_ENSURE((size_t)n < sizeof(path), RD_LIMIT);
	path[n] = '\0';
	slash = strrchr(path, '/');
	RD_ENSURE(slash != NULL, RD_NOTFOUND);
	*slash = '\0';
	memcpy(ret, path, sizeof(path));
	return RD_OK;
}

/* Cuts a suffix like "/bin" off; false when it is not there. */
static bool cut_suffix(char *path, const char *suffix)
{
	size_t len = strlen(path), cut = strlen(suffix);

	if (len < cut || strcmp(path + len - cut, suffix) != 0) {
		return false;
	}
	path[len - cut] = '\0';
	return true;
}

enum rd_status rd_paths_prefix(char ret[RD_PATH_MAX])
{
	char dir[RD_PATH_MAX];

	RD_TRY(own_dir(dir));
	RD_ENSURE(cut_suffix(dir, "/libexec/redoubt") || cut_suffix(dir, "/bin") ||
			  cut_suffix(dir, "/sbin"),
		RD_NOTFOUND);
	memcpy(ret, dir, sizeof(dir));
	return RD_OK;
}

static bool executable(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISREG(sb.st_mode) && access(path, X_OK) == 0;
}

/* In a build tree a program "redoubt-vmm" lies in a sibling folder "vmm" of ours. */
static bool in_build_tree(const char *own, const char *name, char ret[RD_PATH_MAX])
{
	const char *folder = strncmp(name, "redoubt-", 8) == 0 ? name + 8 : name;

	return put_path(ret, "%s/../%s/%s", own, folder, name) && executable(ret);
}

enum rd_status rd_paths_libexec(const char *name, char ret[RD_PATH_MAX], struct rd_error *err)
{
	char own[RD_PATH_MAX] = "", prefix[RD_PATH_MAX], path[RD_PATH_MAX];
	const char *dir = getenv("REDOUBT_LIBEXEC");
	bool found = false;

	RD_TRY(own_dir(own));
	if (is_set(dir)) {
		found = put_path(path, "%s/%s", dir, name) && executable(path);
	} else {
		found = (rd_paths_prefix(prefix) == RD_OK &&
				put_path(path, "%s/libexec/redoubt/%s", prefix, name) &&
				executable(path)) ||
			(put_path(path, "%s/%s", own, name) && executable(path)) ||
			in_build_tree(own, name, path);
	}
	if (!found) {
		return rd_fail(err, RD_NOTFOUND,
			"%s not found (looked from %.300s): install it, or set REDOUBT_LIBEXEC to "
			"its directory",
			name, is_set(dir) ? dir : own);
	}
	memcpy(ret, path, sizeof(path));
	return RD_OK;
}

enum rd_status rd_paths_share(const char *name, char ret[RD_PATH_MAX], struct rd_error *err)
{
	char prefix[RD_PATH_MAX], path[RD_PATH_MAX] = "";
	const char *dir = getenv("REDOUBT_SHARE");
	bool ok;

	if (is_set(dir)) {
		ok = put_path(path, "%s/%s", dir, name);
	} else {
		ok = rd_paths_prefix(prefix) == RD_OK &&
		     put_path(path, "%s/share/redoubt/%s", prefix, name);
	}
	if (!ok || access(path, F_OK) != 0) {
		return rd_fail(err, RD_NOTFOUND,
			"%s not found%s%.300s: install it, or set REDOUBT_SHARE to the directory "
			"that has it",
			name, path[0] == '\0' ? "" : " at ", path);
	}
	memcpy(ret, path, sizeof(path));
	return RD_OK;
}
