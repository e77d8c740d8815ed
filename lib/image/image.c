/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a source by what the user wrote. */
#include "image/image.h"

#include "image/json.h"
#include "image/ref.h"
#include "image/source.h"
#include "image/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARCHIVE_PREFIX "docker-archive:"
#define OCI_PREFIX     "oci:"

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum rd_status check_build_dir(struct rd_opening *o, struct rd_error *err)
{
	const char *dir = o->options->build_dir;
	struct stat st;

	o->stage = RD_IMAGE_STAGE_FILE;
	if (stat(dir, &st) == -1) {
		return rd_fail_errno(err, errno, "cannot open the directory %s", dir);
	}
	if (!S_ISDIR(st.st_mode)) {
		return rd_fail(err, RD_BAD_TYPE,
			"%s is not a directory: give the directory that holds the Dockerfile", dir);
	}
	return RD_OK;
}

/* An image of the engine; without one, buildah can build but not fetch for us. */
static enum rd_status open_engine_image(
	struct rd_opening *o, const char *source, struct rd_image **ret_image, struct rd_error *err)
{
	struct rd_ref ref RD_CLEANUP(rd_ref_finish) = {0};
	bool no_engine = false;
	enum rd_status st;

	o->stage = o->options->build_dir != NULL ? RD_IMAGE_STAGE_BUILD : RD_IMAGE_STAGE_PULL;
	RD_TRY(rd_ref_parse(source, &ref, err));
	if (o->options->build_dir != NULL) {
		RD_TRY(check_build_dir(o, err));
	}
	st = rd_source_docker(o, &ref, &no_engine, ret_image, err);
	if (st != RD_OK && no_engine && o->options->build_dir != NULL) {
		return rd_source_buildah(o, &ref, ret_image, err);
	}
	return st;
}

static enum rd_status open_source(
	struct rd_opening *o, const char *source, struct rd_image **ret_image, struct rd_error *err)
{
	if (o->options->build_dir == NULL && has_prefix(source, ARCHIVE_PREFIX)) {
		return rd_source_archive(o, source + strlen(ARCHIVE_PREFIX), ret_image, err);
	}
	if (o->options->build_dir == NULL && has_prefix(source, OCI_PREFIX)) {
		return rd_source_oci(o, source + strlen(OCI_PREFIX), ret_image, err);
	}
	return open_engine_image(o, source, ret_image, err);
}

enum rd_status rd_image_open(const char *source, const struct rd_image_options *options,
	enum rd_image_stage *ret_stage, struct rd_image **ret_image, struct rd_error *err)
{
	static const struct rd_image_options defaults = {0};
	struct rd_opening o = {.options = options != NULL ? options : &defaults};
	enum rd_status st = open_source(&o, source, ret_image, err);

	if (st != RD_OK && ret_stage != NULL) {
		/* Scratch space runs out in the middle of an image that is none the worse. */
		*ret_stage = st == RD_NOSPACE ? RD_IMAGE_STAGE_FILE : o.stage;
	}
	return st;
}

void rd_image_close(struct rd_image **image)
{
	struct rd_image *i = *image;

	if (i == NULL) {
		return;
	}
	free(i->name);
	free(i->id);
	free(i->config_json);
	free(i->created);
	free(i->architecture);
	free(i->os);
	free(i->workdir);
	free(i->user_spec);
	rd_strings_finish(&i->args);
	rd_strings_finish(&i->env);
	rd_user_finish(&i->user);
	rd_tree_free(&i->tree);
	free(i);
	*image = NULL;
}
