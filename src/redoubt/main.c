/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt: picks the subcommand. */
#include "redoubt/redoubt.h"

#include "base/status.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"ami", rd_redoubt_ami, "make and register the disk image of a parent instance"},
	{"audit", rd_redoubt_audit, "check or show the audit log of redoubt-kms"},
	{"doctor", rd_redoubt_doctor, "is this host fit, and what to do if not"},
	{"evidence", rd_redoubt_evidence, "collect and verify what an auditor wants to see"},
	{"instances", rd_redoubt_instances, "list parent instances and their enclaves"},
	{"kms", rd_redoubt_kms, "examine key policies"},
	{"pki", rd_redoubt_pki, "certificates: for redoubt-kms, and where the attestation root is"},
	{"verify", rd_redoubt_verify, "check an attestation document"},
};

static void usage(FILE *to)
{
	fprintf(to, "usage: redoubt COMMAND [OPTION]...\n\nCommands:\n");
	for (size_t i = 0; i < RD_ARRAY_LEN(commands); i++) {
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	}
	fprintf(to, "\n`redoubt COMMAND --help` lists a command's options.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return RD_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		usage(stdout);
		return RD_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("redoubt %s\n", REDOUBT_VERSION);
		return RD_EXIT_OK;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0) {
			return commands[i].run(argc - 1, argv + 1);
		}
	}
	fprintf(stderr, "redoubt: no command '%s'; see `redoubt --help`\n", argv[1]);
	return RD_EXIT_USAGE;
}
