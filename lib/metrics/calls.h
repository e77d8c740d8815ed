/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's calls, counted by operation and outcome, with a histogram of how long those of each
 * operation took. Counting is a few atomic additions, from any number of threads; a page that is
 * written meanwhile may have one call in one of its numbers and not yet in another.
 */
#ifndef RD_METRICS_CALLS_H
#define RD_METRICS_CALLS_H

#include "metrics/text.h"

struct rd_metrics_calls;

/* What is pointed to lives as long as the counters. */
struct rd_metrics_calls_config {
	size_t operations, outcomes;
	/* The labels of those with these numbers. */
	const char *(*operation)(size_t i);
	const char *(*outcome)(size_t i);
	const uint64_t *edges_us; /* upper edges of the histogram, in microseconds, rising */
	size_t n_edges;
	const char *help; /* of requests_total: says what an outcome is */
};

/* All counters 0. RD_NOMEM. */
enum rd_status rd_metrics_calls_new(
	const struct rd_metrics_calls_config *config, struct rd_metrics_calls **ret) RD_MUST_USE;
/* Accepts NULL; clears the caller's pointer. */
void rd_metrics_calls_free(struct rd_metrics_calls **calls);

/* One call has ended, after so many microseconds. Both numbers are asserted to be there. */
void rd_metrics_calls_count(
	struct rd_metrics_calls *calls, size_t operation, size_t outcome, uint64_t us);

/*
 * Appends requests_total, and request_seconds in seconds, with a sample of each pair and of each
 * operation that was there. Fails as rd_buf_printf does.
 */
enum rd_status rd_metrics_calls_put(
	struct rd_metrics_calls *calls, const struct rd_metrics_text *text) RD_MUST_USE;

#endif
