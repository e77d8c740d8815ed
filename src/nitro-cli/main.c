/* SPDX-License-Identifier: Apache-2.0 */
/* nitro-cli: finds the subcommand and runs it. */
#include "nitro-cli/cli.h"
#include "nitro-cli/log.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* In the order of the help text. */
static const struct cli_command *const commands[] = {
	&cli_run_enclave,
	&cli_describe_enclaves,
	&cli_terminate_enclave,
	&cli_console,
	&cli_build_enclave,
	&cli_describe_eif,
	&cli_explain,
	&cli_pcr,
	&cli_sign_eif,
};

static void print_help(FILE *to)
{
	fprintf(to, "Build, run and look after enclaves\n\nUsage: nitro-cli <COMMAND>\n\n"
		    "Commands:\n");
	for (size_t i = 0; i < RD_ARRAY_LEN(commands); i++) {
		fprintf(to, "  %-18s %s\n", commands[i]->name, commands[i]->about);
	}
	fprintf(to,
		"  %-18s %s\n\nOptions:\n  -h, --help     Print help\n"
		"  -V, --version  Print version\n",
		"help", "Print this message or the help of a command");
}

static const struct cli_command *find(const char *name)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i]->name, name) == 0) {
			return commands[i];
		}
	}
	return NULL;
}

static int unknown(const char *name)
{
	fprintf(stderr,
		"error: unrecognized subcommand '%s'\n\nUsage: nitro-cli <COMMAND>\n\n"
		"For more information, try '--help'.\n",
		name);
	return CLI_EXIT_USAGE;
}

static int help(int argc, char **argv)
{
	const struct cli_command *command;
	char dashes[] = "--help";
	char *help_argv[3] = {NULL};

	if (argc < 3) {
		print_help(stdout);
		return 0;
	}
	command = find(argv[2]);
	if (command == NULL) {
		return unknown(argv[2]);
	}
	help_argv[0] = argv[2];
	help_argv[1] = dashes;
	return command->run(command, 2, help_argv);
}

int main(int argc, char **argv)
{
	const struct cli_command *command;

	/* A reader that goes away and a file-size limit are write errors, reported as such. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (argc < 2) {
		print_help(stderr);
		return CLI_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("Nitro CLI " CLI_COMPAT_VERSION "\n");
		return 0;
	}
	if (strcmp(argv[1], "help") == 0) {
		return help(argc, argv);
	}
	command = find(argv[1]);
	if (command == NULL) {
		return unknown(argv[1]);
	}
	cli_log(CLI_LOG_INFO, "%s", command->name);
	return command->run(command, argc - 1, argv + 1);
}
