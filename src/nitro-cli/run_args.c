/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be run. */
#include "nitro-cli/run_args.h"

#include "base/text.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Seven scalars and a list of CPUs. */
#define CONFIG_FILE_MAX 65536
/* Hypervisor 0 (as a flag: automatic), local 1, host 2, parent 3; VMADDR_CID_ANY. */
#define CID_MIN 4
#define CID_MAX 0xfffffffeu

void cli_run_args_finish(struct cli_run_args *args)
{
	free(args->eif_path);
	args->eif_path = NULL;
}

enum rd_status cli_parse_memory(const char *text, uint64_t *ret_mib)
{
	static const struct {
		const char *letters;
		uint64_t mib;
	} units[] = {{"Mm", 1}, {"Gg", 1024}, {"Tt", 1024 * 1024}};
	char digits[24];
	size_t len = strlen(text);
	uint64_t unit = 1;

	RD_ENSURE(len > 0 && len < sizeof(digits), RD_BAD_NUMBER);
	memcpy(digits, text, len + 1);
	for (size_t i = 0; i < RD_ARRAY_LEN(units); i++) {
		if (strchr(units[i].letters, digits[len - 1]) != NULL) {
			unit = units[i].mib;
			digits[len - 1] = '\0';
			break;
		}
	}
	RD_TRY(rd_parse_u64(digits, 0, RD_CTL_MEMORY_MIB_MAX / unit, ret_mib));
	*ret_mib *= unit;
	return RD_OK;
}

static enum cli_code check_cid(uint64_t cid, struct rd_error *err)
{
	if (cid != 0 && (cid < CID_MIN || cid > CID_MAX)) {
		(void)rd_fail(err, RD_OUT_OF_RANGE,
			"the CID %" PRIu64
			" is reserved: use 4 to 4294967294, or 0 for an automatic one",
			cid);
		return CLI_E03;
	}
	return CLI_E00;
}

/* The image's file name without ".eif", however often that is there. */
static void default_name(const char *eif_path, char ret[RD_CTL_NAME_MAX + 1])
{
	const char *slash = strrchr(eif_path, '/');
	const char *base = slash == NULL ? eif_path : slash + 1;
	size_t len = strlen(base);

	while (len > 4 && memcmp(base + len - 4, ".eif", 4) == 0) {
		len -= 4;
	}
	rd_ctl_text_clean(rd_view(base, len), ret, RD_CTL_NAME_MAX + 1);
}

static enum cli_code set_name(const char *name, struct cli_run_args *args, struct rd_error *err)
{
	if (name == NULL) {
		default_name(args->eif_path, args->run.name);
		return CLI_E00;
	}
	rd_ctl_text_clean(rd_view_str(name), args->run.name, sizeof(args->run.name));
	if (strcmp(name, args->run.name) != 0) {
		(void)rd_fail(err, RD_USAGE,
			"the enclave's name is longer than %d bytes or has control characters",
			RD_CTL_NAME_MAX);
		return CLI_E03;
	}
	return CLI_E00;
}

static enum cli_code set_path(const char *path, struct cli_run_args *args, struct rd_error *err)
{
	args->eif_path = strdup(path);
	if (args->eif_path == NULL) {
		(void)rd_fail(err, RD_NOMEM, "out of memory");
		return CLI_E19;
	}
	rd_ctl_text_clean(rd_view_str(path), args->run.eif_path, sizeof(args->run.eif_path));
	return CLI_E00;
}

static enum cli_code add_cpu(uint64_t id, struct cli_run_args *args, struct rd_error *err)
{
	if (args->run.cpu_ids.count == RD_CTL_CPUS_MAX) {
		(void)rd_fail(err, RD_LIMIT,
			"more than %d CPU ids: an enclave has at most so many CPUs",
			RD_CTL_CPUS_MAX);
		return CLI_E03;
	}
	args->run.cpu_ids.items[args->run.cpu_ids.count++] = id;
	return CLI_E00;
}

static enum cli_code set_cpu_ids(
	const struct cli_list *list, struct cli_run_args *args, struct rd_error *err)
{
	for (size_t i = 0; i < list->n; i++) {
		enum cli_code code;
		uint64_t id = 0;

		if (rd_parse_u64(list->v[i], 0, RD_CTL_CPU_ID_MAX, &id) != RD_OK) {
			(void)rd_fail(err, RD_BAD_NUMBER,
				"--cpu-ids \"%s\" is no CPU number: give them separated by spaces, "
				"as in --cpu-ids 1 3",
				list->v[i]);
			return CLI_E03;
		}
		code = add_cpu(id, args, err);
		if (code != CLI_E00) {
			return code;
		}
	}
	return CLI_E00;
}

static enum cli_code set_cpus(
	const struct cli_run_flags *flags, struct cli_run_args *args, struct rd_error *err)
{
	if (flags->cpu_count == NULL) {
		return set_cpu_ids(&flags->cpu_ids, args, err);
	}
	if (rd_parse_u64(flags->cpu_count, 1, UINT32_MAX, &args->run.cpu_count) != RD_OK) {
		(void)rd_fail(err, RD_BAD_NUMBER, "--cpu-count \"%s\" is not a number from 1 up",
			flags->cpu_count);
		return CLI_E03;
	}
	return CLI_E00;
}

enum cli_code cli_run_args_from_flags(
	const struct cli_run_flags *flags, struct cli_run_args *ret, struct rd_error *err)
{
	enum cli_code code;

	ret->attach_console = flags->attach_console;
	ret->run.debug = flags->debug_mode || flags->attach_console;
	if (cli_parse_memory(flags->memory, &ret->run.memory_mib) != RD_OK) {
		(void)rd_fail(err, RD_BAD_NUMBER,
			"--memory \"%s\" is not a size: give MiB, or a number with M, G or T",
			flags->memory);
		return CLI_E03;
	}
	if (flags->enclave_cid != NULL &&
		rd_parse_u64(flags->enclave_cid, 0, UINT64_MAX, &ret->run.cid) != RD_OK) {
		(void)rd_fail(err, RD_BAD_NUMBER, "--enclave-cid \"%s\" is not a number",
			flags->enclave_cid);
		return CLI_E03;
	}
	code = check_cid(ret->run.cid, err);
	if (code == CLI_E00) {
		code = set_cpus(flags, ret, err);
	}
	if (code == CLI_E00) {
		code = set_path(flags->eif_path, ret, err);
	}
	return code == CLI_E00 ? set_name(flags->enclave_name, ret, err) : code;
}

/* The number under key, or 0 when it is absent; *ret_given says which. */
static enum cli_code json_number(
	const json_t *o, const char *key, uint64_t *ret, bool *ret_given, struct rd_error *err)
{
	const json_t *v = json_object_get(o, key);

	*ret_given = v != NULL && !json_is_null(v);
	*ret = 0;
	if (*ret_given && (!json_is_integer(v) || json_integer_value(v) < 0)) {
		(void)rd_fail(err, RD_BAD_TYPE, "%s is not a whole number", key);
		return CLI_E17;
	}
	if (*ret_given) {
		*ret = (uint64_t)json_integer_value(v);
	}
	return CLI_E00;
}

static enum cli_code json_flag(const json_t *o, const char *key, bool *ret, struct rd_error *err)
{
	const json_t *v = json_object_get(o, key);

	if (v != NULL && !json_is_null(v) && !json_is_boolean(v)) {
		(void)rd_fail(err, RD_BAD_TYPE, "%s is neither true nor false", key);
		return CLI_E17;
	}
	*ret = json_is_true(v);
	return CLI_E00;
}

static enum cli_code json_text(
	const json_t *o, const char *key, bool mandatory, const char **ret, struct rd_error *err)
{
	const json_t *v = json_object_get(o, key);

	*ret = json_string_value(v);
	if (*ret == NULL && (mandatory || (v != NULL && !json_is_null(v)))) {
		(void)rd_fail(err, v == NULL ? RD_MISSING : RD_BAD_TYPE,
			v == NULL ? "%s is missing" : "%s is not a string", key);
		return CLI_E17;
	}
	return CLI_E00;
}

static enum cli_code json_cpu_ids(
	const json_t *list, struct cli_run_args *args, struct rd_error *err)
{
	size_t i;
	json_t *v;

	if (!json_is_array(list)) {
		(void)rd_fail(err, RD_BAD_TYPE, "cpu_ids is not a list of numbers");
		return CLI_E17;
	}
	json_array_foreach(list, i, v)
	{
		json_int_t id = json_integer_value(v);
		enum cli_code code;

		if (!json_is_integer(v) || id < 0 || id > RD_CTL_CPU_ID_MAX) {
			(void)rd_fail(
				err, RD_BAD_NUMBER, "cpu_ids has an entry that is no CPU number");
			return CLI_E17;
		}
		code = add_cpu((uint64_t)id, args, err);
		if (code != CLI_E00) {
			return code;
		}
	}
	return CLI_E00;
}

static enum cli_code json_cpus(const json_t *o, struct cli_run_args *args, struct rd_error *err)
{
	const json_t *ids = json_object_get(o, "cpu_ids");
	bool has_ids = ids != NULL && !json_is_null(ids);
	bool has_count = false;
	enum cli_code code = json_number(o, "cpu_count", &args->run.cpu_count, &has_count, err);

	if (code == CLI_E00 && has_ids) {
		code = json_cpu_ids(ids, args, err);
	}
	if (code != CLI_E00) {
		return code;
	}
	if (has_ids && has_count) {
		(void)rd_fail(err, RD_USAGE, "cpu_count and cpu_ids exclude each other");
		return CLI_E02;
	}
	if (!has_ids && !has_count) {
		(void)rd_fail(err, RD_MISSING, "neither cpu_count nor cpu_ids is there");
		return CLI_E01;
	}
	if (args->run.cpu_count > UINT32_MAX || (args->run.cpu_ids.count == 0 && !has_count) ||
		(has_count && args->run.cpu_count == 0)) {
		(void)rd_fail(err, RD_OUT_OF_RANGE, "an enclave needs at least 1 CPU");
		return CLI_E03;
	}
	return CLI_E00;
}

static enum cli_code json_numbers(const json_t *o, struct cli_run_args *args, struct rd_error *err)
{
	bool given = false;
	enum cli_code code = json_number(o, "memory_mib", &args->run.memory_mib, &given, err);

	if (code == CLI_E00 && !given) {
		(void)rd_fail(err, RD_MISSING, "memory_mib is missing");
		return CLI_E17;
	}
	if (code == CLI_E00 && args->run.memory_mib > RD_CTL_MEMORY_MIB_MAX) {
		(void)rd_fail(err, RD_OUT_OF_RANGE, "memory_mib is more than any host has");
		return CLI_E03;
	}
	if (code == CLI_E00) {
		code = json_number(o, "enclave_cid", &args->run.cid, &given, err);
	}
	return code == CLI_E00 ? check_cid(args->run.cid, err) : code;
}

static enum cli_code json_flags(const json_t *o, struct cli_run_args *args, struct rd_error *err)
{
	bool attach = false;
	enum cli_code code = json_flag(o, "debug_mode", &args->run.debug, err);

	if (code == CLI_E00) {
		code = json_flag(o, "attach_console", &attach, err);
	}
	args->attach_console = args->attach_console || attach;
	args->run.debug = args->run.debug || args->attach_console;
	return code;
}

static enum cli_code from_object(const json_t *o, struct cli_run_args *args, struct rd_error *err)
{
	const char *path = NULL;
	const char *name = NULL;
	enum cli_code code = json_text(o, "eif_path", true, &path, err);

	if (code == CLI_E00) {
		code = json_text(o, "enclave_name", false, &name, err);
	}
	if (code == CLI_E00) {
		code = json_numbers(o, args, err);
	}
	if (code == CLI_E00) {
		code = json_cpus(o, args, err);
	}
	if (code == CLI_E00) {
		code = json_flags(o, args, err);
	}
	if (code == CLI_E00) {
		code = set_path(path, args, err);
	}
	return code == CLI_E00 ? set_name(name, args, err) : code;
}

enum cli_code cli_run_args_from_json(const char *text, size_t len, const char *path, bool attach,
	struct cli_run_args *ret, struct rd_error *err)
{
	json_error_t why;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	enum cli_code code;

	ret->attach_console = attach;
	if (o == NULL || !json_is_object(o)) {
		(void)rd_fail(err, RD_MALFORMED, "%s:%d: not a JSON object: %s", path,
			o == NULL ? why.line : 1, o == NULL ? why.text : "it is something else");
		json_decref(o);
		return CLI_E17;
	}
	code = from_object(o, ret, err);
	json_decref(o);
	if (code != CLI_E00) {
		(void)rd_error_wrap(err, RD_USAGE, "%s", path);
	}
	return code;
}

enum cli_code cli_run_args_from_config(
	const char *path, bool attach, struct cli_run_args *ret, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(CONFIG_FILE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum rd_status st;

	if (fd < 0) {
		(void)rd_fail_errno(err, errno, "cannot open %s", path);
		return CLI_E19;
	}
	st = rd_fd_read_all(fd, &text);
	if (st != RD_OK) {
		(void)rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
		return CLI_E19;
	}
	return cli_run_args_from_json((const char *)text.ptr, text.used, path, attach, ret, err);
}
