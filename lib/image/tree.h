/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged root file system of an image: what its layers leave behind, in memory, by path.
 *
 * Names, owners and modes live in memory; file contents live in an unlinked spool file, so an image
 * larger than RAM can be merged. Nothing is ever looked up in the host's file system: a symbolic
 * link of the image is resolved inside the tree, with its root as "/".
 *
 * Life: rd_tree_new, any number of changes (layers through lib/image/layer.h, or rd_tree_put,
 * rd_tree_link, rd_tree_remove), then rd_tree_entries, which orders the result. A change after that
 * invalidates the array. Not thread-safe.
 */
#ifndef RD_IMAGE_TREE_H
#define RD_IMAGE_TREE_H

#include "base/bytes.h"
#include "base/error.h"

/* Names in one tree: twice the largest public images; about 200 bytes of memory each. */
#define RD_TREE_ENTRIES_MAX (1u << 20)
/* PATH_MAX and NAME_MAX without their NUL: the guest's kernel could not open anything longer. */
#define RD_TREE_PATH_MAX 4095
#define RD_TREE_NAME_MAX 255
/* Bounds the recursion of every walk; the deepest real trees (node_modules) stay below 60. */
#define RD_TREE_DEPTH_MAX 256
/* Names, link targets and xattrs together, the memory that an outsider's image can take from us. */
#define RD_TREE_TEXT_MAX ((uint64_t)256 << 20)
/* File contents, replaced ones included. The root is a ramdisk: more could not boot anywhere. */
#define RD_TREE_DATA_MAX ((uint64_t)64 << 30)
/* XATTR_LIST_MAX / XATTR_SIZE_MAX of Linux, and more attributes than any image carries. */
#define RD_TREE_XATTR_VALUE_MAX 65536
#define RD_TREE_XATTRS_MAX      64
/* Symbolic links followed in one look-up: MAXSYMLINKS of Linux. */
#define RD_TREE_SYMLINKS_MAX 40

enum rd_tree_type {
	RD_TREE_DIR = 1,
	RD_TREE_FILE,
	RD_TREE_SYMLINK,
	RD_TREE_CHAR,
	RD_TREE_BLOCK,
	RD_TREE_FIFO,
};

struct rd_tree_xattr {
	const char *name; /* with its namespace: "security.capability" */
	struct rd_view value;
};

/* One name. Everything pointed to belongs to the tree and lives as long as it. */
struct rd_tree_entry {
	const char *path; /* relative, no "." or "..", no slash at either end; "" is the root */
	enum rd_tree_type type;
	uint16_t mode; /* 07777: permissions, suid, sgid, sticky; without the type */
	uint32_t uid;
	uint32_t gid;
	int64_t mtime_s; /* seconds since the epoch, never negative */
	uint64_t size;   /* files: bytes of data; otherwise 0 */
	int data_fd;     /* files: pread size bytes from data_offset; otherwise -1 */
	uint64_t data_offset;
	const char *target; /* symbolic links; otherwise NULL */
	/* Names of one inode share a number, counted from 1 in the order of their first names, and
	 * point to the same data; 0 for an inode with a single name, and for directories. */
	uint32_t link_id;
	uint32_t n_links;    /* names of this inode; 1 for directories */
	uint32_t rdev_major; /* devices; otherwise 0 */
	uint32_t rdev_minor;
	const struct rd_tree_xattr *xattrs; /* ordered by name */
	size_t n_xattrs;
};

struct rd_tree;

/*
 * An empty tree: a root directory 0755 0:0, mtime 0. scratch_dir holds the spool file; NULL stands
 * for $NITRO_CLI_ARTIFACTS, $TMPDIR or /var/tmp, the first that is set.
 */
enum rd_status rd_tree_new(const char *scratch_dir, struct rd_tree **ret_tree, struct rd_error *err)
	RD_MUST_USE;
void rd_tree_free(struct rd_tree **tree);

/*
 * Adds or replaces the name e->path, making missing parents (0755 0:0, mtime 0). Symbolic links in
 * the parents are followed inside the tree, the last component is not. A directory over a directory
 * keeps its children and takes the new attributes; any other combination replaces what was there,
 * with everything below it. data is a file's content (e->size, data_fd and data_offset are
 * ignored); NULL otherwise. RD_BAD_PATH for a path with "..", RD_LIMIT for one of the limits above.
 */
enum rd_status rd_tree_put(struct rd_tree *t, const struct rd_tree_entry *e,
	const struct rd_view *data, struct rd_error *err) RD_MUST_USE;

/* One more name for existing, which must not be a directory. RD_NOTFOUND when it is missing. */
enum rd_status rd_tree_link(struct rd_tree *t, const char *path, const char *existing,
	struct rd_error *err) RD_MUST_USE;

/* Removes a name with everything below it; RD_NOTFOUND when there is none. Not the root. */
enum rd_status rd_tree_remove(struct rd_tree *t, const char *path, struct rd_error *err)
	RD_MUST_USE;

/*
 * All entries: the root first, parents before their children, the children of a directory ordered
 * by the bytes of their names, each followed by what is below it. The array belongs to the tree and
 * is valid until the tree changes.
 */
enum rd_status rd_tree_entries(
	struct rd_tree *t, const struct rd_tree_entry **ret_entries, size_t *ret_count) RD_MUST_USE;

/*
 * One entry by path, a leading slash allowed. Symbolic links are followed inside the tree, also the
 * last component when follow is true. RD_NOTFOUND, or RD_TOO_DEEP for a loop of links.
 * ret_entry->path is the path with all links resolved; valid until the next look-up or change.
 */
enum rd_status rd_tree_lookup(struct rd_tree *t, const char *path, bool follow,
	struct rd_tree_entry *ret_entry) RD_MUST_USE;

/* Reads n bytes of a file's data at offset; RD_TRUNCATED past its end. */
enum rd_status rd_tree_read(const struct rd_tree_entry *e, uint64_t offset, void *dst, size_t n)
	RD_MUST_USE;

/* Sum of the sizes of all files, hard links counted once. Valid after rd_tree_entries. */
uint64_t rd_tree_data_bytes(const struct rd_tree *t);

#endif
