/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-cli-build-enclave: the subcommand as a program (build_program.c). */
#include "nitro-cli/cli.h"

#include <signal.h>

int main(int argc, char **argv)
{
	/* As in nitro-cli: they are write errors, reported as such. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cli_build_enclave.run(&cli_build_enclave, argc, argv);
}
