/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclaves of one parent that live: their names, CIDs and slot ids, none of which two of them
 * share.
 *
 * Slot ids are AWS's: Unix time in milliseconds << 16 | 16 random bits. They name the enclave in
 * its id, its directory and its certificate.
 */
#ifndef RD_REDOUBTD_REGISTRY_H
#define RD_REDOUBTD_REGISTRY_H

#include "ctl/message.h"
#include "os/loop.h"
#include "os/spawn.h"
#include "redoubtd/refusal.h"

/* Far above what one host's memory holds, and low enough for walks over all of them. */
#define RD_ENCLAVES_MAX 256

/* VMADDR_CID_ANY; hypervisor 0, local 1, host 2, parent 3. */
#define RD_CID_MIN 4
#define RD_CID_MAX 0xfffffffeu
/* Automatic CIDs go round in a range of their own, so that one is not given out again soon. */
#define RD_CID_AUTO_MIN 16
#define RD_CID_AUTO_MAX 65535

/* A slot id as hex, unpadded, and the NUL. */
#define RD_SLOT_TEXT_SIZE 17

struct rd_client;
struct rd_daemon;
struct rd_domain;

struct rd_enclave {
	struct rd_enclave *next;
	struct rd_daemon *daemon;
	struct rd_domain *domain;    /* whose enclave it is */
	struct rd_ctl_launch launch; /* what it is; also its record on disk */
	char slot[RD_SLOT_TEXT_SIZE];
	enum rd_ctl_state state;
	bool launched;    /* a vmm has been started for it; else it is still being ingested */
	bool terminating; /* somebody asked for its end */
	bool has_end;
	struct rd_ctl_ended end;
	bool runner_told;         /* STARTED has been sent */
	bool waits_for_memory;    /* that its parent is to give, while it boots */
	bool memory_refused;      /* by its parent: it ends */
	uint64_t lent_mib;        /* of the host's pool, until its parent has given as much */
	struct rd_client *runner; /* waits for the heartbeat; NULL once it has gone */

	/* The vmm. pid -1: none (yet, or any more). */
	struct rd_child vmm;
	bool adopted; /* not our child: a former daemon started it */
	int sock;
	int cgroup_fd; /* its own group's directory, or -1 */
	struct rd_watch *sock_watch;
	struct rd_watch *exit_watch;
	struct rd_watch *timer; /* boot time-out, later the grace for its end */
	uint64_t last_leaf_ms;
	unsigned leaf_count;
};

struct rd_registry {
	struct rd_enclave *first;
	size_t count;
	uint32_t next_cid;
};

void rd_registry_init(struct rd_registry *registry);

/* An empty enclave, linked in. RD_LIMIT at RD_ENCLAVES_MAX. */
enum rd_status rd_registry_add(struct rd_registry *registry, struct rd_enclave **ret) RD_MUST_USE;
/* Unlinks and frees; its resources have been given back before. */
void rd_registry_remove(struct rd_registry *registry, struct rd_enclave **enclave);

struct rd_enclave *rd_registry_by_slot(const struct rd_registry *registry, uint64_t slot_uid);
struct rd_enclave *rd_registry_by_cid(const struct rd_registry *registry, uint64_t cid);
struct rd_enclave *rd_registry_by_name(const struct rd_registry *registry, const char *name);

/* The slot after the last "-enc" of an EnclaveID: 1 to 16 hex digits, not zero. */
enum rd_status rd_slot_of_id(const char *enclave_id, uint64_t *ret_slot) RD_MUST_USE;
void rd_slot_text(uint64_t slot_uid, char ret[RD_SLOT_TEXT_SIZE]);
/* A fresh slot id that no live enclave has. */
uint64_t rd_registry_make_slot(
	const struct rd_registry *registry, uint64_t now_ms, uint16_t random);

/*
 * wanted 0: the next automatic one; otherwise that one, unless it is reserved or in use (E03,
 * naming the holder).
 */
enum rd_status rd_registry_take_cid(struct rd_registry *registry, uint64_t wanted,
	uint32_t *ret_cid, struct rd_refusal *ref) RD_MUST_USE;
/* A CID that was given out before this daemon started: automatic ones go on after it. */
void rd_registry_note_cid(struct rd_registry *registry, uint64_t cid);

/* The wanted name, or with the first of _1, _2, … appended that no live enclave has. */
enum rd_status rd_registry_make_name(const struct rd_registry *registry, const char *wanted,
	char ret[RD_CTL_NAME_MAX + 1], struct rd_refusal *ref) RD_MUST_USE;

#endif
