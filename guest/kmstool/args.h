/* SPDX-License-Identifier: Apache-2.0 */
/* kmstool_enclave_cli's command line. Source: kms.md section 5.1. */
#ifndef KMSTOOL_ARGS_H
#define KMSTOOL_ARGS_H

#include "kmstool/rdkms.h"

#include <stdio.h>

/* Exit codes of AWS's program; scripts compare them. */
enum {
	CLI_EXIT_DONE = 0,
	CLI_EXIT_USAGE = 1,    /* also after --help */
	CLI_EXIT_FAILED = 255, /* -1 there */
};

struct cli_args {
	enum rdkms_operation operation;
	struct rdkms_config config;
	const char *key_id;
	const char *algorithm;
	const char *ciphertext; /* base64 */
	const char *key_spec;   /* "AES_256" */
	uint32_t length;
	struct rdkms_pair context[RDKMS_CONTEXT_MAX];
	size_t n_context;
};

/*
 * argv is borrowed and changed: NAME=VALUE is cut at its first "=". Returns 0, or the exit code,
 * having said on messages what is wrong.
 */
int cli_parse(int argc, char **argv, FILE *messages, struct cli_args *ret);

#endif
