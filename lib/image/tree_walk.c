/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up names in the merged tree, following its own symbolic links and no others. */
#include "image/tree-internal.h"

#include "os/fd.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* A path on its way: what is left to walk, rewritten whenever a symbolic link is met. */
struct walk {
	struct rd_tree *tree;
	struct rd_node *dir;
	unsigned how;
	unsigned links;
	size_t pos;
	char name[RD_TREE_NAME_MAX + 1];
	char rest[2 * (RD_TREE_PATH_MAX + 1)];
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct rd_node *)a)->name, ((const struct rd_node *)b)->name);
}

struct rd_node *rd_node_child(const struct rd_node *dir, const char *name)
{
	/* tfind compares nodes, so the name that is looked for has to be in one. */
	_Alignas(struct rd_node) char key[sizeof(struct rd_node) + RD_TREE_NAME_MAX + 1];
	size_t len = strlen(name);
	void *found;

	if (len > RD_TREE_NAME_MAX) {
		return NULL;
	}
	memcpy(key + offsetof(struct rd_node, name), name, len + 1);
	found = tfind(key, &dir->children, compare_names);
	return found != NULL ? *(struct rd_node *const *)found : NULL;
}

enum rd_status rd_node_attach(struct rd_node *dir, struct rd_node *child)
{
	RD_ENSURE(tsearch(child, &dir->children, compare_names) != NULL, RD_NOMEM);
	child->parent = dir;
	dir->n_children++;
	return RD_OK;
}

void rd_node_detach(struct rd_node *child)
{
	(void)tdelete(child, &child->parent->children, compare_names);
	child->parent->n_children--;
	child->parent = NULL;
}

struct collect {
	struct rd_node **out;
	size_t n;
};

static void collect_child(const void *found, VISIT which, void *arg)
{
	struct collect *c = arg;

	if (which == postorder || which == leaf) {
		c->out[c->n++] = *(struct rd_node *const *)found;
	}
}

enum rd_status rd_node_children(const struct rd_node *dir, struct rd_node ***ret_children)
{
	struct collect c = {.out = calloc(dir->n_children + 1, sizeof(*c.out))};

	RD_ENSURE(c.out != NULL, RD_NOMEM);
	twalk_r(dir->children, collect_child, &c);
	*ret_children = c.out;
	return RD_OK;
}

/* Lengths, and ".." in a path that an image chose itself: only a link's target may say that. */
static enum rd_status check_path(const char *path)
{
	RD_ENSURE(strlen(path) <= RD_TREE_PATH_MAX, RD_LIMIT);
	for (const char *p = path; *p != '\0';) {
		size_t len = strcspn(p, "/");

		RD_ENSURE(len <= RD_TREE_NAME_MAX, RD_LIMIT);
		RD_ENSURE(len != 2 || memcmp(p, "..", 2) != 0, RD_BAD_PATH);
		p += len + (p[len] == '/' ? 1 : 0);
	}
	return RD_OK;
}

/* The next component into w->name; false at the end of the path. */
static bool next_component(struct walk *w)
{
	size_t len;

	w->pos += strspn(w->rest + w->pos, "/");
	len = strcspn(w->rest + w->pos, "/");
	if (len == 0 || len > RD_TREE_NAME_MAX) {
		return false;
	}
	memcpy(w->name, w->rest + w->pos, len);
	w->name[len] = '\0';
	w->pos += len;
	return true;
}

static bool at_end(const struct walk *w)
{
	return w->rest[w->pos + strspn(w->rest + w->pos, "/")] == '\0';
}

/* Puts the target of a symbolic link before what is left of the path. */
static enum rd_status splice_link(struct walk *w, const char *target)
{
	size_t target_len = strlen(target);
	size_t left = strlen(w->rest + w->pos);

	RD_ENSURE(++w->links <= RD_TREE_SYMLINKS_MAX, RD_TOO_DEEP);
	RD_ENSURE(target_len + 1 + left <= RD_TREE_PATH_MAX, RD_LIMIT);
	for (const char *p = target; *p != '\0'; p += strspn(p, "/")) {
		size_t len = strcspn(p, "/");

		RD_ENSURE(len <= RD_TREE_NAME_MAX, RD_LIMIT);
		p += len;
	}
	memmove(w->rest + target_len + 1, w->rest + w->pos, left + 1);
	memcpy(w->rest, target, target_len);
	w->rest[target_len] = '/';
	w->pos = 0;
	if (target[0] == '/') {
		w->dir = w->tree->root;
	}
	return RD_OK;
}

/* Goes down into child, which is w->name in w->dir and not the last component. */
static enum rd_status descend(struct walk *w, struct rd_node *child)
{
	if (child == NULL) {
		RD_ENSURE((w->how & RD_RESOLVE_MAKE) != 0, RD_NOTFOUND);
		RD_TRY(rd_tree_make_dir(w->tree, w->dir, w->name, &child));
	}
	if (child->inode->type != RD_TREE_DIR) {
		/* Engines refuse a name below a file, too (ENOTDIR). */
		return (w->how & RD_RESOLVE_MAKE) != 0 ? RD_FORBIDDEN : RD_NOTFOUND;
	}
	w->dir = child;
	return RD_OK;
}

static enum rd_status resolve(struct walk *w, struct rd_node **ret_node)
{
	while (next_component(w)) {
		struct rd_node *child;

		if (strcmp(w->name, ".") == 0) {
			continue;
		}
		if (strcmp(w->name, "..") == 0) {
			/* The root's parent is the root, as after chroot. */
			w->dir = w->dir->parent != NULL ? w->dir->parent : w->dir;
			continue;
		}
		child = rd_node_child(w->dir, w->name);
		if (child != NULL && child->inode->type == RD_TREE_SYMLINK &&
			(!at_end(w) || (w->how & RD_RESOLVE_FOLLOW) != 0)) {
			RD_TRY(splice_link(w, child->inode->target));
			continue;
		}
		if (at_end(w)) {
			*ret_node = child;
			return RD_OK;
		}
		RD_TRY(descend(w, child));
	}
	/* The path was empty, or ended in "." or "..": what is meant is a directory we are in. */
	*ret_node = w->dir;
	memcpy(w->name, w->dir->name, strlen(w->dir->name) + 1);
	w->dir = w->dir->parent != NULL ? w->dir->parent : w->dir;
	return RD_OK;
}

enum rd_status rd_tree_resolve(struct rd_tree *t, const char *path, unsigned how,
	struct rd_node **ret_dir, char ret_name[RD_TREE_NAME_MAX + 1], struct rd_node **ret_node)
{
	struct walk w = {.tree = t, .dir = t->root, .how = how};

	RD_TRY(check_path(path));
	memcpy(w.rest, path, strlen(path) + 1);
	RD_TRY(resolve(&w, ret_node));
	*ret_dir = w.dir;
	memcpy(ret_name, w.name, sizeof(w.name));
	return RD_OK;
}

/* Writes the path of node, backwards from its end, into len bytes at dst. */
static void write_path(const struct rd_node *node, char *dst)
{
	dst[node->path_len] = '\0';
	while (node->parent != NULL) {
		size_t start = node->path_len - strlen(node->name);

		memcpy(dst + start, node->name, strlen(node->name));
		if (start > 0) {
			dst[start - 1] = '/';
		}
		node = node->parent;
	}
}

static struct rd_tree_entry make_entry(const struct rd_node *node, const char *path)
{
	const struct rd_inode *i = node->inode;
	bool file = i->type == RD_TREE_FILE;

	return (struct rd_tree_entry){
		.path = path,
		.type = i->type,
		.mode = i->mode,
		.uid = i->uid,
		.gid = i->gid,
		.mtime_s = i->mtime_s,
		.size = file ? i->data.size : 0,
		.data_fd = file ? i->data.fd : -1,
		.data_offset = file ? i->data.offset : 0,
		.target = i->target,
		.link_id = i->n_names > 1 ? i->link_id : 0,
		.n_links = i->n_names,
		.rdev_major = i->rdev_major,
		.rdev_minor = i->rdev_minor,
		.xattrs = i->xattrs,
		.n_xattrs = i->n_xattrs,
	};
}

/* Two walks over all names, in order: the first counts, the second fills t->entries. */
struct listing {
	struct rd_tree *tree;
	size_t n;
	uint64_t path_bytes;
	uint32_t last_link_id;
};

static void count_node(struct listing *l, const struct rd_node *node)
{
	l->n++;
	l->path_bytes += node->path_len + 1;
	node->inode->link_id = 0;
}

static void count_visit(const void *found, VISIT which, void *arg)
{
	if (which == postorder || which == leaf) {
		const struct rd_node *node = *(struct rd_node *const *)found;

		count_node(arg, node);
		twalk_r(node->children, count_visit, arg);
	}
}

static void list_node(struct listing *l, const struct rd_node *node)
{
	struct rd_inode *i = node->inode;
	char *path = l->tree->paths + l->path_bytes;

	write_path(node, path);
	l->path_bytes += node->path_len + 1;
	if (i->type == RD_TREE_FILE && i->link_id == 0) {
		l->tree->data_bytes += i->data.size;
	}
	if (i->n_names > 1 && i->link_id == 0) {
		i->link_id = ++l->last_link_id;
	}
	l->tree->entries[l->n++] = make_entry(node, path);
}

static void list_visit(const void *found, VISIT which, void *arg)
{
	if (which == postorder || which == leaf) {
		const struct rd_node *node = *(struct rd_node *const *)found;

		list_node(arg, node);
		twalk_r(node->children, list_visit, arg);
	}
}

static enum rd_status order_entries(struct rd_tree *t)
{
	struct listing l = {.tree = t};

	count_node(&l, t->root);
	twalk_r(t->root->children, count_visit, &l);
	/* Deep directories repeat their names in every path below them. */
	RD_ENSURE(l.path_bytes <= RD_TREE_TEXT_MAX, RD_LIMIT);
	t->entries = calloc(l.n, sizeof(*t->entries));
	t->paths = malloc(l.path_bytes);
	if (t->entries == NULL || t->paths == NULL) {
		rd_tree_changed(t);
		return RD_NOMEM;
	}
	l = (struct listing){.tree = t};
	t->data_bytes = 0;
	list_node(&l, t->root);
	twalk_r(t->root->children, list_visit, &l);
	return RD_OK;
}

enum rd_status rd_tree_entries(
	struct rd_tree *t, const struct rd_tree_entry **ret_entries, size_t *ret_count)
{
	if (t->entries == NULL) {
		RD_TRY(order_entries(t));
	}
	*ret_entries = t->entries;
	*ret_count = t->n_names + 1;
	return RD_OK;
}

enum rd_status rd_tree_lookup(
	struct rd_tree *t, const char *path, bool follow, struct rd_tree_entry *ret_entry)
{
	struct rd_node *dir;
	struct rd_node *node;
	char name[RD_TREE_NAME_MAX + 1];
	char *found_path;

	RD_TRY(rd_tree_resolve(t, path, follow ? RD_RESOLVE_FOLLOW : 0, &dir, name, &node));
	RD_ENSURE(node != NULL, RD_NOTFOUND);
	found_path = malloc(node->path_len + 1);
	RD_ENSURE(found_path != NULL, RD_NOMEM);
	write_path(node, found_path);
	free(t->lookup_path);
	t->lookup_path = found_path;
	*ret_entry = make_entry(node, found_path);
	return RD_OK;
}

enum rd_status rd_tree_read(const struct rd_tree_entry *e, uint64_t offset, void *dst, size_t n)
{
	RD_ENSURE(e->type == RD_TREE_FILE, RD_BAD_TYPE);
	RD_ENSURE(offset <= e->size && n <= e->size - offset, RD_TRUNCATED);
	return rd_fd_pread_full(e->data_fd, dst, n, e->data_offset + offset);
}

uint64_t rd_tree_data_bytes(const struct rd_tree *t)
{
	return t->data_bytes;
}
