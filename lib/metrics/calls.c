/* SPDX-License-Identifier: Apache-2.0 */
/* Counting calls. */
#include "metrics/calls.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct rd_metrics_calls {
	struct rd_metrics_calls_config config;
	size_t row;
	/*
	 * A row for each operation: calls by outcome; calls by edge, not cumulated, the last above
	 * all edges; microseconds of all.
	 */
	atomic_uint_fast64_t counters[];
};

enum rd_status rd_metrics_calls_new(
	const struct rd_metrics_calls_config *config, struct rd_metrics_calls **ret)
{
	size_t row = config->outcomes + config->n_edges + 2;
	struct rd_metrics_calls *c = calloc(
		1, sizeof(*c) + config->operations * row * sizeof(c->counters[0]));

	RD_ENSURE(c != NULL, RD_NOMEM);
	c->config = *config;
	c->row = row;
	*ret = c;
	return RD_OK;
}

void rd_metrics_calls_free(struct rd_metrics_calls **calls)
{
	free(rd_steal(calls, NULL));
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t get(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void rd_metrics_calls_count(
	struct rd_metrics_calls *calls, size_t operation, size_t outcome, uint64_t us)
{
	const struct rd_metrics_calls_config *c = &calls->config;
	atomic_uint_fast64_t *row = &calls->counters[operation * calls->row];
	size_t edge = 0;

	assert(operation < c->operations && outcome < c->outcomes);
	while (edge < c->n_edges && us > c->edges_us[edge]) {
		edge++;
	}
	add(&row[outcome], 1);
	add(&row[c->outcomes + edge], 1);
	add(&row[calls->row - 1], us);
}

/* --- the page --- */

static enum rd_status put_outcomes(
	struct rd_metrics_calls *calls, const struct rd_metrics_text *text)
{
	const struct rd_metrics_calls_config *c = &calls->config;

	RD_TRY(rd_metrics_head(text, "requests_total", "counter", c->help));
	for (size_t i = 0; i < c->operations; i++) {
		for (size_t o = 0; o < c->outcomes; o++) {
			uint64_t n = get(&calls->counters[i * calls->row + o]);

			if (n == 0) {
				continue;
			}
			RD_TRY(rd_buf_printf(text->out,
				"%srequests_total{operation=\"%s\",outcome=\"%s\"} %llu\n",
				text->prefix, c->operation(i), c->outcome(o),
				(unsigned long long)n));
		}
	}
	return RD_OK;
}

static enum rd_status put_histogram(
	struct rd_metrics_calls *calls, size_t operation, const struct rd_metrics_text *text)
{
	const struct rd_metrics_calls_config *c = &calls->config;
	atomic_uint_fast64_t *row = &calls->counters[operation * calls->row];
	const char *prefix = text->prefix, *name = c->operation(operation);
	uint64_t count = 0;

	for (size_t e = 0; e <= c->n_edges; e++) {
		char edge[32] = "+Inf";

		if (e < c->n_edges) {
			snprintf(edge, sizeof(edge), "%.6g", (double)c->edges_us[e] / 1e6);
		}
		count += get(&row[c->outcomes + e]);
		RD_TRY(rd_buf_printf(text->out,
			"%srequest_seconds_bucket{operation=\"%s\",le=\"%s\"} %llu\n", prefix, name,
			edge, (unsigned long long)count));
	}
	RD_TRY(rd_buf_printf(text->out, "%srequest_seconds_sum{operation=\"%s\"} %.6f\n", prefix,
		name, (double)get(&row[calls->row - 1]) / 1e6));
	return rd_metrics_sample(text, "request_seconds_count", "operation", name, count);
}

static bool any_call(struct rd_metrics_calls *calls, size_t operation)
{
	const struct rd_metrics_calls_config *c = &calls->config;
	atomic_uint_fast64_t *below = &calls->counters[operation * calls->row + c->outcomes];
	bool any = false;

	for (size_t e = 0; e <= c->n_edges && !any; e++) {
		any = get(&below[e]) > 0;
	}
	return any;
}

static enum rd_status put_latencies(
	struct rd_metrics_calls *calls, const struct rd_metrics_text *text)
{
	RD_TRY(rd_metrics_head(text, "request_seconds", "histogram",
		"Time from a request's last byte to its answer."));
	for (size_t i = 0; i < calls->config.operations; i++) {
		if (any_call(calls, i)) {
			RD_TRY(put_histogram(calls, i, text));
		}
	}
	return RD_OK;
}

enum rd_status rd_metrics_calls_put(
	struct rd_metrics_calls *calls, const struct rd_metrics_text *text)
{
	RD_TRY(put_outcomes(calls, text));
	return put_latencies(calls, text);
}
