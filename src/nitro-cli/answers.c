/* SPDX-License-Identifier: Apache-2.0 */
/* From a question to redoubtd to JSON on stdout. */
#include "nitro-cli/answers.h"

#include "nitro-cli/json_out.h"

int cli_answers_print(cli_answers_fn *collect, const void *args, bool as_list)
{
	static struct cli_daemon daemon = {.sock = -1, .fds = RD_MSG_FDS_INIT};
	struct rd_error err = {.text = ""};
	json_t *list RD_CLEANUP(cli_json_free) = json_array();
	enum cli_code code;

	if (list == NULL) {
		return cli_fail_text(CLI_E17, "out of memory");
	}
	code = collect(&daemon, args, list, &err);
	cli_daemon_close(&daemon);
	if (code != CLI_E00) {
		return cli_fail(code, &err);
	}
	if (cli_json_print(as_list ? list : json_array_get(list, 0), &err) != RD_OK) {
		return cli_fail(CLI_E17, &err);
	}
	return 0;
}
