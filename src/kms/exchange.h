/* SPDX-License-Identifier: Apache-2.0 */
/* From an HTTP request to its answer: what http.c hands over. How it goes is in call.h and call.c.
 */
#ifndef KMS_EXCHANGE_H
#define KMS_EXCHANGE_H

#include "http/server.h"
#include "kms/kms.h"

/* From HTTP thread number `thread`. Takes the call: it is answered by whoever comes last. */
void kms_exchange_begin(struct kms *kms, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *http);

/* For kms_audit_after_batch, with the struct kms: exchanges whose records are durable go on. */
void kms_exchanges_recorded(void *kms);

/* The JSON body of a fault, with its headers; for answers that no call stands behind. */
void kms_answer_fault(struct rd_http_call *http, const char *type, const char *message);

#endif
