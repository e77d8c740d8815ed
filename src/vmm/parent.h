/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One parent: a VM with a disk and a network, whose guest may have enclaves. Everything that its
 * redoubt-vmm holds, and its life.
 *
 *	parent_launch.c  PARENT → network, memory and engine are started, this process isolated
 *	parent.c         the loop: what guest, QEMU and redoubtd do, and how it ends
 */
#ifndef RD_VMM_PARENT_H
#define RD_VMM_PARENT_H

#include "ctl/message.h"
#include "os/loop.h"
#include "os/msg.h"

#include "console.h"
#include "control.h"
#include "engine.h"
#include "memory.h"
#include "net.h"
#include "qmp.h"
#include "vsock_host.h"

/* What the end of a parent is being asked for. */
enum rd_parent_wish {
	RD_PARENT_GO_ON,
	RD_PARENT_REBOOT, /* the power button has been pressed; then begin anew */
	RD_PARENT_STOP,   /* the same; then end */
	RD_PARENT_END,    /* QEMU is to end now */
};

struct rd_parent {
	struct rd_ctl_parent config;
	struct rd_control control;
	struct rd_net net;
	struct rd_vmm_memory memory;
	struct rd_console console;
	const struct rd_engine_ops *engine_ops;
	struct rd_engine *engine;
	struct rd_loop *loop;
	struct rd_vsock_host *vsock;
	int qmp_sock;
	struct rd_qmp *qmp;
	struct rd_watch *sigterm, *sigint, *stop_timer, *balloon_timer;

	enum rd_ctl_state state;
	enum rd_parent_wish wish;
	bool asked;       /* somebody outside asked for the end */
	bool powered_off; /* the guest stands still */
	bool net_lost;
	uint64_t balloon_target_mib; /* 0: nobody waits for it */
	uint64_t balloon_until_ms;
	uint64_t stop_until_ms; /* the guest may take that long to go down */
	uint64_t disk_logged_ms;
	bool over; /* `ended` is final */
	struct rd_ctl_ended ended;
};

void rd_parent_init(struct rd_parent *parent);
void rd_parent_finish(struct rd_parent *parent);

/* parent_launch.c: from PARENT to the point where only the loop is missing. */
enum rd_status rd_parent_launch(struct rd_parent *parent, const struct rd_ctl_parent *config,
	struct rd_msg_fds *fds, struct rd_error *err) RD_MUST_USE;

/* parent.c: loop and signals, which must be there before isolation. */
enum rd_status rd_parent_prepare_loop(struct rd_parent *parent) RD_MUST_USE;

/* parent.c: until the VM has ended and redoubtd knows. */
enum rd_status rd_parent_run(struct rd_parent *parent, struct rd_error *err) RD_MUST_USE;

/* Tells redoubtd that it did not work out, when the loop was never reached. */
void rd_parent_report_failure(struct rd_parent *parent, const struct rd_error *err);

/* How it ended, from what is known when its engine has. Pure; for tests too. */
void rd_parent_judge(
	const struct rd_parent *parent, const struct rd_engine_end *end, struct rd_ctl_ended *ret);

#endif
