/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options from a table, with the original's rules: long options only ("--name value"
 * or "--name=value"), -h for help, usage errors on stderr with exit code 2.
 *
 *	struct run_args {
 *		const char *eif_path;
 *		bool debug_mode;
 *		struct cli_list cpu_ids;
 *	};
 *	static const struct cli_option options[] = {
 *		{"eif-path", CLI_TEXT, offsetof(struct run_args, eif_path), "PATH",
 *			"The image to run", .required = true},
 *		{"cpu-ids", CLI_LIST, offsetof(struct run_args, cpu_ids), "ID", "…",
 *			.conflicts = "cpu-count config"},
 *	};
 */
#ifndef NITRO_CLI_OPTIONS_H
#define NITRO_CLI_OPTIONS_H

#include "nitro-cli/cli.h"

#include <stdbool.h>

enum cli_option_kind {
	CLI_FLAG, /* bool */
	CLI_TEXT, /* const char *, NULL when not given */
	CLI_LIST, /* struct cli_list: all arguments up to the next option */
};

/* A slice of argv. */
struct cli_list {
	char **v;
	size_t n;
};

/* Names are separated by spaces. */
struct cli_option {
	const char *name; /* without "--" */
	enum cli_option_kind kind;
	size_t offset;          /* of the value in the caller's struct, which starts zeroed */
	const char *value_name; /* for the help; NULL for flags */
	const char *help;
	bool required;
	const char *unless;    /* options that make this one's absence right */
	const char *requires;  /* options that must be there as well */
	const char *conflicts; /* options that must not */
};

enum cli_parsed {
	CLI_PARSED,
	CLI_HELP,  /* help was printed on stdout: exit 0 */
	CLI_WRONG, /* what was wrong was printed on stderr: exit CLI_EXIT_USAGE */
};

/* values points to the struct that the offsets are of. An option given twice is wrong. */
enum cli_parsed cli_parse(const struct cli_command *command, int argc, char **argv, void *values);

/* The exit code of a parse that is not CLI_PARSED. */
int cli_parse_exit(enum cli_parsed parsed);

#endif
