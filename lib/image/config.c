/* SPDX-License-Identifier: Apache-2.0 */
/* Image configuration to arguments, environment, directory and user, as an engine applies them. */
#include "image/config.h"

#include "image/json.h"
#include "image/manifest.h"

#include <stdlib.h>
#include <string.h>

void rd_image_config_finish(struct rd_image_config *c)
{
	free(c->architecture);
	free(c->os);
	free(c->created);
	free(c->workdir);
	free(c->user);
	rd_strings_finish(&c->args);
	rd_strings_finish(&c->env);
	rd_strings_finish(&c->diff_ids);
	*c = (struct rd_image_config){0};
}

/* A string member's copy; fallback when it is absent, NULL for none. */
static enum rd_status copy_string(
	json_t *o, const char *key, const char *fallback, char **ret_copy, struct rd_error *err)
{
	const char *text = NULL;

	RD_TRY(rd_json_string(o, key, &text, err));
	text = text != NULL ? text : fallback;
	*ret_copy = NULL;
	if (text != NULL) {
		*ret_copy = strdup(text);
		RD_ENSURE(*ret_copy != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	}
	return RD_OK;
}

static enum rd_status check_platform(const struct rd_image_config *c, struct rd_error *err)
{
	if (strcmp(c->os, RD_IMAGE_OS) != 0 || strcmp(c->architecture, RD_IMAGE_ARCH) != 0) {
		return rd_fail(err, RD_BAD_ARCH,
			"the image is for %s/%s, not for " RD_IMAGE_OS "/" RD_IMAGE_ARCH
			": build it for that platform",
			c->os, c->architecture);
	}
	return RD_OK;
}

static enum rd_status check_env(const struct rd_strings *env, struct rd_error *err)
{
	for (size_t i = 0; i < env->n; i++) {
		const char *equals = strchr(env->v[i], '=');

		if (equals == NULL || equals == env->v[i]) {
			return rd_fail(err, RD_MALFORMED,
				"the image's environment holds \"%s\", which is not NAME=value: "
				"correct the ENV instruction",
				env->v[i]);
		}
	}
	return RD_OK;
}

/*
 * Of a variable that is there twice the last value counts, as runc has it; getenv(3) would find the
 * first. What is left keeps its order.
 */
static void drop_replaced(struct rd_strings *env)
{
	size_t kept = 0;

	for (size_t i = 0; i < env->n; i++) {
		size_t name_len = strcspn(env->v[i], "=") + 1;
		size_t later = i + 1;

		while (later < env->n && strncmp(env->v[i], env->v[later], name_len) != 0) {
			later++;
		}
		if (later < env->n) {
			free(env->v[i]);
		} else {
			env->v[kept++] = env->v[i];
		}
	}
	env->n = kept;
}

/* ENTRYPOINT, then CMD. Takes over the strings of both. */
static enum rd_status join_args(
	struct rd_strings *entrypoint, struct rd_strings *cmd, struct rd_strings *ret_args)
{
	struct rd_strings args = {.n = entrypoint->n + cmd->n};

	args.v = calloc(args.n + 1, sizeof(*args.v));
	RD_ENSURE(args.v != NULL, RD_NOMEM);
	if (entrypoint->n > 0) {
		memcpy(args.v, entrypoint->v, entrypoint->n * sizeof(*args.v));
	}
	if (cmd->n > 0) {
		memcpy(args.v + entrypoint->n, cmd->v, cmd->n * sizeof(*args.v));
	}
	entrypoint->n = 0;
	cmd->n = 0;
	*ret_args = args;
	return RD_OK;
}

static enum rd_status read_args(json_t *config, struct rd_strings *ret_args, struct rd_error *err)
{
	struct rd_strings entrypoint RD_CLEANUP(rd_strings_finish) = {0};
	struct rd_strings cmd RD_CLEANUP(rd_strings_finish) = {0};

	RD_TRY(rd_json_strings(config, "Entrypoint", &entrypoint, err));
	RD_TRY(rd_json_strings(config, "Cmd", &cmd, err));
	if (entrypoint.n + cmd.n == 0) {
		return rd_fail(err, RD_MISSING,
			"the image has neither ENTRYPOINT nor CMD, so there is nothing to run: "
			"add CMD [\"/program\"] to its Dockerfile");
	}
	RD_TRY(join_args(&entrypoint, &cmd, ret_args));
	if (ret_args->v[0][0] == '\0') {
		return rd_fail(err, RD_MISSING,
			"the first word of the image's ENTRYPOINT and CMD, the program to run, is "
			"empty: correct them in its Dockerfile");
	}
	return RD_OK;
}

/* Absolute, without "." and "..": what filepath.Clean does in an engine, by text alone. */
static enum rd_status clean_path(const char *path, char **ret_clean)
{
	size_t used = 0;
	char *clean = malloc(strlen(path) + 2);

	RD_ENSURE(clean != NULL, RD_NOMEM);
	for (const char *p = path; *p != '\0';) {
		size_t len = strcspn(p, "/");

		if (len == 2 && memcmp(p, "..", 2) == 0) {
			while (used > 0 && clean[--used] != '/') {
			}
		} else if (len > 0 && !(len == 1 && *p == '.')) {
			clean[used++] = '/';
			memcpy(clean + used, p, len);
			used += len;
		}
		p += len;
		p += strspn(p, "/");
	}
	if (used == 0) {
		clean[used++] = '/';
	}
	clean[used] = '\0';
	*ret_clean = clean;
	return RD_OK;
}

static enum rd_status read_workdir(json_t *config, char **ret_workdir, struct rd_error *err)
{
	const char *workdir = NULL;

	RD_TRY(rd_json_string(config, "WorkingDir", &workdir, err));
	if (workdir != NULL && strlen(workdir) > RD_TREE_PATH_MAX) {
		return rd_fail(err, RD_LIMIT, "WORKDIR is longer than %d bytes", RD_TREE_PATH_MAX);
	}
	return clean_path(workdir != NULL ? workdir : "", ret_workdir);
}

static enum rd_status read_diff_ids(json_t *doc, struct rd_strings *ret_ids, struct rd_error *err)
{
	json_t *rootfs = NULL;

	RD_TRY(rd_json_object(doc, "rootfs", &rootfs, err));
	RD_TRY(rd_json_strings(rootfs, "diff_ids", ret_ids, err));
	for (size_t i = 0; i < ret_ids->n; i++) {
		if (!rd_digest_is_valid(ret_ids->v[i])) {
			return rd_fail(err, RD_UNSUPPORTED,
				"a diff ID of the image configuration is not \"sha256:\" and 64 "
				"hex digits");
		}
	}
	return RD_OK;
}

enum rd_status rd_image_config_parse(
	struct rd_view json, struct rd_image_config *ret_config, struct rd_error *err)
{
	struct rd_image_config c RD_CLEANUP(rd_image_config_finish) = {0};
	json_t *doc RD_CLEANUP(rd_json_free) = NULL;
	json_t *config = NULL;

	RD_TRY(rd_json_parse(json, "image configuration", &doc, err));
	if (!json_is_object(doc)) {
		return rd_fail(err, RD_BAD_TYPE, "the image configuration is not a JSON object");
	}
	RD_TRY(copy_string(doc, "os", "", &c.os, err));
	RD_TRY(copy_string(doc, "architecture", "", &c.architecture, err));
	RD_TRY(check_platform(&c, err));
	RD_TRY(copy_string(doc, "created", NULL, &c.created, err));
	RD_TRY(read_diff_ids(doc, &c.diff_ids, err));
	RD_TRY(rd_json_object(doc, "config", &config, err));
	RD_TRY(read_args(config, &c.args, err));
	RD_TRY(rd_json_strings(config, "Env", &c.env, err));
	RD_TRY(check_env(&c.env, err));
	drop_replaced(&c.env);
	RD_TRY(copy_string(config, "User", "", &c.user, err));
	RD_TRY(read_workdir(config, &c.workdir, err));
	*ret_config = rd_steal(&c, (struct rd_image_config){0});
	return RD_OK;
}
