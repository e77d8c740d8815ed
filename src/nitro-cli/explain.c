/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-cli explain: what an E-code means. All of them, unlike the original. */
#include "nitro-cli/errors.h"
#include "nitro-cli/options.h"

#include "base/text.h"

#include <stdio.h>

struct explain_args {
	const char *code;
};

static const struct cli_option options[] = {
	{"error-code", CLI_TEXT, offsetof(struct explain_args, code), "ERROR_CODE",
		"The code to explain, E19 for example", .required = true},
};

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct explain_args args = {0};
	enum cli_parsed parsed = cli_parse(command, argc, argv, &args);
	uint64_t number;

	if (parsed != CLI_PARSED) {
		return cli_parse_exit(parsed);
	}
	if (args.code[0] != 'E' ||
		rd_parse_u64(args.code + 1, 0, CLI_CODE_COUNT - 1, &number) != RD_OK) {
		fprintf(stderr, "No such error code: %s. They run from E00 to E%02d.\n", args.code,
			CLI_CODE_COUNT - 1);
		return 0;
	}
	fprintf(stderr, "[ E%02u ] %s. %s\n", (unsigned)number,
		cli_code_heading((enum cli_code)number), cli_code_text((enum cli_code)number));
	return 0;
}

const struct cli_command cli_explain = {
	.name = "explain",
	.about = "Explain an error code",
	.options = options,
	.n_options = RD_ARRAY_LEN(options),
	.run = run,
};
