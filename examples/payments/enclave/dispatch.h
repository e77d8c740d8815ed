/* SPDX-License-Identifier: Apache-2.0 */
/* Where events arrive; each arg is the struct enclave. */
#ifndef ENCLAVE_DISPATCH_H
#define ENCLAVE_DISPATCH_H

#include "enclave/enclave.h"

void dispatch_message(void *arg, const struct pay_message *m);
void dispatch_link_closed(void *arg);
void dispatch_gateway_up(void *arg);
void dispatch_gateway_down(void *arg);
void dispatch_gateway_answer(void *arg, const struct pay_gateway_answer *answer);
void dispatch_kms_done(void *arg);
void dispatch_tick(void *arg);

#endif
