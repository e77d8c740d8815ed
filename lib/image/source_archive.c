/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `docker save` archives: a tar with manifest.json, configurations and layers in it, or with an OCI
 * layout in it, or (newer engines) with both.
 *
 * The members are read into a tree of their own, by the same reader as a layer, because it has all
 * the checks and because manifest.json comes last and old archives share layers by symbolic links.
 */
#include "image/json.h"
#include "image/layer.h"
#include "image/source.h"
#include "image/tree-internal.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static enum rd_status read_save_manifest(struct rd_opening *o, const struct rd_store *store,
	const char *ref, const char *name, struct rd_image **ret_image, struct rd_error *err)
{
	char file[] = "manifest.json";
	struct rd_part part = {.name = file, .size = RD_SIZE_UNKNOWN};
	struct rd_manifest manifest RD_CLEANUP(rd_manifest_finish) = {0};
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_JSON_SIZE_MAX);

	RD_TRY(rd_store_read(store, &part, &text, err));
	RD_TRY(rd_save_manifest_choose(rd_buf_view(&text), ref, &manifest, err));
	return rd_image_assemble(
		o, store, &manifest, manifest.ref != NULL ? manifest.ref : name, ret_image, err);
}

static enum rd_status read_members(struct rd_opening *o, struct rd_tree *tree, const char *ref,
	const char *name, struct rd_image **ret_image, struct rd_error *err)
{
	struct rd_store store = {.dir_fd = -1, .tree = tree};
	struct rd_tree_entry e;

	if (rd_tree_lookup(tree, "manifest.json", true, &e) == RD_OK) {
		return read_save_manifest(o, &store, ref, name, ret_image, err);
	}
	if (rd_tree_lookup(tree, "oci-layout", true, &e) == RD_OK) {
		return rd_oci_read(o, &store, ref, name, ret_image, err);
	}
	return rd_fail(err, RD_MISSING,
		"neither manifest.json nor oci-layout is in it: this is not an archive made by "
		"`docker save`");
}

enum rd_status rd_archive_read(struct rd_opening *o, struct rd_blob blob, const char *ref,
	const char *name, struct rd_image **ret_image, struct rd_error *err)
{
	struct rd_tree *tree RD_CLEANUP(rd_tree_free) = NULL;
	const struct rd_layer members = {.blob = blob};

	o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_tree_new(o->options->scratch_dir, &tree, err));
	rd_tree_limit_data(tree, o->options->max_bytes);
	o->stage = RD_IMAGE_STAGE_IMAGE;
	RD_TRY(rd_layer_apply(tree, &members, err));
	return read_members(o, tree, ref, name, ret_image, err);
}

enum rd_status rd_source_archive(
	struct rd_opening *o, const char *spec, struct rd_image **ret_image, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct rd_blob blob = {0};
	char *path = NULL;
	const char *ref = NULL;
	enum rd_status st;

	o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_source_split(spec, &path, &ref, err));
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1) {
		st = rd_fail_errno(err, errno, "cannot open the image archive %s", path);
	} else if (rd_fd_size(fd, &blob.size) != RD_OK) {
		st = rd_fail(err, RD_BAD_TYPE, "%s is not a regular file", path);
	} else {
		blob.fd = fd;
		st = rd_archive_read(o, blob, ref, spec, ret_image, err);
		if (st != RD_OK) {
			st = rd_error_wrap(err, st, "%s", path);
		}
	}
	free(path);
	return st;
}
