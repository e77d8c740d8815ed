/* SPDX-License-Identifier: Apache-2.0 */
/* TSC against CLOCK_MONOTONIC_RAW: 10 ms give a few parts per million. */
#include "tsc.h"

#include <time.h>
#include <x86intrin.h>

/* An interrupt between the two readings would spoil the mark: the tightest of a few counts. */
#define TRIES 5

static uint64_t clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void rd_tsc_mark(struct rd_tsc_mark *ret)
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = __rdtsc(), ns = clock_ns(), after = __rdtsc();

		if (i == 0 || after - before < best) {
			best = after - before;
			*ret = (struct rd_tsc_mark){.ticks = before + best / 2, .ns = ns};
		}
	}
}

uint64_t rd_tsc_khz_since(const struct rd_tsc_mark *from)
{
	const uint64_t span_ns = (uint64_t)RD_TSC_SPAN_MS * 1000000;
	struct rd_tsc_mark to;
	uint64_t elapsed = clock_ns() - from->ns;
	struct timespec rest;

	if (elapsed < span_ns) {
		rest = (struct timespec){.tv_nsec = (long)(span_ns - elapsed)};
		(void)nanosleep(&rest, NULL);
	}
	rd_tsc_mark(&to);
	return (uint64_t)((unsigned __int128)(to.ticks - from->ticks) * 1000000 /
			  (to.ns - from->ns));
}
