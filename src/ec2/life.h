/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances' lives. What an instance is to come to (`desired`) is committed first; then redoubtd is
 * asked; what redoubtd says of it (`observe`) moves its state. Whatever is lost in between, a crash
 * of either, is found by comparing both (`reconcile`), which is why every step may be repeated.
 *
 *	run, start ─► pending ──INSTANCE running──► running
 *	stop ───────► stopping ──INSTANCE stopped──► stopped
 *	terminate ──► shutting-down ──INSTANCE terminated, or redoubtd knows of none──► terminated
 *	the guest powers itself off ─► stopped, or terminated (shutdown behavior)
 */
#ifndef EC2_LIFE_H
#define EC2_LIFE_H

#include "ec2/ec2.h"
#include "ec2/host.h"
#include "ec2/store.h"

/* "running". */
const char *ec2_state_name(uint32_t state);

/* Sets state and reasons in the record. by_user: "User initiated (2031-… GMT)". */
void ec2_set_state(struct ec2_instance *i, uint32_t state, const char *reason_code,
	const char *reason_message, bool by_user, int64_t now_ms);

/* --- asking redoubtd; each may be repeated --- */

/* Starts its VM. RD_FORBIDDEN: refused, see why; RD_UNAVAILABLE: redoubtd is not there, and
 * reconciliation will do it. */
enum rd_status ec2_host_run(struct ec2 *ec2, struct rd_db *db, const struct ec2_instance *i,
	struct ec2_refusal *why) RD_MUST_USE;
/* What may change of its network while it runs: all of its forwarded ports, and the hop limit. */
enum rd_status ec2_host_forwards(struct ec2 *ec2, struct rd_db *db, const struct ec2_instance *i,
	struct ec2_refusal *why) RD_MUST_USE;

/* --- what redoubtd says --- */

/* One of its messages. Never fails for good: what cannot be noted now comes again. */
void ec2_observe(struct ec2 *ec2, struct rd_db *db, const struct rd_ctl_instance *said);

/*
 * Both sides compared. quiet_ms: instances that changed since then are in a call's hands and left
 * alone; 0 at the start, when there are no calls. RD_UNAVAILABLE: redoubtd is not there.
 */
enum rd_status ec2_reconcile(struct ec2 *ec2, struct rd_db *db, int64_t quiet_ms) RD_MUST_USE;

/* Forgets instances that were terminated an hour ago, and old tokens. */
enum rd_status ec2_purge(struct ec2 *ec2, struct rd_db *db) RD_MUST_USE;

/* The guest has asked for its metadata: its status checks pass from now on. */
enum rd_status ec2_reached(struct ec2 *ec2, struct rd_db *db, const char *id) RD_MUST_USE;

#endif
