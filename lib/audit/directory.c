/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and opens the segments of an audit log. */
#include "audit/directory.h"

#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static enum rd_status note(struct rd_audit_list *list, uint64_t first, size_t *cap)
{
	if (list->n == *cap) {
		size_t more = *cap == 0 ? 16 : 2 * *cap;
		void *grown = reallocarray(list->v, more, sizeof(*list->v));

		RD_ENSURE(grown != NULL, RD_NOMEM);
		list->v = grown;
		*cap = more;
	}
	list->v[list->n++] = first;
	return RD_OK;
}

static int by_first(const void *a, const void *b)
{
	const uint64_t *x = a;
	const uint64_t *y = b;

	return *x < *y ? -1 : *x > *y;
}

static enum rd_status collect(DIR *dir, struct rd_audit_list *list, struct rd_error *err)
{
	const struct dirent *entry;
	size_t cap = 0;

	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		uint64_t first;
		enum rd_status st = rd_audit_name_parse(entry->d_name, &first);

		if (st == RD_BAD_MAGIC) {
			return rd_fail(err, st,
				"%s: the log is of an older format, which kept tree heads in files "
				"of their own; move the directory away",
				entry->d_name);
		}
		if (st == RD_OK && note(list, first, &cap) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "out of memory");
		}
	}
	return errno == 0 ? RD_OK : rd_fail_errno(err, errno, "cannot list the log's directory");
}

enum rd_status rd_audit_list(int dir_fd, struct rd_audit_list *ret, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close)
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	enum rd_status st;

	*ret = (struct rd_audit_list){0};
	if (dir == NULL) {
		return rd_fail_errno(err, errno, "cannot list the log's directory");
	}
	(void)rd_steal(&fd, -1);
	st = collect(dir, ret, err);
	(void)closedir(dir);
	RD_TRY(st);
	if (ret->n > 0) {
		qsort(ret->v, ret->n, sizeof(*ret->v), by_first);
	}
	return RD_OK;
}

void rd_audit_list_finish(struct rd_audit_list *list)
{
	free(list->v);
	*list = (struct rd_audit_list){0};
}

enum rd_status rd_audit_open(
	int dir_fd, uint64_t first, int flags, int *ret_fd, struct rd_error *err)
{
	char name[RD_AUDIT_NAME_SIZE];
	int fd;

	rd_audit_name(first, name);
	fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", name);
	}
	*ret_fd = fd;
	return RD_OK;
}
