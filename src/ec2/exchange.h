/* SPDX-License-Identifier: Apache-2.0 */
/* From an HTTP request to its answer: what http.c hands over. */
#ifndef EC2_EXCHANGE_H
#define EC2_EXCHANGE_H

#include "ec2/ec2.h"
#include "http/server.h"

/* Takes the call: a worker answers it, or this does, when none can. */
void ec2_exchange_begin(
	struct ec2 *ec2, const struct rd_http_request *request, struct rd_http_call *http);

#endif
