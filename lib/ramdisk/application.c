/* SPDX-License-Identifier: Apache-2.0 */
/* The application ramdisk: the image's tree under rootfs/, and how to start what is in it. */
#include "ramdisk/ramdisk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT_DIR   "rootfs"
#define COPY_CHUNK ((size_t)128 * 1024)
/* execve takes no more than a quarter of the 8 MiB stack for arguments and environment. */
#define PROCESS_MAX ((size_t)2 << 20)

/* Hard links: what was written of an inode so far. */
struct inode {
	uint32_t ino;
	uint32_t names;
};

struct writer {
	struct rd_cpio cpio;
	struct inode *inodes; /* by link_id */
	uint8_t *chunk;
	struct rd_ramdisk_report report;
};

/*
 * What a container engine provides in every container and an image need not have: the mount points,
 * and a hosts file that resolves localhost. What the image has is left alone, an empty hosts file
 * (what image builders leave where the engine will mount its own) excepted.
 */
static enum rd_status add_dir(
	struct rd_tree *tree, const char *path, uint16_t mode, struct rd_error *err)
{
	const struct rd_tree_entry dir = {
		.path = path, .type = RD_TREE_DIR, .mode = mode, .mtime_s = RD_CPIO_FIXED_MTIME};
	struct rd_tree_entry there;

	if (rd_tree_lookup(tree, path, false, &there) != RD_NOTFOUND) {
		return RD_OK;
	}
	return rd_tree_put(tree, &dir, NULL, err);
}

static enum rd_status add_hosts(struct rd_tree *tree, struct rd_error *err)
{
	const struct rd_view text = rd_view_str("127.0.0.1\tlocalhost\n"
						"::1\tlocalhost ip6-localhost ip6-loopback\n");
	const struct rd_tree_entry hosts = {.path = "etc/hosts",
		.type = RD_TREE_FILE,
		.mode = 0644,
		.mtime_s = RD_CPIO_FIXED_MTIME};
	struct rd_tree_entry there;
	enum rd_status st = rd_tree_lookup(tree, hosts.path, false, &there);

	if (st != RD_NOTFOUND && !(st == RD_OK && there.type == RD_TREE_FILE && there.size == 0)) {
		return RD_OK;
	}
	RD_TRY(add_dir(tree, "etc", 0755, err));
	return rd_tree_put(tree, &hosts, &text, err);
}

static enum rd_status complete_root(struct rd_tree *tree, struct rd_error *err)
{
	RD_TRY(add_dir(tree, "dev", 0755, err));
	RD_TRY(add_dir(tree, "proc", 0755, err));
	RD_TRY(add_dir(tree, "run", 0755, err));
	RD_TRY(add_dir(tree, "sys", 0755, err));
	RD_TRY(add_dir(tree, "tmp", 01777, err));
	return add_hosts(tree, err);
}

static uint32_t type_bits(enum rd_tree_type type)
{
	switch (type) {
	case RD_TREE_DIR:
		return S_IFDIR;
	case RD_TREE_FILE:
		return S_IFREG;
	case RD_TREE_SYMLINK:
		return S_IFLNK;
	case RD_TREE_CHAR:
		return S_IFCHR;
	case RD_TREE_BLOCK:
		return S_IFBLK;
	case RD_TREE_FIFO:
		return S_IFIFO;
	}
	return 0;
}

/* The kernel links names of one inode only for what is neither a directory nor a symbolic link. */
static bool has_links(const struct rd_tree_entry *e)
{
	return e->link_id != 0 && e->type != RD_TREE_DIR && e->type != RD_TREE_SYMLINK;
}

static enum rd_status put_file_data(
	struct writer *w, const struct rd_tree_entry *e, struct rd_error *err)
{
	for (uint64_t at = 0; at < e->size;) {
		size_t n = e->size - at < COPY_CHUNK ? (size_t)(e->size - at) : COPY_CHUNK;
		enum rd_status st = rd_tree_read(e, at, w->chunk, n);

		if (st != RD_OK) {
			return rd_fail(err, st, "reading %s of the image: %s", e->path,
				rd_status_text(st));
		}
		RD_TRY(rd_cpio_data(&w->cpio, rd_view(w->chunk, n), err));
		at += n;
	}
	return RD_OK;
}

static void note_xattrs(struct writer *w, const struct rd_tree_entry *e)
{
	if (e->n_xattrs == 0) {
		return;
	}
	if (w->report.xattrs_dropped++ == 0) {
		w->report.first_xattr = e->path;
		w->report.first_attr = e->xattrs[0].name;
	}
}

static enum rd_status put_entry(
	struct writer *w, const struct rd_tree_entry *e, struct rd_error *err)
{
	struct inode *inode = has_links(e) ? &w->inodes[e->link_id] : NULL;
	bool last_name = inode == NULL || inode->names + 1 == e->n_links;
	bool has_data = e->type == RD_TREE_FILE && last_name;
	struct rd_cpio_entry c = {
		.name = e->path[0] != '\0' ? e->path : ROOT_DIR,
		.root_dir = e->path[0] != '\0' ? ROOT_DIR : NULL,
		.mode = type_bits(e->type) | e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.mtime_s = e->mtime_s,
		.rdev_major = e->rdev_major,
		.rdev_minor = e->rdev_minor,
	};
	uint32_t ino;

	if (inode != NULL) {
		c.ino = inode->ino;
		c.nlink = e->n_links;
	}
	if (e->type == RD_TREE_SYMLINK) {
		c.size = strlen(e->target);
	} else if (has_data) {
		c.size = e->size;
	}
	note_xattrs(w, e);
	w->report.entries++;
	RD_TRY(rd_cpio_begin(&w->cpio, &c, &ino, err));
	if (inode != NULL) {
		inode->ino = ino;
		inode->names++;
	}
	if (e->type == RD_TREE_SYMLINK) {
		return rd_cpio_data(&w->cpio, rd_view_str(e->target), err);
	}
	return has_data ? put_file_data(w, e, err) : RD_OK;
}

static enum rd_status put_tree(struct writer *w, struct rd_tree *tree, struct rd_error *err)
{
	const struct rd_tree_entry *entries;
	size_t n;
	uint32_t max_id = 0;
	enum rd_status st = rd_tree_entries(tree, &entries, &n);

	if (st != RD_OK) {
		return rd_fail(err, st, "ordering the image's files: %s", rd_status_text(st));
	}
	for (size_t i = 0; i < n; i++) {
		max_id = entries[i].link_id > max_id ? entries[i].link_id : max_id;
	}
	w->inodes = calloc((size_t)max_id + 1, sizeof(*w->inodes));
	w->chunk = malloc(COPY_CHUNK);
	if (w->inodes == NULL || w->chunk == NULL) {
		return rd_fail(err, RD_NOMEM, "packing the image: out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		RD_TRY(put_entry(w, &entries[i], err));
	}
	return RD_OK;
}

static enum rd_status put_text(
	struct writer *w, const char *name, struct rd_view text, struct rd_error *err)
{
	const struct rd_cpio_entry e = {.name = name,
		.mode = S_IFREG | 0644,
		.mtime_s = RD_CPIO_FIXED_MTIME,
		.size = text.len};

	RD_TRY(rd_cpio_begin(&w->cpio, &e, NULL, err));
	return rd_cpio_data(&w->cpio, text, err);
}

/* AWS's line format. It cannot say a newline inside an argument; `process` can. */
static enum rd_status put_lines(
	struct writer *w, const char *name, const struct rd_strings *lines, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(PROCESS_MAX);
	enum rd_status st = RD_OK;

	for (size_t i = 0; i < lines->n && st == RD_OK; i++) {
		st = rd_buf_printf(&text, "%s\n", lines->v[i]);
	}
	if (st != RD_OK) {
		return rd_fail(err, RD_LIMIT,
			"the image's arguments or environment exceed the 2 MiB that Linux passes on");
	}
	return put_text(w, name, rd_buf_view(&text), err);
}

static enum rd_status put_record(struct rd_buf *b, const char *key, const char *value)
{
	RD_TRY(rd_buf_put_str(b, key));
	RD_TRY(rd_buf_put_str(b, "="));
	RD_TRY(rd_buf_put_str(b, value));
	return rd_buf_u8(b, 0);
}

static enum rd_status put_number(struct rd_buf *b, const char *key, uint32_t value)
{
	RD_TRY(rd_buf_printf(b, "%s=%u", key, value));
	return rd_buf_u8(b, 0);
}

static enum rd_status make_process(const struct rd_ramdisk_process *p, struct rd_buf *b)
{
	for (size_t i = 0; i < p->args->n; i++) {
		RD_TRY(put_record(b, "arg", p->args->v[i]));
	}
	for (size_t i = 0; i < p->env->n; i++) {
		RD_TRY(put_record(b, "env", p->env->v[i]));
	}
	RD_TRY(put_record(b, "cwd", p->cwd));
	RD_TRY(put_number(b, "uid", p->uid));
	RD_TRY(put_number(b, "gid", p->gid));
	for (size_t i = 0; i < p->n_groups; i++) {
		RD_TRY(put_number(b, "group", p->groups[i]));
	}
	return RD_OK;
}

static enum rd_status put_process(
	struct writer *w, const struct rd_ramdisk_process *process, struct rd_error *err)
{
	struct rd_buf records RD_CLEANUP(rd_buf_finish) = rd_buf_growable(PROCESS_MAX);

	RD_TRY(put_lines(w, "cmd", process->args, err));
	RD_TRY(put_lines(w, "env", process->env, err));
	if (make_process(process, &records) != RD_OK) {
		return rd_fail(err, RD_LIMIT,
			"the image's arguments and environment exceed the 2 MiB that Linux passes on");
	}
	return put_text(w, "process", rd_buf_view(&records), err);
}

static void finish_writer(struct writer *w)
{
	free(w->inodes);
	free(w->chunk);
}

enum rd_status rd_ramdisk_write_application(struct rd_tree *tree,
	const struct rd_ramdisk_process *process, struct rd_cpio_sink sink,
	struct rd_ramdisk_report *ret_report, struct rd_error *err)
{
	struct writer w RD_CLEANUP(finish_writer) = {0};

	rd_cpio_init(&w.cpio, sink);
	RD_TRY(complete_root(tree, err));
	RD_TRY(put_tree(&w, tree, err));
	RD_TRY(put_process(&w, process, err));
	RD_TRY(rd_cpio_finish(&w.cpio, err));
	if (ret_report != NULL) {
		*ret_report = w.report;
	}
	return RD_OK;
}
