/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments that somebody left half-way: the client, the enclave, the gateway, or an earlier run of
 * this server. A thread looks for those that are due while an enclave serves: what was never
 * answered is voided, what was begun is asked for again. When there is nothing of that kind cards
 * that are sealed under an older key are sealed anew.
 */
#ifndef PS_RECOVERY_H
#define PS_RECOVERY_H

#include "server/ps.h"

/* db is recovery's until it is stopped. */
enum rd_status ps_recovery_start(struct ps *ps, struct rd_db *db, struct ps_recovery **ret,
	struct rd_error *err) RD_MUST_USE;
/* What it has asked for still ends by way of the enclave and the book. Accepts NULL. */
void ps_recovery_stop(struct ps_recovery **recovery);
/* Last, when there is no book any more. */
void ps_recovery_free(struct ps_recovery **recovery);

#endif
