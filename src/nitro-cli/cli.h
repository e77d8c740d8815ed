/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of nitro-cli: the table of subcommands. A subcommand is one file with one
 * struct cli_command; main.c lists them.
 */
#ifndef NITRO_CLI_CLI_H
#define NITRO_CLI_CLI_H

#include <stddef.h>

/* The nitro-cli release whose options, JSON and exit codes we follow; scripts read it from
 * --version and images carry it as BuildToolVersion. */
#define CLI_COMPAT_VERSION "1.5.0"

#define CLI_EXIT_USAGE 2

struct cli_option;

struct cli_command {
	const char *name;
	const char *about; /* one line for the help texts */
	const struct cli_option *options;
	size_t n_options;
	/* argv[0] is the subcommand's name, and NULL its end. Returns the exit code. */
	int (*run)(const struct cli_command *command, int argc, char **argv);
};

/* A program of its own, which nitro-cli runs (build_program.c): both have this command. */
#define CLI_BUILD_ENCLAVE_ABOUT "Build an enclave image file from a container image"
extern const struct cli_command cli_build_enclave;
extern const struct cli_command cli_console;
extern const struct cli_command cli_describe_eif;
extern const struct cli_command cli_describe_enclaves;
extern const struct cli_command cli_explain;
extern const struct cli_command cli_pcr;
extern const struct cli_command cli_run_enclave;
extern const struct cli_command cli_sign_eif;
extern const struct cli_command cli_terminate_enclave;

#endif
