/* SPDX-License-Identifier: Apache-2.0 */
/* The files of an evidence folder: walking, copying, reading and removing them. */
#include "redoubt/evidence.h"

#include "audit/directory.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP 65536
/* The folder, a log, its documents. */
#define DEPTH_MAX 3

struct walk {
	evidence_file_fn *see;
	void *ctx;
	struct rd_error *err;
	unsigned files;
};

static enum rd_status walk_directory(struct walk *w, int fd, const char *prefix, unsigned depth);

static enum rd_status see_entry(
	struct walk *w, int dir_fd, const char *prefix, const char *name, unsigned depth)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	char path[EVIDENCE_PATH_MAX];
	struct stat sb;

	if (snprintf(path, sizeof(path), "%s%s", prefix, name) >= (int)sizeof(path)) {
		return rd_fail(w->err, RD_LIMIT, "%s%s: the path is too long", prefix, name);
	}
	/* Not blocking: it may be a FIFO. */
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &sb) != 0) {
		return rd_fail_errno(w->err, errno, "%s: cannot be opened", path);
	}
	if (S_ISDIR(sb.st_mode) && depth < DEPTH_MAX) {
		if (snprintf(path, sizeof(path), "%s%s/", prefix, name) >= (int)sizeof(path)) {
			return rd_fail(w->err, RD_LIMIT, "%s: the path is too long", path);
		}
		return walk_directory(w, rd_steal(&fd, -1), path, depth + 1);
	}
	if (!S_ISREG(sb.st_mode)) {
		return rd_fail(w->err, RD_BAD_TYPE, "%s: is no regular file", path);
	}
	if (++w->files > EVIDENCE_FILES_MAX) {
		return rd_fail(w->err, RD_LIMIT, "more than %d files", EVIDENCE_FILES_MAX);
	}
	return w->see(w->ctx, path, fd, w->err);
}

/* Takes over fd. */
static enum rd_status walk_directory(struct walk *w, int fd, const char *prefix, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	enum rd_status st = RD_OK;
	const struct dirent *entry;

	if (dir == NULL) {
		st = rd_fail_errno(w->err, errno, "%s: cannot be read", prefix);
		rd_fd_close(&fd);
		return st;
	}
	while (st == RD_OK && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			st = see_entry(w, dirfd(dir), prefix, entry->d_name, depth);
		}
	}
	closedir(dir);
	return st;
}

enum rd_status evidence_walk(int dir_fd, evidence_file_fn *see, void *ctx, struct rd_error *err)
{
	struct walk w = {.see = see, .ctx = ctx, .err = err};
	/* A description of its own: a directory is read from where it was left. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		return rd_fail_errno(err, errno, "the folder cannot be opened");
	}
	return walk_directory(&w, fd, "", 1);
}

enum rd_status evidence_digest(int fd, char ret_hex[65], struct rd_error *err)
{
	RD_CLEANUP(rd_digest_free) struct rd_digest *digest = NULL;
	uint8_t value[RD_SHA256_SIZE];
	static uint8_t step[STEP];
	size_t got = 1;
	enum rd_status st = rd_digest_new(RD_SHA256, &digest);

	while (st == RD_OK && got > 0) {
		st = rd_fd_read(fd, step, sizeof(step), &got);
		st = st == RD_OK ? rd_digest_update(digest, rd_view(step, got)) : st;
	}
	st = st == RD_OK ? rd_digest_finish(digest, value) : st;
	if (st != RD_OK) {
		return rd_fail(err, st, "a file cannot be read: %s", rd_status_text(st));
	}
	rd_hex_string(rd_view(value, sizeof(value)), ret_hex);
	return RD_OK;
}

static enum rd_status make_file(int dir_fd, const char *name, int *ret_fd, struct rd_error *err)
{
	*ret_fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return *ret_fd >= 0 ? RD_OK : rd_fail_errno(err, errno, "%s: cannot be made", name);
}

enum rd_status evidence_put(
	int dir_fd, const char *name, struct rd_view bytes, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	enum rd_status st;

	RD_TRY(make_file(dir_fd, name, &fd, err));
	st = rd_fd_write_full(fd, bytes);
	return st == RD_OK
		       ? RD_OK
		       : rd_fail(err, st, "%s: cannot be written: %s", name, rd_status_text(st));
}

static enum rd_status copy(int from, int dir_fd, const char *name, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	uint64_t copied = 0;
	enum rd_status st;

	RD_TRY(make_file(dir_fd, name, &fd, err));
	st = rd_fd_copy(from, fd, UINT64_MAX, &copied);
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "%s: cannot be copied: %s", name, rd_status_text(st));
}

enum rd_status evidence_copy_file(
	const char *from, int dir_fd, const char *name, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = open(from, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", from);
	}
	return copy(fd, dir_fd, name, err);
}

struct log_copy {
	int to;
	const char *name;
};

static enum rd_status copy_log_file(void *ctx, const char *path, int fd, struct rd_error *err)
{
	const struct log_copy *c = ctx;
	char to[EVIDENCE_PATH_MAX];

	if (strcmp(path, RD_AUDIT_LOCK_FILE) == 0) {
		return RD_OK; /* says that a server writes here, which is not true of the copy */
	}
	if (snprintf(to, sizeof(to), "%s/%s", c->name, path) >= (int)sizeof(to)) {
		return rd_fail(err, RD_LIMIT, "%s: the path is too long", path);
	}
	return copy(fd, c->to, to, err);
}

enum rd_status evidence_copy_log(
	const char *from, int dir_fd, const char *name, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct log_copy c = {.to = dir_fd, .name = name};
	char documents[EVIDENCE_PATH_MAX];

	snprintf(documents, sizeof(documents), "%s/" RD_AUDIT_DOCUMENTS_DIR, name);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", from);
	}
	if (mkdirat(dir_fd, name, 0755) != 0 || mkdirat(dir_fd, documents, 0755) != 0) {
		return rd_fail_errno(err, errno, "%s: cannot be made", documents);
	}
	return evidence_walk(fd, copy_log_file, &c, err);
}

enum rd_status evidence_read(int dir_fd, const char *name, struct rd_buf *out, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", name);
	}
	st = rd_fd_read_all(fd, out);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "%s: %s", name, rd_status_text(st));
}

static enum rd_status remove_file(void *ctx, const char *path, int fd, struct rd_error *err)
{
	const int *dir = ctx;

	(void)fd;
	return unlinkat(*dir, path, 0) == 0 ? RD_OK : rd_fail_errno(err, errno, "%s", path);
}

void evidence_remove(const char *folder)
{
	static const char *const below[] = {EVIDENCE_LOG "/" RD_AUDIT_DOCUMENTS_DIR, EVIDENCE_LOG,
		EVIDENCE_KMS_LOG "/" RD_AUDIT_DOCUMENTS_DIR, EVIDENCE_KMS_LOG};
	RD_CLEANUP(rd_fd_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rd_error err;

	if (fd < 0 || evidence_walk(fd, remove_file, &fd, &err) != RD_OK) {
		return;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(below); i++) {
		(void)unlinkat(fd, below[i], AT_REMOVEDIR);
	}
	(void)rmdir(folder);
}
