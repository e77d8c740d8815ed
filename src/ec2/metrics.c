/* SPDX-License-Identifier: Apache-2.0 */
/* Counting calls and instances, and the page of all counters. */
#include "ec2/metrics.h"

#include "ec2/life.h"
#include "ec2/ops.h"
#include "http/server.h"
#include "metrics/calls.h"
#include "os/workers.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Upper edges in microseconds: from DescribeRegions to a page of a thousand instances. */
static const uint64_t edges_us[] = {
	1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};

static const uint32_t states[] = {
	EC2_PENDING, EC2_RUNNING, EC2_STOPPING, EC2_STOPPED, EC2_SHUTTING_DOWN, EC2_TERMINATED};
#define STATES RD_ARRAY_LEN(states)

struct ec2_metrics {
	atomic_uint_fast64_t instances[STATES];
	struct rd_metrics_calls *calls;
};

/* Behind the operations: what is none. */
static const char *operation_name(size_t i)
{
	return i < ec2_ops_count ? ec2_ops[i].name : "None";
}

static const char *outcome_name(size_t i)
{
	return i == EC2_FAULT_NONE ? "OK" : ec2_fault_code((enum ec2_fault_type)i);
}

enum rd_status ec2_metrics_new(struct ec2_metrics **ret)
{
	const struct rd_metrics_calls_config config = {
		.operations = ec2_ops_count + 1,
		.operation = operation_name,
		.outcomes = EC2_FAULT_COUNT,
		.outcome = outcome_name,
		.edges_us = edges_us,
		.n_edges = RD_ARRAY_LEN(edges_us),
		.help = "Calls by operation and outcome (OK or the error's code).",
	};
	struct ec2_metrics *m = calloc(1, sizeof(*m));

	RD_ENSURE(m != NULL, RD_NOMEM);
	if (rd_metrics_calls_new(&config, &m->calls) != RD_OK) {
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
		rd_metrics_calls_free(&m->calls);
		free(m);
	}
}

void ec2_metrics_call(struct ec2_metrics *metrics, const struct ec2_op *op,
	enum ec2_fault_type outcome, uint64_t microseconds)
{
	if (metrics != NULL) {
		rd_metrics_calls_count(metrics->calls,
			op != NULL ? (size_t)(op - ec2_ops) : ec2_ops_count, outcome, microseconds);
	}
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

static enum rd_status put_instances(struct ec2_metrics *m, const struct rd_metrics_text *text)
{
	RD_TRY(rd_metrics_head(text, "instances", "gauge",
		"Instances on record by state, every ten seconds while redoubtd is there."));
	for (size_t s = 0; s < STATES; s++) {
		RD_TRY(rd_metrics_sample(text, "instances", "state", ec2_state_name(states[s]),
			atomic_load_explicit(&m->instances[s], memory_order_relaxed)));
	}
	return RD_OK;
}

static enum rd_status put_connections(const struct ec2 *ec2, const struct rd_metrics_text *text)
{
	uint64_t refusals = 0;
	struct rd_http_stats s;

	rd_http_server_stats(ec2->server, &s);
	for (unsigned i = 0; i < RD_HTTP_REFUSAL_COUNT; i++) {
		refusals += s.refusals[i];
	}
	RD_TRY(rd_metrics_connections(text, s.connections, s.accepted, s.requests));
	return rd_metrics_one(text, "http_refusals_total", "counter",
		"What was refused before it was a call.", refusals);
}

enum rd_status ec2_metrics_page(struct ec2 *ec2, struct rd_buf *out)
{
	const struct rd_metrics_text text = {.out = out, .prefix = "redoubt_ec2_"};

	RD_TRY(rd_metrics_calls_put(ec2->metrics->calls, &text));
	RD_TRY(put_instances(ec2->metrics, &text));
	RD_TRY(put_connections(ec2, &text));
	return rd_metrics_one(&text, "waiting_calls", "gauge", "Calls that wait for a worker.",
		rd_workers_waiting(ec2->workers, 0));
}
