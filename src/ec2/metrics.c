/* SPDX-License-Identifier: Apache-2.0 */
/* Counting calls and instances, and the page of all counters. */
#include "ec2/metrics.h"

#include "ec2/life.h"
#include "ec2/ops.h"
#include "http/server.h"
#include "os/workers.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Upper edges in microseconds: from DescribeRegions to a page of a thousand instances. */
static const uint64_t edges_us[] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};
#define EDGES RD_ARRAY_LEN(edges_us)

static const uint32_t states[] = {
	EC2_PENDING, EC2_RUNNING, EC2_STOPPING, EC2_STOPPED, EC2_SHUTTING_DOWN, EC2_TERMINATED};
#define STATES RD_ARRAY_LEN(states)

struct series {
	atomic_uint_fast64_t outcomes[EC2_FAULT_COUNT];
	atomic_uint_fast64_t below[EDGES + 1]; /* not cumulated; the last: above all edges */
	atomic_uint_fast64_t total_us;
};

struct ec2_metrics {
	atomic_uint_fast64_t instances[STATES];
	struct series *series; /* of each operation, and the last of what is none */
};

enum rd_status ec2_metrics_new(struct ec2_metrics **ret)
{
	struct ec2_metrics *m = calloc(1, sizeof(*m));

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->series = calloc(ec2_ops_count + 1, sizeof(*m->series));
	if (m->series == NULL) {
		free(m);
		return RD_NOMEM;
	}
	*ret = m;
	return RD_OK;
}

void ec2_metrics_free(struct ec2_metrics **metrics)
{
	struct ec2_metrics *m = rd_steal(metrics, NULL);

	if (m != NULL) {
		free(m->series);
		free(m);
	}
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint64_t get(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

void ec2_metrics_call(struct ec2_metrics *metrics, const struct ec2_op *op,
	enum ec2_fault_type outcome, uint64_t microseconds)
{
	struct series *s;
	size_t edge = 0;

	if (metrics == NULL) {
		return;
	}
	assert(outcome < EC2_FAULT_COUNT);
	s = &metrics->series[op != NULL ? (size_t)(op - ec2_ops) : ec2_ops_count];
	while (edge < EDGES && microseconds > edges_us[edge]) {
		edge++;
	}
	add(&s->outcomes[outcome], 1);
	add(&s->below[edge], 1);
	add(&s->total_us, microseconds);
}

void ec2_metrics_instances(struct ec2_metrics *metrics, const struct ec2_list *instances)
{
	uint64_t counts[STATES] = {0};

	if (metrics == NULL) {
		return;
	}
	for (size_t n = 0; n < instances->n; n++) {
		const struct ec2_instance *i = ec2_list_at(instances, n);

		for (size_t s = 0; s < STATES; s++) {
			counts[s] += i->state == states[s];
		}
	}
	for (size_t s = 0; s < STATES; s++) {
		atomic_store_explicit(&metrics->instances[s], counts[s], memory_order_relaxed);
	}
}

/* --- the page --- */

static const char *series_name(size_t i)
{
	return i < ec2_ops_count ? ec2_ops[i].name : "None";
}

static enum rd_status put_head(
	struct rd_buf *out, const char *name, const char *type, const char *help)
{
	return rd_buf_printf(out, "# HELP redoubt_ec2_%s %s\n# TYPE redoubt_ec2_%s %s\n", name,
		help, name, type);
}

static enum rd_status put_one(
	struct rd_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	RD_TRY(put_head(out, name, type, help));
	return rd_buf_printf(out, "redoubt_ec2_%s %llu\n", name, (unsigned long long)value);
}

static enum rd_status put_outcomes(struct ec2_metrics *m, struct rd_buf *out)
{
	RD_TRY(put_head(out, "requests_total", "counter",
		"Calls by operation and outcome (OK or the error's code)."));
	for (size_t i = 0; i <= ec2_ops_count; i++) {
		for (unsigned f = 0; f < EC2_FAULT_COUNT; f++) {
			uint64_t n = get(&m->series[i].outcomes[f]);

			if (n == 0) {
				continue;
			}
			RD_TRY(rd_buf_printf(out,
				"redoubt_ec2_requests_total{operation=\"%s\",outcome=\"%s\"} "
				"%llu\n",
				series_name(i),
				f == EC2_FAULT_NONE ? "OK" : ec2_fault_code((enum ec2_fault_type)f),
				(unsigned long long)n));
		}
	}
	return RD_OK;
}

static enum rd_status put_histogram(struct series *s, const char *name, struct rd_buf *out)
{
	uint64_t count = 0;

	for (size_t e = 0; e <= EDGES; e++) {
		char edge[32] = "+Inf";

		if (e < EDGES) {
			snprintf(edge, sizeof(edge), "%.6g", (double)edges_us[e] / 1e6);
		}
		count += get(&s->below[e]);
		RD_TRY(rd_buf_printf(out,
			"redoubt_ec2_request_seconds_bucket{operation=\"%s\",le=\"%s\"} %llu\n",
			name, edge, (unsigned long long)count));
	}
	RD_TRY(rd_buf_printf(out, "redoubt_ec2_request_seconds_sum{operation=\"%s\"} %.6f\n", name,
		(double)get(&s->total_us) / 1e6));
	return rd_buf_printf(out, "redoubt_ec2_request_seconds_count{operation=\"%s\"} %llu\n",
		name, (unsigned long long)count);
}

static enum rd_status put_latencies(struct ec2_metrics *m, struct rd_buf *out)
{
	RD_TRY(put_head(out, "request_seconds", "histogram",
		"Time from a request's last byte to its answer."));
	for (size_t i = 0; i <= ec2_ops_count; i++) {
		bool any = false;

		for (size_t e = 0; e <= EDGES && !any; e++) {
			any = get(&m->series[i].below[e]) > 0;
		}
		if (any) {
			RD_TRY(put_histogram(&m->series[i], series_name(i), out));
		}
	}
	return RD_OK;
}

static enum rd_status put_instances(struct ec2_metrics *m, struct rd_buf *out)
{
	RD_TRY(put_head(out, "instances", "gauge",
		"Instances on record by state, every ten seconds while redoubtd is there."));
	for (size_t s = 0; s < STATES; s++) {
		RD_TRY(rd_buf_printf(out, "redoubt_ec2_instances{state=\"%s\"} %llu\n",
			ec2_state_name(states[s]), (unsigned long long)get(&m->instances[s])));
	}
	return RD_OK;
}

static enum rd_status put_connections(const struct ec2 *ec2, struct rd_buf *out)
{
	uint64_t refusals = 0;
	struct rd_http_stats s;

	rd_http_server_stats(ec2->server, &s);
	for (unsigned i = 0; i < RD_HTTP_REFUSAL_COUNT; i++) {
		refusals += s.refusals[i];
	}
	RD_TRY(put_one(out, "connections", "gauge", "Connections that are open.", s.connections));
	RD_TRY(put_one(out, "connections_total", "counter", "Connections accepted.", s.accepted));
	RD_TRY(put_one(out, "http_requests_total", "counter", "HTTP requests read.", s.requests));
	return put_one(out, "http_refusals_total", "counter",
		"What was refused before it was a call.", refusals);
}

enum rd_status ec2_metrics_page(struct ec2 *ec2, struct rd_buf *out)
{
	RD_TRY(put_outcomes(ec2->metrics, out));
	RD_TRY(put_latencies(ec2->metrics, out));
	RD_TRY(put_instances(ec2->metrics, out));
	RD_TRY(put_connections(ec2, out));
	return put_one(out, "waiting_calls", "gauge", "Calls that wait for a worker.",
		rd_workers_waiting(ec2->workers, 0));
}
