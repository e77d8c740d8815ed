/* SPDX-License-Identifier: Apache-2.0 */
/* run-enclave's request, from flags or from a --config file; both are checked alike. */
#ifndef NITRO_CLI_RUN_ARGS_H
#define NITRO_CLI_RUN_ARGS_H

#include "ctl/message.h"
#include "nitro-cli/errors.h"
#include "nitro-cli/options.h"

/* As on the command line. */
struct cli_run_flags {
	const char *cpu_count;
	struct cli_list cpu_ids;
	const char *memory;
	const char *eif_path;
	const char *enclave_cid;
	bool debug_mode;
	bool attach_console;
	const char *enclave_name;
	const char *config;
};

struct cli_run_args {
	struct rd_ctl_run run;
	char *eif_path; /* heap */
	bool attach_console;
};

void cli_run_args_finish(struct cli_run_args *args);

/* CLI_E00, or the code of what err says. */
enum cli_code cli_run_args_from_flags(const struct cli_run_flags *flags, struct cli_run_args *ret,
	struct rd_error *err) RD_MUST_USE;
/* attach: --attach-console beside --config counts, too. */
enum cli_code cli_run_args_from_config(
	const char *path, bool attach, struct cli_run_args *ret, struct rd_error *err) RD_MUST_USE;

/* The same from the file's text, for tests. */
enum cli_code cli_run_args_from_json(const char *text, size_t len, const char *path, bool attach,
	struct cli_run_args *ret, struct rd_error *err) RD_MUST_USE;

/* "512", "512M", "2g", "1T": MiB. */
enum rd_status cli_parse_memory(const char *text, uint64_t *ret_mib) RD_MUST_USE;

#endif
