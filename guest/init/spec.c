/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to run: /process, which says everything without loss, or AWS's /cmd and /env, a line for
 * each argument and variable, which say no user, no directory, and split what has a newline.
 *
 * /process is NUL-terminated records, "arg=…", "env=NAME=value", "cwd=…", "uid=N", "gid=N",
 * "group=N".
 */
#include "init/init.h"

#include "base/text.h"
#include "init/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESS_FILE "/process"
#define CMD_FILE     "/cmd"
#define ENV_FILE     "/env"

/* Linux gives a program at most 6 MiB of arguments and environment with its largest stack. */
#define SPEC_FILE_MAX ((size_t)6 << 20)

/* What container engines give a program whose image sets none. */
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define ROOT_HOME    "HOME=/root"
#define OTHER_HOME   "HOME=/"
#define DEFAULTS_MAX 2

/* uid_t and gid_t; the largest value means "unchanged" to setresuid. */
#define ID_MAX (UINT32_MAX - 1)

const char *init_getenv(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') {
			return *envp + len + 1;
		}
	}
	return NULL;
}

/* Pieces of [bytes, bytes + len) that end in NUL. */
static size_t count_pieces(const char *bytes, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		n += bytes[i] == 0 ? 1 : 0;
	}
	return n;
}

/* Room for so many strings, our defaults and the NULL. */
static char **new_list(size_t count)
{
	return calloc(count + DEFAULTS_MAX + 1, sizeof(char *));
}

void init_spec_finish(struct init_spec *spec)
{
	free(spec->argv);
	free(spec->envp);
	*spec = (struct init_spec){0};
}

static void add_default(char **envp, const char *name, const char *whole)
{
	size_t n = 0;

	if (init_getenv(envp, name) != NULL) {
		return;
	}
	while (envp[n] != NULL) {
		n++;
	}
	/* execve takes char * for history's sake and changes nothing. */
	envp[n] = (char *)(uintptr_t)whole;
}

static enum rd_status complete(struct init_spec *spec, const char *source, struct rd_error *err)
{
	if (spec->argv[0] == NULL || spec->argv[0][0] == 0) {
		return rd_fail(err, RD_MISSING,
			"%s names no program: set ENTRYPOINT or CMD in the image", source);
	}
	add_default(spec->envp, "PATH", DEFAULT_PATH);
	add_default(spec->envp, "HOME", spec->uid == 0 ? ROOT_HOME : OTHER_HOME);
	return RD_OK;
}

/* ---- /process ---- */

enum key { KEY_ARG, KEY_ENV, KEY_CWD, KEY_UID, KEY_GID, KEY_GROUP, KEY_COUNT };

static const struct {
	const char *prefix;
	bool repeats;
} keys[KEY_COUNT] = {
	[KEY_ARG] = {"arg=", true},
	[KEY_ENV] = {"env=", true},
	[KEY_CWD] = {"cwd=", false},
	[KEY_UID] = {"uid=", false},
	[KEY_GID] = {"gid=", false},
	[KEY_GROUP] = {"group=", true},
};

struct filling {
	struct init_spec *spec;
	size_t args;
	size_t vars;
	bool seen[KEY_COUNT];
};

static enum rd_status parse_id(const char *text, uint32_t *ret)
{
	uint64_t id;

	RD_TRY(rd_parse_u64(text, 0, ID_MAX, &id));
	*ret = (uint32_t)id;
	return RD_OK;
}

static enum rd_status add_record(struct filling *f, enum key key, char *value)
{
	struct init_spec *spec = f->spec;

	switch (key) {
	case KEY_ARG:
		spec->argv[f->args++] = value;
		return RD_OK;
	case KEY_ENV:
		RD_ENSURE(strchr(value, '=') != NULL && value[0] != '=', RD_MALFORMED);
		spec->envp[f->vars++] = value;
		return RD_OK;
	case KEY_CWD:
		RD_ENSURE(value[0] == '/', RD_MALFORMED);
		spec->cwd = value;
		return RD_OK;
	case KEY_UID:
		return parse_id(value, &spec->uid);
	case KEY_GID:
		return parse_id(value, &spec->gid);
	case KEY_GROUP:
		RD_ENSURE(spec->group_count < INIT_GROUPS_MAX, RD_LIMIT);
		return parse_id(value, &spec->groups[spec->group_count++]);
	case KEY_COUNT:
		break;
	}
	return RD_INTERNAL;
}

static enum rd_status parse_record(struct filling *f, char *record)
{
	for (enum key key = 0; key < KEY_COUNT; key++) {
		size_t len = strlen(keys[key].prefix);

		if (strncmp(record, keys[key].prefix, len) != 0) {
			continue;
		}
		RD_ENSURE(keys[key].repeats || !f->seen[key], RD_DUPLICATE);
		f->seen[key] = true;
		return add_record(f, key, record + len);
	}
	return RD_UNSUPPORTED;
}

enum rd_status init_parse_process(
	char *bytes, size_t len, struct init_spec *ret_spec, struct rd_error *err)
{
	size_t count = count_pieces(bytes, len);
	struct init_spec spec RD_CLEANUP(init_spec_finish) = {
		.argv = new_list(count), .envp = new_list(count), .cwd = "/"};
	struct filling f = {.spec = &spec};
	enum rd_status st;

	if (spec.argv == NULL || spec.envp == NULL) {
		return rd_fail_errno(err, ENOMEM, "cannot read " PROCESS_FILE);
	}
	if (len > 0 && bytes[len - 1] != 0) {
		return rd_fail(err, RD_TRUNCATED, PROCESS_FILE " ends in the middle of a record");
	}
	for (size_t at = 0, n = 1; at < len; at += strlen(bytes + at) + 1, n++) {
		st = parse_record(&f, bytes + at);
		if (st != RD_OK) {
			return rd_fail(err, st, PROCESS_FILE ": record %zu, '%.32s', %s", n,
				bytes + at, rd_status_text(st));
		}
	}
	RD_TRY(complete(&spec, PROCESS_FILE, err));
	*ret_spec = rd_steal(&spec, (struct init_spec){0});
	return RD_OK;
}

/* ---- /cmd and /env ---- */

/* A NUL in a line would end it early and hide what follows from whoever reads the file. */
static char **split_lines(char *bytes, size_t len)
{
	char **list;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bytes[i] = bytes[i] == '\n' ? 0 : bytes[i];
	}
	list = new_list(count_pieces(bytes, len) + 1);
	if (list == NULL) {
		return NULL;
	}
	for (size_t at = 0; at < len; at += strlen(bytes + at) + 1) {
		list[n++] = bytes + at;
	}
	return list;
}

enum rd_status init_parse_lines(char *cmd, size_t cmd_len, char *env, size_t env_len,
	struct init_spec *ret_spec, struct rd_error *err)
{
	struct init_spec spec RD_CLEANUP(init_spec_finish) = {.cwd = "/"};

	if (memchr(cmd, 0, cmd_len) != NULL || memchr(env, 0, env_len) != NULL) {
		return rd_fail(err, RD_MALFORMED, CMD_FILE " or " ENV_FILE " has a NUL byte");
	}
	spec.argv = split_lines(cmd, cmd_len);
	spec.envp = split_lines(env, env_len);
	if (spec.argv == NULL || spec.envp == NULL) {
		return rd_fail_errno(err, ENOMEM, "cannot read " CMD_FILE);
	}
	RD_TRY(complete(&spec, CMD_FILE, err));
	*ret_spec = rd_steal(&spec, (struct init_spec){0});
	return RD_OK;
}

static enum rd_status read_lines(struct init_spec *ret_spec, struct rd_error *err)
{
	char *cmd, *env;
	size_t cmd_len, env_len;

	RD_TRY(init_read_file(CMD_FILE, SPEC_FILE_MAX, &cmd, &cmd_len, err));
	RD_TRY(init_read_file(ENV_FILE, SPEC_FILE_MAX, &env, &env_len, err));
	return init_parse_lines(cmd, cmd_len, env, env_len, ret_spec, err);
}

enum rd_status init_read_spec(struct init_spec *ret_spec, struct rd_error *err)
{
	char *bytes;
	size_t len;

	if (access(PROCESS_FILE, F_OK) == 0) {
		RD_TRY(init_read_file(PROCESS_FILE, SPEC_FILE_MAX, &bytes, &len, err));
		RD_TRY(init_parse_process(bytes, len, ret_spec, err));
	} else {
		RD_TRY(read_lines(ret_spec, err));
	}
	unlink(PROCESS_FILE);
	unlink(CMD_FILE);
	unlink(ENV_FILE);
	return RD_OK;
}
