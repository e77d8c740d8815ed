/* SPDX-License-Identifier: Apache-2.0 */
/* From a manifest and a store of blobs to a merged tree and a resolved configuration. */
#include "image/config.h"
#include "image/json.h"
#include "image/layer.h"
#include "image/source.h"
#include "image/tree-internal.h"
#include "image/user.h"

#include "base/text.h"
#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

static enum rd_status set_id(struct rd_image *image, struct rd_error *err)
{
	uint8_t digest[RD_SHA256_SIZE];

	image->id = calloc(1, RD_DIGEST_TEXT_LEN + 1);
	RD_ENSURE(image->id != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	RD_TRY(rd_digest_once(RD_SHA256, rd_view(image->config_json, image->config_len), digest));
	memcpy(image->id, "sha256:", strlen("sha256:"));
	rd_hex_string(rd_view(digest, sizeof(digest)), image->id + strlen("sha256:"));
	return RD_OK;
}

static enum rd_status read_config(const struct rd_store *store, const struct rd_part *part,
	struct rd_image *image, struct rd_image_config *ret_config, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_JSON_SIZE_MAX);

	RD_TRY(rd_store_read(store, part, &text, err));
	image->config_json = strndup((const char *)text.ptr, text.used);
	RD_ENSURE(image->config_json != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	image->config_len = text.used;
	RD_TRY(set_id(image, err));
	/* jansson refuses a NUL byte, so the copy above is the whole document. */
	return rd_image_config_parse(rd_buf_view(&text), ret_config, err);
}

static enum rd_status apply_layer(const struct rd_store *store, const struct rd_part *part,
	const char *diff_id, struct rd_tree *tree, struct rd_error *err)
{
	struct rd_layer layer = {
		.digest = part->digest[0] != '\0' ? part->digest : NULL,
		.diff_id = diff_id,
	};
	enum rd_status st;

	RD_TRY(rd_store_open(store, part->name, &layer.blob, err));
	if (part->size != RD_SIZE_UNKNOWN && layer.blob.size != part->size) {
		st = rd_fail(err, RD_UNTRUSTED,
			"it has %llu bytes, but the manifest says %llu: the image is damaged or "
			"was tampered with",
			(unsigned long long)layer.blob.size, (unsigned long long)part->size);
	} else {
		st = rd_layer_apply(tree, &layer, err);
	}
	rd_store_close(store, &layer.blob);
	return st;
}

static enum rd_status apply_layers(const struct rd_store *store, const struct rd_manifest *m,
	const struct rd_strings *diff_ids, struct rd_tree *tree, struct rd_error *err)
{
	if (m->n_layers != diff_ids->n) {
		return rd_fail(err, RD_MALFORMED,
			"the manifest has %zu layers but the configuration %zu diff IDs",
			m->n_layers, diff_ids->n);
	}
	for (size_t i = 0; i < m->n_layers; i++) {
		enum rd_status st = apply_layer(store, &m->layers[i], diff_ids->v[i], tree, err);

		if (st != RD_OK) {
			return rd_error_wrap(err, st, "layer %zu of %zu (%.19s)", i + 1,
				m->n_layers, diff_ids->v[i]);
		}
	}
	return RD_OK;
}

/* An engine makes a WORKDIR that no layer has (0755 0:0). */
static enum rd_status make_workdir(struct rd_tree *tree, const char *workdir, struct rd_error *err)
{
	struct rd_tree_entry e;
	enum rd_status st = rd_tree_lookup(tree, workdir, true, &e);

	if (st == RD_NOTFOUND) {
		e = (struct rd_tree_entry){.path = workdir, .type = RD_TREE_DIR, .mode = 0755};
		return rd_tree_put(tree, &e, NULL, err);
	}
	if (st != RD_OK || e.type != RD_TREE_DIR) {
		return rd_fail(err, st != RD_OK ? st : RD_BAD_TYPE,
			"the image's WORKDIR %s is not a directory in it", workdir);
	}
	return RD_OK;
}

/* Hands the configuration's strings over to the image. */
static void take_config(struct rd_image *image, struct rd_image_config *c)
{
	image->architecture = rd_steal(&c->architecture, NULL);
	image->os = rd_steal(&c->os, NULL);
	image->created = rd_steal(&c->created, NULL);
	image->workdir = rd_steal(&c->workdir, NULL);
	image->user_spec = rd_steal(&c->user, NULL);
	image->args = rd_steal(&c->args, (struct rd_strings){0});
	image->env = rd_steal(&c->env, (struct rd_strings){0});
}

static enum rd_status assemble(struct rd_opening *o, const struct rd_store *store,
	const struct rd_manifest *manifest, struct rd_image *image, struct rd_image_config *config,
	struct rd_error *err)
{
	o->stage = RD_IMAGE_STAGE_IMAGE;
	RD_TRY(read_config(store, &manifest->config, image, config, err));
	o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_tree_new(o->options->scratch_dir, &image->tree, err));
	rd_tree_limit_data(image->tree, o->options->max_bytes);
	o->stage = RD_IMAGE_STAGE_IMAGE;
	RD_TRY(apply_layers(store, manifest, &config->diff_ids, image->tree, err));
	RD_TRY(rd_user_resolve(image->tree, config->user, &image->user, err));
	return make_workdir(image->tree, config->workdir, err);
}

enum rd_status rd_image_assemble(struct rd_opening *o, const struct rd_store *store,
	const struct rd_manifest *manifest, const char *name, struct rd_image **ret_image,
	struct rd_error *err)
{
	struct rd_image_config config RD_CLEANUP(rd_image_config_finish) = {0};
	struct rd_image *image RD_CLEANUP(rd_image_close) = calloc(1, sizeof(*image));

	if (image == NULL || (image->name = strdup(name)) == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	RD_TRY(assemble(o, store, manifest, image, &config, err));
	take_config(image, &config);
	*ret_image = rd_steal(&image, NULL);
	return RD_OK;
}
