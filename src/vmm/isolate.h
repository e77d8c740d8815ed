/* SPDX-License-Identifier: Apache-2.0 */
/* How redoubt-vmm isolates itself: the stages, and the system calls that are left. */
#ifndef RD_VMM_ISOLATE_H
#define RD_VMM_ISOLATE_H

#include "base/error.h"
#include "os/isolate.h"

/*
 * The user id of our processes when redoubtd is root: one for each CID, in the range that no
 * allocator uses (systemd's UIDS-GIDS: 1879048192 to 2147483647 are unused). Two live enclaves have
 * different CIDs; only CIDs 2^27 apart would share.
 *
 * vmm and engine share it: without capabilities, only the same uid may end the engine, and so may
 * the kernel when the vmm dies (a death signal is sent with the dead parent's identity). The engine
 * cannot hurt the vmm by it: it is in a PID namespace of its own, and the vmm is not dumpable.
 */
#define RD_VMM_UID_BASE 0x70000000u
#define RD_VMM_UID_CIDS 0x08000000u

uid_t rd_vmm_uid(uint64_t cid);

/*
 * Parents and their enclaves: CIDs are a parent's own affair, so redoubtd numbers these vmms, no
 * two of them that live alike; the other half of the range is theirs.
 */
#define RD_VMM_UID_INDEXED 0x78000000u

uid_t rd_vmm_uid_indexed(uint64_t index);

/*
 * Stage 1, before the engine is started: namespaces.
 * Should: leave host's mounts, IPC, network; make QEMU the first process of its PID namespace.
 * Must not: come before the connector's fork, or before the last path is opened.
 */
enum rd_status rd_vmm_isolate_namespaces(struct rd_isolate_report *report, struct rd_error *err)
	RD_MUST_USE;

/*
 * Stage 2, after the engine's process was started and before it may run the guest: empty root, own
 * uid, no capabilities, seccomp.
 * Should: be the last thing before the loop. uid 0: keep ours. peers: there are links to other
 * vmms, for which sockets and memory files must be made (no name, no address).
 * Must not: be followed by anything that opens, forks or executes.
 */
enum rd_status rd_vmm_isolate_finally(
	uid_t uid, bool peers, struct rd_isolate_report *report, struct rd_error *err) RD_MUST_USE;

/*
 * The connector, in its own process, standing in the enclave's directory.
 * Should: keep one socket and the standard descriptors, nothing else; become the enclave's owner.
 * Must not: see a path outside that directory (as root), or outlive the vmm.
 */
enum rd_status rd_vmm_isolate_connector(uid_t uid, gid_t gid, struct rd_error *err) RD_MUST_USE;

/* "isolation: all", or what is missing and why, for the log. */
void rd_vmm_isolate_describe(const char *who, const struct rd_isolate_report *report, bool seccomp,
	char *ret_text, size_t cap);

#endif
