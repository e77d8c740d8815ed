/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup v2 groups.
 *
 * A group with processes of its own may not hand controllers to its children ("no internal
 * processes", cgroup-v2.rst). So the caller moves itself into a leaf "supervisor" of its own group
 * first, as a service with delegation is meant to; the enclaves' groups are that leaf's siblings.
 */
#include "os/cgroup.h"

#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNIFIED_ROOT "/sys/fs/cgroup"
#define SUPERVISOR   "supervisor"

/* /proc/self/cgroup has one line for each hierarchy; twelve exist. */
#define PROC_CGROUP_MAX 8192

static enum rd_status write_at(int dir_fd, const char *name, const char *text)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	return rd_fd_write_full(fd, rd_view_str(text));
}

static enum rd_status read_text(int dir_fd, const char *name, char *ret, size_t cap)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct rd_buf buf = rd_buf_fixed(ret, cap - 1);

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_fd_read_all(fd, &buf));
	ret[buf.used] = '\0';
	return RD_OK;
}

/* Our group's path in the unified hierarchy: the line "0::/path". */
static enum rd_status own_group(char ret[RD_PATH_MAX], struct rd_error *err)
{
	char text[PROC_CGROUP_MAX];
	char *line, *end;
	size_t len;

	if (read_text(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) != RD_OK) {
		return rd_fail(err, RD_UNSUPPORTED, "cgroup: cannot read /proc/self/cgroup");
	}
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (line == NULL) {
		return rd_fail(err, RD_UNSUPPORTED, "cgroup: this host has no cgroup v2");
	}
	line = strchr(line, '/');
	end = line == NULL ? NULL : strchr(line, '\n');
	if (end == NULL || (size_t)(end - line) >= RD_PATH_MAX - sizeof(UNIFIED_ROOT)) {
		return rd_fail(err, RD_UNSUPPORTED, "cgroup: /proc/self/cgroup is not understood");
	}
	*end = '\0';
	len = strlen(line);
	if (len >= sizeof("/" SUPERVISOR) - 1 &&
		strcmp(line + len - (sizeof("/" SUPERVISOR) - 1), "/" SUPERVISOR) == 0) {
		line[len - (sizeof("/" SUPERVISOR) - 1)] = '\0';
	}
	snprintf(ret, RD_PATH_MAX, UNIFIED_ROOT "%.*s", RD_PATH_MAX - (int)sizeof(UNIFIED_ROOT) - 1,
		strcmp(line, "/") == 0 ? "" : line);
	return RD_OK;
}

/* Our group's directory, or the reason why we cannot have groups. */
static enum rd_status open_base(int *ret_fd, struct rd_error *err)
{
	char path[RD_PATH_MAX], controllers[512];
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(own_group(path, err));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 ||
		read_text(fd, "cgroup.controllers", controllers, sizeof(controllers)) != RD_OK) {
		return rd_fail(err, RD_UNSUPPORTED, "cgroup: no cgroup v2 at %s", path);
	}
	if (strstr(controllers, "memory") == NULL || strstr(controllers, "pids") == NULL) {
		return rd_fail(err, RD_UNSUPPORTED,
			"cgroup: %s has no memory and pids controllers for us (cgroup v1 in use, or no "
			"delegation)",
			path);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

/* Hands the controllers down, moving out of the way first when we must. */
static enum rd_status delegate(int base_fd, struct rd_error *err)
{
	static const char want[] = "+memory +pids";

	if (write_at(base_fd, "cgroup.subtree_control", want) == RD_OK) {
		return RD_OK;
	}
	if (mkdirat(base_fd, SUPERVISOR, 0755) != 0 && errno != EEXIST) {
		return rd_fail(err, RD_UNSUPPORTED, "cgroup: not delegated to us");
	}
	if (write_at(base_fd, SUPERVISOR "/cgroup.procs", "0") != RD_OK ||
		write_at(base_fd, "cgroup.subtree_control", want) != RD_OK) {
		return rd_fail(err, RD_UNSUPPORTED,
			"cgroup: cannot hand controllers down (%s): start the service with "
			"Delegate=memory pids",
			strerror(errno));
	}
	return RD_OK;
}

enum rd_status rd_cgroup_prepare(struct rd_error *err)
{
	int base_fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(open_base(&base_fd, err));
	return delegate(base_fd, err);
}

static bool good_name(const char *name)
{
	size_t len = strspn(
		name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

	return len > 0 && len < RD_CGROUP_NAME_MAX && name[len] == '\0' &&
	       strcmp(name, SUPERVISOR) != 0;
}

static enum rd_status set_limit(int fd, const char *file, uint64_t max, struct rd_error *err)
{
	char text[32];

	if (max == 0) {
		return RD_OK;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)max);
	if (write_at(fd, file, text) != RD_OK) {
		return rd_fail_errno(err, errno, "cgroup: cannot set %s to %s", file, text);
	}
	return RD_OK;
}

enum rd_status rd_cgroup_open(
	const char *name, const struct rd_cgroup_limits *limits, int *ret_fd, struct rd_error *err)
{
	int base_fd RD_CLEANUP(rd_fd_close) = -1, fd RD_CLEANUP(rd_fd_close) = -1;

	if (!good_name(name)) {
		return rd_fail(err, RD_INTERNAL, "cgroup: bad group name");
	}
	RD_TRY(open_base(&base_fd, err));
	RD_TRY(delegate(base_fd, err));
	if (mkdirat(base_fd, name, 0755) != 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "cgroup: cannot make group %s", name);
	}
	fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cgroup: cannot open group %s", name);
	}
	RD_TRY(set_limit(fd, "memory.max", limits->memory_max, err));
	RD_TRY(set_limit(fd, "pids.max", limits->pids_max, err));
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status rd_cgroup_kill(int group_fd)
{
	enum rd_status st = write_at(group_fd, "cgroup.kill", "1");

	return st == RD_NOTFOUND ? RD_UNSUPPORTED : st;
}

enum rd_status rd_cgroup_remove(const char *name)
{
	int base_fd RD_CLEANUP(rd_fd_close) = -1;
	char path[RD_PATH_MAX];

	RD_ENSURE(good_name(name), RD_NOTFOUND);
	RD_ENSURE(own_group(path, NULL) == RD_OK, RD_NOTFOUND);
	base_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RD_ENSURE(base_fd >= 0, rd_status_from_errno(errno));
	if (unlinkat(base_fd, name, AT_REMOVEDIR) != 0) {
		return errno == EBUSY ? RD_AGAIN : rd_status_from_errno(errno);
	}
	return RD_OK;
}
