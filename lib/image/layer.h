/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One layer of an image: a tar archive of changes, applied to the merged tree.
 * OCI image-spec v1.1, layer.md; where it is silent, what containerd and Docker do.
 */
#ifndef RD_IMAGE_LAYER_H
#define RD_IMAGE_LAYER_H

#include "image/spool.h"
#include "image/tree.h"

struct rd_layer {
	struct rd_blob blob; /* plain, gzip or zstd */
	const char *digest;  /* "sha256:<64 hex>" of the blob; NULL: not stated */
	const char *diff_id; /* the same of the decompressed blob; NULL: not stated */
};

/*
 * Applies a layer on top of what the tree holds. After a failure the tree is fit for rd_tree_free
 * only. RD_UNTRUSTED when a digest does not match, RD_BAD_PATH for a name with "..", RD_LIMIT.
 */
enum rd_status rd_layer_apply(struct rd_tree *t, const struct rd_layer *layer, struct rd_error *err)
	RD_MUST_USE;

#endif
