/* SPDX-License-Identifier: Apache-2.0 */
/*
 * {"format": 1, "made": time, "images": [{"name", "PCR0", "PCR1", "PCR2"}…],
 *  "files": {path: SHA-256…}}
 */
#include "redoubt/evidence.h"

#include "base/text.h"
#include "eif/read.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PCR_TEXT (2 * RD_EIF_PCR_SIZE + 1)

static json_t *image_json(const char *path, const struct rd_eif_pcrs *pcrs)
{
	const char *slash = strrchr(path, '/');
	char text[3][PCR_TEXT];

	rd_hex_string(rd_view(pcrs->pcr0, RD_EIF_PCR_SIZE), text[0]);
	rd_hex_string(rd_view(pcrs->pcr1, RD_EIF_PCR_SIZE), text[1]);
	rd_hex_string(rd_view(pcrs->pcr2, RD_EIF_PCR_SIZE), text[2]);
	return json_pack("{s:s,s:s,s:s,s:s}", "name", slash == NULL ? path : slash + 1, "PCR0",
		text[0], "PCR1", text[1], "PCR2", text[2]);
}

static enum rd_status add_image(json_t *images, const char *path, struct rd_error *err)
{
	RD_CLEANUP(rd_eif_parser_free) struct rd_eif_parser *parser = NULL;
	RD_CLEANUP(rd_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct rd_eif_info *info = NULL;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", path);
	}
	RD_TRY(rd_eif_parser_new(&parser));
	RD_TRY(rd_eif_parser_read_fd(parser, fd, path, &info, err));
	return json_array_append_new(images, image_json(path, &info->pcrs)) == 0
		       ? RD_OK
		       : rd_fail(err, RD_NOMEM, "out of memory");
}

static enum rd_status add_file(void *ctx, const char *path, int fd, struct rd_error *err)
{
	char hex[65];

	RD_TRY(evidence_digest(fd, hex, err));
	return json_object_set_new(ctx, path, json_string(hex)) == 0
		       ? RD_OK
		       : rd_fail(err, RD_BAD_PATH, "%s: the name is no UTF-8", path);
}

static enum rd_status fill(
	json_t *manifest, int dir_fd, const struct evidence_args *args, struct rd_error *err)
{
	for (size_t i = 0; i < args->n_images; i++) {
		RD_TRY(add_image(json_object_get(manifest, "images"), args->images[i], err));
	}
	return evidence_walk(dir_fd, add_file, json_object_get(manifest, "files"), err);
}

enum rd_status evidence_manifest_write(
	int dir_fd, const struct evidence_args *args, struct rd_error *err)
{
	char made[RD_TIME_TEXT_SIZE];
	json_t *manifest;
	char *text = NULL;
	enum rd_status st;

	rd_time_string((uint64_t)time(NULL) * 1000, made);
	manifest = json_pack("{s:i,s:s,s:[],s:{}}", "format", 1, "made", made, "images", "files");
	st = manifest == NULL ? rd_fail(err, RD_NOMEM, "out of memory")
			      : fill(manifest, dir_fd, args, err);
	if (st == RD_OK) {
		text = json_dumps(manifest, JSON_INDENT(2) | JSON_SORT_KEYS);
		st = text == NULL ? rd_fail(err, RD_NOMEM, "out of memory")
				  : evidence_put(dir_fd, EVIDENCE_MANIFEST, rd_view_str(text), err);
	}
	free(text);
	json_decref(manifest);
	return st;
}

enum rd_status evidence_manifest_read(int dir_fd, json_t **ret, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = rd_buf_growable(EVIDENCE_MANIFEST_MAX);
	json_t *manifest;

	RD_TRY(evidence_read(dir_fd, EVIDENCE_MANIFEST, &text, err));
	manifest = json_loadb((const char *)text.ptr, text.used, JSON_REJECT_DUPLICATES, NULL);
	if (json_integer_value(json_object_get(manifest, "format")) != 1 ||
		!json_is_object(json_object_get(manifest, "files")) ||
		!json_is_array(json_object_get(manifest, "images"))) {
		json_decref(manifest);
		return rd_fail(err, RD_MALFORMED,
			EVIDENCE_MANIFEST ": is no manifest of format 1: not a folder that "
					  "`redoubt evidence make` has made");
	}
	*ret = manifest;
	return RD_OK;
}
