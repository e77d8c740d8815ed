/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters for Prometheus (text format 0.0.4), on a port of their own: who may see the load need
 * not be able to call the API. No label holds anything that a caller chose.
 */
#ifndef KMS_METRICS_H
#define KMS_METRICS_H

#include "kms/call.h"

struct rd_metrics_calls;

enum kms_metrics_protocol {
	KMS_METRICS_JSON,
	KMS_METRICS_QUERY,
	KMS_METRICS_SERVICE, /* another service's question, at the service door */
};

/* Freed with rd_metrics_calls_free. RD_NOMEM. */
enum rd_status kms_metrics_new(struct rd_metrics_calls **ret) RD_MUST_USE;

/* One call has ended. op NULL: IAM and STS, or a request for nothing that there is. */
void kms_metrics_call(struct rd_metrics_calls *metrics, enum kms_metrics_protocol protocol,
	const struct kms_op *op, enum kms_fault_type outcome, uint64_t nanoseconds);

/* Appends the page. */
enum rd_status kms_metrics_page(struct kms *kms, struct rd_buf *out) RD_MUST_USE;

#endif
