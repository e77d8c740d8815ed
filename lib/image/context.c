/* SPDX-License-Identifier: Apache-2.0 */
/* Packing a build context. */
#include "image/context.h"

#include "image/dockerignore.h"
#include "os/fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CHUNK (64u << 10)

struct packer {
	const char *dir;
	struct rd_spool *spool;
	struct rd_dockerignore ignore;
	struct archive *archive;
	struct rd_error *err;
	enum rd_status spool_st;
	uint8_t chunk[COPY_CHUNK];
};

static la_ssize_t on_write(struct archive *a, void *arg, const void *bytes, size_t n)
{
	struct packer *p = arg;

	p->spool_st = rd_spool_append(p->spool, bytes, n, p->err);
	if (p->spool_st != RD_OK) {
		archive_set_error(a, EIO, "cannot write");
		return -1;
	}
	return (la_ssize_t)n;
}

static enum rd_status fail_archive(struct packer *p, const char *path)
{
	const char *text = archive_error_string(p->archive);

	if (p->spool_st != RD_OK) {
		return p->spool_st;
	}
	return rd_fail(
		p->err, RD_IO, "cannot pack %s: %s", path, text != NULL ? text : "no reason given");
}

static enum rd_status pack_data(struct packer *p, const char *path, uint64_t size)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint64_t left = size;

	if (fd == -1) {
		return rd_fail_errno(p->err, errno, "cannot open %s", path);
	}
	while (left > 0) {
		size_t want = left < sizeof(p->chunk) ? (size_t)left : sizeof(p->chunk);
		enum rd_status st = rd_fd_read_full(fd, p->chunk, want);

		if (st != RD_OK) {
			return rd_fail(p->err, st, "cannot read %s: %s", path,
				st == RD_TRUNCATED ? "it changes while it is read"
						   : rd_status_text(st));
		}
		if (archive_write_data(p->archive, p->chunk, want) != (la_ssize_t)want) {
			return fail_archive(p, path);
		}
		left -= want;
	}
	return RD_OK;
}

static enum rd_status set_link(struct packer *p, struct archive_entry *e, const FTSENT *f)
{
	char target[4096];
	ssize_t n = readlink(f->fts_accpath, target, sizeof(target) - 1);

	if (n == -1) {
		return rd_fail_errno(p->err, errno, "cannot read the link %s", f->fts_accpath);
	}
	target[n] = '\0';
	archive_entry_copy_symlink(e, target);
	return RD_OK;
}

static enum rd_status pack_entry(struct packer *p, const FTSENT *f, const char *name)
{
	struct archive_entry *e = archive_entry_new();
	const struct stat *st = f->fts_statp;
	enum rd_status result = RD_OK;

	RD_ENSURE(e != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	archive_entry_copy_pathname(e, name);
	archive_entry_set_mode(e, st->st_mode);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_mtime(e, st->st_mtime, 0);
	archive_entry_set_size(e, S_ISREG(st->st_mode) ? st->st_size : 0);
	if (S_ISLNK(st->st_mode)) {
		result = set_link(p, e, f);
	}
	if (result == RD_OK && archive_write_header(p->archive, e) < ARCHIVE_WARN) {
		result = fail_archive(p, f->fts_accpath);
	}
	archive_entry_free(e);
	if (result == RD_OK && S_ISREG(st->st_mode)) {
		result = pack_data(p, f->fts_accpath, (uint64_t)st->st_size);
	}
	return result;
}

static bool is_wanted(const struct packer *p, const char *name)
{
	return strcmp(name, "Dockerfile") == 0 || strcmp(name, ".dockerignore") == 0 ||
	       !rd_dockerignore_match(&p->ignore, name);
}

static enum rd_status visit(struct packer *p, FTS *fts, FTSENT *f)
{
	const char *name = f->fts_path + strlen(p->dir);

	name += strspn(name, "/");
	if (f->fts_level == FTS_ROOTLEVEL || f->fts_info == FTS_DP) {
		return RD_OK;
	}
	if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS) {
		return rd_fail_errno(p->err, f->fts_errno, "cannot read %s", f->fts_path);
	}
	if (!is_wanted(p, name)) {
		/* What is below an ignored directory is, too, unless a "!" line brings it back. */
		if (f->fts_info == FTS_D && !p->ignore.has_exceptions) {
			(void)fts_set(fts, f, FTS_SKIP);
		}
		return RD_OK;
	}
	if (f->fts_info != FTS_D && f->fts_info != FTS_F && f->fts_info != FTS_SL &&
		f->fts_info != FTS_SLNONE) {
		return RD_OK; /* sockets and the like: nothing a Dockerfile could copy */
	}
	return pack_entry(p, f, name);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum rd_status walk(struct packer *p)
{
	char *root = strdup(p->dir);
	char *roots[] = {root, NULL};
	FTS *fts = root != NULL ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
	enum rd_status st = RD_OK;

	if (fts == NULL) {
		free(root);
		return rd_fail_errno(p->err, errno, "cannot read %s", p->dir);
	}
	for (errno = 0; st == RD_OK;) {
		FTSENT *f = fts_read(fts);

		if (f == NULL) {
			break;
		}
		st = visit(p, fts, f);
	}
	(void)fts_close(fts);
	free(root);
	return st;
}

/* .dockerignore, if there is one. */
static enum rd_status read_ignore(struct packer *p, int dir_fd)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_DOCKERIGNORE_SIZE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = openat(
		dir_fd, ".dockerignore", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1) {
		return errno == ENOENT ? RD_OK
				       : rd_fail_errno(p->err, errno,
						 "cannot open %s/.dockerignore", p->dir);
	}
	if (rd_fd_read_all(fd, &text) != RD_OK) {
		return rd_fail(p->err, RD_LIMIT,
			"%s/.dockerignore cannot be read, or is larger than %u bytes", p->dir,
			RD_DOCKERIGNORE_SIZE_MAX);
	}
	return rd_dockerignore_parse(rd_buf_view(&text), &p->ignore, p->err);
}

static enum rd_status prepare(struct packer *p)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir_fd == -1) {
		return rd_fail_errno(p->err, errno, "cannot open %s", p->dir);
	}
	if (faccessat(dir_fd, "Dockerfile", R_OK, 0) == -1) {
		return rd_fail_errno(p->err, errno, "cannot read %s/Dockerfile", p->dir);
	}
	RD_TRY(read_ignore(p, dir_fd));
	p->archive = archive_write_new();
	if (p->archive == NULL ||
		archive_write_set_format_pax_restricted(p->archive) != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(p->archive, 1) != ARCHIVE_OK ||
		archive_write_open(p->archive, p, NULL, on_write, NULL) != ARCHIVE_OK) {
		return rd_fail(p->err, RD_NOMEM, "out of memory");
	}
	return RD_OK;
}

enum rd_status rd_context_pack(const char *dir, struct rd_spool *spool, struct rd_error *err)
{
	struct packer *p = calloc(1, sizeof(*p));
	enum rd_status st;

	RD_ENSURE(p != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	p->dir = dir;
	p->spool = spool;
	p->err = err;
	st = prepare(p);
	if (st == RD_OK) {
		st = walk(p);
	}
	if (st == RD_OK && archive_write_close(p->archive) != ARCHIVE_OK) {
		st = fail_archive(p, dir);
	}
	archive_write_free(p->archive);
	rd_dockerignore_finish(&p->ignore);
	free(p);
	return st;
}
