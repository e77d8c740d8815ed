/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines on stderr, and a brake for those that an enclave can cause at will. */
#ifndef RD_VSOCK_PROXY_LOG_H
#define RD_VSOCK_PROXY_LOG_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum rd_log_level { RD_LOG_ERROR, RD_LOG_WARNING, RD_LOG_INFO };

/* From $RUST_LOG, as in the original: error, warn, info (and above); anything else is warn. */
void rd_log_set_level(const char *name);

/* "[<level>][<time>] <text>"; the text is ours or printable ASCII. */
void rd_log(enum rd_log_level level, const char *fmt, ...) RD_PRINTF(2, 3);

/* One line of a kind in RD_LOG_QUIET_MS; those between are counted. Zero-initialise. */
#define RD_LOG_QUIET_MS 5000
struct rd_log_brake {
	uint64_t next_ms;
	unsigned skipped;
};

/* true: write it now, and *ret_skipped were left out since the last one. */
bool rd_log_may(struct rd_log_brake *brake, uint64_t now_ms, unsigned *ret_skipped);

#endif
