/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens an image and prints its configuration and merged tree as JSON, for the tests:
 * image_dump [--build DIR] [--always-pull] [--max-bytes N] SOURCE. Exit status 1 on failure, with
 * the stage, the status and the error's text on stderr.
 */
#include "base/text.h"
#include "crypto/digest.h"
#include "image/image.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (1u << 16)

static void on_progress(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "| %s\n", line);
}

static json_t *hex_of(struct rd_view v)
{
	char *text = calloc(1, 2 * v.len + 1);
	json_t *json;

	rd_hex_string(v, text);
	json = json_string(text);
	free(text);
	return json;
}

/* Names are bytes: what is not UTF-8 is printed as hex. */
static json_t *bytes_of(const char *text)
{
	json_t *json = json_string(text);

	return json != NULL ? json : hex_of(rd_view_str(text));
}

static json_t *content_of(const struct rd_tree_entry *e)
{
	static uint8_t chunk[CHUNK];
	uint8_t digest[RD_SHA256_SIZE];
	struct rd_digest *d = NULL;
	enum rd_status st = rd_digest_new(RD_SHA256, &d);

	for (uint64_t pos = 0; st == RD_OK && pos < e->size;) {
		size_t n = e->size - pos < CHUNK ? (size_t)(e->size - pos) : CHUNK;

		st = rd_tree_read(e, pos, chunk, n);
		st = st == RD_OK ? rd_digest_update(d, rd_view(chunk, n)) : st;
		pos += n;
	}
	st = st == RD_OK ? rd_digest_finish(d, digest) : st;
	rd_digest_free(&d);
	if (st != RD_OK) {
		fprintf(stderr, "%s: %s\n", e->path, rd_status_text(st));
		exit(2);
	}
	return hex_of(rd_view(digest, sizeof(digest)));
}

static json_t *dump_entry(const struct rd_tree_entry *e)
{
	static const char *const types[] = {"", "dir", "file", "symlink", "char", "block", "fifo"};
	json_t *xattrs = json_object();
	json_t *o = json_pack("{s:o, s:s, s:i, s:I, s:I, s:I}", "path", bytes_of(e->path), "type",
		types[e->type], "mode", e->mode, "uid", (json_int_t)e->uid, "gid",
		(json_int_t)e->gid, "mtime", (json_int_t)e->mtime_s);

	if (e->type == RD_TREE_FILE) {
		json_object_set_new(o, "size", json_integer((json_int_t)e->size));
		json_object_set_new(o, "sha256", content_of(e));
	}
	if (e->target != NULL) {
		json_object_set_new(o, "target", bytes_of(e->target));
	}
	if (e->link_id != 0) {
		json_object_set_new(o, "link", json_integer(e->link_id));
		json_object_set_new(o, "links", json_integer(e->n_links));
	}
	if (e->type == RD_TREE_CHAR || e->type == RD_TREE_BLOCK) {
		json_object_set_new(
			o, "rdev", json_pack("[i, i]", (int)e->rdev_major, (int)e->rdev_minor));
	}
	for (size_t i = 0; i < e->n_xattrs; i++) {
		json_object_set_new(xattrs, e->xattrs[i].name, hex_of(e->xattrs[i].value));
	}
	json_object_set_new(o, "xattrs", xattrs);
	return o;
}

static json_t *dump_strings(const struct rd_strings *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		json_array_append_new(list, bytes_of(s->v[i]));
	}
	return list;
}

static json_t *dump_user(const struct rd_image_user *u)
{
	json_t *groups = json_array();

	for (size_t i = 0; i < u->n_groups; i++) {
		json_array_append_new(groups, json_integer(u->groups[i]));
	}
	return json_pack("{s:I, s:I, s:o, s:s}", "uid", (json_int_t)u->uid, "gid",
		(json_int_t)u->gid, "groups", groups, "home", u->home);
}

static int dump(struct rd_image *image)
{
	const struct rd_tree_entry *entries;
	size_t n;
	json_t *tree = json_array();
	json_t *out;

	if (rd_tree_entries(image->tree, &entries, &n) != RD_OK) {
		return 2;
	}
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(tree, dump_entry(&entries[i]));
	}
	out = json_pack("{s:s, s:s, s:s?, s:s, s:s, s:o, s:o, s:s, s:o, s:b, s:o}", "name",
		image->name, "id", image->id, "created", image->created, "architecture",
		image->architecture, "os", image->os, "args", dump_strings(&image->args), "env",
		dump_strings(&image->env), "workdir", image->workdir, "user",
		dump_user(&image->user), "local", image->from_local, "tree", tree);
	if (out == NULL || json_dumpf(out, stdout, JSON_INDENT(1)) != 0) {
		return 2;
	}
	json_decref(out);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"build", required_argument, NULL, 'b'},
		{"always-pull", no_argument, NULL, 'p'},
		{"max-bytes", required_argument, NULL, 'm'},
		{0},
	};
	static const char *const stages[] = {"image", "file", "pull", "build"};
	struct rd_image_options options = {.progress = on_progress};
	enum rd_image_stage stage = RD_IMAGE_STAGE_IMAGE;
	struct rd_image *image = NULL;
	struct rd_error err = {0};
	int status;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'b') {
			options.build_dir = optarg;
		} else if (c == 'p') {
			options.always_pull = true;
		} else if (c != 'm' ||
			   rd_parse_u64(optarg, 1, UINT64_MAX, &options.max_bytes) != RD_OK) {
			return 2;
		}
	}
	if (optind != argc - 1) {
		return 2;
	}
	if (rd_image_open(argv[optind], &options, &stage, &image, &err) != RD_OK) {
		fprintf(stderr, "%s %s: %s\n", stages[stage], rd_status_name(err.status), err.text);
		return 1;
	}
	status = dump(image);
	rd_image_close(&image);
	return status;
}
