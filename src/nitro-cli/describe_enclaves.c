/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-cli describe-enclaves. */
#include "nitro-cli/answers.h"
#include "nitro-cli/eif_json.h"
#include "nitro-cli/enclave_json.h"
#include "nitro-cli/options.h"

#include "eif/format.h"
#include "os/fd.h"

#include <stdio.h>

struct describe_args {
	bool metadata;
	bool ended;
};

static const struct cli_option options[] = {
	{"metadata", CLI_FLAG, offsetof(struct describe_args, metadata), NULL,
		"Show the metadata of the enclaves' images as well"},
	{"ended", CLI_FLAG, offsetof(struct describe_args, ended), NULL,
		"Show the enclaves that have ended, and how, instead of those that live",
		.conflicts = "metadata"},
};

/* An image with odd metadata is still an enclave to be listed: say so and go on. */
static enum rd_status add_metadata(json_t *object, int fd, const char *enclave_id)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_EIF_METADATA_MAX);
	struct rd_error err = {.text = ""};
	enum rd_status st = rd_fd_read_all(fd, &text);

	if (st == RD_OK) {
		st = cli_json_add_metadata(object, rd_buf_view(&text), &err);
	}
	if (st == RD_NOMEM) {
		return st;
	}
	if (st != RD_OK) {
		fprintf(stderr, "%s: its image's metadata is not shown: %s\n", enclave_id,
			err.text[0] != '\0' ? err.text : rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status enclave_json(struct cli_daemon *d, bool ended, json_t **ret)
{
	const struct rd_ctl_enclave *e = &d->answer.enclave;
	json_t *one RD_CLEANUP(cli_json_free) = NULL;
	int fd RD_CLEANUP(rd_fd_close) = rd_msg_fds_steal(&d->fds, 0);

	RD_TRY(cli_enclave_json(e, &one));
	RD_TRY(cli_enclave_json_state(one, e));
	if (ended) {
		RD_TRY(cli_enclave_json_end(one, e));
	}
	if (fd >= 0) {
		RD_TRY(add_metadata(one, fd, e->enclave_id));
	}
	*ret = rd_steal(&one, NULL);
	return RD_OK;
}

static enum cli_code collect(struct cli_daemon *d, bool ended, json_t *list, struct rd_error *err)
{
	for (;;) {
		enum cli_code code = cli_daemon_answer(d, CLI_DAEMON_ANSWER_MS, err);
		json_t *one = NULL;

		if (code != CLI_E00 || d->answer.type == RD_CTL_DONE) {
			return code;
		}
		if (d->answer.type != RD_CTL_ENCLAVE) {
			continue;
		}
		if (enclave_json(d, ended, &one) != RD_OK ||
			json_array_append_new(list, one) != 0) {
			(void)rd_fail(err, RD_NOMEM, "out of memory");
			return CLI_E17;
		}
	}
}

static enum cli_code describe(
	struct cli_daemon *d, const void *arg, json_t *list, struct rd_error *err)
{
	const struct describe_args *args = arg;
	struct rd_ctl_message m = {.type = RD_CTL_DESCRIBE,
		.describe = {.metadata = args->metadata, .ended = args->ended}};
	enum cli_code code = cli_daemon_open(d, err);

	if (code == CLI_E00) {
		code = cli_daemon_ask(d, &m, -1, err);
	}
	return code == CLI_E00 ? collect(d, args->ended, list, err) : code;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct describe_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);

	return parsed == CLI_PARSED ? cli_answers_print(describe, &args, true)
				    : cli_parse_exit(parsed);
}

const struct cli_command cli_describe_enclaves = {
	.name = "describe-enclaves",
	.about = "List the enclaves of this host",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
