/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the layer reader needs beyond tree.h: layers are numbered, because a whiteout hides only
 * what lower layers left, wherever in its own layer it stands.
 */
#ifndef RD_IMAGE_TREE_INTERNAL_H
#define RD_IMAGE_TREE_INTERNAL_H

#include "image/spool.h"
#include "image/tree.h"

/* What hard links share. */
struct rd_inode {
	uint32_t n_names;
	uint32_t link_id; /* given by rd_tree_entries */
	enum rd_tree_type type;
	uint16_t mode;
	uint32_t uid;
	uint32_t gid;
	int64_t mtime_s;
	uint32_t rdev_major;
	uint32_t rdev_minor;
	struct rd_blob data;
	char *target;
	struct rd_tree_xattr *xattrs;
	size_t n_xattrs;
};

/* A name. The children of a directory are a tsearch(3) tree, ordered by the bytes of their names.
 */
struct rd_node {
	struct rd_node *parent; /* NULL: the root */
	struct rd_inode *inode;
	void *children;
	size_t n_children;
	uint32_t layer;  /* that put it last */
	uint32_t depth;  /* the root's is 0 */
	size_t path_len; /* of the whole path, without slashes at its ends */
	char name[];
};

struct rd_tree {
	struct rd_node *root;
	struct rd_spool spool;
	uint32_t layer;
	size_t n_names;
	uint64_t text_used;
	uint64_t data_bytes;
	struct rd_tree_entry *entries; /* NULL: not ordered since the last change */
	char *paths;                   /* of all entries, one after another */
	char *lookup_path;
};

/* How rd_tree_resolve treats what it meets. */
enum rd_resolve {
	RD_RESOLVE_FOLLOW = 1, /* also a symbolic link in the last component */
	RD_RESOLVE_MAKE = 2,   /* missing directories on the way */
};

/*
 * Walks path inside the tree. *ret_dir is the directory that holds (or would hold) the last
 * component, *ret_name that component's own name and *ret_node the node, NULL if there is none. For
 * the root itself all of this is the root and "".
 */
enum rd_status rd_tree_resolve(struct rd_tree *t, const char *path, unsigned how,
	struct rd_node **ret_dir, char ret_name[RD_TREE_NAME_MAX + 1], struct rd_node **ret_node)
	RD_MUST_USE;

/* The child of that name, or NULL. */
struct rd_node *rd_node_child(const struct rd_node *dir, const char *name);

/* A new directory 0755 0:0, mtime 0, as an engine makes a parent that no layer mentions. */
enum rd_status rd_tree_make_dir(struct rd_tree *t, struct rd_node *dir, const char *name,
	struct rd_node **ret_node) RD_MUST_USE;

enum rd_status rd_node_attach(struct rd_node *dir, struct rd_node *child) RD_MUST_USE;
void rd_node_detach(struct rd_node *child);

/* Forgets the ordered array. */
void rd_tree_changed(struct rd_tree *t);

/* All children of a directory in order, in a heap array of dir->n_children. */
enum rd_status rd_node_children(const struct rd_node *dir, struct rd_node ***ret_children)
	RD_MUST_USE;

/* Everything put, linked or removed from now on belongs to the next layer. */
void rd_tree_next_layer(struct rd_tree *t);

/* Lowers the limit on file contents; 0 leaves it. */
void rd_tree_limit_data(struct rd_tree *t, uint64_t max_bytes);

/* Where file contents go; the layer reader appends, then calls rd_tree_put_blob. */
struct rd_spool *rd_tree_spool(struct rd_tree *t);

/* rd_tree_put for a file whose bytes are in the tree's spool already. */
enum rd_status rd_tree_put_blob(struct rd_tree *t, const struct rd_tree_entry *e,
	struct rd_blob data, struct rd_error *err) RD_MUST_USE;

/*
 * rd_tree_link with what a tar header for a hard link carries: the engines apply its owner, mode,
 * time and xattrs to the inode that it names.
 */
enum rd_status rd_tree_link_with(struct rd_tree *t, const struct rd_tree_entry *e,
	const char *existing, struct rd_error *err) RD_MUST_USE;

/* OCI whiteouts (image-spec, layer.md): hide `path`, or everything below the directory `path`. */
enum rd_status rd_tree_hide(struct rd_tree *t, const char *path, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_tree_hide_below(struct rd_tree *t, const char *path, struct rd_error *err)
	RD_MUST_USE;

#endif
