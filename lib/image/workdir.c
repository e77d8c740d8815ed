/* SPDX-License-Identifier: Apache-2.0 */
/* Making and removing a private directory. */
#include "image/workdir.h"

#include "image/spool.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum rd_status rd_workdir_make(const char *dir, struct rd_workdir *ret_dir, struct rd_error *err)
{
	struct rd_workdir d;
	char *absolute;
	int n;

	dir = rd_spool_dir(dir);
	/* The program that gets it may have another working directory. */
	absolute = realpath(dir, NULL);
	if (absolute == NULL) {
		return rd_fail_errno(err, errno, "cannot use the scratch directory %s", dir);
	}
	n = snprintf(d.path, sizeof(d.path), "%s/redoubt-XXXXXX", absolute);
	free(absolute);
	if ((size_t)n >= sizeof(d.path)) {
		return rd_fail(err, RD_LIMIT, "the scratch directory's path is too long");
	}
	if (mkdtemp(d.path) == NULL) {
		return rd_fail_errno(err, errno,
			"cannot make a directory in %s (set NITRO_CLI_ARTIFACTS to a writable one)",
			dir);
	}
	*ret_dir = d;
	return RD_OK;
}

static int remove_one(const FTSENT *f)
{
	switch (f->fts_info) {
	case FTS_D:
		/* An image may have directories that their owner cannot write. */
		return chmod(f->fts_accpath, 0700);
	case FTS_DP:
		return rmdir(f->fts_accpath);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		errno = f->fts_errno;
		return -1;
	default:
		return unlink(f->fts_accpath);
	}
}

enum rd_status rd_workdir_remove(struct rd_workdir *d)
{
	char *roots[] = {d->path, NULL};
	enum rd_status st = RD_OK;
	FTSENT *f;
	FTS *fts;

	if (d->path[0] == '\0') {
		return RD_OK;
	}
	fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	RD_ENSURE(fts != NULL, RD_NOMEM);
	while ((f = fts_read(fts)) != NULL) {
		if (remove_one(f) == -1 && st == RD_OK) {
			st = rd_status_from_errno(errno);
		}
	}
	(void)fts_close(fts);
	if (st == RD_OK) {
		d->path[0] = '\0';
	}
	return st;
}
