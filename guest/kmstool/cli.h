/* SPDX-License-Identifier: Apache-2.0 */
/* kmstool_enclave_cli, but for where it runs. */
#ifndef KMSTOOL_CLI_H
#define KMSTOOL_CLI_H

#include "kmstool/args.h"

/* What an enclave has, and a test has otherwise. */
struct cli_surroundings {
	struct rdkms_document_source documents;
	enum rdkms_status (*seed)(struct rdkms_error *err);
	const char *unix_path; /* NULL: vsock */
};

/* Returns the exit code: one of CLI_EXIT_…; result lines go to standard output and nothing else
 * does. Wipes argv's credentials. */
int cli_run(int argc, char **argv, const struct cli_surroundings *surroundings);

#endif
