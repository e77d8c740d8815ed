/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories. */
#include "os/file.h"

#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names are ours: a slot in hex or a short word. */
#define NAME_SIZE 128
/* An owner may nest directories; deeper than this was made to annoy, and is left and reported. */
#define REMOVE_DEPTH_MAX 16

static enum rd_status write_temporary(
	int dir_fd, const char *tmp, struct rd_view content, mode_t mode, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot create %s", tmp);
	}
	if (fchmod(fd, mode) < 0) {
		return rd_fail_errno(err, errno, "cannot set the mode of %s", tmp);
	}
	errno = 0;
	st = rd_fd_write_full(fd, content);
	if (st != RD_OK || fsync(fd) < 0) {
		return rd_fail_errno(err, errno, "cannot write %s", tmp);
	}
	return RD_OK;
}

enum rd_status rd_file_replace(
	int dir_fd, const char *name, struct rd_view content, mode_t mode, struct rd_error *err)
{
	char tmp[NAME_SIZE];
	enum rd_status st;

	RD_ENSURE((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", name) < sizeof(tmp), RD_USAGE);
	unlinkat(dir_fd, tmp, 0);
	st = write_temporary(dir_fd, tmp, content, mode, err);
	if (st == RD_OK && renameat(dir_fd, tmp, dir_fd, name) < 0) {
		st = rd_fail_errno(err, errno, "cannot rename %s", tmp);
	}
	if (st != RD_OK) {
		unlinkat(dir_fd, tmp, 0);
		return st;
	}
	if (fsync(dir_fd) < 0 && errno != EINVAL) {
		return rd_fail_errno(err, errno, "cannot write the directory of %s", name);
	}
	return RD_OK;
}

static enum rd_status read_regular(
	int fd, const char *name, struct rd_buf *out, struct rd_error *err)
{
	struct stat st;
	enum rd_status status;

	if (fstat(fd, &st) < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", name);
	}
	if (!S_ISREG(st.st_mode)) {
		return rd_fail(err, RD_BAD_TYPE, "%s is not a regular file", name);
	}
	status = rd_fd_read_all(fd, out);
	return status == RD_OK
		       ? RD_OK
		       : rd_fail(err, status, "cannot read %s: %s", name, rd_status_text(status));
}

/* O_NONBLOCK: a FIFO put in a file's place must not hang us. */
enum rd_status rd_file_load(int dir_fd, const char *name, struct rd_buf *out, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(
		dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		return RD_NOTFOUND;
	}
	return fd < 0 ? rd_fail_errno(err, errno, "cannot open %s", name)
		      : read_regular(fd, name, out, err);
}

enum rd_status rd_file_read(const char *path, struct rd_buf *out, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? rd_fail_errno(err, errno, "cannot open %s", path)
		      : read_regular(fd, path, out, err);
}

enum rd_status rd_dir_make(
	int dir_fd, const char *name, mode_t mode, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct stat st;

	if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "cannot make the directory %s", name);
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		return rd_fail_errno(err, errno, "cannot open the directory %s", name);
	}
	if (st.st_uid != geteuid()) {
		return rd_fail(err, RD_DENIED, "the directory %s belongs to uid %u, not to us",
			name, (unsigned)st.st_uid);
	}
	if (fchmod(fd, mode) < 0) {
		return rd_fail_errno(err, errno, "cannot set the mode of %s", name);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

static enum rd_status remove_entries(int dir_fd, int depth, struct rd_error *err);

static enum rd_status remove_at(int dir_fd, const char *name, int depth, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		return RD_NOTFOUND;
	}
	if (fd >= 0) {
		if (depth >= REMOVE_DEPTH_MAX) {
			return rd_fail(err, RD_TOO_DEEP, "%s is nested too deeply to remove", name);
		}
		if (geteuid() == 0 && fchown(fd, 0, 0) < 0) {
			return rd_fail_errno(err, errno, "cannot take over %s", name);
		}
		(void)!fchmod(fd, 0700);
		RD_TRY(remove_entries(fd, depth + 1, err));
	}
	if (unlinkat(dir_fd, name, fd >= 0 ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT) {
		return rd_fail_errno(err, errno, "cannot remove %s", name);
	}
	return RD_OK;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL) {
		closedir(*dir);
	}
}

static enum rd_status remove_entries(int dir_fd, int depth, struct rd_error *err)
{
	DIR *dir RD_CLEANUP(close_dir) = NULL;
	int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	struct dirent *entry;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (dir == NULL) {
		rd_fd_close(&copy);
		return rd_fail_errno(err, errno, "cannot list a directory to remove");
	}
	while ((entry = readdir(dir)) != NULL) {
		enum rd_status st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
			continue;
		}
		st = remove_at(dir_fd, entry->d_name, depth, err);
		if (st != RD_OK && st != RD_NOTFOUND) {
			return st;
		}
	}
	return RD_OK;
}

enum rd_status rd_dir_remove(int dir_fd, const char *name, struct rd_error *err)
{
	return remove_at(dir_fd, name, 0, err);
}
