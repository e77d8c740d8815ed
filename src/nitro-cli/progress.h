/* SPDX-License-Identifier: Apache-2.0 */
/* A line on stderr every two seconds for work that takes longer than that. */
#ifndef NITRO_CLI_PROGRESS_H
#define NITRO_CLI_PROGRESS_H

#include <stdint.h>
#include <time.h>

#define CLI_PROGRESS_INTERVAL_S 2

struct cli_progress {
	const char *what;
	void *ctx; /* for the caller's callback */
	uint64_t done_bytes;
	struct timespec next;
};

void cli_progress_init(struct cli_progress *progress, const char *what, void *ctx);
void cli_progress_add(struct cli_progress *progress, uint64_t bytes);

#endif
