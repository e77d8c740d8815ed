/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-cli terminate-enclave. */
#include "nitro-cli/answers.h"
#include "nitro-cli/json_out.h"
#include "nitro-cli/options.h"

#include <stdio.h>

struct terminate_args {
	const char *enclave_id;
	const char *enclave_name;
	bool all;
};

static const struct cli_option options[] = {
	{"enclave-id", CLI_TEXT, offsetof(struct terminate_args, enclave_id), "ID",
		"The enclave's EnclaveID", .required = true, .unless = "enclave-name all",
		.conflicts = "enclave-name all"},
	{"enclave-name", CLI_TEXT, offsetof(struct terminate_args, enclave_name), "NAME",
		"The enclave's name", .conflicts = "enclave-id all"},
	{"all", CLI_FLAG, offsetof(struct terminate_args, all), NULL,
		"End all enclaves that are yours to end", .conflicts = "enclave-id enclave-name"},
};

static enum rd_status add_terminated(json_t *list, const struct rd_ctl_terminated *t)
{
	json_t *one = json_object();

	RD_ENSURE(one != NULL, RD_NOMEM);
	if (cli_json_set_text(one, "EnclaveName", t->name) != RD_OK ||
		cli_json_set_text(one, "EnclaveID", t->enclave_id) != RD_OK ||
		cli_json_set(one, "Terminated", json_true()) != RD_OK) {
		json_decref(one);
		return RD_NOMEM;
	}
	fprintf(stderr, "Successfully terminated enclave %s.\n", t->enclave_id);
	return json_array_append_new(list, one) == 0 ? RD_OK : RD_NOMEM;
}

static enum cli_code collect(struct cli_daemon *d, json_t *list, struct rd_error *err)
{
	for (;;) {
		enum cli_code code = cli_daemon_answer(d, CLI_DAEMON_WAIT_FOREVER, err);

		if (code != CLI_E00 || d->answer.type == RD_CTL_DONE) {
			return code;
		}
		if (d->answer.type == RD_CTL_TERMINATED &&
			add_terminated(list, &d->answer.terminated) != RD_OK) {
			(void)rd_fail(err, RD_NOMEM, "out of memory");
			return CLI_E17;
		}
	}
}

static enum cli_code terminate(
	struct cli_daemon *d, const void *arg, json_t *list, struct rd_error *err)
{
	const struct terminate_args *args = arg;
	struct rd_ctl_message m = {.type = RD_CTL_TERMINATE, .target = {.all = args->all}};
	enum cli_code code = cli_target_set(&m.target, args->enclave_id, args->enclave_name, err);

	if (code == CLI_E00) {
		code = cli_daemon_open(d, err);
	}
	if (code == CLI_E00) {
		code = cli_daemon_ask(d, &m, -1, err);
	}
	return code == CLI_E00 ? collect(d, list, err) : code;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct terminate_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);

	return parsed == CLI_PARSED ? cli_answers_print(terminate, &args, args.all)
				    : cli_parse_exit(parsed);
}

const struct cli_command cli_terminate_enclave = {
	.name = "terminate-enclave",
	.about = "End an enclave",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
