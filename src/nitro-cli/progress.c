/* SPDX-License-Identifier: Apache-2.0 */
/* Progress lines. */
#include "nitro-cli/progress.h"

#include <stdio.h>

void cli_progress_init(struct cli_progress *progress, const char *what, void *ctx)
{
	*progress = (struct cli_progress){.what = what, .ctx = ctx};
	clock_gettime(CLOCK_MONOTONIC, &progress->next);
	progress->next.tv_sec += CLI_PROGRESS_INTERVAL_S;
}

void cli_progress_add(struct cli_progress *progress, uint64_t bytes)
{
	struct timespec now;

	progress->done_bytes += bytes;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < progress->next.tv_sec ||
		(now.tv_sec == progress->next.tv_sec && now.tv_nsec < progress->next.tv_nsec)) {
		return;
	}
	progress->next = now;
	progress->next.tv_sec += CLI_PROGRESS_INTERVAL_S;
	fprintf(stderr, "%s... %llu MiB\n", progress->what,
		(unsigned long long)(progress->done_bytes >> 20));
}
