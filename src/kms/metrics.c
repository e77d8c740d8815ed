/* SPDX-License-Identifier: Apache-2.0 */
/* Counting calls, and the page of all counters. */
#include "kms/metrics.h"

#include "http/server.h"
#include "kms/cache.h"
#include "kms/ops.h"
#include "metrics/calls.h"
#include "os/workers.h"

/* Upper edges in microseconds: from a cached Encrypt to a 4,096-bit RSA key on a busy machine. */
static const uint64_t edges_us[] = {
	100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000};

/* Behind the operations: IAM and STS, what is no operation, the service door. */
static const char *const others[] = {"IamOrSts", "None", "ServiceDoor"};

static const char *operation_name(size_t i)
{
	return i < kms_ops_count ? kms_ops[i].name : others[i - kms_ops_count];
}

static const char *outcome_name(size_t i)
{
	return i == KMS_FAULT_NONE ? "OK" : kms_fault_name((enum kms_fault_type)i);
}

enum rd_status kms_metrics_new(struct rd_metrics_calls **ret)
{
	const struct rd_metrics_calls_config config = {
		.operations = kms_ops_count + RD_ARRAY_LEN(others),
		.operation = operation_name,
		.outcomes = KMS_FAULT_COUNT,
		.outcome = outcome_name,
		.edges_us = edges_us,
		.n_edges = RD_ARRAY_LEN(edges_us),
		.help = "Calls by operation and outcome (OK or __type).",
	};

	return rd_metrics_calls_new(&config, ret);
}

void kms_metrics_call(struct rd_metrics_calls *metrics, enum kms_metrics_protocol protocol,
	const struct kms_op *op, enum kms_fault_type outcome, uint64_t nanoseconds)
{
	static const size_t of_protocol[] = {
		[KMS_METRICS_QUERY] = 0, [KMS_METRICS_JSON] = 1, [KMS_METRICS_SERVICE] = 2};
	size_t i = op != NULL ? (size_t)(op - kms_ops) : kms_ops_count + of_protocol[protocol];

	rd_metrics_calls_count(metrics, i, outcome, nanoseconds / 1000);
}

/* --- the page --- */

static enum rd_status put_cache(const struct kms *kms, const struct rd_metrics_text *text)
{
	struct kms_cache_stats s;

	kms_cache_stats(kms->cache, &s);
	RD_TRY(rd_metrics_one(
		text, "cache_hits_total", "counter", "Look-ups answered from memory.", s.hits));
	RD_TRY(rd_metrics_one(text, "cache_misses_total", "counter",
		"Look-ups that read the database.", s.misses));
	RD_TRY(rd_metrics_one(
		text, "cache_drops_total", "counter", "Entries dropped after a change.", s.drops));
	return rd_metrics_one(text, "cache_entries", "gauge", "Entries in memory.", s.entries);
}

static enum rd_status put_connections(const struct kms *kms, const struct rd_metrics_text *text)
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
	RD_TRY(rd_metrics_connections(text, s.connections, s.accepted, s.requests));
	RD_TRY(rd_metrics_head(
		text, "http_refusals_total", "counter", "What was refused before it was a call."));
	for (unsigned i = 0; i < RD_HTTP_REFUSAL_COUNT; i++) {
		RD_TRY(rd_metrics_sample(
			text, "http_refusals_total", "reason", names[i], s.refusals[i]));
	}
	return RD_OK;
}

static enum rd_status put_waiting(const struct kms *kms, const struct rd_metrics_text *text)
{
	static const char *const names[KMS_LANE_COUNT] = {
		[KMS_LANE_READS] = "reads", [KMS_LANE_WRITES] = "writes", [KMS_LANE_RSA] = "rsa"};

	RD_TRY(rd_metrics_head(text, "waiting_jobs", "gauge", "Calls that wait for a worker."));
	for (unsigned i = 0; i < KMS_LANE_COUNT; i++) {
		RD_TRY(rd_metrics_sample(text, "waiting_jobs", "lane", names[i],
			rd_workers_waiting(kms->workers, i)));
	}
	return RD_OK;
}

enum rd_status kms_metrics_page(struct kms *kms, struct rd_buf *out)
{
	const struct rd_metrics_text text = {.out = out, .prefix = "redoubt_kms_"};

	RD_TRY(rd_metrics_calls_put(kms->metrics, &text));
	RD_TRY(put_cache(kms, &text));
	RD_TRY(put_connections(kms, &text));
	RD_TRY(put_waiting(kms, &text));
	return rd_metrics_one(&text, "audit_healthy", "gauge", "1: the audit log can be written.",
		kms_audit_healthy(kms->audit) ? 1 : 0);
}
