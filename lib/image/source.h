/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sources of images, and what they share: a store of named blobs, from which a manifest's parts
 * are read, verified and merged.
 */
#ifndef RD_IMAGE_SOURCE_H
#define RD_IMAGE_SOURCE_H

#include "image/image.h"
#include "image/manifest.h"
#include "image/ref.h"
#include "image/spool.h"

/* One call of rd_image_open. */
struct rd_opening {
	const struct rd_image_options *options; /* never NULL */
	enum rd_image_stage stage;              /* what is being done, for ret_stage */
};

/* Blobs by name: a directory (dir_fd) or, if tree is not NULL, an archive's members. */
struct rd_store {
	int dir_fd;
	struct rd_tree *tree;
};

/* A blob to be closed with rd_store_close. RD_NOTFOUND, RD_BAD_TYPE (not a regular file). */
enum rd_status rd_store_open(const struct rd_store *store, const char *name,
	struct rd_blob *ret_blob, struct rd_error *err) RD_MUST_USE;
void rd_store_close(const struct rd_store *store, struct rd_blob *blob);

/* A JSON document, whole. With a digest or size in `part`, both are verified first. */
enum rd_status rd_store_read(const struct rd_store *store, const struct rd_part *part,
	struct rd_buf *out, struct rd_error *err) RD_MUST_USE;

/* Merges the layers of a manifest and resolves its configuration. name is for rd_image.name. */
enum rd_status rd_image_assemble(struct rd_opening *o, const struct rd_store *store,
	const struct rd_manifest *manifest, const char *name, struct rd_image **ret_image,
	struct rd_error *err) RD_MUST_USE;

/* source_oci.c: DIR[:TAG] as typed; or a layout that is in a store already. */
enum rd_status rd_source_oci(struct rd_opening *o, const char *spec, struct rd_image **ret_image,
	struct rd_error *err) RD_MUST_USE;
enum rd_status rd_oci_read(struct rd_opening *o, const struct rd_store *store, const char *tag,
	const char *name, struct rd_image **ret_image, struct rd_error *err) RD_MUST_USE;

/* source_archive.c: FILE[:REF] as typed; or an archive that is open already. */
enum rd_status rd_source_archive(struct rd_opening *o, const char *spec,
	struct rd_image **ret_image, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_archive_read(struct rd_opening *o, struct rd_blob blob, const char *ref,
	const char *name, struct rd_image **ret_image, struct rd_error *err) RD_MUST_USE;

/* source_docker.c: an image of the engine, built or pulled first as options say. RD_NOTFOUND with
 * *ret_no_engine when no engine answers. */
enum rd_status rd_source_docker(struct rd_opening *o, const struct rd_ref *ref, bool *ret_no_engine,
	struct rd_image **ret_image, struct rd_error *err) RD_MUST_USE;

/* source_buildah.c: options.build_dir's Dockerfile, without a daemon. */
enum rd_status rd_source_buildah(struct rd_opening *o, const struct rd_ref *ref,
	struct rd_image **ret_image, struct rd_error *err) RD_MUST_USE;

/*
 * Cuts "PATH[:TAG]" where PATH exists: whole if it does, else at the first colon that leaves a path
 * that does. *ret_tag points into spec, NULL if there is none. *ret_path is on the heap.
 */
enum rd_status rd_source_split(
	const char *spec, char **ret_path, const char **ret_tag, struct rd_error *err) RD_MUST_USE;

#endif
