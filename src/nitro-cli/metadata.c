/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata section's JSON. */
#include "nitro-cli/metadata.h"

#include "base/text.h"
#include "nitro-cli/cli.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* The year 9999, where RFC 3339 ends. */
#define TIME_MAX_S 253402300799

/* Digits of the image's id that stand for a name when it has none. */
#define ID_NAME_DIGITS 12

static enum rd_status open_regular(const char *path, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		return rd_fail_errno(err, errno, "opening the custom metadata %s", path);
	}
	if (!S_ISREG(st.st_mode) || st.st_size > CLI_CUSTOM_METADATA_MAX) {
		return rd_fail(err, RD_LIMIT,
			"the custom metadata %s is not a regular file of at most %d bytes", path,
			CLI_CUSTOM_METADATA_MAX);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status cli_metadata_read_custom(const char *path, json_t **ret_value, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(CLI_CUSTOM_METADATA_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	json_error_t where;

	RD_TRY(open_regular(path, &fd, err));
	if (rd_fd_read_all(fd, &text) != RD_OK) {
		return rd_fail(err, RD_IO, "reading the custom metadata %s failed", path);
	}
	*ret_value = json_loadb((const char *)text.ptr, text.used,
		JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &where);
	if (*ret_value == NULL) {
		return rd_fail(err, RD_MALFORMED, "the custom metadata %s is not JSON, line %d: %s",
			path, where.line, where.text);
	}
	return RD_OK;
}

static enum rd_status build_time(const struct rd_image *image, int64_t *ret_s, struct rd_error *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	uint64_t s;

	*ret_s = 0;
	if (epoch != NULL && epoch[0] != '\0') {
		if (rd_parse_u64(epoch, 0, TIME_MAX_S, &s) != RD_OK) {
			return rd_fail(err, RD_USAGE,
				"SOURCE_DATE_EPOCH=%.40s is not a number of seconds: correct or unset it",
				epoch);
		}
		*ret_s = (int64_t)s;
	} else if (image->created == NULL || rd_parse_time(image->created, ret_s) != RD_OK ||
		   *ret_s < 0 || *ret_s > TIME_MAX_S) {
		*ret_s = 0;
	}
	return RD_OK;
}

static json_t *time_json(int64_t unix_s)
{
	char text[64];
	time_t t = unix_s;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S+00:00", &tm) == 0) {
		return NULL;
	}
	return json_string(text);
}

/* An image from a file that has no name of its own is called by its place there. */
static bool is_nameless(const struct cli_metadata *what)
{
	const char *colon = strchr(what->source, ':');

	return colon != NULL && strcmp(colon + 1, what->image->name) == 0;
}

static const char *id_digits(const struct rd_image *image)
{
	const char *colon = strchr(image->id, ':');

	return colon != NULL ? colon + 1 : image->id;
}

/*
 * The reference without tag and digest; a registry's port is not a tag. A nameless image from a
 * file is called by its id: a path would make the result depend on where it was built.
 */
static json_t *image_name(const struct cli_metadata *what)
{
	const char *name = what->image->name;
	const char *slash = strrchr(name, '/');
	const char *last = slash != NULL ? slash : name;

	if (what->name != NULL) {
		return json_string(what->name);
	}
	if (is_nameless(what)) {
		return json_stringn(id_digits(what->image), ID_NAME_DIGITS);
	}
	return json_stringn(name, (size_t)(last - name) + strcspn(last, ":@"));
}

static enum rd_status copy_key(
	json_t *to, const char *key, const json_t *from, const char *from_key)
{
	json_t *value = json_object_get(from, from_key);

	return value != NULL ? cli_json_set(to, key, json_incref(value)) : RD_OK;
}

/* What `docker image inspect` says, as far as it follows from the image and from nothing else. */
static enum rd_status docker_info(const struct rd_image *image, json_t **ret_info)
{
	json_t *config RD_CLEANUP(cli_json_free) = json_loadb(
		image->config_json, image->config_len, JSON_REJECT_DUPLICATES, NULL);
	json_t *info RD_CLEANUP(cli_json_free) = json_object();
	json_t *rootfs = json_object_get(config, "rootfs");

	RD_ENSURE(config != NULL && info != NULL, RD_MALFORMED);
	RD_TRY(cli_json_set_text(info, "Id", image->id));
	RD_TRY(copy_key(info, "Architecture", config, "architecture"));
	RD_TRY(copy_key(info, "Author", config, "author"));
	RD_TRY(copy_key(info, "Config", config, "config"));
	RD_TRY(copy_key(info, "Created", config, "created"));
	RD_TRY(copy_key(info, "Os", config, "os"));
	RD_TRY(copy_key(info, "Variant", config, "variant"));
	if (rootfs != NULL) {
		json_t *layers = json_object();

		RD_TRY(cli_json_set(info, "RootFS", layers));
		RD_TRY(copy_key(layers, "Type", rootfs, "type"));
		RD_TRY(copy_key(layers, "Layers", rootfs, "diff_ids"));
	}
	return cli_json_sorted(info, ret_info);
}

static enum rd_status build_metadata(
	const struct cli_metadata *what, json_t *build, struct rd_error *err)
{
	int64_t when;

	RD_TRY(build_time(what->image, &when, err));
	RD_TRY(cli_json_set(build, "BuildTime", time_json(when)));
	RD_TRY(cli_json_set_text(build, "BuildTool", "nitro-cli"));
	RD_TRY(cli_json_set_text(build, "BuildToolVersion", CLI_COMPAT_VERSION));
	RD_TRY(cli_json_set_text(build, "OperatingSystem", what->blobs->system));
	return cli_json_set_text(build, "KernelVersion", what->blobs->version);
}

static enum rd_status fill(const struct cli_metadata *what, json_t *section, struct rd_error *err)
{
	json_t *build = json_object();
	json_t *info = NULL;
	json_t *custom;

	RD_TRY(cli_json_set(section, "ImageName", image_name(what)));
	RD_TRY(cli_json_set(section, "ImageVersion",
		json_string(what->version != NULL ? what->version : id_digits(what->image))));
	RD_TRY(cli_json_set(section, "BuildMetadata", build));
	RD_TRY(build_metadata(what, build, err));
	RD_TRY(docker_info(what->image, &info));
	RD_TRY(cli_json_set(section, "DockerInfo", info));
	custom = what->custom != NULL ? json_deep_copy(what->custom) : json_null();
	return cli_json_set(section, "CustomMetadata", custom);
}

static int append(const char *text, size_t n, void *out)
{
	return rd_buf_put(out, text, n) == RD_OK ? 0 : -1;
}

enum rd_status cli_metadata_make(
	const struct cli_metadata *what, struct rd_buf *out, struct rd_error *err)
{
	json_t *section RD_CLEANUP(cli_json_free) = json_object();
	enum rd_status st = fill(what, section, err);

	if (st == RD_USAGE) {
		return st;
	}
	if (st != RD_OK) {
		return rd_fail(err, st,
			"the image's name, version or configuration is not valid JSON text: %s",
			rd_status_text(st));
	}
	if (json_dump_callback(section, append, out, JSON_COMPACT | cli_json_real_flags(section)) !=
		0) {
		return rd_fail(err, RD_LIMIT,
			"the image's metadata exceeds %u bytes: remove labels from the image",
			RD_EIF_METADATA_MAX);
	}
	return RD_OK;
}
