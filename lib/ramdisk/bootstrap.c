/* SPDX-License-Identifier: Apache-2.0 */
/* The bootstrap ramdisk: a fixed list of names out of a blobs directory. */
#include "ramdisk/ramdisk.h"

#include "os/fd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK ((size_t)128 * 1024)

static enum rd_status put_dir(struct rd_cpio *cpio, const char *name, struct rd_error *err)
{
	const struct rd_cpio_entry e = {
		.name = name, .mode = S_IFDIR | 0755, .mtime_s = RD_CPIO_FIXED_MTIME};

	return rd_cpio_begin(cpio, &e, NULL, err);
}

/* Exactly size bytes: what a file grows by meanwhile is not taken, what it shrinks by is noticed.
 */
static enum rd_status copy_data(
	struct rd_cpio *cpio, int fd, uint64_t size, const char *name, struct rd_error *err)
{
	uint8_t *chunk = malloc(COPY_CHUNK);
	enum rd_status st = chunk != NULL ? RD_OK
					  : rd_fail(err, RD_NOMEM, "%s: out of memory", name);

	for (uint64_t at = 0; st == RD_OK && at < size;) {
		size_t n = size - at < COPY_CHUNK ? (size_t)(size - at) : COPY_CHUNK;

		st = rd_fd_pread_full(fd, chunk, n, at);
		if (st != RD_OK) {
			rd_fail(err, st, "reading blob %s: %s", name, rd_status_text(st));
			break;
		}
		st = rd_cpio_data(cpio, rd_view(chunk, n), err);
		at += n;
	}
	free(chunk);
	return st;
}

/* One regular file of the blobs directory, under the same name. */
static enum rd_status put_blob(struct rd_cpio *cpio, int blobs_fd, const char *blobs_dir,
	const char *name, bool optional, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = openat(blobs_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct rd_cpio_entry e = {
		.name = name, .mode = S_IFREG | 0755, .mtime_s = RD_CPIO_FIXED_MTIME};
	struct stat st;

	if (fd < 0 && errno == ENOENT && optional) {
		return RD_OK;
	}
	if (fd < 0 || fstat(fd, &st) != 0) {
		return rd_fail_errno(err, errno, "blob %s/%s", blobs_dir, name);
	}
	if (!S_ISREG(st.st_mode)) {
		return rd_fail(
			err, RD_BAD_TYPE, "blob %s/%s is not a regular file", blobs_dir, name);
	}
	e.size = (uint64_t)st.st_size;
	RD_TRY(rd_cpio_begin(cpio, &e, NULL, err));
	return copy_data(cpio, fd, e.size, name, err);
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Bytes, not the locale's idea of order: the same input gives the same archive everywhere. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_module_name(const char *name)
{
	size_t n = strlen(name);

	return n > 6 && isdigit((unsigned char)name[0]) && isdigit((unsigned char)name[1]) &&
	       name[2] == '-' && strcmp(name + n - 3, ".ko") == 0;
}

static enum rd_status put_module(struct rd_cpio *cpio, int blobs_fd, const char *blobs_dir,
	const char *name, struct rd_error *err)
{
	char path[sizeof("modules/") + NAME_MAX];

	if (!is_module_name(name)) {
		return rd_fail(err, RD_BAD_PATH,
			"blob %s/modules/%s is not named NN-name.ko (two digits order the modules)",
			blobs_dir, name);
	}
	snprintf(path, sizeof(path), "modules/%s", name);
	return put_blob(cpio, blobs_fd, blobs_dir, path, false, err);
}

static enum rd_status put_modules(
	struct rd_cpio *cpio, int blobs_fd, const char *blobs_dir, struct rd_error *err)
{
	struct dirent **names = NULL;
	enum rd_status st = RD_OK;
	int n = scandirat(blobs_fd, "modules", &names, not_hidden, by_bytes);

	if (n < 0) {
		return errno == ENOENT ? RD_OK
				       : rd_fail_errno(err, errno, "blobs %s/modules", blobs_dir);
	}
	if (n > 0) {
		st = put_dir(cpio, "modules", err);
	}
	if (st == RD_OK && n > RD_RAMDISK_MODULES_MAX) {
		st = rd_fail(err, RD_LIMIT, "blobs %s/modules holds %d files, allowed are %d",
			blobs_dir, n, RD_RAMDISK_MODULES_MAX);
	}
	for (int i = 0; i < n; i++) {
		if (st == RD_OK) {
			st = put_module(cpio, blobs_fd, blobs_dir, names[i]->d_name, err);
		}
		free(names[i]);
	}
	free(names);
	return st;
}

enum rd_status rd_ramdisk_write_bootstrap(
	const char *blobs_dir, struct rd_cpio_sink sink, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(blobs_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rd_cpio cpio;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "blobs directory %s", blobs_dir);
	}
	rd_cpio_init(&cpio, sink);
	RD_TRY(put_dir(&cpio, "dev", err));
	RD_TRY(put_blob(&cpio, fd, blobs_dir, "init", false, err));
	RD_TRY(put_blob(&cpio, fd, blobs_dir, "nsm.ko", true, err));
	RD_TRY(put_blob(&cpio, fd, blobs_dir, "nsm-cuse", true, err));
	RD_TRY(put_modules(&cpio, fd, blobs_dir, err));
	return rd_cpio_finish(&cpio, err);
}
