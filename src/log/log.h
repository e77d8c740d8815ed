/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long-running program's own log: one line a record on stderr, where systemd or the auto-start's
 * file takes it. For programs of src/ only: libraries return errors, and never log.
 */
#ifndef RD_LOG_LOG_H
#define RD_LOG_LOG_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum rd_log_level { RD_LOG_ERROR, RD_LOG_WARNING, RD_LOG_INFO, RD_LOG_DEBUG };

/*
 * What is written from now on: name is $RUST_LOG's value, as with AWS's programs (error, warn,
 * info, debug, and trace, which is debug); NULL or anything else is the program's usual level.
 * Before there are threads; without it the level is info.
 */
void rd_log_set_level(const char *name, enum rd_log_level usual);

/* "[<level>][<time>] <text>"; control characters in the text become '?', and what is longer than
 * a kilobyte is cut. From any thread; best effort. */
void rd_log(enum rd_log_level level, const char *fmt, ...) RD_PRINTF(2, 3);

/* For lines that somebody else can cause at will: one of a kind in RD_LOG_QUIET_MS, and those
 * between are counted. Zero-initialise. */
#define RD_LOG_QUIET_MS 5000
struct rd_log_brake {
	uint64_t next_ms;
	unsigned skipped;
};

/* true: write it now, and *ret_skipped were left out since the last one. now_ms never runs
 * backwards. */
bool rd_log_may(struct rd_log_brake *brake, uint64_t now_ms, unsigned *ret_skipped);

#endif
