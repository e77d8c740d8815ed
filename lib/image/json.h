/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded JSON, strictly read: duplicates refused, types checked, absent told from wrong. */
#ifndef RD_IMAGE_JSON_H
#define RD_IMAGE_JSON_H

#include "base/bytes.h"
#include "base/error.h"
#include "image/image.h"

#include <jansson.h>

/* Manifests, indexes and configurations: the size that registries accept (OCI distribution-spec).
 */
#define RD_JSON_SIZE_MAX (4u << 20)
/* Strings in one list of a configuration: ENTRYPOINT, CMD, ENV; Linux's own limit is on bytes. */
#define RD_JSON_STRINGS_MAX 4096

/* Cleanup for an owning json_t variable. */
void rd_json_free(json_t **json);

/* what names the document in messages: "manifest", "image configuration". */
enum rd_status rd_json_parse(
	struct rd_view text, const char *what, json_t **ret_json, struct rd_error *err) RD_MUST_USE;

/*
 * Members of an object. Absent and null give NULL (0, an empty list) and RD_OK; a value of another
 * type is RD_BAD_TYPE, with err filled.
 */
enum rd_status rd_json_object(json_t *o, const char *key, json_t **ret_object, struct rd_error *err)
	RD_MUST_USE;
enum rd_status rd_json_array(json_t *o, const char *key, json_t **ret_array, struct rd_error *err)
	RD_MUST_USE;
enum rd_status rd_json_string(
	json_t *o, const char *key, const char **ret_text, struct rd_error *err) RD_MUST_USE;
/* A string or, as the oldest images have it, one string instead of a list of one. */
enum rd_status rd_json_strings(
	json_t *o, const char *key, struct rd_strings *ret_list, struct rd_error *err) RD_MUST_USE;

void rd_strings_finish(struct rd_strings *s);

#endif
