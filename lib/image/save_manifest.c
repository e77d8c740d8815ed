/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.json of `docker save`: a list of {Config, RepoTags, Layers}, the latter paths inside the
 * archive. Old archives have "<id>/layer.tar" (which may be a symbolic link to another layer),
 * newer ones "blobs/sha256/<hex>", which lets us check the blob as well.
 */
#include "image/json.h"
#include "image/manifest.h"
#include "image/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The digest that a path states: 64 hex digits as its last component, ".json" or ".tar" aside. */
static void digest_from_path(const char *path, char ret_digest[RD_DIGEST_TEXT_LEN + 1])
{
	const char *base = strrchr(path, '/');
	size_t hex;

	base = base != NULL ? base + 1 : path;
	hex = strspn(base, "0123456789abcdef");
	ret_digest[0] = '\0';
	if (hex == RD_DIGEST_TEXT_LEN - 7 &&
		(base[hex] == '\0' || strcmp(base + hex, ".json") == 0 ||
			strcmp(base + hex, ".tar") == 0)) {
		(void)snprintf(ret_digest, RD_DIGEST_TEXT_LEN + 1, "sha256:%.*s", (int)hex, base);
	}
}

static enum rd_status path_part(json_t *path, struct rd_part *ret_part, struct rd_error *err)
{
	struct rd_part part = {.size = RD_SIZE_UNKNOWN};

	if (!json_is_string(path)) {
		return rd_fail(
			err, RD_BAD_TYPE, "manifest.json: \"Config\" or a layer is not a path");
	}
	part.name = strdup(json_string_value(path));
	RD_ENSURE(part.name != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	digest_from_path(part.name, part.digest);
	*ret_part = part;
	return RD_OK;
}

static enum rd_status read_image(
	json_t *image, const char *ref, struct rd_manifest *ret_manifest, struct rd_error *err)
{
	struct rd_manifest m RD_CLEANUP(rd_manifest_finish) = {0};
	json_t *layers = NULL;
	size_t n;

	RD_TRY(rd_json_array(image, "Layers", &layers, err));
	n = json_array_size(layers);
	if (n > RD_MANIFEST_LAYERS_MAX) {
		return rd_fail(err, RD_LIMIT, "the image has %zu layers; at most %d are read", n,
			RD_MANIFEST_LAYERS_MAX);
	}
	RD_TRY(path_part(json_object_get(image, "Config"), &m.config, err));
	m.layers = calloc(n + 1, sizeof(*m.layers));
	m.ref = ref != NULL ? strdup(ref) : NULL;
	if (m.layers == NULL || (ref != NULL && m.ref == NULL)) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		RD_TRY(path_part(json_array_get(layers, i), &m.layers[i], err));
		m.n_layers++;
	}
	*ret_manifest = rd_steal(&m, (struct rd_manifest){0});
	return RD_OK;
}

/*
 * The short form of a name, as an engine lists it: buildah, podman and skopeo write the long one,
 * "docker.io/library/app:1".
 */
static const char *short_form(const char *name)
{
	static const char *const implied[] = {"docker.io/", "library/"};

	for (size_t i = 0; i < RD_ARRAY_LEN(implied); i++) {
		size_t len = strlen(implied[i]);

		if (strncmp(name, implied[i], len) != 0) {
			break;
		}
		name += len;
	}
	return name;
}

/* "name" means "name:latest"; a registry's port is not a tag. */
static bool same_ref(const char *stored, const char *wanted)
{
	const char *slash = strrchr(wanted, '/');
	size_t len;

	stored = short_form(stored);
	wanted = short_form(wanted);
	len = strlen(wanted);
	if (strcmp(stored, wanted) == 0) {
		return true;
	}
	return strchr(slash != NULL ? slash : wanted, ':') == NULL &&
	       strncmp(stored, wanted, len) == 0 && strcmp(stored + len, ":latest") == 0;
}

/* The image's tag that matches ref, its first tag when ref is NULL, or NULL. */
static enum rd_status match_tags(
	json_t *image, const char *ref, const char **ret_tag, struct rd_error *err)
{
	json_t *tags = NULL;

	if (!json_is_object(image)) {
		return rd_fail(err, RD_BAD_TYPE, "manifest.json is not a list of objects");
	}
	*ret_tag = NULL;
	RD_TRY(rd_json_array(image, "RepoTags", &tags, err));
	for (size_t i = 0; i < json_array_size(tags) && *ret_tag == NULL; i++) {
		const char *tag = json_string_value(json_array_get(tags, i));

		if (tag != NULL && (ref == NULL || same_ref(tag, ref))) {
			*ret_tag = tag;
		}
	}
	return RD_OK;
}

/* All names that an archive's images have, for a message. */
static void list_names(json_t *doc, struct rd_names *names)
{
	for (size_t i = 0; i < json_array_size(doc); i++) {
		json_t *tags = json_object_get(json_array_get(doc, i), "RepoTags");

		for (size_t t = 0; t < json_array_size(tags); t++) {
			const char *tag = json_string_value(json_array_get(tags, t));

			rd_names_add(names, tag != NULL ? tag : "?");
		}
	}
	if (names->used == 0) {
		rd_names_add(names, "none with a name");
	}
}

enum rd_status rd_save_manifest_choose(struct rd_view json, const char *ref,
	struct rd_manifest *ret_manifest, struct rd_error *err)
{
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	struct rd_names names = {0};
	size_t n;

	RD_TRY(rd_json_parse(json, "manifest.json", &doc, err));
	n = json_array_size(doc);
	if (!json_is_array(doc) || n == 0) {
		return rd_fail(err, RD_MISSING, "manifest.json lists no image");
	}
	if (n > RD_MANIFEST_INDEX_MAX) {
		return rd_fail(err, RD_LIMIT, "manifest.json lists more than %d images",
			RD_MANIFEST_INDEX_MAX);
	}
	if (ref == NULL && n > 1) {
		list_names(doc, &names);
		return rd_fail(err, RD_USAGE,
			"the archive holds %zu images: add \":\" and the name of one (it has: %s)",
			n, names.text);
	}
	for (size_t i = 0; i < n; i++) {
		const char *tag = NULL;

		RD_TRY(match_tags(json_array_get(doc, i), ref, &tag, err));
		if (ref == NULL || tag != NULL) {
			return read_image(json_array_get(doc, i), tag, ret_manifest, err);
		}
	}
	list_names(doc, &names);
	return rd_fail(err, RD_NOTFOUND, "the archive holds no image named \"%s\" (it has: %s)",
		ref, names.text);
}
