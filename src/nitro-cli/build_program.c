/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build-enclave as nitro-cli has it: the program nitro-cli-build-enclave takes this process over.
 * What fetches and unpacks images, libcurl and libarchive above all, is forty libraries, which a
 * command that runs enclaves need not load; nor need they be in a program with a capability.
 */
#include "nitro-cli/cli.h"
#include "nitro-cli/errors.h"
#include "os/paths.h"

#include <errno.h>
#include <unistd.h>

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct rd_error err = {.text = "internal error"};
	char path[RD_PATH_MAX];

	(void)command;
	(void)argc;
	if (rd_paths_libexec("nitro-cli-build-enclave", path, &err) == RD_OK) {
		execv(path, argv);
		(void)rd_fail_errno(&err, errno, "cannot run %s", path);
	}
	return cli_fail(CLI_E19, &err);
}

const struct cli_command cli_build_enclave = {
	.name = "build-enclave",
	.about = CLI_BUILD_ENCLAVE_ABOUT,
	.run = run,
};
