/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch space in an unlinked file. */
#include "image/spool.h"

#include "base/checked.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *rd_spool_dir(const char *dir)
{
	static const char *const names[] = {"NITRO_CLI_ARTIFACTS", "TMPDIR"};

	for (size_t i = 0; dir == NULL && i < RD_ARRAY_LEN(names); i++) {
		dir = getenv(names[i]);
		if (dir != NULL && dir[0] == '\0') {
			dir = NULL;
		}
	}
	/* Not /tmp: it is often a tmpfs, and an image in RAM is what the spool avoids. */
	return dir != NULL ? dir : "/var/tmp";
}

/* For file systems without O_TMPFILE (older overlayfs, some network file systems). */
static int open_and_unlink(const char *dir)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/.redoubt-XXXXXX", dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd != -1) {
		(void)unlink(path);
	}
	return fd;
}

enum rd_status rd_spool_open(
	const char *dir, uint64_t max, struct rd_spool *ret_spool, struct rd_error *err)
{
	int fd;

	dir = rd_spool_dir(dir);
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		fd = open_and_unlink(dir);
	}
	if (fd == -1) {
		return rd_fail_errno(err, errno,
			"cannot make a scratch file in %s (set NITRO_CLI_ARTIFACTS to a "
			"writable directory)",
			dir);
	}
	*ret_spool = (struct rd_spool){.fd = fd, .max = max};
	return RD_OK;
}

void rd_spool_close(struct rd_spool *s)
{
	rd_fd_close(&s->fd);
}

static enum rd_status check_room(const struct rd_spool *s, uint64_t n, struct rd_error *err)
{
	if (n > s->max - s->used) {
		return rd_fail(err, RD_LIMIT,
			"the image holds more than %llu bytes when unpacked, the limit here",
			(unsigned long long)s->max);
	}
	return RD_OK;
}

static enum rd_status no_room(struct rd_error *err, int os_errno)
{
	return rd_fail_errno(err, os_errno,
		"cannot write to the scratch file (free some space, or set "
		"NITRO_CLI_ARTIFACTS to a directory that has more)");
}

enum rd_status rd_spool_append(
	struct rd_spool *s, const void *bytes, size_t n, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(check_room(s, n, err));
	st = rd_fd_pwrite_full(s->fd, rd_view(bytes, n), s->used);
	if (st != RD_OK) {
		return no_room(err, errno);
	}
	s->used += n;
	return RD_OK;
}

enum rd_status rd_spool_append_hole(struct rd_spool *s, uint64_t n, struct rd_error *err)
{
	RD_TRY(check_room(s, n, err));
	if (ftruncate(s->fd, (off_t)(s->used + n)) == -1) {
		return no_room(err, errno);
	}
	s->used += n;
	return RD_OK;
}
