/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The E-codes: number = exit code. A failure is one statement, return cli_fail(CLI_E19, &err). It
 * prints
 *
 *	[ E19 ] File operation failure. <what, where, what to do>
 *
 * and the address of AWS's page on that code,
 *
 * on stderr and keeps a copy in the log directory if there is a writable one.
 */
#ifndef NITRO_CLI_ERRORS_H
#define NITRO_CLI_ERRORS_H

#include "base/error.h"

/* X(number, name in the original, heading, what it means and what helps: `nitro-cli explain`) */
#include "nitro-cli/error_list.h"

enum cli_code {
#define X(number, name, heading, text) CLI_E##number,
	CLI_ERROR_LIST(X)
#undef X
		CLI_CODE_COUNT
};

/* Prints and returns the exit code. err may be NULL when there is nothing to add. */
int cli_fail(enum cli_code code, const struct rd_error *err);

/* The same with a text made here. */
int cli_fail_text(enum cli_code code, const char *fmt, ...) RD_PRINTF(2, 3);

/* For a code that came in a message: 1..60 as an enum cli_code; anything else gives CLI_E29. */
enum cli_code cli_code_from_number(unsigned number);

const char *cli_code_heading(enum cli_code code);
const char *cli_code_text(enum cli_code code);

#endif
