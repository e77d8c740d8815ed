/* SPDX-License-Identifier: Apache-2.0 */
/* From the metadata section's keys to those of the describe commands. */
#include "nitro-cli/eif_json.h"

static bool copy_member(json_t *to, const json_t *from, const char *key)
{
	json_t *value = json_object_get(from, key);

	return value == NULL || json_object_set(to, key, value) == 0;
}

static bool copy_members(json_t *to, json_t *from)
{
	return !json_is_object(from) || json_object_update(to, from) == 0;
}

static bool collides(json_t *with, json_t *custom)
{
	const char *key;
	json_t *value;

	json_object_foreach(custom, key, value)
	{
		if (json_object_get(with, key) != NULL) {
			return true;
		}
	}
	return false;
}

static bool add_custom(json_t *to, json_t *custom)
{
	if (custom == NULL || json_is_null(custom)) {
		return true;
	}
	if (json_is_object(custom) && !collides(to, custom)) {
		return copy_members(to, custom);
	}
	return json_object_set(to, "CustomMetadata", custom) == 0;
}

static bool build(json_t *object, json_t *section)
{
	json_t *metadata = json_object();

	/* Kept by object from here on, also when something fails. */
	return metadata != NULL && copy_member(object, section, "ImageName") &&
	       copy_member(object, section, "ImageVersion") &&
	       json_object_set_new(object, "Metadata", metadata) == 0 &&
	       copy_members(metadata, json_object_get(section, "BuildMetadata")) &&
	       copy_member(metadata, section, "DockerInfo") &&
	       add_custom(metadata, json_object_get(section, "CustomMetadata"));
}

enum rd_status cli_json_add_metadata(json_t *object, struct rd_view metadata, struct rd_error *err)
{
	json_error_t where;
	json_t *section RD_CLEANUP(cli_json_free) = json_loadb(
		(const char *)metadata.ptr, metadata.len, JSON_REJECT_DUPLICATES, &where);

	if (section == NULL) {
		return rd_fail(err, RD_MALFORMED,
			"the metadata section is not JSON (line %d: %s): build the image again",
			where.line, where.text);
	}
	if (!json_is_object(section)) {
		return rd_fail(err, RD_MALFORMED,
			"the metadata section is not a JSON object: build the image again");
	}
	return build(object, section) ? RD_OK : rd_fail(err, RD_NOMEM, "out of memory");
}
