/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as text for Prometheus. */
#include "metrics/text.h"

enum rd_status rd_metrics_head(
	const struct rd_metrics_text *text, const char *name, const char *type, const char *help)
{
	return rd_buf_printf(text->out, "# HELP %s%s %s\n# TYPE %s%s %s\n", text->prefix, name,
		help, text->prefix, name, type);
}

enum rd_status rd_metrics_sample(const struct rd_metrics_text *text, const char *name,
	const char *label, const char *label_value, uint64_t value)
{
	return rd_buf_printf(text->out, "%s%s{%s=\"%s\"} %llu\n", text->prefix, name, label,
		label_value, (unsigned long long)value);
}

enum rd_status rd_metrics_one(const struct rd_metrics_text *text, const char *name,
	const char *type, const char *help, uint64_t value)
{
	RD_TRY(rd_metrics_head(text, name, type, help));
	return rd_buf_printf(
		text->out, "%s%s %llu\n", text->prefix, name, (unsigned long long)value);
}

enum rd_status rd_metrics_connections(
	const struct rd_metrics_text *text, uint64_t open, uint64_t accepted, uint64_t requests)
{
	RD_TRY(rd_metrics_one(text, "connections", "gauge", "Connections that are open.", open));
	RD_TRY(rd_metrics_one(
		text, "connections_total", "counter", "Connections accepted.", accepted));
	return rd_metrics_one(
		text, "http_requests_total", "counter", "HTTP requests read.", requests);
}
