/* SPDX-License-Identifier: Apache-2.0 */
/* Counting calls, and the page of all counters. */
#include "kms/metrics.h"

#include "http/server.h"
#include "kms/cache.h"
#include "kms/ops.h"
#include "os/workers.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Upper edges in microseconds: from a cached Encrypt to a 4,096-bit RSA key on a busy machine. */
static const uint64_t edges_us[] = {
	100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};
#define EDGES RD_ARRAY_LEN(edges_us)

struct series {
	atomic_uint_fast64_t outcomes[KMS_FAULT_COUNT];
	atomic_uint_fast64_t below[EDGES + 1]; /* not cumulated; the last: above all edges */
	atomic_uint_fast64_t total_us;
};

/* Of each operation, and behind them: IAM and STS, what is no operation, the service door. */
static const char *const other_series[] = {"IamOrSts", "None", "ServiceDoor"};
#define SERIES (kms_ops_count + RD_ARRAY_LEN(other_series))

struct kms_metrics {
	struct series *series;
};

enum rd_status kms_metrics_new(struct kms_metrics **ret)
{
	struct kms_metrics *m = calloc(1, sizeof(*m));

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->series = calloc(SERIES, sizeof(*m->series));
	if (m->series == NULL) {
		free(m);
		return RD_NOMEM;
	}
	*ret = m;
	return RD_OK;
}

void kms_metrics_free(struct kms_metrics **metrics)
{
	struct kms_metrics *m = rd_steal(metrics, NULL);

	if (m != NULL) {
		free(m->series);
		free(m);
	}
}

static const char *series_name(size_t i)
{
	if (i < kms_ops_count) {
		return kms_ops[i].name;
	}
	return other_series[i - kms_ops_count];
}

void kms_metrics_call(struct kms_metrics *metrics, enum kms_metrics_protocol protocol,
	const struct kms_op *op, enum kms_fault_type outcome, uint64_t nanoseconds)
{
	static const size_t others[] = {
		[KMS_METRICS_QUERY] = 0, [KMS_METRICS_JSON] = 1, [KMS_METRICS_SERVICE] = 2};
	size_t i = op != NULL ? (size_t)(op - kms_ops) : kms_ops_count + others[protocol];
	struct series *s = &metrics->series[i];
	uint64_t us = nanoseconds / 1000;
	size_t edge = 0;

	assert(outcome < KMS_FAULT_COUNT);
	while (edge < EDGES && us > edges_us[edge]) {
		edge++;
	}
	atomic_fetch_add_explicit(&s->outcomes[outcome], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->below[edge], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->total_us, us, memory_order_relaxed);
}

static enum rd_status put_head(
	struct rd_buf *out, const char *name, const char *type, const char *help)
{
	return rd_buf_printf(out, "# HELP redoubt_kms_%s %s\n# TYPE redoubt_kms_%s %s\n", name,
		help, name, type);
}

static enum rd_status put_one(
	struct rd_buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	RD_TRY(put_head(out, name, type, help));
	return rd_buf_printf(out, "redoubt_kms_%s %llu\n", name, (unsigned long long)value);
}

static uint64_t get(atomic_uint_fast64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static enum rd_status put_outcomes(struct kms_metrics *m, struct rd_buf *out)
{
	RD_TRY(put_head(out, "requests_total", "counter",
		"Calls by operation and outcome (OK or __type)."));
	for (size_t i = 0; i < SERIES; i++) {
		for (unsigned f = 0; f < KMS_FAULT_COUNT; f++) {
			uint64_t n = get(&m->series[i].outcomes[f]);

			if (n == 0) {
				continue;
			}
			RD_TRY(rd_buf_printf(out,
				"redoubt_kms_requests_total{operation=\"%s\",outcome=\"%s\"} "
				"%llu\n",
				series_name(i),
				f == KMS_FAULT_NONE ? "OK" : kms_fault_name((enum kms_fault_type)f),
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
			"redoubt_kms_request_seconds_bucket{operation=\"%s\",le=\"%s\"} %llu\n",
			name, edge, (unsigned long long)count));
	}
	RD_TRY(rd_buf_printf(out, "redoubt_kms_request_seconds_sum{operation=\"%s\"} %.6f\n", name,
		(double)get(&s->total_us) / 1e6));
	return rd_buf_printf(out, "redoubt_kms_request_seconds_count{operation=\"%s\"} %llu\n",
		name, (unsigned long long)count);
}

static enum rd_status put_latencies(struct kms_metrics *m, struct rd_buf *out)
{
	RD_TRY(put_head(out, "request_seconds", "histogram",
		"Time from a request's last byte to its answer."));
	for (size_t i = 0; i < SERIES; i++) {
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

static enum rd_status put_cache(const struct kms *kms, struct rd_buf *out)
{
	struct kms_cache_stats s;

	kms_cache_stats(kms->cache, &s);
	RD_TRY(put_one(
		out, "cache_hits_total", "counter", "Look-ups answered from memory.", s.hits));
	RD_TRY(put_one(out, "cache_misses_total", "counter", "Look-ups that read the database.",
		s.misses));
	RD_TRY(put_one(
		out, "cache_drops_total", "counter", "Entries dropped after a change.", s.drops));
	return put_one(out, "cache_entries", "gauge", "Entries in memory.", s.entries);
}

static enum rd_status put_connections(const struct kms *kms, struct rd_buf *out)
{
	static const char *const names[RD_HTTP_REFUSAL_COUNT] = {
		[RD_HTTP_BAD_REQUEST] = "bad_request",
		[RD_HTTP_TOO_LARGE] = "too_large",
		[RD_HTTP_TIMEOUT] = "timeout",
		[RD_HTTP_HEADERS_LARGE] = "headers_large",
		[RD_HTTP_OVERLOADED] = "overloaded",
	};
	struct rd_http_stats s;

	rd_http_server_stats(kms->server, &s);
	RD_TRY(put_one(out, "connections", "gauge", "Connections that are open.", s.connections));
	RD_TRY(put_one(out, "connections_total", "counter", "Connections accepted.", s.accepted));
	RD_TRY(put_one(out, "http_requests_total", "counter", "HTTP requests read.", s.requests));
	RD_TRY(put_head(
		out, "http_refusals_total", "counter", "What was refused before it was a call."));
	for (unsigned i = 0; i < RD_HTTP_REFUSAL_COUNT; i++) {
		RD_TRY(rd_buf_printf(out, "redoubt_kms_http_refusals_total{reason=\"%s\"} %llu\n",
			names[i], (unsigned long long)s.refusals[i]));
	}
	return RD_OK;
}

enum rd_status kms_metrics_page(struct kms *kms, struct rd_buf *out)
{
	RD_TRY(put_outcomes(kms->metrics, out));
	RD_TRY(put_latencies(kms->metrics, out));
	RD_TRY(put_cache(kms, out));
	RD_TRY(put_connections(kms, out));
	RD_TRY(put_head(out, "waiting_jobs", "gauge", "Calls that wait for a worker."));
	RD_TRY(rd_buf_printf(out,
		"redoubt_kms_waiting_jobs{lane=\"reads\"} %u\n"
		"redoubt_kms_waiting_jobs{lane=\"writes\"} %u\n"
		"redoubt_kms_waiting_jobs{lane=\"rsa\"} %u\n",
		rd_workers_waiting(kms->workers, KMS_LANE_READS),
		rd_workers_waiting(kms->workers, KMS_LANE_WRITES),
		rd_workers_waiting(kms->workers, KMS_LANE_RSA)));
	return put_one(out, "audit_healthy", "gauge", "1: the audit log can be written.",
		kms_audit_healthy(kms->audit) ? 1 : 0);
}
