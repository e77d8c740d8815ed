/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's log: one line a record on stderr, where systemd or the auto-start's file takes it.
 */
#ifndef RD_REDOUBTD_LOG_H
#define RD_REDOUBTD_LOG_H

#include "base/status.h"

enum rd_log_level { RD_LOG_ERROR, RD_LOG_WARNING, RD_LOG_INFO, RD_LOG_DEBUG };

/* From $RUST_LOG, as nitro-cli does: error, warn, info, debug, trace; anything else is info. */
void rd_log_set_level(const char *name);

/* "[<level>][<time>] <text>"; control characters in the text become '?'. */
void rd_log(enum rd_log_level level, const char *fmt, ...) RD_PRINTF(2, 3);

#endif
