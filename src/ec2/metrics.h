/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters for Prometheus (text format 0.0.4), on a port of their own: who may see the load need
 * not be able to call the API. No label holds anything that a caller chose.
 */
#ifndef EC2_METRICS_H
#define EC2_METRICS_H

#include "ec2/call.h"
#include "ec2/store.h"

struct ec2_metrics;

enum rd_status ec2_metrics_new(struct ec2_metrics **ret) RD_MUST_USE;
void ec2_metrics_free(struct ec2_metrics **metrics);

/* One call has ended. op NULL: a request for nothing that there is, or of nobody who is known. */
void ec2_metrics_call(struct ec2_metrics *metrics, const struct ec2_op *op,
	enum ec2_fault_type outcome, uint64_t microseconds);
/* All records of instances, as they were compared with redoubtd's last. */
void ec2_metrics_instances(struct ec2_metrics *metrics, const struct ec2_list *instances);

/* Appends the page. */
enum rd_status ec2_metrics_page(struct ec2 *ec2, struct rd_buf *out) RD_MUST_USE;

#endif
