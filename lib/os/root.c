/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openat inside a root.
 *
 * The walk keeps a stack of open directories, one per component below the root, so that ".." is
 * going back to a directory that we came through, never a question to the file system that a rename
 * could answer differently. A symbolic link's target is put before what is left of the path.
 */
#include "os/root.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Directories below the root on the way to a file; deeper is refused by the fallback. */
#define DEPTH_MAX 128

struct walk {
	int root;
	int dirs[DEPTH_MAX];
	size_t depth;
	unsigned links;
	char rest[PATH_MAX]; /* what is still to be walked */
};

static void walk_finish(struct walk *w)
{
	while (w->depth > 0) {
		rd_fd_close(&w->dirs[--w->depth]);
	}
}

static int walk_top(const struct walk *w)
{
	return w->depth == 0 ? w->root : w->dirs[w->depth - 1];
}

/* Takes the first component of w->rest into name; *ret_last: nothing but slashes comes after it. */
static enum rd_status next_component(
	struct walk *w, char name[NAME_MAX + 1], bool *ret_last, bool *ret_dir)
{
	const char *from = w->rest + strspn(w->rest, "/");
	size_t len = strcspn(from, "/");
	const char *after = from + len;
	size_t slashes = strspn(after, "/");

	RD_ENSURE(len <= NAME_MAX, RD_BAD_PATH);
	memcpy(name, from, len);
	name[len] = '\0';
	*ret_last = after[slashes] == '\0';
	*ret_dir = slashes > 0;
	memmove(w->rest, after + slashes, strlen(after + slashes) + 1);
	return RD_OK;
}

/* Reads a link that an O_PATH descriptor stands for and puts it before the rest. */
static enum rd_status follow(struct walk *w, int link_fd, bool had_slash)
{
	char target[PATH_MAX];
	size_t rest = strlen(w->rest);
	ssize_t n;

	RD_ENSURE(++w->links <= RD_ROOT_LINKS_MAX, RD_BAD_PATH);
	n = readlinkat(link_fd, "", target, sizeof(target));
	RD_ENSURE(n > 0 && (size_t)n < sizeof(target), RD_BAD_PATH);
	RD_ENSURE((size_t)n + 1 + rest < sizeof(w->rest), RD_BAD_PATH);
	if (target[0] == '/') {
		walk_finish(w);
	}
	memmove(w->rest + n + 1, w->rest, rest + 1);
	memcpy(w->rest, target, (size_t)n);
	/* The slash that ended "link/" asks for a directory; keep it. */
	w->rest[n] = (rest > 0 || had_slash) ? '/' : '\0';
	return RD_OK;
}

/* Enters one directory, or expands one link in its place. */
static enum rd_status step(struct walk *w, const char *name, bool had_slash)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct stat sb;

	if (name[0] == '\0' || strcmp(name, ".") == 0) {
		return RD_OK;
	}
	if (strcmp(name, "..") == 0) {
		if (w->depth > 0) {
			rd_fd_close(&w->dirs[--w->depth]);
		}
		return RD_OK;
	}
	fd = openat(walk_top(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_ENSURE(fstat(fd, &sb) == 0, rd_status_from_errno(errno));
	if (S_ISLNK(sb.st_mode)) {
		return follow(w, fd, had_slash);
	}
	RD_ENSURE(S_ISDIR(sb.st_mode), rd_status_from_errno(ENOTDIR));
	RD_ENSURE(w->depth < DEPTH_MAX, RD_BAD_PATH);
	w->dirs[w->depth++] = rd_steal(&fd, -1);
	return RD_OK;
}

/* Is the last component a link that the flags ask us to follow? */
static bool must_follow(const struct walk *w, const char *name, int flags)
{
	struct stat sb;

	if ((flags & O_NOFOLLOW) != 0 || ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)) {
		return false;
	}
	return fstatat(walk_top(w), name, &sb, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(sb.st_mode);
}

static enum rd_status open_last(
	const struct walk *w, const char *name, int flags, mode_t mode, int *ret_fd)
{
	bool dot = name[0] == '\0' || strcmp(name, ".") == 0;
	/* O_NOFOLLOW: a link put there since must_follow looked is refused, not followed. */
	int fd = openat(walk_top(w), dot ? "." : name, flags | O_NOFOLLOW | O_CLOEXEC, mode);

	RD_ENSURE(fd >= 0, errno == ELOOP ? RD_BAD_PATH : rd_status_from_errno(errno));
	*ret_fd = fd;
	return RD_OK;
}

enum rd_status rd_root_open_walk(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	struct walk w RD_CLEANUP(walk_finish) = {.root = root_fd};
	char name[NAME_MAX + 1];
	bool last, dir;

	RD_ENSURE(path[0] != '\0', RD_NOTFOUND);
	RD_ENSURE(strlen(path) < sizeof(w.rest), RD_BAD_PATH);
	memcpy(w.rest, path, strlen(path) + 1);
	for (;;) {
		RD_TRY(next_component(&w, name, &last, &dir));
		if (!last || strcmp(name, "..") == 0) {
			RD_TRY(step(&w, name, dir));
			if (last) {
				return open_last(&w, ".", flags, mode, ret_fd);
			}
			continue;
		}
		if (must_follow(&w, name, dir ? flags & ~O_NOFOLLOW : flags)) {
			RD_TRY(step(&w, name, dir));
			continue;
		}
		return open_last(&w, name, dir ? flags | O_DIRECTORY : flags, mode, ret_fd);
	}
}

enum rd_status rd_root_open(int root_fd, const char *path, int flags, mode_t mode, int *ret_fd)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		/* openat2 refuses a mode that would not be used. O_TMPFILE is two bits. */
		.mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		/* EAGAIN: something was renamed meanwhile and the kernel could not be sure. */
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	if (fd < 0 && errno == ENOSYS) {
		return rd_root_open_walk(root_fd, path, flags, mode, ret_fd);
	}
	RD_ENSURE(fd >= 0, errno == ELOOP || errno == ENAMETOOLONG || errno == EXDEV
				   ? RD_BAD_PATH
				   : rd_status_from_errno(errno));
	*ret_fd = (int)fd;
	return RD_OK;
}
