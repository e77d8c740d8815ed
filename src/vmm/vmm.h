/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One enclave: everything that redoubt-vmm holds, and its life.
 *
 *	launch.c  LAUNCH → everything that needs the host is prepared, the engine's process started,
 *	          this process isolated
 *	vmm.c     the loop: what the guest, the engine and redoubtd do, and how it ends
 */
#ifndef RD_VMM_VMM_H
#define RD_VMM_VMM_H

#include "ctl/codes.h"
#include "ctl/message.h"
#include "os/isolate.h"
#include "os/loop.h"
#include "vsock/guest.h"

#include "connector.h"
#include "console.h"
#include "control.h"
#include "engine.h"
#include "image.h"
#include "memory.h"
#include "nsm_service.h"
#include "tsc.h"
#include "vsock_host.h"

struct rd_vmm {
	struct rd_ctl_launch launch;
	struct rd_tsc_mark tsc;
	uint64_t launched_ms;
	struct rd_control control;
	struct rd_connector connector;
	int vsock_listener;
	int parent_link; /* to its parent's vmm, until the loop; -1: the host is the parent */
	struct rd_vmm_memory memory;
	struct rd_vmm_image image; /* until the guest has booted */
	struct rd_nsm_service *nsm;
	struct rd_console console;
	const struct rd_engine_ops *engine_ops;
	struct rd_engine *engine;
	struct rd_loop *loop;
	struct rd_vsock_host *vsock;
	struct rd_watch *sigterm, *sigint, *boot_timer, *end_timer;

	enum rd_ctl_state state;
	bool terminating; /* redoubtd or a signal said so */
	bool orphaned;    /* its parent has ended, or begun anew */
	bool timed_out;   /* no heartbeat in time */
	bool wrong_heartbeat;
	uint8_t heartbeat_byte;
	bool reported; /* the guest said how it ended */
	struct rd_guest_end report;
	bool over; /* `ended` is final */
	struct rd_ctl_ended ended;
};

void rd_vmm_init(struct rd_vmm *vmm);
void rd_vmm_finish(struct rd_vmm *vmm);

/*
 * launch.c: what both kinds of vmm begin with: signals, limits, and the first message from redoubtd
 * (LAUNCH or PARENT) on sock.
 */
enum rd_status rd_vmm_begin(int sock, struct rd_ctl_message *ret, struct rd_msg_fds *ret_fds,
	struct rd_error *err) RD_MUST_USE;

/* launch.c: from LAUNCH to the point where only the loop is missing. */
enum rd_status rd_vmm_launch(struct rd_vmm *vmm, const struct rd_ctl_launch *launch,
	struct rd_msg_fds *fds, struct rd_error *err) RD_MUST_USE;

/* vmm.c: loop and signals, which must be there before isolation. */
enum rd_status rd_vmm_prepare_loop(struct rd_vmm *vmm) RD_MUST_USE;

/* vmm.c: until the enclave has ended and redoubtd knows. */
enum rd_status rd_vmm_run(struct rd_vmm *vmm, struct rd_error *err) RD_MUST_USE;

/* Tells redoubtd that it did not work out, when the loop was never reached. */
void rd_vmm_report_failure(struct rd_vmm *vmm, const struct rd_error *err);

/* The boot time-out of nitro-cli's handshake, from image and memory size, in ms. */
uint64_t rd_vmm_boot_timeout_ms(uint64_t eif_bytes, uint64_t memory_bytes);

/* How an enclave ended, from what is known when its engine has. Pure; for tests too. */
void rd_vmm_judge(
	const struct rd_vmm *vmm, const struct rd_engine_end *end, struct rd_ctl_ended *ret);

#endif
