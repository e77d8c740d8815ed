/* SPDX-License-Identifier: Apache-2.0 */
/* The two HTTP servers: the API with /healthz, and the metrics. */
#ifndef KMS_HTTP_H
#define KMS_HTTP_H

#include "kms/kms.h"

/* Starts kms->server, and kms->metrics_server if there is to be one. What is there after a failure,
 * kms_http_stop ends. */
enum rd_status kms_http_start(struct kms *kms, struct rd_error *err) RD_MUST_USE;
/* Answers what has been asked, within a bounded time, and ends both. */
void kms_http_stop(struct kms *kms);

/* Certificate and key as they are on disk now; calls that run go on. */
enum rd_status kms_http_reload(struct kms *kms, struct rd_error *err) RD_MUST_USE;

#endif
