/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that print what redoubtd answers, one JSON object for each enclave. */
#ifndef NITRO_CLI_ANSWERS_H
#define NITRO_CLI_ANSWERS_H

#include "nitro-cli/daemon_client.h"

#include <jansson.h>

/* Opens d, asks, and appends to list what is to be printed; args are the command's own. */
typedef enum cli_code cli_answers_fn(
	struct cli_daemon *d, const void *args, json_t *list, struct rd_error *err);

/* Prints the list, or the only element of it; returns the command's exit code. */
int cli_answers_print(cli_answers_fn *collect, const void *args, bool as_list);

#endif
