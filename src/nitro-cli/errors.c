/* SPDX-License-Identifier: Apache-2.0 */
/* The E-codes' texts and how a failure is shown. */
#include "nitro-cli/errors.h"

#include "nitro-cli/log.h"

#include <stdarg.h>
#include <stdio.h>

#define HELP_URL "https://docs.aws.amazon.com/enclaves/latest/user/cli-errors.html"

/* Heading, one error text and the two fixed lines. */
#define BLOCK_MAX (RD_ERROR_TEXT_MAX + 512)

static const struct {
	const char *heading;
	const char *text;
} codes[] = {
#define X(number, name, heading, text) {heading, text},
	CLI_ERROR_LIST(X)
#undef X
};

_Static_assert(RD_ARRAY_LEN(codes) == CLI_CODE_COUNT && CLI_E60 == 60, "position is the code");

const char *cli_code_heading(enum cli_code code)
{
	return codes[code].heading;
}

const char *cli_code_text(enum cli_code code)
{
	return codes[code].text;
}

enum cli_code cli_code_from_number(unsigned number)
{
	return number > 0 && number < CLI_CODE_COUNT ? (enum cli_code)number : CLI_E29;
}

int cli_fail(enum cli_code code, const struct rd_error *err)
{
	char block[BLOCK_MAX];
	char path[CLI_LOG_PATH_MAX];
	bool has_text = err != NULL && err->text[0] != '\0';

	snprintf(block, sizeof(block),
		"[ E%02d ] %s%s%s\n\nFor more details, please visit " HELP_URL "#E%02d\n", code,
		codes[code].heading, has_text ? ": " : ".", has_text ? err->text : "", code);
	fputs(block, stderr);
	cli_log(CLI_LOG_ERROR, "E%02d %s", code, has_text ? err->text : codes[code].heading);
	if (cli_log_error_file(block, path)) {
		fprintf(stderr,
			"\nIf you open a support ticket, please provide the error log found at "
			"\"%s\"\n",
			path);
	}
	return (int)code;
}

int cli_fail_text(enum cli_code code, const char *fmt, ...)
{
	struct rd_error err = {.status = RD_USAGE};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.text, sizeof(err.text), fmt, ap);
	va_end(ap);
	return cli_fail(code, &err);
}
