/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One enclave's life, seen from the daemon.
 *
 *	admitted ── launch ──► booting ── BOOTED ──► running ── terminate ──► ending ──► gone
 *	    │                     │ time-out, ENDED, vmm's death │                         ▲
 *	    └─ refused ► gone     └──────────────────────────────┴─────────────────────────┘
 *
 * It is gone when its vmm's process has gone (the pidfd says so), never before: only then are
 * memory, CPUs and CID free. A vmm that closes its socket or has been asked to end gets a grace
 * period and is then killed.
 */
#ifndef RD_REDOUBTD_ENCLAVE_H
#define RD_REDOUBTD_ENCLAVE_H

#include "redoubtd/daemon.h"

/* From TERMINATE, ENDED or a closed socket to SIGKILL. The vmm wipes gigabytes in that time. */
#define RD_ENCLAVE_GRACE_MS 5000

/* Watches the vmm (e->vmm, e->sock) from now on; e->sock may be -1 for one that has lost it. */
enum rd_status rd_enclave_watch(struct rd_enclave *e) RD_MUST_USE;

/* How long its boot may take: 90 s for every begun 6 GiB of image and again for every 100 GiB of
 * memory, as nitro-cli allows. */
uint64_t rd_enclave_boot_timeout_ms(const struct rd_ctl_launch *launch);

/* Asks the vmm to end; kills it after the grace period. */
void rd_enclave_terminate(struct rd_enclave *e);

/* Ends it for a reason that only the daemon knows, unless it has one already. */
void rd_enclave_abort(struct rd_enclave *e, enum rd_ctl_cause cause, const char *text);

/*
 * Its parent has given its memory up, or has not in time, which ends it. It may have booted
 * meanwhile; whoever runs it is told when both have come.
 */
void rd_enclave_memory(struct rd_enclave *e, bool given);
#define RD_ENCLAVE_NO_MEMORY                                                                       \
	"the instance did not give up enough of its memory: free some, or ask for less (it needs " \
	"the module virtio_balloon)"

/* The process has gone: records, answers, gives everything back, frees e. */
void rd_enclave_gone(struct rd_enclave *e);

/* Never launched: kills a vmm that there may be, gives everything back, frees e. Keeps no record.
 */
void rd_enclave_drop(struct rd_enclave *e);

/* The daemon goes: frees e and touches nothing; the vmm and its places stay for the next daemon. */
void rd_enclave_forget(struct rd_enclave *e);

/* One datagram to the vmm; fd -1: none. A vmm that does not take it is aborted. */
enum rd_status rd_enclave_send(struct rd_enclave *e, const struct rd_ctl_message *m, int fd)
	RD_MUST_USE;

/* What DESCRIBE says; full: the asker is owner or root. */
void rd_enclave_describe(const struct rd_enclave *e, bool full, struct rd_ctl_enclave *ret);

#endif
