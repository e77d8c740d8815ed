/* SPDX-License-Identifier: Apache-2.0 */
/* Making layer archives in memory, with libarchive's writer: one line an entry. */
#ifndef RD_TEST_LAYERS_H
#define RD_TEST_LAYERS_H

#include "test.h"

#include "image/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>
#include <unistd.h>

/* One entry. type: 'd' 'f' 'l' (symbolic link) 'h' (hard link) 'c' 'b' 'p'. */
struct made_entry {
	char type;
	const char *name;
	const char *data; /* content or link target */
	unsigned mode;    /* 0: 0644, directories 0755 */
	int64_t uid;
	int64_t gid;
	int64_t mtime;
	const char *xattr;
	const char *xattr_value;
};

enum made_filter { MADE_PLAIN, MADE_GZIP, MADE_ZSTD };

static inline int made_fd(const void *bytes, size_t n)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, bytes, n), (ssize_t)n);
	return fd;
}

static inline struct rd_blob made_blob(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);

	return (struct rd_blob){.fd = fd, .size = (uint64_t)size};
}

static inline void made_write_entry(struct archive *a, const struct made_entry *m)
{
	static const struct {
		char type;
		mode_t mode;
	} types[] = {{'d', AE_IFDIR}, {'f', AE_IFREG}, {'l', AE_IFLNK}, {'h', AE_IFREG},
		{'c', AE_IFCHR}, {'b', AE_IFBLK}, {'p', AE_IFIFO}};
	struct archive_entry *e = archive_entry_new();

	archive_entry_copy_pathname(e, m->name);
	for (size_t i = 0; i < RD_ARRAY_LEN(types); i++) {
		if (types[i].type == m->type) {
			archive_entry_set_filetype(e, types[i].mode);
		}
	}
	archive_entry_set_perm(e, m->mode != 0 ? m->mode : m->type == 'd' ? 0755 : 0644);
	archive_entry_set_uid(e, m->uid);
	archive_entry_set_gid(e, m->gid);
	archive_entry_set_mtime(e, m->mtime, 0);
	if (m->type == 'f') {
		archive_entry_set_size(e, (int64_t)strlen(m->data));
	} else if (m->type == 'l') {
		archive_entry_copy_symlink(e, m->data);
	} else if (m->type == 'h') {
		archive_entry_copy_hardlink(e, m->data);
		archive_entry_set_size(e, 0);
	} else if (m->type == 'c' || m->type == 'b') {
		archive_entry_set_rdevmajor(e, 5);
		archive_entry_set_rdevminor(e, 1);
	}
	if (m->xattr != NULL) {
		archive_entry_xattr_add_entry(e, m->xattr, m->xattr_value, strlen(m->xattr_value));
	}
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
	if (m->type == 'f' && m->data[0] != '\0') {
		assert_int_equal(archive_write_data(a, m->data, strlen(m->data)),
			(la_ssize_t)strlen(m->data));
	}
	archive_entry_free(e);
}

/* A layer in an anonymous file. */
static inline int make_layer(const struct made_entry *entries, size_t n, enum made_filter filter)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);
	struct archive *a = archive_write_new();

	assert_int_not_equal(fd, -1);
	assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
	if (filter == MADE_GZIP) {
		assert_int_equal(archive_write_add_filter_gzip(a), ARCHIVE_OK);
	} else if (filter == MADE_ZSTD) {
		assert_int_equal(archive_write_add_filter_zstd(a), ARCHIVE_OK);
	}
	assert_int_equal(archive_write_open_fd(a, fd), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		made_write_entry(a, &entries[i]);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return fd;
}

static inline enum rd_status apply_made(struct rd_tree *t, const struct made_entry *entries,
	size_t n, enum made_filter filter, struct rd_error *err)
{
	int fd = make_layer(entries, n, filter);
	struct rd_layer layer = {.blob = made_blob(fd)};
	enum rd_status st = rd_layer_apply(t, &layer, err);

	close(fd);
	return st;
}

#define apply(t, ...)                                                                              \
	apply_made((t), (const struct made_entry[]){__VA_ARGS__},                                  \
		RD_ARRAY_LEN(((const struct made_entry[]){__VA_ARGS__})), MADE_PLAIN, NULL)

/* The tree's names in order, as "etc/ etc/passwd bin -> usr/bin": easy to compare. */
static inline char *listing(struct rd_tree *t)
{
	const struct rd_tree_entry *e;
	size_t n;
	struct rd_buf out = rd_buf_growable(1 << 20);

	assert_ok(rd_tree_entries(t, &e, &n));
	for (size_t i = 1; i < n; i++) {
		assert_ok(rd_buf_printf(&out, "%s%s%s%s%s", i > 1 ? " " : "", e[i].path,
			e[i].type == RD_TREE_DIR ? "/" : "", e[i].target != NULL ? "->" : "",
			e[i].target != NULL ? e[i].target : ""));
	}
	assert_ok(rd_buf_u8(&out, 0));
	return (char *)out.ptr;
}

static inline void assert_listing(struct rd_tree *t, const char *want)
{
	char *got = listing(t);

	assert_string_equal(got, want);
	free(got);
}

static inline void assert_content(struct rd_tree *t, const char *path, const char *want)
{
	struct rd_tree_entry e;
	char *got;

	assert_ok(rd_tree_lookup(t, path, true, &e));
	got = calloc(1, e.size + 1);
	assert_ok(rd_tree_read(&e, 0, got, e.size));
	assert_string_equal(got, want);
	free(got);
}

#endif
