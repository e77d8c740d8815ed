/* SPDX-License-Identifier: Apache-2.0 */
/* OCI image layouts (image-spec v1.1, image-layout.md): a directory, or the same in an archive. */
#include "image/json.h"
#include "image/source.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum rd_status check_layout(const struct rd_store *store, struct rd_error *err)
{
	char name[] = "oci-layout";
	struct rd_part part = {.name = name, .size = RD_SIZE_UNKNOWN};
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_JSON_SIZE_MAX);
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	const char *version = NULL;

	if (rd_store_read(store, &part, &text, err) != RD_OK) {
		return rd_error_wrap(err, RD_MISSING,
			"not an OCI image layout (made by `buildah push oci:DIR`)");
	}
	RD_TRY(rd_json_parse(rd_buf_view(&text), "oci-layout file", &doc, err));
	RD_TRY(rd_json_string(doc, "imageLayoutVersion", &version, err));
	if (version == NULL || strncmp(version, "1.", 2) != 0) {
		return rd_fail(err, RD_BAD_VERSION,
			"the OCI image layout is of version \"%s\", not 1.x",
			version != NULL ? version : "");
	}
	return RD_OK;
}

/* From index.json, through nested indexes, to the image manifest's descriptor. */
static enum rd_status find_manifest(const struct rd_store *store, const char *tag,
	struct rd_part *ret_part, struct rd_error *err)
{
	struct rd_part part RD_CLEANUP(rd_part_finish) = {
		.name = strdup("index.json"), .size = RD_SIZE_UNKNOWN};
	bool is_index = true;

	RD_ENSURE(part.name != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	for (int depth = 0; is_index; depth++) {
		struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_JSON_SIZE_MAX);
		struct rd_part next;

		if (depth == RD_MANIFEST_NESTING_MAX) {
			return rd_fail(err, RD_TOO_DEEP, "indexes are nested more than %d deep",
				RD_MANIFEST_NESTING_MAX);
		}
		RD_TRY(rd_store_read(store, &part, &text, err));
		/* The tag is the layout's; inside an image's own index only the platform counts. */
		RD_TRY(rd_index_choose(
			rd_buf_view(&text), depth == 0 ? tag : NULL, &next, &is_index, err));
		rd_part_finish(&part);
		part = next;
	}
	*ret_part = rd_steal(&part, (struct rd_part){0});
	return RD_OK;
}

enum rd_status rd_oci_read(struct rd_opening *o, const struct rd_store *store, const char *tag,
	const char *name, struct rd_image **ret_image, struct rd_error *err)
{
	struct rd_part part RD_CLEANUP(rd_part_finish) = {0};
	struct rd_manifest manifest RD_CLEANUP(rd_manifest_finish) = {0};
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_JSON_SIZE_MAX);

	RD_TRY(check_layout(store, err));
	RD_TRY(find_manifest(store, tag, &part, err));
	RD_TRY(rd_store_read(store, &part, &text, err));
	RD_TRY(rd_manifest_parse(rd_buf_view(&text), &manifest, err));
	return rd_image_assemble(o, store, &manifest, name, ret_image, err);
}

enum rd_status rd_source_oci(
	struct rd_opening *o, const char *spec, struct rd_image **ret_image, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = -1;
	char *path = NULL;
	const char *tag = NULL;
	enum rd_status st;

	o->stage = RD_IMAGE_STAGE_FILE;
	RD_TRY(rd_source_split(spec, &path, &tag, err));
	dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd == -1) {
		st = rd_fail_errno(err, errno, "cannot open the OCI image layout %s", path);
	} else {
		struct rd_store store = {.dir_fd = dir_fd};

		o->stage = RD_IMAGE_STAGE_IMAGE;
		st = rd_oci_read(o, &store, tag, spec, ret_image, err);
		if (st != RD_OK) {
			st = rd_error_wrap(err, st, "%s", path);
		}
	}
	free(path);
	return st;
}
