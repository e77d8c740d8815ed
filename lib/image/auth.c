/* SPDX-License-Identifier: Apache-2.0 */
/* Registry credentials. Credential helpers are other people's programs and are not run. */
#include "image/auth.h"

#include "base/secret.h"
#include "base/text.h"
#include "image/json.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* An identity token is the largest; registries' are below 8 KiB. */
#define AUTH_MAX       (64u << 10)
#define DOCKER_HUB_KEY "index.docker.io"

void rd_auth_free(char **value)
{
	if (*value != NULL) {
		rd_wipe(*value, strlen(*value));
		free(*value);
		*value = NULL;
	}
}

static void finish_secret(struct rd_buf *b)
{
	if (b->ptr != NULL) {
		rd_wipe(b->ptr, b->cap);
	}
	rd_buf_finish(b);
}

/* "https://host/v1/" and "host" name the same registry; Docker writes both. */
static bool key_is(const char *key, const char *domain)
{
	const char *scheme = strstr(key, "://");
	size_t len;

	key = scheme != NULL ? scheme + 3 : key;
	len = strcspn(key, "/");
	return len == strlen(domain) && strncmp(key, domain, len) == 0;
}

static json_t *find_entry(json_t *auths, const char *domain)
{
	const char *key;
	json_t *entry;

	json_object_foreach(auths, key, entry)
	{
		if (key_is(key, domain)) {
			return entry;
		}
	}
	return NULL;
}

/* "user:password" in base64, cut at the first colon: a user's name cannot have one. */
static enum rd_status split_auth(const char *auth, json_t *out, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(finish_secret) = rd_buf_growable(AUTH_MAX);
	char *colon;
	enum rd_status st = rd_base64_decode(rd_view_str(auth), &text);

	if (st == RD_OK) {
		st = rd_buf_u8(&text, 0);
	}
	colon = st == RD_OK ? strchr((char *)text.ptr, ':') : NULL;
	if (colon == NULL) {
		return rd_fail(err, RD_MALFORMED,
			"an \"auth\" of Docker's config.json is not user:password in base64: run "
			"`docker login` again");
	}
	*colon = '\0';
	if (json_object_set_new(out, "username", json_string((char *)text.ptr)) != 0 ||
		json_object_set_new(out, "password", json_string(colon + 1)) != 0) {
		return rd_fail(err, RD_MALFORMED,
			"Docker's config.json holds credentials that "
			"are not text");
	}
	return RD_OK;
}

/* What the engine wants: JSON in URL-safe base64. */
static enum rd_status encode(json_t *out, char **ret_value, struct rd_error *err)
{
	struct rd_buf value RD_CLEANUP(finish_secret) = rd_buf_growable(2 * AUTH_MAX);
	char *text = json_dumps(out, JSON_COMPACT);
	enum rd_status st;

	RD_ENSURE(text != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	st = rd_base64_encode(rd_view_str(text), &value);
	rd_auth_free(&text);
	if (st == RD_OK) {
		st = rd_buf_u8(&value, 0);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "the credentials in Docker's config.json are too long");
	}
	for (char *p = (char *)value.ptr; *p != '\0'; p++) {
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	}
	*ret_value = strdup((char *)value.ptr);
	return *ret_value != NULL ? RD_OK : rd_fail(err, RD_NOMEM, "out of memory");
}

enum rd_status rd_auth_from_text(
	struct rd_view config, const char *domain, char **ret_value, struct rd_error *err)
{
	bool hub = strcmp(domain, "docker.io") == 0;
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	json_t *out RD_CLEANUP(rd_json_free) = json_object();
	json_t *auths = NULL;
	json_t *entry;
	const char *auth = NULL;
	const char *token = NULL;

	RD_TRY(rd_json_parse(config, "Docker config.json", &doc, err));
	RD_TRY(rd_json_object(doc, "auths", &auths, err));
	entry = find_entry(auths, hub ? DOCKER_HUB_KEY : domain);
	RD_TRY(rd_json_string(entry, "auth", &auth, err));
	RD_TRY(rd_json_string(entry, "identitytoken", &token, err));
	*ret_value = NULL;
	if ((auth == NULL || auth[0] == '\0') && token == NULL) {
		return RD_OK;
	}
	if (token != NULL) {
		if (json_object_set_new(out, "identitytoken", json_string(token)) != 0) {
			return rd_fail(err, RD_NOMEM, "out of memory");
		}
	} else {
		RD_TRY(split_auth(auth, out, err));
	}
	if (json_object_set_new(out, "serveraddress",
		    json_string(hub ? "https://" DOCKER_HUB_KEY "/v1/" : domain)) != 0) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	return encode(out, ret_value, err);
}

/* Where the file is; false if nothing says so. */
static bool config_path(char path[PATH_MAX])
{
	const char *config = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");
	struct stat st;
	int n = -1;

	if (config != NULL && config[0] != '\0') {
		bool dir = stat(config, &st) == 0 && S_ISDIR(st.st_mode);

		n = snprintf(path, PATH_MAX, "%s%s", config, dir ? "/config.json" : "");
	} else if (home != NULL && home[0] != '\0') {
		n = snprintf(path, PATH_MAX, "%s/.docker/config.json", home);
	}
	return n > 0 && n < PATH_MAX;
}

enum rd_status rd_auth_find(const char *domain, char **ret_value, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(finish_secret) = rd_buf_growable(RD_JSON_SIZE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	char path[PATH_MAX];
	enum rd_status st;

	*ret_value = NULL;
	if (!config_path(path)) {
		return RD_OK;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR)) {
		return RD_OK;
	}
	if (fd == -1) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, &text);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
	}
	st = rd_auth_from_text(rd_buf_view(&text), domain, ret_value, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", path);
}
