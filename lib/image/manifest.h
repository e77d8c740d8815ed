/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What says which blobs an image consists of: OCI indexes and manifests (image-spec v1.1), Docker's
 * equivalents (schema 2), and the manifest.json of `docker save`. Parsing only, no I/O.
 */
#ifndef RD_IMAGE_MANIFEST_H
#define RD_IMAGE_MANIFEST_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

/* "sha256:" and 64 hex digits; other algorithms are refused, nothing uses them. */
#define RD_DIGEST_TEXT_LEN 71
/* Docker and its storage drivers stop at 127. */
#define RD_MANIFEST_LAYERS_MAX 512
/* Images or platforms in one index. */
#define RD_MANIFEST_INDEX_MAX 4096
/* An index may hold indexes; tools make two levels. */
#define RD_MANIFEST_NESTING_MAX 4
/* For the blob of a `docker save` archive, whose manifest does not state sizes. */
#define RD_SIZE_UNKNOWN UINT64_MAX

/* One blob of an image. */
struct rd_part {
	char *name;                          /* path inside the layout or archive */
	char digest[RD_DIGEST_TEXT_LEN + 1]; /* "": not stated */
	uint64_t size;                       /* or RD_SIZE_UNKNOWN */
};

/* Blobs in the order in which they apply, lowest first. */
struct rd_manifest {
	char *ref; /* what the source calls the image; NULL: nothing */
	struct rd_part config;
	struct rd_part *layers;
	size_t n_layers;
};

void rd_part_finish(struct rd_part *p);
void rd_manifest_finish(struct rd_manifest *m);

/* True for "sha256:<64 lowercase hex>". */
bool rd_digest_is_valid(const char *digest);

/* An image manifest. Its parts' names are "blobs/sha256/<hex>". */
enum rd_status rd_manifest_parse(
	struct rd_view json, struct rd_manifest *ret_manifest, struct rd_error *err) RD_MUST_USE;

/*
 * Chooses from an index: the manifest with that tag (NULL: there must be one tag only) for our
 * platform. *ret_is_index: what was chosen is itself an index. RD_NOTFOUND with the tags that there
 * are, RD_BAD_ARCH with the platforms.
 */
enum rd_status rd_index_choose(struct rd_view json, const char *tag, struct rd_part *ret_part,
	bool *ret_is_index, struct rd_error *err) RD_MUST_USE;

/* manifest.json of `docker save`; ref as in rd_index_choose, "name:tag" or "name". */
enum rd_status rd_save_manifest_choose(struct rd_view json, const char *ref,
	struct rd_manifest *ret_manifest, struct rd_error *err) RD_MUST_USE;

#endif
