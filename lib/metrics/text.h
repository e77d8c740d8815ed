/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text format of Prometheus, version 0.0.4: what a page of metrics is written with. Names,
 * types, help texts and labels are the program's own, without a character that would have to be
 * escaped; nothing here looks at them.
 */
#ifndef RD_METRICS_TEXT_H
#define RD_METRICS_TEXT_H

#include "base/bytes.h"

#define RD_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* Every series of every operation of a server at once stays under 400 KiB. */
#define RD_METRICS_PAGE_MAX (2u << 20)

struct rd_metrics_text {
	struct rd_buf *out;
	const char *prefix; /* of every name: "redoubt_kms_" */
};

/* All of these append, and fail as rd_buf_printf does: RD_NOSPACE, RD_NOMEM. */

/* What comes before the samples of a metric. type: "counter", "gauge" or "histogram". */
enum rd_status rd_metrics_head(const struct rd_metrics_text *text, const char *name,
	const char *type, const char *help) RD_MUST_USE;
/* One sample, which has a label. */
enum rd_status rd_metrics_sample(const struct rd_metrics_text *text, const char *name,
	const char *label, const char *label_value, uint64_t value) RD_MUST_USE;
/* A metric with one sample and no label. */
enum rd_status rd_metrics_one(const struct rd_metrics_text *text, const char *name,
	const char *type, const char *help, uint64_t value) RD_MUST_USE;
/* What every server's page says of its connections: open ones, all that were accepted, and the
 * requests that came over them. */
enum rd_status rd_metrics_connections(const struct rd_metrics_text *text, uint64_t open,
	uint64_t accepted, uint64_t requests) RD_MUST_USE;

#endif
