/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parent instances: VMs that may have enclaves of their own, run for redoubt-ec2.
 *
 *	         RUN                  vmm's BOOTED          STOP, TERMINATE
 *	stopped ────► pending (disk) ─────────────► running ──────────────► stopping, shutting-down
 *	   ▲             │ refused, failed             │ power-off, crash               │
 *	   └─────────────┴─────────────────────────────┴── vmm gone, enclaves gone ─────┴──► terminated
 *
 * An instance is there from its first RUN to TERMINATE: its disk and its console below
 * state/instances/<id>/. While it runs it has a vmm and run/instances/<id>/, by which a daemon that
 * was restarted finds it again, as with enclaves. It has gone when its vmm and those of its
 * enclaves have: only then is its memory free.
 *
 *	instance.c           messages of its vmm, its end
 *	instance_memory.c    what it gives to its enclaves
 *	instance_run.c       RUN: admission, disk, launch
 *	instance_places.c    what is where on disk
 *	instance_adopt.c     finding them again
 *	instance_requests.c  what redoubt-ec2 asks
 */
#ifndef RD_REDOUBTD_INSTANCE_H
#define RD_REDOUBTD_INSTANCE_H

#include "os/msg.h"
#include "redoubtd/daemon.h"
#include "redoubtd/pki.h"

/* Stopped ones count, too; each running one takes a process of ours, QEMU and 64 MiB at least. */
#define RD_INSTANCES_MAX 256
/* Enclaves of one: as on AWS in strict mode, and what a laptop can bear otherwise. */
#define RD_INSTANCE_ENCLAVES_STRICT 4
#define RD_INSTANCE_ENCLAVES_MAX    16
/* From launch to BOOTED: QEMU is to answer on its monitor, no guest to do anything. */
#define RD_INSTANCE_BOOT_MS 120000
/* The vmm gives the guest 60 s for its power button and QEMU 10 s for its caches. */
#define RD_INSTANCE_STOP_MS 80000
#define RD_INSTANCE_QUIT_MS 20000

struct rd_instance {
	struct rd_instance *next;
	struct rd_daemon *daemon;
	struct rd_domain domain;
	struct rd_ctl_parent parent; /* what it is while it runs; also its record on disk */
	enum rd_ctl_instance_state state;
	bool terminate; /* nothing is to be left of it at its end */
	bool vmm_gone;  /* waits for its enclaves' ends */
	bool has_end;
	struct rd_ctl_ended end;
	uint64_t reset_ms;        /* when its guest began anew last */
	struct rd_client *runner; /* waits for the launch */
	/* Its memory; see instance_memory.c. */
	uint64_t guest_mib;
	bool reserving; /* parent.reserve_mib is what is being set aside */
	uint64_t reserve_before_mib;
	struct rd_client *reserver; /* waits for that; NULL once it has gone */
	struct rd_pki_instance pki;

	/* Making the disk. */
	struct rd_child imaging;
	int imaging_out; /* why not */
	int base;        /* the image, until the launch */
	struct rd_watch *imaging_watch;
	struct rd_watch *engine_wait; /* while the engine is being chosen */

	/* The vmm. pid -1: none. */
	struct rd_child vmm;
	bool adopted;
	int sock;
	int cgroup_fd;
	struct rd_watch *sock_watch;
	struct rd_watch *exit_watch;
	struct rd_watch *timer; /* what is due next; see the state */
};

/* --- for the rest of the daemon --- */

/* A request of redoubt-ec2's (INSTANCE_…). */
void rd_instance_request(
	struct rd_client *c, const struct rd_ctl_message *m, struct rd_msg_fds *fds);

/* run/instances and state/instances of a former daemon; before its enclaves are adopted. */
enum rd_status rd_instances_adopt(struct rd_daemon *d, struct rd_error *err) RD_MUST_USE;
/* After that: instances whose vmm and enclaves are all gone have ended. */
void rd_instances_settle(struct rd_daemon *d);
/* The daemon goes: frees all and touches nothing. */
void rd_instances_forget(struct rd_daemon *d);

/* By id; NULL if there is none. */
struct rd_instance *rd_instance_find(const struct rd_daemon *d, const char *instance_id);
/* The domain of an adopted enclave; made for the purpose when its instance is not known any more.
 */
enum rd_status rd_instance_domain(
	struct rd_daemon *d, const char *instance_id, struct rd_domain **ret) RD_MUST_USE;

/* The signing level of a domain's enclaves: NULL for this host. */
struct rd_pki_instance *rd_instance_level(struct rd_domain *domain);
/* What an enclave's LAUNCH says of its parent. */
void rd_instance_name_enclave(
	const struct rd_domain *domain, const struct rd_daemon *d, struct rd_ctl_launch *l);
/* The parent's end of the link to an enclave that is about to be launched (borrowed). */
enum rd_status rd_instance_link(struct rd_domain *domain, uint64_t cid, int sock) RD_MUST_USE;
/*
 * An enclave's memory has been taken out of its domain's pool. What an instance has not set aside
 * takes time: the enclave waits for it (rd_enclave_memory), and boots meanwhile if the host has as
 * much to lend.
 */
void rd_instance_take_memory(struct rd_enclave *e);
/* RESERVE; c is answered when the guest has given so much up, or has not in time. */
void rd_instance_reserve(struct rd_client *c, uint64_t memory_mib);
/* An enclave has gone, and what it had has been given back. */
void rd_instance_enclave_gone(struct rd_domain *domain);
bool rd_instance_slot_taken(const struct rd_daemon *d, uint64_t slot_uid);

/* --- among the instance files --- */

/* A stopped one, linked in. RD_LIMIT. */
enum rd_status rd_instance_add(
	struct rd_daemon *d, const char *instance_id, struct rd_instance **ret) RD_MUST_USE;
/* Sets the state and tells who watches. */
void rd_instance_set_state(struct rd_instance *in, enum rd_ctl_instance_state state);
void rd_instance_describe(const struct rd_instance *in, struct rd_ctl_instance *ret);
/* One datagram to its vmm; fd -1: none. */
enum rd_status rd_instance_send(struct rd_instance *in, const struct rd_ctl_message *m, int fd)
	RD_MUST_USE;
/* Watches vmm and sock from now on. */
enum rd_status rd_instance_watch(struct rd_instance *in) RD_MUST_USE;
/* Tells its guest how much memory it is to have: what neither enclaves have nor is set aside. */
enum rd_status rd_instance_set_balloon(struct rd_instance *in) RD_MUST_USE;
/* Its vmm's answer to that. */
void rd_instance_balloon_at(struct rd_instance *in, const struct rd_ctl_balloon *b);
/* Its guest has begun anew, which no balloon survives: nothing is set aside any more. */
void rd_instance_forget_memory(struct rd_instance *in);
/* Its memory, CPUs and enclaves' limits, from in->parent. */
void rd_instance_init_domain(struct rd_instance *in);
/* Ends it, for a reason that only the daemon knows. */
void rd_instance_abort(struct rd_instance *in, enum rd_ctl_cause cause, const char *text);
void rd_instance_stop(struct rd_instance *in, bool hard);
void rd_instance_terminate(struct rd_instance *in);
/* Its vmm has gone: the enclaves follow, then the rest. */
void rd_instance_vmm_gone(struct rd_instance *in);
/* What a cgroup of its own may have, when the guest has so much. */
void rd_instance_open_cgroup(struct rd_instance *in, uint64_t memory_mib);

/* instance_run.c */
void rd_instance_run(struct rd_client *c, const struct rd_ctl_instance_run *run, int base_fd);
/* Gives up what was under way before the launch. */
void rd_instance_stop_imaging(struct rd_instance *in);

/* instance_places.c */
enum rd_status rd_instance_state_dir(struct rd_daemon *d, const char *instance_id, int *ret_fd,
	struct rd_error *err) RD_MUST_USE;
enum rd_status rd_instance_open_disk(struct rd_daemon *d, const char *instance_id, int *ret_fd,
	uint64_t *ret_bytes, struct rd_error *err) RD_MUST_USE;
/* The console ring, made anew or (fresh false) as it was. */
enum rd_status rd_instance_open_console(struct rd_daemon *d, const char *instance_id, bool fresh,
	int *ret_fd, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_instance_write_record(const struct rd_instance *in, struct rd_error *err)
	RD_MUST_USE;
enum rd_status rd_instance_write_vmm(const struct rd_instance *in, struct rd_error *err)
	RD_MUST_USE;
enum rd_status rd_instance_load_record(
	struct rd_daemon *d, const char *instance_id, struct rd_ctl_parent *ret) RD_MUST_USE;
void rd_instance_load_vmm(struct rd_daemon *d, const char *instance_id, struct rd_child *ret);
void rd_instance_remove_run(struct rd_daemon *d, const char *instance_id);
void rd_instance_remove_state(struct rd_daemon *d, const char *instance_id);

#define RD_INSTANCE_DISK "disk.qcow2"

#endif
