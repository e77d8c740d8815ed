/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are: the directory table of docs/architecture.md, and our own installed files.
 *
 * Nothing here creates anything but through rd_paths_make_dir.
 */
#ifndef RD_OS_PATHS_H
#define RD_OS_PATHS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Our own limit for any path: well under PATH_MAX, and room for what is appended. */
#define RD_PATH_MAX 1024

/* sizeof(sun_path), NUL included: the kernel's limit for a Unix socket's path. */
#define RD_SOCKET_PATH_MAX 108

/*
 * The longest thing that is put under `run` for a socket:
 * "/enclaves/<16 hex>/vsock.sock_<10 digits>" and the NUL.
 */
#define RD_PATHS_RUN_SUFFIX_MAX (sizeof("/enclaves/0123456789abcdef/vsock.sock_4294967295"))

struct rd_paths {
	char run[RD_PATH_MAX];
	char state[RD_PATH_MAX];
	char config[RD_PATH_MAX];
};

/* What the table depends on; tests fill it in, programs call rd_paths_init. */
struct rd_paths_env {
	uid_t uid;
	const char *redoubt_home; /* NULL or "" when unset, and so below */
	const char *home;
	const char *xdg_runtime_dir;
	const char *xdg_state_home;
	const char *xdg_config_home;
};

/*
 * Resolves the three directories. RD_USAGE, naming the variable, for a relative one (the XDG
 * specification says to ignore those of its own; we do), for a missing HOME and for a run directory
 * under which a socket's path would not fit.
 */
enum rd_status rd_paths_resolve(
	const struct rd_paths_env *env, struct rd_paths *ret, struct rd_error *err) RD_MUST_USE;

/* The same for this process: effective uid, getenv. */
enum rd_status rd_paths_init(struct rd_paths *ret, struct rd_error *err) RD_MUST_USE;

/* "<dir>/<a>[/<b>]" into ret (RD_PATH_MAX bytes); b may be NULL. RD_LIMIT when it does not fit. */
enum rd_status rd_paths_join(char ret[RD_PATH_MAX], const char *dir, const char *a, const char *b)
	RD_MUST_USE;

/*
 * Makes a directory and its missing parents with this mode (parents: 0755), and checks the last
 * component, which may have been there: a directory, not a symbolic link, ours, not writable by
 * anyone else. Otherwise RD_DENIED: /tmp/redoubt-<uid> may be a trap.
 */
enum rd_status rd_paths_make_dir(const char *path, mode_t mode, struct rd_error *err) RD_MUST_USE;

/*
 * Our own installation, found from /proc/self/exe so that a copied or relocated tree works:
 * an executable in <prefix>/bin or <prefix>/libexec/redoubt has <prefix>. RD_NOTFOUND for an
 * executable elsewhere, as in a build directory; then rd_paths_libexec looks beside it.
 */
enum rd_status rd_paths_prefix(char ret[RD_PATH_MAX]) RD_MUST_USE;

/*
 * A program of ours that other programs start (name "redoubt-vmm"): $REDOUBT_LIBEXEC/<name> if
 * that is set, <prefix>/libexec/redoubt/<name>, beside this executable, or in the build directory's
 * own folder for it. The error names what was tried and how to install it.
 */
enum rd_status rd_paths_libexec(const char *name, char ret[RD_PATH_MAX], struct rd_error *err)
	RD_MUST_USE;

/* <prefix>/share/redoubt/<name>, or $REDOUBT_SHARE/<name>; RD_NOTFOUND when neither exists. */
enum rd_status rd_paths_share(const char *name, char ret[RD_PATH_MAX], struct rd_error *err)
	RD_MUST_USE;

#endif
