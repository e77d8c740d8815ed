/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nitro-cli's log: $NITRO_CLI_LOGS_PATH (default /var/log/nitro_enclaves)/nitro_enclaves.log, in
 * the original's line shape. A directory that is missing or not ours to write means no log, never a
 * failure: the commands work in containers and in CI.
 */
#ifndef NITRO_CLI_LOG_H
#define NITRO_CLI_LOG_H

#include "base/status.h"

#include <stdbool.h>

enum cli_log_level { CLI_LOG_ERROR, CLI_LOG_WARN, CLI_LOG_INFO, CLI_LOG_DEBUG };

/* RUST_LOG chooses the level, as in the original; info if it is unset or unknown. */
#define cli_log(level, ...) cli_log_line((level), __FILE__, __LINE__, __VA_ARGS__)
void cli_log_line(enum cli_log_level level, const char *file, int line, const char *fmt, ...)
	RD_PRINTF(4, 5);

/* Writes err<time>.log and puts its path into ret_path; false when that is not possible. */
#define CLI_LOG_PATH_MAX 1024
bool cli_log_error_file(const char *text, char ret_path[CLI_LOG_PATH_MAX]);

#endif
