/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one parent, from isolation to its end.
 *
 *	booting ── QMP answers ──► running ── stop, power-off, crash ──► ending
 *
 *	stop     power button, every PRESS_MS ── the guest stands still, or STOP_MS have passed ──►
 *	         quit
 *	reboot   the same, then system_reset in quit's place
 *	quit     ── QUIT_MS have passed ──► SIGKILL
 *
 * As with an enclave the engine's end comes last, guest memory is wiped, one reason is made of what
 * is known, and redoubtd is told, or its return waited for.
 */
#include "parent.h"

#include "ctl/codes.h"
#include "os/fd.h"

#include "peer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A guest that has not powered off in this time after its power button was pressed will not. */
#define STOP_MS 60000
/* A guest that is still booting hears nothing of its button: it is pressed again so often. */
#define PRESS_MS 5000
/* QEMU writes its caches back. */
#define QUIT_MS 10000
/* How often the balloon is looked at while somebody waits for it, and for how long. */
#define BALLOON_LOOK_MS 20
#define BALLOON_WAIT_MS 30000
/* A guest that writes to a full host gets an error for each sector, and our log one line. */
#define DISK_LOG_MS 60000
/* How long an ended parent's reason waits for a redoubtd that is being restarted. */
#define LINGER_MS (10 * 60 * 1000)

/* --- how it ended --- */

void rd_parent_judge(
	const struct rd_parent *parent, const struct rd_engine_end *end, struct rd_ctl_ended *ret)
{
	*ret = (struct rd_ctl_ended){0};
	if (parent->asked) {
		ret->cause = RD_CTL_CAUSE_TERMINATED;
		snprintf(ret->text, sizeof(ret->text), "%s",
			parent->powered_off ? "powered off on request" : "ended on request");
	} else if (parent->net_lost) {
		ret->cause = RD_CTL_CAUSE_ENGINE;
		snprintf(ret->text, sizeof(ret->text), "its network process ended");
	} else if (parent->powered_off) {
		ret->cause = RD_CTL_CAUSE_EXITED;
		snprintf(ret->text, sizeof(ret->text), "the guest powered itself off");
	} else {
		ret->cause = end->orderly ? RD_CTL_CAUSE_CRASHED : RD_CTL_CAUSE_ENGINE;
		snprintf(ret->text, sizeof(ret->text), "%s", end->text);
	}
	if (parent->state == RD_CTL_STATE_BOOTING && ret->cause != RD_CTL_CAUSE_TERMINATED) {
		ret->code = RD_I_INTERNAL;
	}
}

/* --- redoubtd --- */

static void send_plain(struct rd_parent *parent, const struct rd_ctl_message *message)
{
	if (rd_control_send(&parent->control, message) != RD_OK) {
		return; /* it is gone; it asks when it is back */
	}
}

static void send_status(struct rd_parent *parent)
{
	struct rd_ctl_message message = {.type = RD_CTL_VMM_STATUS};

	snprintf(message.status.enclave_id, sizeof(message.status.enclave_id), "%s",
		parent->config.instance_id);
	message.status.state = parent->state;
	message.status.vmm_pid = (uint64_t)getpid();
	message.status.engine_pid = parent->engine == NULL
					    ? 0
					    : (uint64_t)parent->engine_ops->pid(parent->engine);
	send_plain(parent, &message);
}

/* True when redoubtd has it. */
static bool send_ended(struct rd_parent *parent)
{
	struct rd_ctl_message message = {.type = RD_CTL_VMM_ENDED, .ended = parent->ended};

	return rd_control_send(&parent->control, &message) == RD_OK;
}

static void kill_engine(struct rd_parent *parent)
{
	parent->engine_ops->kill(parent->engine);
}

static void arm(struct rd_parent *parent, struct rd_watch *timer, uint64_t ms)
{
	if (rd_watch_arm(timer, ms) != RD_OK) {
		kill_engine(parent);
	}
}

/* QEMU's orderly end, or its end. */
static void quit(struct rd_parent *parent)
{
	parent->wish = RD_PARENT_END;
	if (rd_qmp_quit(parent->qmp) == RD_OK) {
		arm(parent, parent->stop_timer, QUIT_MS);
	} else {
		kill_engine(parent);
	}
}

/* The guest begins anew, whatever it is doing. */
static void reset(struct rd_parent *parent)
{
	parent->wish = RD_PARENT_GO_ON;
	rd_watch_disarm(parent->stop_timer);
	if (rd_qmp_reset(parent->qmp) != RD_OK || rd_qmp_continue(parent->qmp) != RD_OK) {
		kill_engine(parent);
	}
	parent->powered_off = false;
}

/* Once; a guest that is on its way down minds no second time. */
static void press(struct rd_parent *parent)
{
	if (rd_qmp_powerdown(parent->qmp) == RD_OK) {
		arm(parent, parent->stop_timer, PRESS_MS);
	} else {
		quit(parent);
	}
}

static void press_power_button(struct rd_parent *parent, enum rd_parent_wish wish)
{
	parent->wish = wish;
	parent->stop_until_ms = rd_loop_now_ms() + STOP_MS;
	press(parent);
}

static void on_stop(struct rd_parent *parent, bool hard)
{
	parent->asked = true;
	if (hard) {
		quit(parent);
	} else if (parent->wish < RD_PARENT_STOP) {
		press_power_button(parent, RD_PARENT_STOP);
	}
}

static void on_reboot(struct rd_parent *parent, bool hard)
{
	if (parent->wish >= RD_PARENT_STOP) {
		return; /* it is ending */
	}
	if (hard) {
		reset(parent);
	} else if (parent->wish != RD_PARENT_REBOOT) {
		press_power_button(parent, RD_PARENT_REBOOT);
	}
}

static void on_balloon_wish(struct rd_parent *parent, uint64_t target_mib)
{
	uint64_t target = target_mib < parent->config.memory_mib ? target_mib
								 : parent->config.memory_mib;
	struct rd_ctl_message answer = {
		.type = RD_CTL_VMM_BALLOON_AT, .balloon = {.target_mib = target_mib}};

	if (rd_qmp_balloon(parent->qmp, target << 20) != RD_OK) {
		answer.balloon.gave_up = true;
		answer.balloon.actual_mib = parent->config.memory_mib;
		send_plain(parent, &answer);
		return;
	}
	parent->balloon_target_mib = target_mib;
	parent->balloon_until_ms = rd_loop_now_ms() + BALLOON_WAIT_MS;
	arm(parent, parent->balloon_timer, BALLOON_LOOK_MS);
}

/* What has to do with the guest that is running. */
static enum rd_status guest_message(
	struct rd_parent *parent, const struct rd_ctl_message *message, struct rd_msg_fds *fds)
{
	if (message->type == RD_CTL_VMM_TERMINATE) {
		parent->asked = true;
		quit(parent);
	} else if (message->type == RD_CTL_VMM_STOP) {
		on_stop(parent, message->vmm_stop.hard);
	} else if (message->type == RD_CTL_VMM_REBOOT) {
		on_reboot(parent, message->vmm_stop.hard);
	} else if (message->type == RD_CTL_VMM_BALLOON) {
		on_balloon_wish(parent, message->balloon.target_mib);
	} else if (message->type == RD_CTL_VMM_PEER) {
		return rd_peer_add(
			parent->vsock, (uint32_t)message->peer.cid, rd_msg_fds_steal(fds, 0));
	} else if (message->type == RD_CTL_VMM_FORWARDS) {
		return rd_net_change(&parent->net, &message->vmm_forwards);
	} else {
		return RD_FORBIDDEN;
	}
	return RD_OK;
}

static void on_message(void *ctx, const struct rd_ctl_message *message, struct rd_msg_fds *fds)
{
	struct rd_parent *parent = ctx;
	enum rd_status st = RD_OK;

	if (message->type == RD_CTL_VMM_ATTACH) {
		send_status(parent);
		if (parent->over && send_ended(parent)) {
			rd_loop_stop(parent->loop);
		}
	} else if (!parent->over) {
		st = guest_message(parent, message, fds);
	}
	if (st != RD_OK) {
		fprintf(stderr, "redoubt-vmm: %s: %s from redoubtd: %s\n",
			parent->config.instance_id, rd_ctl_type_name(message->type),
			rd_status_text(st));
	}
}

/* --- QEMU's monitor --- */

static void on_ready(struct rd_parent *parent)
{
	struct rd_ctl_message message = {.type = RD_CTL_VMM_BOOTED};

	if (parent->state == RD_CTL_STATE_BOOTING) {
		parent->state = RD_CTL_STATE_RUNNING;
		send_plain(parent, &message);
	}
}

static void on_shutdown(struct rd_parent *parent)
{
	if (parent->wish == RD_PARENT_END) {
		return; /* our own quit */
	}
	parent->powered_off = true;
	if (parent->wish == RD_PARENT_REBOOT) {
		reset(parent);
	} else {
		quit(parent);
	}
}

/*
 * Its enclaves' memory is handed to it again, and whoever ran them is gone: they end, also while
 * redoubtd is away.
 */
static void on_reset(struct rd_parent *parent)
{
	struct rd_ctl_message message = {.type = RD_CTL_VMM_PARENT_RESET};

	if (parent->wish == RD_PARENT_REBOOT) {
		parent->wish = RD_PARENT_GO_ON; /* it got there by itself */
		rd_watch_disarm(parent->stop_timer);
	}
	rd_peer_drop_all(parent->vsock);
	send_plain(parent, &message);
}

static void on_balloon(struct rd_parent *parent, uint64_t bytes)
{
	uint64_t actual_mib = (bytes + (1 << 20) - 1) >> 20;
	struct rd_ctl_message answer = {.type = RD_CTL_VMM_BALLOON_AT,
		.balloon = {.target_mib = parent->balloon_target_mib, .actual_mib = actual_mib}};

	if (parent->balloon_target_mib == 0) {
		return;
	}
	answer.balloon.gave_up = actual_mib > parent->balloon_target_mib;
	if (answer.balloon.gave_up && rd_loop_now_ms() < parent->balloon_until_ms) {
		arm(parent, parent->balloon_timer, BALLOON_LOOK_MS);
		return;
	}
	parent->balloon_target_mib = 0;
	answer.balloon.actual_mib = actual_mib <= RD_CTL_MEMORY_MIB_MAX ? actual_mib : 0;
	send_plain(parent, &answer);
}

static void on_disk_error(struct rd_parent *parent)
{
	uint64_t now = rd_loop_now_ms();

	if (parent->disk_logged_ms == 0 || now - parent->disk_logged_ms >= DISK_LOG_MS) {
		parent->disk_logged_ms = now;
		fprintf(stderr,
			"redoubt-vmm: %s: an error of its disk (the host's file system may be full)\n",
			parent->config.instance_id);
	}
}

static void on_qmp(void *ctx, const struct rd_qmp_news *news)
{
	struct rd_parent *parent = ctx;

	switch (news->event) {
	case RD_QMP_READY:
		on_ready(parent);
		break;
	case RD_QMP_SHUTDOWN:
		on_shutdown(parent);
		break;
	case RD_QMP_RESET:
		on_reset(parent);
		break;
	case RD_QMP_BALLOON:
		on_balloon(parent, news->bytes);
		break;
	case RD_QMP_DISK:
		on_disk_error(parent);
		break;
	case RD_QMP_CLOSED:
		/* It is ending, or it speaks no QMP any more. */
		if (parent->wish != RD_PARENT_END) {
			arm(parent, parent->stop_timer, QUIT_MS);
			parent->wish = RD_PARENT_END;
		}
		break;
	}
}

static void on_balloon_timer(void *ctx)
{
	struct rd_parent *parent = ctx;

	if (parent->balloon_target_mib != 0 && rd_qmp_query_balloon(parent->qmp) != RD_OK) {
		kill_engine(parent);
	}
}

/* --- the guest --- */

static void on_heartbeat(void *ctx)
{
	(void)ctx;
}

static void on_wrong_heartbeat(void *ctx, uint8_t byte)
{
	(void)ctx;
	(void)byte;
}

static void on_end_report(void *ctx, const struct rd_guest_end *report)
{
	(void)ctx;
	(void)report;
}

static void on_peer_gone(void *ctx, uint32_t cid)
{
	(void)ctx;
	(void)cid; /* an enclave has ended; redoubtd knows */
}

static enum rd_status on_client(void *ctx, int *ret_sock)
{
	struct rd_parent *parent = ctx;
	struct rd_ctl_message message = {.type = RD_CTL_VMM_PARENT_CLIENT};
	int ours RD_CLEANUP(rd_fd_close) = -1, theirs RD_CLEANUP(rd_fd_close) = -1;
	int pair[2];

	RD_TRY(rd_msg_pair(pair));
	ours = pair[0];
	theirs = pair[1];
	RD_TRY(rd_control_send_fd(&parent->control, &message, theirs));
	*ret_sock = rd_steal(&ours, -1);
	return RD_OK;
}

static const struct rd_vsock_host_events guest_events = {
	.heartbeat = on_heartbeat,
	.wrong_heartbeat = on_wrong_heartbeat,
	.end_report = on_end_report,
	.peer_gone = on_peer_gone,
	.client = on_client,
};

/* --- the engine --- */

static void on_kicked(void *ctx, unsigned queue)
{
	(void)queue;
	rd_vsock_host_kicked(((struct rd_parent *)ctx)->vsock);
}

static void on_stopped(void *ctx, unsigned queue)
{
	(void)queue;
	rd_vsock_host_stopped(((struct rd_parent *)ctx)->vsock);
}

static void on_console(void *ctx, struct rd_view bytes)
{
	rd_console_write(&((struct rd_parent *)ctx)->console, bytes);
}

static void on_ended(void *ctx, const struct rd_engine_end *end)
{
	struct rd_parent *parent = ctx;

	rd_parent_judge(parent, end, &parent->ended);
	parent->over = true;
	parent->state = RD_CTL_STATE_ENDING;
	rd_watch_disarm(parent->stop_timer);
	rd_watch_disarm(parent->balloon_timer);
	rd_vsock_host_free(&parent->vsock);
	rd_qmp_free(&parent->qmp);
	parent->engine_ops->free(&parent->engine);
	rd_vmm_memory_close(&parent->memory);
	rd_net_finish(&parent->net);
	fprintf(stderr, "redoubt-vmm: %s: ended: %s\n", parent->config.instance_id,
		parent->ended.text);
	if (send_ended(parent) || rd_watch_arm(parent->stop_timer, LINGER_MS) != RD_OK) {
		rd_loop_stop(parent->loop);
	}
}

static const struct rd_engine_events engine_events = {
	.kicked = on_kicked,
	.stopped = on_stopped,
	.console = on_console,
	.ended = on_ended,
};

/* --- time and signals --- */

static void on_stop_timer(void *ctx)
{
	struct rd_parent *parent = ctx;

	if (parent->over) {
		rd_loop_stop(parent->loop); /* nobody came to ask */
	} else if (parent->wish <= RD_PARENT_STOP && rd_loop_now_ms() < parent->stop_until_ms) {
		press(parent);
	} else if (parent->wish == RD_PARENT_REBOOT) {
		reset(parent);
	} else if (parent->wish == RD_PARENT_STOP) {
		quit(parent);
	} else {
		kill_engine(parent);
	}
}

static void on_sigterm(void *ctx)
{
	struct rd_parent *parent = ctx;

	if (parent->over) {
		rd_loop_stop(parent->loop);
	} else {
		parent->asked = true;
		quit(parent);
	}
}

static void on_net_ended(void *ctx)
{
	struct rd_parent *parent = ctx;

	/* Nobody could reach it any more: it is stopped in good order. */
	parent->net_lost = !parent->over && parent->wish < RD_PARENT_STOP;
	if (parent->net_lost) {
		press_power_button(parent, RD_PARENT_STOP);
	}
}

enum rd_status rd_parent_prepare_loop(struct rd_parent *parent)
{
	RD_TRY(rd_loop_new(&parent->loop));
	RD_TRY(rd_loop_signal(parent->loop, SIGTERM, on_sigterm, parent, &parent->sigterm));
	return rd_loop_signal(parent->loop, SIGINT, on_sigterm, parent, &parent->sigint);
}

static enum rd_status attach_vsock(struct rd_parent *parent, struct rd_error *err)
{
	struct rd_vsock_host_config config = {
		.guest_cid = RD_CID_PARENT,
		.listener = -1,
		.control_memory = parent->config.enclaves ? (parent->config.memory_mib << 20) / 2
							  : 0,
		.engine_ops = parent->engine_ops,
		.engine = parent->engine,
		.loop = parent->loop,
		.events = &guest_events,
		.ctx = parent,
	};

	return rd_vsock_host_new(&config, &parent->vsock, err);
}

static enum rd_status attach(struct rd_parent *parent)
{
	struct rd_loop *loop = parent->loop;

	RD_TRY(rd_control_attach(&parent->control, loop, on_message, parent));
	rd_console_attach(&parent->console, loop);
	RD_TRY(rd_loop_timer(loop, on_stop_timer, parent, &parent->stop_timer));
	RD_TRY(rd_loop_timer(loop, on_balloon_timer, parent, &parent->balloon_timer));
	RD_TRY(rd_net_attach(&parent->net, loop, on_net_ended, parent));
	RD_TRY(parent->engine_ops->attach(parent->engine, loop, &engine_events, parent));
	return rd_qmp_attach(parent->qmp, loop, on_qmp, parent);
}

enum rd_status rd_parent_run(struct rd_parent *parent, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(attach_vsock(parent, err));
	st = attach(parent);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot set up the event loop: %s", rd_status_text(st));
	}
	send_status(parent);
	st = rd_loop_run(parent->loop);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "the event loop failed");
}

void rd_parent_report_failure(struct rd_parent *parent, const struct rd_error *err)
{
	parent->ended = (struct rd_ctl_ended){.cause = RD_CTL_CAUSE_ENGINE, .code = RD_I_INTERNAL};
	snprintf(parent->ended.text, sizeof(parent->ended.text), "%s", err->text);
	if (parent->control.sock >= 0 && !send_ended(parent)) {
		return; /* stderr has it */
	}
}

void rd_parent_init(struct rd_parent *parent)
{
	*parent = (struct rd_parent){
		.control = RD_CONTROL_INIT,
		.net = RD_NET_INIT,
		.memory = RD_VMM_MEMORY_INIT,
		.qmp_sock = -1,
		.state = RD_CTL_STATE_BOOTING,
	};
}

void rd_parent_finish(struct rd_parent *parent)
{
	rd_vsock_host_free(&parent->vsock);
	rd_qmp_free(&parent->qmp);
	rd_fd_close(&parent->qmp_sock);
	if (parent->engine_ops != NULL) {
		parent->engine_ops->free(&parent->engine);
	}
	rd_vmm_memory_close(&parent->memory);
	rd_net_finish(&parent->net);
	rd_console_finish(&parent->console);
	rd_control_finish(&parent->control);
	rd_watch_free(&parent->sigterm);
	rd_watch_free(&parent->sigint);
	rd_watch_free(&parent->stop_timer);
	rd_watch_free(&parent->balloon_timer);
	rd_loop_free(&parent->loop);
}
