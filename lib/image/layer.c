/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a layer's tar archive, through libarchive, into the merged tree.
 *
 * Two libarchive readers in a row: stream.c decompresses and hashes, the one here reads tar from
 * its output. That way the digest of the decompressed archive (the diff ID) comes for free.
 *
 * libarchive converts names to the locale's character set. A file name is bytes, so the reader runs
 * in the C locale of this thread, where libarchive leaves them alone.
 */
#include "image/layer.h"

#include "base/text.h"
#include "image/stream.h"
#include "image/tree-internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define WHITEOUT        ".wh."
#define WHITEOUT_META   ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

struct reader {
	struct rd_tree *tree;
	struct rd_stream *stream;
	struct archive *archive;
	struct rd_error *err;
	enum rd_status stream_st; /* why the stream stopped, if it did */
};

static la_ssize_t on_read(struct archive *a, void *arg, const void **ret_bytes)
{
	struct reader *r = arg;
	struct rd_view bytes;

	r->stream_st = rd_stream_next(r->stream, &bytes, r->err);
	if (r->stream_st != RD_OK) {
		archive_set_error(a, EIO, "cannot read");
		return ARCHIVE_FATAL;
	}
	*ret_bytes = bytes.ptr;
	return (la_ssize_t)bytes.len;
}

static enum rd_status fail_tar(struct reader *r, const char *name)
{
	const char *text = archive_error_string(r->archive);

	if (r->stream_st != RD_OK) {
		return r->stream_st;
	}
	if (archive_errno(r->archive) == ENOMEM) {
		return rd_fail(r->err, RD_NOMEM, "out of memory");
	}
	return rd_fail(r->err, RD_MALFORMED, "is not a whole tar archive (%s%s%s)",
		name != NULL ? name : "", name != NULL ? ": " : "",
		text != NULL ? text : "no reason given");
}

/* Storage drivers of engines leave marks of their own; they are not part of the image. */
static bool is_private_xattr(const char *name)
{
	static const char *const prefixes[] = {"trusted.overlay.", "user.overlay."};

	for (size_t i = 0; i < RD_ARRAY_LEN(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* bsdtar writes every attribute twice, under its own key and under star's. */
static bool is_repeated(
	const struct rd_tree_xattr *seen, size_t n, const char *name, struct rd_view value)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(seen[i].name, name) == 0 && rd_view_equal(seen[i].value, value)) {
			return true;
		}
	}
	return false;
}

static enum rd_status read_xattrs(struct archive_entry *ae, struct rd_tree_xattr *storage,
	struct rd_tree_entry *e, struct rd_error *err)
{
	const char *name;
	const void *value;
	size_t size;
	size_t n = 0;

	archive_entry_xattr_reset(ae);
	while (archive_entry_xattr_next(ae, &name, &value, &size) == ARCHIVE_OK) {
		if (name == NULL || is_private_xattr(name) ||
			is_repeated(storage, n, name, rd_view(value, size))) {
			continue;
		}
		if (n == RD_TREE_XATTRS_MAX) {
			return rd_fail(err, RD_LIMIT, "\"%s\" has more than %d extended attributes",
				e->path, RD_TREE_XATTRS_MAX);
		}
		storage[n++] = (struct rd_tree_xattr){.name = name, .value = rd_view(value, size)};
	}
	e->xattrs = storage;
	e->n_xattrs = n;
	return RD_OK;
}

static enum rd_tree_type entry_type(struct archive_entry *ae)
{
	switch (archive_entry_filetype(ae)) {
	case AE_IFREG:
		return RD_TREE_FILE;
	case AE_IFDIR:
		return RD_TREE_DIR;
	case AE_IFLNK:
		return RD_TREE_SYMLINK;
	case AE_IFCHR:
		return RD_TREE_CHAR;
	case AE_IFBLK:
		return RD_TREE_BLOCK;
	case AE_IFIFO:
		return RD_TREE_FIFO;
	default:
		return 0;
	}
}

static enum rd_status read_header(struct archive_entry *ae, const char *path,
	struct rd_tree_entry *ret_e, struct rd_error *err)
{
	int64_t uid = archive_entry_uid(ae);
	int64_t gid = archive_entry_gid(ae);
	struct rd_tree_entry e = {
		.path = path,
		.type = entry_type(ae),
		.mode = archive_entry_perm(ae) & 07777,
		.mtime_s = archive_entry_mtime(ae),
		.target = archive_entry_symlink(ae),
	};

	/* (uid_t)-1 is no user but "leave unchanged" to chown(2). */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX) {
		return rd_fail(
			err, RD_OUT_OF_RANGE, "\"%s\" has an owner that is no 32-bit number", path);
	}
	e.uid = (uint32_t)uid;
	e.gid = (uint32_t)gid;
	if (e.type == RD_TREE_CHAR || e.type == RD_TREE_BLOCK) {
		dev_t major_no = archive_entry_rdevmajor(ae);
		dev_t minor_no = archive_entry_rdevminor(ae);

		if (major_no > UINT32_MAX || minor_no > UINT32_MAX) {
			return rd_fail(err, RD_OUT_OF_RANGE,
				"\"%s\" has a device number out of range", path);
		}
		e.rdev_major = (uint32_t)major_no;
		e.rdev_minor = (uint32_t)minor_no;
	}
	*ret_e = e;
	return RD_OK;
}

/* Copies a file's data into the spool, holes as holes. */
static enum rd_status copy_data(
	struct reader *r, struct archive_entry *ae, const char *path, struct rd_blob *ret_data)
{
	struct rd_spool *spool = rd_tree_spool(r->tree);
	uint64_t start = spool->used;
	int64_t size = archive_entry_size(ae);
	uint64_t pos = 0;

	for (;;) {
		const void *bytes;
		size_t n;
		la_int64_t offset;
		int ar = archive_read_data_block(r->archive, &bytes, &n, &offset);

		if (ar == ARCHIVE_EOF) {
			break;
		}
		if (ar != ARCHIVE_OK) {
			return fail_tar(r, path);
		}
		if (n == 0) {
			continue;
		}
		if (offset < 0 || (uint64_t)offset < pos) {
			return rd_fail(
				r->err, RD_MALFORMED, "\"%s\" has overlapping sparse parts", path);
		}
		if ((uint64_t)offset > pos) {
			RD_TRY(rd_spool_append_hole(spool, (uint64_t)offset - pos, r->err));
		}
		RD_TRY(rd_spool_append(spool, bytes, n, r->err));
		pos = (uint64_t)offset + n;
	}
	if (size < 0 || pos > (uint64_t)size) {
		return rd_fail(r->err, RD_MALFORMED, "\"%s\" holds more than its size", path);
	}
	if (pos < (uint64_t)size) {
		RD_TRY(rd_spool_append_hole(spool, (uint64_t)size - pos, r->err));
	}
	*ret_data = rd_spool_blob(spool, start);
	return RD_OK;
}

static enum rd_status put_entry(struct reader *r, struct archive_entry *ae, const char *path)
{
	struct rd_tree_xattr xattrs[RD_TREE_XATTRS_MAX];
	const char *existing = archive_entry_hardlink(ae);
	struct rd_blob data = {.fd = -1};
	struct rd_tree_entry e;

	RD_TRY(read_header(ae, path, &e, r->err));
	RD_TRY(read_xattrs(ae, xattrs, &e, r->err));
	if (existing != NULL) {
		return rd_tree_link_with(r->tree, &e, existing, r->err);
	}
	if (e.type == 0) {
		return rd_fail(r->err, RD_UNSUPPORTED,
			"\"%s\" is a socket or of an unknown type; remove it from the image", path);
	}
	if (e.type == RD_TREE_FILE) {
		RD_TRY(copy_data(r, ae, path, &data));
	}
	return rd_tree_put_blob(r->tree, &e, data, r->err);
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * What a name means: 0 an ordinary entry; 1 a whiteout or an engine's mark, dealt with here.
 * path has no slash at its end.
 */
static enum rd_status apply_whiteout(struct reader *r, char *path, bool *ret_done)
{
	char *base = strrchr(path, '/');
	size_t dir_len;

	base = base != NULL ? base + 1 : path;
	dir_len = (size_t)(base - path);
	*ret_done = false;
	for (const char *p = path; p < base; p += strcspn(p, "/") + 1) {
		if (starts_with(p, WHITEOUT_META)) {
			*ret_done =
				true; /* .wh..wh.plnk/ and the like: AUFS's own, engines skip it */
			return RD_OK;
		}
		if (starts_with(p, WHITEOUT)) {
			return rd_fail(r->err, RD_FORBIDDEN,
				"\"%s\" is below a whiteout, a name that stands for a removed file",
				path);
		}
	}
	if (!starts_with(base, WHITEOUT)) {
		return RD_OK;
	}
	*ret_done = true;
	if (strcmp(base, WHITEOUT_OPAQUE) == 0) {
		base[0] = '\0';
		return rd_tree_hide_below(r->tree, path, r->err);
	}
	if (starts_with(base, WHITEOUT_META)) {
		return RD_OK;
	}
	memmove(path + dir_len, base + strlen(WHITEOUT), strlen(base + strlen(WHITEOUT)) + 1);
	if (base[0] == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0) {
		return rd_fail(
			r->err, RD_BAD_PATH, "\"%s\" is a whiteout of a directory itself", path);
	}
	return rd_tree_hide(r->tree, path, r->err);
}

static enum rd_status apply_entry(struct reader *r, struct archive_entry *ae)
{
	const char *name = archive_entry_pathname(ae);
	char path[RD_TREE_PATH_MAX + 1];
	size_t len;
	bool done;

	if (name == NULL) {
		return rd_fail(r->err, RD_MALFORMED, "has an entry without a name");
	}
	/* Engines, too, take "/etc" and "./etc" for "etc". */
	name += strspn(name, "/");
	len = strlen(name);
	if (len > RD_TREE_PATH_MAX) {
		return rd_fail(r->err, RD_LIMIT, "\"%.80s…\" is longer than %d bytes", name,
			RD_TREE_PATH_MAX);
	}
	while (len > 0 && name[len - 1] == '/') {
		len--;
	}
	memcpy(path, name, len);
	path[len] = '\0';
	RD_TRY(apply_whiteout(r, path, &done));
	return done ? RD_OK : put_entry(r, ae, path);
}

static enum rd_status apply_entries(struct reader *r)
{
	struct archive_entry *ae;
	int ar;

	r->archive = archive_read_new();
	if (r->archive == NULL || archive_read_support_format_tar(r->archive) != ARCHIVE_OK ||
		archive_read_support_format_empty(r->archive) != ARCHIVE_OK) {
		return rd_fail(r->err, RD_NOMEM, "out of memory");
	}
	/* AppleDouble files ("._x") are files like any other here. */
	(void)archive_read_set_format_option(r->archive, "tar", "mac-ext", NULL);
	if (archive_read_open2(r->archive, r, NULL, on_read, NULL, NULL) != ARCHIVE_OK) {
		return fail_tar(r, NULL);
	}
	while ((ar = archive_read_next_header(r->archive, &ae)) != ARCHIVE_EOF) {
		if (ar != ARCHIVE_OK && ar != ARCHIVE_WARN) {
			return fail_tar(r, NULL);
		}
		RD_TRY(apply_entry(r, ae));
	}
	return RD_OK;
}

static enum rd_status check_digest(
	const uint8_t got[RD_SHA256_SIZE], const char *want, const char *what, struct rd_error *err)
{
	char text[sizeof("sha256:") + 2 * RD_SHA256_SIZE] = "sha256:";

	rd_hex_string(rd_view(got, RD_SHA256_SIZE), text + strlen("sha256:"));
	if (want != NULL && strcmp(want, text) != 0) {
		return rd_fail(err, RD_UNTRUSTED,
			"its %s is %s, not %s as the image says: the image is damaged or was "
			"tampered with",
			what, text, want);
	}
	return RD_OK;
}

static enum rd_status apply_stream(struct reader *r, const struct rd_layer *layer)
{
	uint8_t blob[RD_SHA256_SIZE];
	uint8_t plain[RD_SHA256_SIZE];
	enum rd_status st = apply_entries(r);

	archive_read_free(r->archive);
	RD_TRY(st);
	RD_TRY(rd_stream_finish(r->stream, blob, plain, r->err));
	RD_TRY(check_digest(blob, layer->digest, "digest", r->err));
	return check_digest(plain, layer->diff_id, "diff ID", r->err);
}

enum rd_status rd_layer_apply(struct rd_tree *t, const struct rd_layer *layer, struct rd_error *err)
{
	struct rd_spool *spool = rd_tree_spool(t);
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	struct reader r = {.tree = t, .err = err};
	/* Headers and padding: a name takes 512 bytes of header, long ones and xattrs more. */
	uint64_t max = spool->max - spool->used + RD_TREE_TEXT_MAX + 4096ull * RD_TREE_ENTRIES_MAX;
	locale_t old;
	enum rd_status st;

	if (c_locale == (locale_t)0) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	rd_tree_next_layer(t);
	old = uselocale(c_locale);
	st = rd_stream_open(layer->blob, max, &r.stream, err);
	if (st == RD_OK) {
		st = apply_stream(&r, layer);
		rd_stream_close(&r.stream);
	}
	(void)uselocale(old);
	freelocale(c_locale);
	return st;
}
