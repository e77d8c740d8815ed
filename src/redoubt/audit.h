/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `redoubt audit`: its command line, its two commands. */
#ifndef RD_REDOUBT_AUDIT_H
#define RD_REDOUBT_AUDIT_H

#include "audit/verify.h"

/* As many as a terminal's memory holds; more is what a request id or a pipe is for. */
#define AUDIT_LAST_MAX 100000

struct audit_args {
	bool show; /* else verify */
	bool help, json, moved;
	const char *dir, *key, *against, *save, *request_id;
	uint64_t last; /* 0: all */
};

enum rd_status audit_args_parse(int argc, char **argv, struct audit_args *ret, struct rd_error *err)
	RD_MUST_USE;
void audit_print_help(void);

/* Exit codes: those of lib/audit. */
int audit_verify(const struct audit_args *args);
int audit_show(const struct audit_args *args);

/* The log's directory; says so on standard error when it cannot be opened. */
enum rd_status audit_open_dir(const struct audit_args *args, int *ret_fd) RD_MUST_USE;

#endif
