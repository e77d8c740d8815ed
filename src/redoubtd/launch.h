/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a redoubt-vmm for an admitted enclave. */
#ifndef RD_REDOUBTD_LAUNCH_H
#define RD_REDOUBTD_LAUNCH_H

#include "os/cgroup.h"
#include "redoubtd/daemon.h"
#include "redoubtd/refusal.h"

/*
 * Makes the places, starts the vmm and sends it LAUNCH with the EIF (borrowed) and the console. On
 * refusal the caller drops e, which ends a vmm that was started and removes the places.
 */
enum rd_status rd_launch(struct rd_enclave *e, int eif_fd, struct rd_view metadata,
	struct rd_refusal *ref) RD_MUST_USE;

/*
 * Starts a redoubt-vmm: id is for whoever lists processes, control (borrowed) its end of the
 * control socket, cgroup_fd its group or -1.
 */
enum rd_status rd_launch_vmm(const char *id, int control, int cgroup_fd, struct rd_child *ret,
	struct rd_error *err) RD_MUST_USE;

/* Makes or finds the enclave's own cgroup, where there is such a thing: e->cgroup_fd. */
void rd_launch_open_cgroup(struct rd_enclave *e);
void rd_launch_cgroup_name(const char *slot, char ret[RD_CGROUP_NAME_MAX]);

#endif
