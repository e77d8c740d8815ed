/* SPDX-License-Identifier: Apache-2.0 */
/* OCI and Docker manifests and indexes. */
#include "image/manifest.h"

#include "image/image.h"
#include "image/json.h"
#include "image/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_KEY "org.opencontainers.image.ref.name"

static const char *const index_types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
};
static const char *const manifest_types[] = {
	"application/vnd.oci.image.manifest.v1+json",
	"application/vnd.docker.distribution.manifest.v2+json",
};
static const char *const config_types[] = {
	"application/vnd.oci.image.config.v1+json",
	"application/vnd.docker.container.image.v1+json",
};
static const char *const layer_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	"application/vnd.docker.image.rootfs.diff.tar",
	"application/vnd.docker.image.rootfs.diff.tar.gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd",
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

static bool is_one_of(const char *text, const char *const *list, size_t n)
{
	for (size_t i = 0; text != NULL && i < n; i++) {
		if (strcmp(text, list[i]) == 0) {
			return true;
		}
	}
	return false;
}

void rd_part_finish(struct rd_part *p)
{
	free(p->name);
	*p = (struct rd_part){0};
}

void rd_manifest_finish(struct rd_manifest *m)
{
	for (size_t i = 0; i < m->n_layers; i++) {
		rd_part_finish(&m->layers[i]);
	}
	rd_part_finish(&m->config);
	free(m->layers);
	free(m->ref);
	*m = (struct rd_manifest){0};
}

bool rd_digest_is_valid(const char *digest)
{
	return strlen(digest) == RD_DIGEST_TEXT_LEN && strncmp(digest, "sha256:", 7) == 0 &&
	       strspn(digest + 7, "0123456789abcdef") == RD_DIGEST_TEXT_LEN - 7;
}

/* digest and size of a descriptor; the digest has to be valid, for it becomes a path. */
static enum rd_status read_part(json_t *descriptor, struct rd_part *ret_part, struct rd_error *err)
{
	json_t *size = json_object_get(descriptor, "size");
	struct rd_part part = {0};
	const char *digest;

	RD_TRY(rd_json_string(descriptor, "digest", &digest, err));
	if (digest == NULL || !rd_digest_is_valid(digest)) {
		return rd_fail(err, digest == NULL ? RD_MISSING : RD_UNSUPPORTED,
			"a descriptor's digest is not \"sha256:\" and 64 hex digits");
	}
	if (!json_is_integer(size) || json_integer_value(size) < 0) {
		return rd_fail(
			err, RD_BAD_NUMBER, "the descriptor of %s has no valid size", digest);
	}
	part.size = (uint64_t)json_integer_value(size);
	memcpy(part.digest, digest, RD_DIGEST_TEXT_LEN + 1);
	if (asprintf(&part.name, "blobs/sha256/%s", digest + strlen("sha256:")) == -1) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	*ret_part = part;
	return RD_OK;
}

static enum rd_status read_typed_part(json_t *descriptor, const char *const *types, size_t n_types,
	const char *what, struct rd_part *ret_part, struct rd_error *err)
{
	const char *type;

	if (!json_is_object(descriptor)) {
		return rd_fail(err, RD_BAD_TYPE, "the manifest's %s is not a descriptor", what);
	}
	RD_TRY(rd_json_string(descriptor, "mediaType", &type, err));
	if (!is_one_of(type, types, n_types)) {
		return rd_fail(err, RD_UNSUPPORTED,
			"its %s is of type \"%s\": this is not a container image, or one of a kind "
			"unknown here",
			what, type != NULL ? type : "");
	}
	return read_part(descriptor, ret_part, err);
}

/*
 * A document that could be read as a manifest and as an index means different images to different
 * readers (CVE-2021-41190): only one of the two lists may be there, and mediaType must agree.
 */
static enum rd_status check_kind(json_t *doc, const char *wanted, const char *forbidden,
	const char *const *types, size_t n_types, struct rd_error *err)
{
	const char *type;

	if (!json_is_object(doc)) {
		return rd_fail(err, RD_BAD_TYPE, "the manifest or index is not a JSON object");
	}
	if (json_object_get(doc, wanted) == NULL) {
		return rd_fail(err, RD_MISSING, "the manifest or index has no \"%s\"", wanted);
	}
	if (json_object_get(doc, forbidden) != NULL) {
		return rd_fail(err, RD_FORBIDDEN,
			"a document has both \"layers\" and \"manifests\": it would be read in two "
			"ways");
	}
	RD_TRY(rd_json_string(doc, "mediaType", &type, err));
	if (type != NULL && !is_one_of(type, types, n_types)) {
		return rd_fail(
			err, RD_UNSUPPORTED, "the manifest or index is of type \"%s\"", type);
	}
	return RD_OK;
}

static enum rd_status alloc_layers(struct rd_manifest *m, size_t n, struct rd_error *err)
{
	if (n > RD_MANIFEST_LAYERS_MAX) {
		return rd_fail(err, RD_LIMIT, "the image has %zu layers; at most %d are read", n,
			RD_MANIFEST_LAYERS_MAX);
	}
	m->layers = calloc(n + 1, sizeof(*m->layers));
	RD_ENSURE(m->layers != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	return RD_OK;
}

enum rd_status rd_manifest_parse(
	struct rd_view json, struct rd_manifest *ret_manifest, struct rd_error *err)
{
	struct rd_manifest m RD_CLEANUP(rd_manifest_finish) = {0};
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	json_t *layers;

	RD_TRY(rd_json_parse(json, "manifest", &doc, err));
	RD_TRY(check_kind(
		doc, "layers", "manifests", manifest_types, RD_ARRAY_LEN(manifest_types), err));
	RD_TRY(read_typed_part(json_object_get(doc, "config"), config_types,
		RD_ARRAY_LEN(config_types), "configuration", &m.config, err));
	RD_TRY(rd_json_array(doc, "layers", &layers, err));
	RD_TRY(alloc_layers(&m, json_array_size(layers), err));
	for (size_t i = 0; i < json_array_size(layers); i++) {
		RD_TRY(read_typed_part(json_array_get(layers, i), layer_types,
			RD_ARRAY_LEN(layer_types), "layer", &m.layers[i], err));
		m.n_layers++;
	}
	*ret_manifest = rd_steal(&m, (struct rd_manifest){0});
	return RD_OK;
}

/* What is known of one entry of an index. */
struct candidate {
	json_t *descriptor;
	const char *tag;
	const char *os;
	const char *arch;
	const char *variant;
	bool is_index;
};

static enum rd_status read_candidate(json_t *d, struct candidate *ret_c, struct rd_error *err)
{
	struct candidate c = {.descriptor = d};
	json_t *annotations;
	json_t *platform;
	const char *type;

	if (!json_is_object(d)) {
		return rd_fail(err, RD_BAD_TYPE, "the index holds something not a descriptor");
	}
	RD_TRY(rd_json_object(d, "annotations", &annotations, err));
	RD_TRY(rd_json_object(d, "platform", &platform, err));
	RD_TRY(rd_json_string(d, "mediaType", &type, err));
	RD_TRY(rd_json_string(annotations, TAG_KEY, &c.tag, err));
	RD_TRY(rd_json_string(platform, "os", &c.os, err));
	RD_TRY(rd_json_string(platform, "architecture", &c.arch, err));
	RD_TRY(rd_json_string(platform, "variant", &c.variant, err));
	c.is_index = is_one_of(type, index_types, RD_ARRAY_LEN(index_types));
	if (!c.is_index && !is_one_of(type, manifest_types, RD_ARRAY_LEN(manifest_types))) {
		/* The specification: unknown types are ignored, not an error. */
		c.descriptor = NULL;
	}
	*ret_c = c;
	return RD_OK;
}

static bool is_our_platform(const struct candidate *c)
{
	return c->os == NULL || c->arch == NULL ||
	       (strcmp(c->os, RD_IMAGE_OS) == 0 && strcmp(c->arch, RD_IMAGE_ARCH) == 0);
}

/* Better of two entries that both fit: the plain architecture before its variants (v2, v3). */
static bool is_better(const struct candidate *c, const struct candidate *best)
{
	return best->descriptor == NULL || (best->variant != NULL && c->variant == NULL);
}

struct choice {
	const char *tag;
	struct candidate best;
	struct rd_names tags;
	struct rd_names platforms;
	const char *first_tag;
	bool several_tags;
};

static void consider(struct choice *ch, const struct candidate *c)
{
	char platform[64];

	if (c->descriptor == NULL) {
		return;
	}
	if (c->tag != NULL) {
		rd_names_add(&ch->tags, c->tag);
		ch->several_tags |= ch->first_tag != NULL && strcmp(ch->first_tag, c->tag) != 0;
		ch->first_tag = c->tag;
	}
	if (ch->tag != NULL && (c->tag == NULL || strcmp(c->tag, ch->tag) != 0)) {
		return;
	}
	if (!is_our_platform(c)) {
		(void)snprintf(platform, sizeof(platform), "%s/%s", c->os, c->arch);
		rd_names_add(&ch->platforms, platform);
		return;
	}
	if (is_better(c, &ch->best)) {
		ch->best = *c;
	}
}

static enum rd_status fail_choice(const struct choice *ch, struct rd_error *err)
{
	if (ch->platforms.used > 0) {
		return rd_fail(err, RD_BAD_ARCH,
			"the image is for %s, not for " RD_IMAGE_OS "/" RD_IMAGE_ARCH
			": build it for that platform",
			ch->platforms.text);
	}
	if (ch->tag != NULL) {
		return rd_fail(err, RD_NOTFOUND, "there is no image \"%s\" in it (it has: %s)",
			ch->tag, ch->tags.used > 0 ? ch->tags.text : "none with a tag");
	}
	return rd_fail(err, RD_NOTFOUND, "there is no image in it");
}

enum rd_status rd_index_choose(struct rd_view json, const char *tag, struct rd_part *ret_part,
	bool *ret_is_index, struct rd_error *err)
{
	struct choice ch = {.tag = tag};
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	json_t *list;

	RD_TRY(rd_json_parse(json, "index", &doc, err));
	RD_TRY(check_kind(doc, "manifests", "layers", index_types, RD_ARRAY_LEN(index_types), err));
	RD_TRY(rd_json_array(doc, "manifests", &list, err));
	if (json_array_size(list) > RD_MANIFEST_INDEX_MAX) {
		return rd_fail(
			err, RD_LIMIT, "the index has more than %d entries", RD_MANIFEST_INDEX_MAX);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct candidate c;

		RD_TRY(read_candidate(json_array_get(list, i), &c, err));
		consider(&ch, &c);
	}
	if (ch.best.descriptor == NULL) {
		return fail_choice(&ch, err);
	}
	if (tag == NULL && ch.several_tags) {
		return rd_fail(err, RD_USAGE, "it holds several images: add \":\" and one of %s",
			ch.tags.text);
	}
	RD_TRY(read_part(ch.best.descriptor, ret_part, err));
	*ret_is_index = ch.best.is_index;
	return RD_OK;
}
