/* SPDX-License-Identifier: Apache-2.0 */
/* The frequency of this host's time stamp counter, for a guest that cannot calibrate it. */
#ifndef RD_VMM_TSC_H
#define RD_VMM_TSC_H

#include <stdint.h>

/* One reading of counter and clock at the same moment. */
struct rd_tsc_mark {
	uint64_t ticks;
	uint64_t ns;
};

void rd_tsc_mark(struct rd_tsc_mark *ret);

/*
 * The frequency in kHz between `from` and now; waits until RD_TSC_SPAN_MS have passed, so mark
 * early and ask late.
 */
#define RD_TSC_SPAN_MS 10
uint64_t rd_tsc_khz_since(const struct rd_tsc_mark *from);

#endif
