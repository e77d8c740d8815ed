/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one enclave, from isolation to its end.
 *
 *	booting ── heartbeat ──► running ── reset, exit, crash, terminate, time-out ──► ending
 *
 * However it ends, the engine's end comes last: then guest memory is wiped, what is known is made
 * into one reason, and redoubtd is told. If redoubtd is away, this process waits for its return for
 * a while, holding nothing but that reason.
 */
#include "vmm.h"

#include "os/fd.h"

#include "peer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Boot time-out (nitro-cli's handshake): 90 s for each started part of either size. */
#define BOOT_PART_MS     90000ull
#define BOOT_EIF_PART    (6ull << 30)
#define BOOT_MEMORY_PART (100ull << 30)

/* redoubtd has the same time-out and is to be first; ours is for when it is away. */
#define BOOT_SLACK_MS 10000

/* After its report the guest resets at once; one that does not is reset. */
#define RESET_GRACE_MS 5000

/* How long an ended enclave's reason waits for a redoubtd that is being restarted. */
#define LINGER_MS (10 * 60 * 1000)

uint64_t rd_vmm_boot_timeout_ms(uint64_t eif_bytes, uint64_t memory_bytes)
{
	uint64_t eif_parts = eif_bytes == 0 ? 1 : 1 + (eif_bytes - 1) / BOOT_EIF_PART;
	uint64_t memory_parts = memory_bytes == 0 ? 1 : 1 + (memory_bytes - 1) / BOOT_MEMORY_PART;

	return BOOT_PART_MS * (eif_parts + memory_parts);
}

/* --- how it ended --- */

/* init's own sentence where it gave one, otherwise ours. */
static void judge_report(const struct rd_guest_end *report, struct rd_ctl_ended *ret)
{
	ret->cause = RD_CTL_CAUSE_GAVE_UP;
	snprintf(ret->text, sizeof(ret->text), "init gave up");
	if (report->kind == RD_GUEST_EXITED) {
		ret->cause = RD_CTL_CAUSE_EXITED;
		ret->exit_status = report->value;
		snprintf(ret->text, sizeof(ret->text), "the application exited with status %u",
			report->value);
	} else if (report->kind == RD_GUEST_SIGNALLED) {
		ret->cause = RD_CTL_CAUSE_SIGNALED;
		ret->exit_status = report->value;
		snprintf(ret->text, sizeof(ret->text), "the application died of signal %u",
			report->value);
	}
	if (report->text[0] != '\0') {
		snprintf(ret->text, sizeof(ret->text), "%s", report->text);
	}
}

void rd_vmm_judge(
	const struct rd_vmm *vmm, const struct rd_engine_end *end, struct rd_ctl_ended *ret)
{
	*ret = (struct rd_ctl_ended){0};
	if (vmm->terminating) {
		ret->cause = RD_CTL_CAUSE_TERMINATED;
		snprintf(ret->text, sizeof(ret->text), "%s",
			vmm->orphaned ? "its parent instance has ended, or begun anew"
				      : "terminated on request");
	} else if (vmm->reported) {
		judge_report(&vmm->report, ret);
	} else if (vmm->timed_out) {
		ret->cause = RD_CTL_CAUSE_CRASHED;
		snprintf(ret->text, sizeof(ret->text), "no heartbeat within %llu s",
			(unsigned long long)rd_vmm_boot_timeout_ms(
				vmm->launch.eif_size, vmm->launch.memory_mib << 20) /
				1000);
	} else if (vmm->wrong_heartbeat) {
		ret->cause = RD_CTL_CAUSE_CRASHED;
		snprintf(ret->text, sizeof(ret->text), "wrong heartbeat 0x%02x instead of 0x%02x",
			vmm->heartbeat_byte, RD_GUEST_HEARTBEAT);
	} else if (end->orderly) {
		ret->cause = RD_CTL_CAUSE_CRASHED;
		snprintf(ret->text, sizeof(ret->text),
			"%s %s: run it in debug mode to see its console", end->text,
			vmm->state == RD_CTL_STATE_BOOTING ? "before its heartbeat"
							   : "without an end report");
	} else {
		ret->cause = RD_CTL_CAUSE_ENGINE;
		snprintf(ret->text, sizeof(ret->text), "%s", end->text);
	}
	if (vmm->state == RD_CTL_STATE_BOOTING && ret->cause != RD_CTL_CAUSE_TERMINATED) {
		ret->code = RD_E_BOOT;
	}
}

/* --- redoubtd --- */

static void send_status(struct rd_vmm *vmm)
{
	struct rd_ctl_message message = {.type = RD_CTL_VMM_STATUS};

	snprintf(message.status.enclave_id, sizeof(message.status.enclave_id), "%s",
		vmm->launch.enclave_id);
	message.status.state = vmm->state;
	message.status.vmm_pid = (uint64_t)getpid();
	message.status.engine_pid = vmm->engine == NULL
					    ? 0
					    : (uint64_t)vmm->engine_ops->pid(vmm->engine);
	if (rd_control_send(&vmm->control, &message) != RD_OK) {
		return; /* it is gone again; it asks when it is back */
	}
}

/* True when redoubtd has it. */
static bool send_ended(struct rd_vmm *vmm)
{
	struct rd_ctl_message message = {.type = RD_CTL_VMM_ENDED, .ended = vmm->ended};

	return rd_control_send(&vmm->control, &message) == RD_OK;
}

static void terminate(struct rd_vmm *vmm)
{
	if (!vmm->over && !vmm->terminating) {
		vmm->terminating = true;
		vmm->engine_ops->kill(vmm->engine);
	}
}

static void on_message(void *ctx, const struct rd_ctl_message *message, struct rd_msg_fds *fds)
{
	struct rd_vmm *vmm = ctx;
	enum rd_status st = RD_OK;

	if (message->type == RD_CTL_VMM_ATTACH) {
		send_status(vmm);
		if (!vmm->over) {
			rd_nsm_service_check_leaf(vmm->nsm);
		} else if (send_ended(vmm)) {
			rd_loop_stop(vmm->loop);
		}
	} else if (message->type == RD_CTL_VMM_TERMINATE) {
		terminate(vmm);
	} else if (message->type == RD_CTL_VMM_CONSOLE) {
		st = rd_console_follow(&vmm->console, rd_msg_fds_steal(fds, 0));
	} else if (message->type == RD_CTL_VMM_LEAF && !vmm->over) {
		st = rd_nsm_service_take_leaf(vmm->nsm, &message->leaf);
	} else {
		st = RD_FORBIDDEN;
	}
	if (st != RD_OK) {
		fprintf(stderr, "redoubt-vmm: %s from redoubtd: %s\n",
			rd_ctl_type_name(message->type), rd_status_text(st));
	}
}

/* --- the guest --- */

static void on_heartbeat(void *ctx)
{
	struct rd_vmm *vmm = ctx;
	struct rd_ctl_message message = {.type = RD_CTL_VMM_BOOTED};

	if (vmm->state != RD_CTL_STATE_BOOTING) {
		return; /* an application may send one, too */
	}
	vmm->state = RD_CTL_STATE_RUNNING;
	rd_watch_disarm(vmm->boot_timer);
	rd_vmm_image_release(&vmm->image);
	message.booted.boot_ms = rd_loop_now_ms() - vmm->launched_ms;
	if (rd_control_send(&vmm->control, &message) != RD_OK) {
		return; /* STATUS tells redoubtd when it is back */
	}
}

static void on_wrong_heartbeat(void *ctx, uint8_t byte)
{
	struct rd_vmm *vmm = ctx;

	/* Later ones are an application's own business. */
	if (vmm->state == RD_CTL_STATE_BOOTING) {
		vmm->wrong_heartbeat = true;
		vmm->heartbeat_byte = byte;
		vmm->engine_ops->kill(vmm->engine);
	}
}

static void on_end_report(void *ctx, const struct rd_guest_end *report)
{
	struct rd_vmm *vmm = ctx;

	if (vmm->reported) {
		return;
	}
	vmm->reported = true;
	vmm->report = *report;
	if (rd_watch_arm(vmm->end_timer, RESET_GRACE_MS) != RD_OK) {
		vmm->engine_ops->kill(vmm->engine);
	}
}

/* The parent's vmm or its guest has ended, however: its enclaves end with it. */
static void on_peer_gone(void *ctx, uint32_t cid)
{
	struct rd_vmm *vmm = ctx;

	(void)cid;
	vmm->orphaned = !vmm->over && !vmm->terminating;
	terminate(vmm);
}

static const struct rd_vsock_host_events guest_events = {
	.heartbeat = on_heartbeat,
	.wrong_heartbeat = on_wrong_heartbeat,
	.end_report = on_end_report,
	.peer_gone = on_peer_gone,
};

/* --- the engine --- */

static void on_kicked(void *ctx, unsigned queue)
{
	(void)queue;
	rd_vsock_host_kicked(((struct rd_vmm *)ctx)->vsock);
}

static void on_stopped(void *ctx, unsigned queue)
{
	(void)queue;
	rd_vsock_host_stopped(((struct rd_vmm *)ctx)->vsock);
}

static void on_console(void *ctx, struct rd_view bytes)
{
	rd_console_write(&((struct rd_vmm *)ctx)->console, bytes);
}

static void on_ended(void *ctx, const struct rd_engine_end *end)
{
	struct rd_vmm *vmm = ctx;

	/* What the guest put into its queues last may be its report. */
	rd_vsock_host_kicked(vmm->vsock);
	rd_vmm_judge(vmm, end, &vmm->ended);
	vmm->over = true;
	vmm->state = RD_CTL_STATE_ENDING;
	rd_watch_disarm(vmm->boot_timer);
	rd_vsock_host_free(&vmm->vsock);
	vmm->engine_ops->free(&vmm->engine);
	rd_vmm_memory_close(&vmm->memory);
	rd_vmm_image_close(&vmm->image);
	rd_nsm_service_free(&vmm->nsm);
	fprintf(stderr, "redoubt-vmm: ended: %s\n", vmm->ended.text);
	if (send_ended(vmm) || rd_watch_arm(vmm->end_timer, LINGER_MS) != RD_OK) {
		rd_loop_stop(vmm->loop);
	}
}

static const struct rd_engine_events engine_events = {
	.kicked = on_kicked,
	.stopped = on_stopped,
	.console = on_console,
	.ended = on_ended,
};

/* --- time and signals --- */

static void on_boot_timeout(void *ctx)
{
	struct rd_vmm *vmm = ctx;

	vmm->timed_out = true;
	vmm->engine_ops->kill(vmm->engine);
}

/* Reported and not reset; or ended and nobody came to ask. */
static void on_end_timer(void *ctx)
{
	struct rd_vmm *vmm = ctx;

	if (vmm->over) {
		rd_loop_stop(vmm->loop);
	} else {
		vmm->engine_ops->kill(vmm->engine);
	}
}

static void on_sigterm(void *ctx)
{
	struct rd_vmm *vmm = ctx;

	if (vmm->over) {
		rd_loop_stop(vmm->loop);
	}
	terminate(vmm);
}

enum rd_status rd_vmm_prepare_loop(struct rd_vmm *vmm)
{
	RD_TRY(rd_loop_new(&vmm->loop));
	RD_TRY(rd_loop_signal(vmm->loop, SIGTERM, on_sigterm, vmm, &vmm->sigterm));
	return rd_loop_signal(vmm->loop, SIGINT, on_sigterm, vmm, &vmm->sigint);
}

static enum rd_status attach_vsock(struct rd_vmm *vmm, struct rd_error *err)
{
	struct rd_vsock_host_config config = {
		.guest_cid = (uint32_t)vmm->launch.cid,
		.listener = vmm->vsock_listener,
		.connector = vmm->launch.parent ? NULL : &vmm->connector,
		.nsm = vmm->nsm,
		.engine_ops = vmm->engine_ops,
		.engine = vmm->engine,
		.loop = vmm->loop,
		.events = &guest_events,
		.ctx = vmm,
	};

	enum rd_status st;

	RD_TRY(rd_vsock_host_new(&config, &vmm->vsock, err));
	if (!vmm->launch.parent) {
		return RD_OK;
	}
	st = rd_peer_add(vmm->vsock, RD_CID_PARENT, rd_steal(&vmm->parent_link, -1));
	return st == RD_OK ? RD_OK : rd_fail(err, st, "cannot watch the parent's link");
}

static enum rd_status attach(struct rd_vmm *vmm)
{
	uint64_t boot_ms = rd_vmm_boot_timeout_ms(
		vmm->launch.eif_size, vmm->launch.memory_mib << 20);

	RD_TRY(rd_control_attach(&vmm->control, vmm->loop, on_message, vmm));
	RD_TRY(rd_nsm_service_attach(vmm->nsm, vmm->loop));
	rd_console_attach(&vmm->console, vmm->loop);
	RD_TRY(rd_loop_timer(vmm->loop, on_boot_timeout, vmm, &vmm->boot_timer));
	RD_TRY(rd_watch_arm(vmm->boot_timer, boot_ms + BOOT_SLACK_MS));
	RD_TRY(rd_loop_timer(vmm->loop, on_end_timer, vmm, &vmm->end_timer));
	return vmm->engine_ops->attach(vmm->engine, vmm->loop, &engine_events, vmm);
}

enum rd_status rd_vmm_run(struct rd_vmm *vmm, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(attach_vsock(vmm, err));
	st = attach(vmm);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot set up the event loop: %s", rd_status_text(st));
	}
	send_status(vmm);
	rd_nsm_service_check_leaf(vmm->nsm);
	st = rd_loop_run(vmm->loop);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "the event loop failed");
}

void rd_vmm_report_failure(struct rd_vmm *vmm, const struct rd_error *err)
{
	/* Not "boot failure", whose advice is the guest's console: no guest came to run. */
	vmm->ended = (struct rd_ctl_ended){.cause = RD_CTL_CAUSE_ENGINE, .code = RD_E_ENGINE};
	snprintf(vmm->ended.text, sizeof(vmm->ended.text), "%s", err->text);
	if (vmm->control.sock >= 0 && !send_ended(vmm)) {
		return; /* stderr has it */
	}
}

void rd_vmm_init(struct rd_vmm *vmm)
{
	*vmm = (struct rd_vmm){
		.control = RD_CONTROL_INIT,
		.connector = RD_CONNECTOR_INIT,
		.vsock_listener = -1,
		.parent_link = -1,
		.memory = RD_VMM_MEMORY_INIT,
		.image = RD_VMM_IMAGE_INIT,
	};
}

void rd_vmm_finish(struct rd_vmm *vmm)
{
	rd_vsock_host_free(&vmm->vsock);
	if (vmm->engine_ops != NULL) {
		vmm->engine_ops->free(&vmm->engine);
	}
	rd_vmm_memory_close(&vmm->memory);
	rd_nsm_service_free(&vmm->nsm);
	rd_console_finish(&vmm->console);
	rd_control_finish(&vmm->control);
	rd_connector_finish(&vmm->connector);
	rd_fd_close(&vmm->vsock_listener);
	rd_fd_close(&vmm->parent_link);
	rd_watch_free(&vmm->sigterm);
	rd_watch_free(&vmm->sigint);
	rd_watch_free(&vmm->boot_timer);
	rd_watch_free(&vmm->end_timer);
	rd_loop_free(&vmm->loop);
}
