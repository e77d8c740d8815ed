/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The merged tree: making, replacing, linking and hiding names.
 *
 * Every name is a node, every file an inode that counts its names, so a hard link keeps the content
 * when an upper layer replaces or hides another name of it. Layers are numbered. A whiteout removes
 * the nodes below its name whose number is lower than the current one, so it does not matter
 * whether it stands before or after the entries of its own layer.
 */
#include "image/tree-internal.h"

#include <stdlib.h>
#include <string.h>

#define IMPLIED_DIR_MODE 0755

/* Takes n bytes of the allowance for names, targets and xattrs. */
static enum rd_status charge_text(struct rd_tree *t, uint64_t n)
{
	RD_ENSURE(n <= RD_TREE_TEXT_MAX - t->text_used, RD_LIMIT);
	t->text_used += n;
	return RD_OK;
}

static uint64_t inode_text(const struct rd_inode *i)
{
	uint64_t n = i->target != NULL ? strlen(i->target) : 0;

	for (size_t x = 0; x < i->n_xattrs; x++) {
		n += strlen(i->xattrs[x].name) + i->xattrs[x].value.len;
	}
	return n;
}

static void inode_unref(struct rd_tree *t, struct rd_inode *i)
{
	if (i == NULL || --i->n_names > 0) {
		return;
	}
	t->text_used -= inode_text(i);
	free(i->xattrs);
	free(i->target);
	free(i);
}

void rd_tree_changed(struct rd_tree *t)
{
	free(t->entries);
	free(t->paths);
	t->entries = NULL;
	t->paths = NULL;
}

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(
		((const struct rd_tree_xattr *)a)->name, ((const struct rd_tree_xattr *)b)->name);
}

/* A sorted copy in one allocation: the array, then every name and value. */
static enum rd_status copy_xattrs(
	const struct rd_tree_xattr *src, size_t n, struct rd_tree_xattr **ret_copy)
{
	struct rd_tree_xattr *copy;
	size_t bytes = n * sizeof(*copy);
	char *pos;

	RD_ENSURE(n <= RD_TREE_XATTRS_MAX, RD_LIMIT);
	for (size_t i = 0; i < n; i++) {
		RD_ENSURE(strlen(src[i].name) <= RD_TREE_NAME_MAX, RD_LIMIT);
		RD_ENSURE(src[i].value.len <= RD_TREE_XATTR_VALUE_MAX, RD_LIMIT);
		bytes += strlen(src[i].name) + 1 + src[i].value.len;
	}
	copy = malloc(bytes + 1);
	RD_ENSURE(copy != NULL, RD_NOMEM);
	pos = (char *)(copy + n);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(src[i].name) + 1;

		copy[i].name = memcpy(pos, src[i].name, len);
		pos += len;
		copy[i].value = rd_view(pos, src[i].value.len);
		if (src[i].value.len > 0) {
			memcpy(pos, src[i].value.ptr, src[i].value.len);
		}
		pos += src[i].value.len;
	}
	qsort(copy, n, sizeof(*copy), compare_xattrs);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(copy[i - 1].name, copy[i].name) == 0) {
			free(copy);
			return RD_DUPLICATE;
		}
	}
	*ret_copy = copy;
	return RD_OK;
}

/* Owner, mode, time and, unless there are none to set, xattrs. */
static enum rd_status set_attributes(
	struct rd_tree *t, struct rd_inode *i, const struct rd_tree_entry *e)
{
	if (e->n_xattrs > 0 || i->n_xattrs > 0) {
		struct rd_tree_xattr *copy;

		RD_TRY(copy_xattrs(e->xattrs, e->n_xattrs, &copy));
		t->text_used -= inode_text(i);
		free(i->xattrs);
		i->xattrs = copy;
		i->n_xattrs = e->n_xattrs;
		t->text_used += inode_text(i);
	}
	i->mode = e->mode & 07777;
	i->uid = e->uid;
	i->gid = e->gid;
	/* Engines, too, take a time before the epoch for the epoch. */
	i->mtime_s = e->mtime_s > 0 ? e->mtime_s : 0;
	return t->text_used <= RD_TREE_TEXT_MAX ? RD_OK : RD_LIMIT;
}

static enum rd_status inode_new(struct rd_tree *t, const struct rd_tree_entry *e,
	struct rd_blob data, struct rd_inode **ret_inode)
{
	struct rd_inode *i = calloc(1, sizeof(*i));
	enum rd_status st = RD_OK;

	RD_ENSURE(i != NULL, RD_NOMEM);
	i->n_names = 1;
	i->type = e->type;
	i->data = data;
	i->rdev_major = e->rdev_major;
	i->rdev_minor = e->rdev_minor;
	if (e->type == RD_TREE_SYMLINK) {
		size_t len = e->target != NULL ? strlen(e->target) : 0;

		/* symlink(2) refuses an empty target, so nothing could unpack it. */
		st = len == 0 ? RD_FORBIDDEN : len > RD_TREE_PATH_MAX ? RD_LIMIT : RD_OK;
		if (st == RD_OK) {
			i->target = strdup(e->target);
			st = i->target != NULL ? charge_text(t, len) : RD_NOMEM;
		}
		if (st != RD_OK) {
			free(i->target);
			free(i);
			return st;
		}
	}
	st = set_attributes(t, i, e);
	if (st != RD_OK) {
		inode_unref(t, i);
		return st;
	}
	*ret_inode = i;
	return RD_OK;
}

static void node_free(struct rd_tree *t, struct rd_node *node)
{
	while (node->children != NULL) {
		/* A tsearch tree's root starts with the pointer to what is stored in it. */
		struct rd_node *child = *(struct rd_node **)node->children;

		rd_node_detach(child);
		node_free(t, child);
	}
	t->text_used -= strlen(node->name);
	t->n_names--;
	inode_unref(t, node->inode);
	free(node);
}

static void node_remove(struct rd_tree *t, struct rd_node *node)
{
	rd_node_detach(node);
	node_free(t, node);
}

/* Hangs an inode into dir. The reference to the inode is taken over, on failure too. */
static enum rd_status node_new(struct rd_tree *t, struct rd_node *dir, const char *name,
	struct rd_inode *take_inode, struct rd_node **ret_node)
{
	size_t len = strlen(name);
	size_t path_len = dir->path_len + (dir->path_len > 0 ? 1 : 0) + len;
	struct rd_node *node = NULL;
	enum rd_status st = RD_OK;

	if (t->n_names >= RD_TREE_ENTRIES_MAX || path_len > RD_TREE_PATH_MAX) {
		st = RD_LIMIT;
	} else if (dir->depth >= RD_TREE_DEPTH_MAX) {
		st = RD_TOO_DEEP;
	} else {
		st = charge_text(t, len);
	}
	if (st == RD_OK) {
		node = calloc(1, sizeof(*node) + len + 1);
		st = node != NULL ? RD_OK : RD_NOMEM;
	}
	if (st != RD_OK) {
		inode_unref(t, take_inode);
		return st;
	}
	memcpy(node->name, name, len + 1);
	node->inode = take_inode;
	node->layer = t->layer;
	node->depth = dir->depth + 1;
	node->path_len = path_len;
	t->n_names++;
	st = rd_node_attach(dir, node);
	if (st != RD_OK) {
		node_free(t, node);
		return st;
	}
	*ret_node = node;
	return RD_OK;
}

static const struct rd_tree_entry implied_dir = {.type = RD_TREE_DIR, .mode = IMPLIED_DIR_MODE};

enum rd_status rd_tree_make_dir(
	struct rd_tree *t, struct rd_node *dir, const char *name, struct rd_node **ret_node)
{
	struct rd_inode *inode;

	RD_TRY(inode_new(t, &implied_dir, (struct rd_blob){.fd = -1}, &inode));
	return node_new(t, dir, name, inode, ret_node);
}

/* Puts an inode, whose reference is taken over, where path says; a directory is never given. */
static enum rd_status place(struct rd_tree *t, const char *path, struct rd_inode *take_inode)
{
	struct rd_node *dir;
	struct rd_node *old;
	char name[RD_TREE_NAME_MAX + 1];
	enum rd_status st = rd_tree_resolve(t, path, RD_RESOLVE_MAKE, &dir, name, &old);

	if (st == RD_OK && old == t->root) {
		st = RD_FORBIDDEN;
	}
	if (st != RD_OK) {
		inode_unref(t, take_inode);
		return st;
	}
	if (old != NULL) {
		node_remove(t, old);
	}
	return node_new(t, dir, name, take_inode, &old);
}

static enum rd_status put(struct rd_tree *t, const struct rd_tree_entry *e, struct rd_blob data)
{
	struct rd_inode *inode;

	if (e->type == RD_TREE_DIR) {
		struct rd_node *dir;
		struct rd_node *old;
		char name[RD_TREE_NAME_MAX + 1];

		RD_TRY(rd_tree_resolve(t, e->path, RD_RESOLVE_MAKE, &dir, name, &old));
		if (old != NULL && old->inode->type == RD_TREE_DIR) {
			old->layer = t->layer;
			return set_attributes(t, old->inode, e);
		}
	}
	RD_TRY(inode_new(t, e, data, &inode));
	return place(t, e->path, inode);
}

/* Says what is wrong with a name, or passes RD_OK on. */
static enum rd_status explain(struct rd_error *err, enum rd_status st, const char *path)
{
	switch ((int)st) {
	case RD_OK:
		return RD_OK;
	case RD_BAD_PATH:
		return rd_fail(err, st,
			"\"%s\" contains \"..\"; an image with such a name was not made by an "
			"ordinary build: do not use it",
			path);
	case RD_FORBIDDEN:
		return rd_fail(err, st,
			"\"%s\" cannot be unpacked: it is below something that is not a directory, "
			"or a link to nothing",
			path);
	case RD_TOO_DEEP:
		return rd_fail(err, st,
			"\"%s\" goes through too many directories (at most %d) or symbolic links "
			"(at most %d)",
			path, RD_TREE_DEPTH_MAX, RD_TREE_SYMLINKS_MAX);
	case RD_LIMIT:
		return rd_fail(err, st,
			"\"%.80s\" is one name too many (limits: %u names of %d bytes, paths of "
			"%d, %llu MiB of names and attributes)",
			path, RD_TREE_ENTRIES_MAX, RD_TREE_NAME_MAX, RD_TREE_PATH_MAX,
			(unsigned long long)(RD_TREE_TEXT_MAX >> 20));
	case RD_DUPLICATE:
		return rd_fail(err, st, "\"%s\" has an extended attribute twice", path);
	default:
		return rd_fail(err, st, "\"%s\": %s", path, rd_status_text(st));
	}
}

enum rd_status rd_tree_put_blob(
	struct rd_tree *t, const struct rd_tree_entry *e, struct rd_blob data, struct rd_error *err)
{
	rd_tree_changed(t);
	return explain(err, put(t, e, data), e->path);
}

enum rd_status rd_tree_put(struct rd_tree *t, const struct rd_tree_entry *e,
	const struct rd_view *data, struct rd_error *err)
{
	uint64_t start = t->spool.used;

	if (data != NULL && data->len > 0) {
		RD_TRY(rd_spool_append(&t->spool, data->ptr, data->len, err));
	}
	return rd_tree_put_blob(t, e, rd_spool_blob(&t->spool, start), err);
}

static enum rd_status link_inode(
	struct rd_tree *t, const struct rd_tree_entry *e, bool set, const char *existing)
{
	struct rd_node *dir;
	struct rd_node *node;
	struct rd_inode *inode;
	char name[RD_TREE_NAME_MAX + 1];

	RD_TRY(rd_tree_resolve(t, existing, 0, &dir, name, &node));
	RD_ENSURE(node != NULL, RD_NOTFOUND);
	inode = node->inode;
	RD_ENSURE(inode->type != RD_TREE_DIR, RD_BAD_TYPE);
	if (set) {
		struct rd_tree_entry attributes = *e;

		if (attributes.n_xattrs == 0) {
			attributes.xattrs = inode->xattrs;
			attributes.n_xattrs = inode->n_xattrs;
		}
		RD_TRY(set_attributes(t, inode, &attributes));
	}
	inode->n_names++;
	return place(t, e->path, inode);
}

static enum rd_status link_or_explain(struct rd_tree *t, const struct rd_tree_entry *e, bool set,
	const char *existing, struct rd_error *err)
{
	enum rd_status st;

	rd_tree_changed(t);
	st = link_inode(t, e, set, existing);
	if (st == RD_NOTFOUND) {
		return rd_fail(err, st, "\"%s\" is a hard link to \"%s\", which is not there",
			e->path, existing);
	}
	if (st == RD_BAD_TYPE) {
		return rd_fail(err, st, "\"%s\" is a hard link to \"%s\", which is a directory",
			e->path, existing);
	}
	return explain(err, st, st == RD_BAD_PATH ? existing : e->path);
}

enum rd_status rd_tree_link_with(struct rd_tree *t, const struct rd_tree_entry *e,
	const char *existing, struct rd_error *err)
{
	return link_or_explain(t, e, true, existing, err);
}

enum rd_status rd_tree_link(
	struct rd_tree *t, const char *path, const char *existing, struct rd_error *err)
{
	return link_or_explain(t, &(struct rd_tree_entry){.path = path}, false, existing, err);
}

enum rd_status rd_tree_remove(struct rd_tree *t, const char *path, struct rd_error *err)
{
	struct rd_node *dir;
	struct rd_node *node;
	char name[RD_TREE_NAME_MAX + 1];

	RD_TRY(explain(err, rd_tree_resolve(t, path, 0, &dir, name, &node), path));
	if (node == NULL || node == t->root) {
		return explain(err, node == NULL ? RD_NOTFOUND : RD_USAGE, path);
	}
	rd_tree_changed(t);
	node_remove(t, node);
	return RD_OK;
}

static enum rd_status hide_children(struct rd_tree *t, struct rd_node *dir);

/* Removes what lower layers left of node; what this layer has put stays, with its parents. */
static enum rd_status hide_node(struct rd_tree *t, struct rd_node *node)
{
	RD_TRY(hide_children(t, node));
	if (node->layer == t->layer) {
		return RD_OK;
	}
	if (node->n_children == 0) {
		node_remove(t, node);
		return RD_OK;
	}
	node->layer = t->layer;
	return set_attributes(t, node->inode, &implied_dir);
}

static enum rd_status hide_children(struct rd_tree *t, struct rd_node *dir)
{
	size_t n = dir->n_children;
	struct rd_node **children;
	enum rd_status st = RD_OK;

	if (n == 0) {
		return RD_OK;
	}
	RD_TRY(rd_node_children(dir, &children));
	for (size_t i = 0; i < n && st == RD_OK; i++) {
		st = hide_node(t, children[i]);
	}
	free(children);
	return st;
}

enum rd_status rd_tree_hide(struct rd_tree *t, const char *path, struct rd_error *err)
{
	struct rd_node *dir;
	struct rd_node *node;
	char name[RD_TREE_NAME_MAX + 1];
	enum rd_status st = rd_tree_resolve(t, path, 0, &dir, name, &node);

	rd_tree_changed(t);
	if (st == RD_NOTFOUND || (st == RD_OK && node == NULL)) {
		/* Nothing to hide; builders write such whiteouts, engines ignore them. */
		return RD_OK;
	}
	if (st == RD_OK) {
		st = node == t->root ? RD_FORBIDDEN : hide_node(t, node);
	}
	return explain(err, st, path);
}

enum rd_status rd_tree_hide_below(struct rd_tree *t, const char *path, struct rd_error *err)
{
	struct rd_node *dir;
	struct rd_node *node;
	char name[RD_TREE_NAME_MAX + 1];
	enum rd_status st;

	rd_tree_changed(t);
	st = rd_tree_resolve(t, path, RD_RESOLVE_MAKE | RD_RESOLVE_FOLLOW, &dir, name, &node);
	if (st == RD_OK && node == NULL) {
		st = rd_tree_make_dir(t, dir, name, &node);
	}
	if (st == RD_OK) {
		st = node->inode->type == RD_TREE_DIR ? hide_children(t, node) : RD_FORBIDDEN;
	}
	return explain(err, st, path);
}

void rd_tree_next_layer(struct rd_tree *t)
{
	t->layer++;
}

void rd_tree_limit_data(struct rd_tree *t, uint64_t max_bytes)
{
	if (max_bytes != 0 && max_bytes < t->spool.max) {
		t->spool.max = max_bytes;
	}
}

struct rd_spool *rd_tree_spool(struct rd_tree *t)
{
	return &t->spool;
}

enum rd_status rd_tree_new(const char *scratch_dir, struct rd_tree **ret_tree, struct rd_error *err)
{
	struct rd_tree *t = calloc(1, sizeof(*t));
	enum rd_status st = RD_NOMEM;

	if (t != NULL) {
		t->spool.fd = -1;
		t->root = calloc(1, sizeof(*t->root) + 1);
		st = t->root == NULL ? RD_NOMEM
				     : inode_new(t, &implied_dir, (struct rd_blob){.fd = -1},
					       &t->root->inode);
	}
	if (st != RD_OK) {
		rd_tree_free(&t);
		return rd_fail(err, st, "out of memory");
	}
	st = rd_spool_open(scratch_dir, RD_TREE_DATA_MAX, &t->spool, err);
	if (st != RD_OK) {
		rd_tree_free(&t);
		return st;
	}
	*ret_tree = t;
	return RD_OK;
}

void rd_tree_free(struct rd_tree **tree)
{
	struct rd_tree *t = *tree;

	if (t == NULL) {
		return;
	}
	rd_tree_changed(t);
	if (t->root != NULL) {
		node_free(t, t->root);
	}
	rd_spool_close(&t->spool);
	free(t->lookup_path);
	free(t);
	*tree = NULL;
}
