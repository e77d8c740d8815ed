/* SPDX-License-Identifier: Apache-2.0 */
/* Enclaves: messages of their vmms, time-outs, ends. */
#include "redoubtd/enclave.h"

#include "log/log.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "os/msg.h"
#include "redoubtd/clients.h"
#include "redoubtd/instance.h"
#include "redoubtd/launch.h"
#include "redoubtd/places.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define GIB ((uint64_t)1 << 30)

/*
 * Leaves: one at the boot and one every three hours are needed. A vmm that a guest has taken over
 * may ask for more, but not keep us busy signing.
 */
#define LEAF_BURST       4
#define LEAF_INTERVAL_MS 60000

uint64_t rd_enclave_boot_timeout_ms(const struct rd_ctl_launch *launch)
{
	uint64_t memory = launch->memory_mib << 20;

	return 90000 * (1 + (launch->eif_size - 1) / (6 * GIB)) +
	       90000 * (1 + (memory - 1) / (100 * GIB));
}

void rd_enclave_describe(const struct rd_enclave *e, bool full, struct rd_ctl_enclave *ret)
{
	const struct rd_ctl_launch *l = &e->launch;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->name, l->name, sizeof(ret->name));
	memcpy(ret->enclave_id, l->enclave_id, sizeof(ret->enclave_id));
	ret->pid = e->vmm.pid > 0 ? (uint64_t)e->vmm.pid : 0;
	ret->cid = l->cid;
	ret->cpu_ids = l->cpu_ids;
	ret->memory_mib = l->memory_mib;
	ret->state = e->terminating ? RD_CTL_STATE_ENDING : e->state;
	ret->debug = l->debug;
	ret->full = full;
	ret->started_ms = l->slot_uid >> 16;
	if (!full) {
		return;
	}
	ret->owner_uid = l->owner_uid;
	/* What the enclave's own NSM reports: in debug mode PCR0 to PCR2 (and 8) stay zero. */
	if (!l->debug) {
		memcpy(ret->pcr0, l->pcr0, sizeof(ret->pcr0));
		memcpy(ret->pcr1, l->pcr1, sizeof(ret->pcr1));
		memcpy(ret->pcr2, l->pcr2, sizeof(ret->pcr2));
		memcpy(ret->pcr8, l->pcr8, sizeof(ret->pcr8));
	}
}

enum rd_status rd_enclave_send(struct rd_enclave *e, const struct rd_ctl_message *m, int fd)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;
	enum rd_status st;

	if (fd >= 0) {
		fds.fd[fds.count++] = fd;
	}
	RD_TRY(rd_ctl_encode(m, &buf));
	st = e->sock < 0 ? RD_CLOSED : rd_msg_send(e->sock, rd_buf_view(&buf), &fds);
	if (st != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: its vmm does not take %s: %s", e->launch.enclave_id,
			rd_ctl_type_name(m->type), rd_status_text(st));
	}
	return st;
}

static void arm(struct rd_enclave *e, uint64_t ms)
{
	if (rd_watch_arm(e->timer, ms) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: no timer: killing it", e->launch.enclave_id);
		(void)!rd_child_kill(&e->vmm, SIGKILL);
	}
}

void rd_enclave_terminate(struct rd_enclave *e)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_TERMINATE};

	if (e->terminating) {
		return;
	}
	e->terminating = true;
	arm(e, rd_enclave_send(e, &m, -1) == RD_OK ? RD_ENCLAVE_GRACE_MS : 0);
}

void rd_enclave_abort(struct rd_enclave *e, enum rd_ctl_cause cause, const char *text)
{
	if (!e->has_end) {
		e->has_end = true;
		e->end.cause = cause;
		e->end.code = RD_E_BOOT;
		rd_ctl_text_clean(rd_view_str(text), e->end.text, sizeof(e->end.text));
	}
	rd_enclave_terminate(e);
}

static void give_loan_back(struct rd_enclave *e)
{
	rd_pool_return_loan(&e->daemon->host.pool, rd_steal(&e->lent_mib, 0));
}

void rd_enclave_memory(struct rd_enclave *e, bool given)
{
	if (!e->waits_for_memory) {
		return;
	}
	e->waits_for_memory = false;
	e->memory_refused = !given;
	give_loan_back(e);
	if (!e->launched) {
		return; /* its image is still being read */
	}
	if (given) {
		rd_clients_running(e);
		return;
	}
	rd_enclave_abort(e, RD_CTL_CAUSE_TIMEOUT, RD_ENCLAVE_NO_MEMORY);
	e->end.code = RD_E_MEMORY_NOT_AVAILABLE;
}

static void timed_out(void *arg)
{
	struct rd_enclave *e = arg;

	if (e->state == RD_CTL_STATE_BOOTING && !e->terminating && !e->has_end) {
		rd_log(RD_LOG_WARNING, "%s: no heartbeat in time", e->launch.enclave_id);
		rd_enclave_abort(e, RD_CTL_CAUSE_TIMEOUT,
			"no heartbeat within the boot time-out: run it with --debug-mode and read its "
			"console");
		return;
	}
	rd_log(RD_LOG_WARNING, "%s: its vmm (pid %d) does not end: killing it",
		e->launch.enclave_id, (int)e->vmm.pid);
	(void)!rd_child_kill(&e->vmm, SIGKILL);
}

/* The vmm has no business with us any more; its process has RD_ENCLAVE_GRACE_MS to go. */
static void close_link(struct rd_enclave *e)
{
	rd_watch_free(&e->sock_watch);
	rd_fd_close(&e->sock);
	arm(e, RD_ENCLAVE_GRACE_MS);
}

static bool leaf_allowed(struct rd_enclave *e)
{
	uint64_t now = rd_loop_now_ms();

	if (e->leaf_count < LEAF_BURST) {
		e->leaf_count++;
	} else if (now - e->last_leaf_ms < LEAF_INTERVAL_MS) {
		return false;
	}
	e->last_leaf_ms = now;
	return true;
}

static enum rd_status answer_leaf(struct rd_enclave *e, struct rd_view spki, struct rd_error *err)
{
	struct rd_daemon *d = e->daemon;
	struct rd_buf cert RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_CERTIFICATE_MAX);
	struct rd_ctl_message m = {.type = RD_CTL_VMM_LEAF};
	char module_id[RD_CTL_ID_MAX + 1];

	if (!leaf_allowed(e)) {
		return rd_fail(err, RD_LIMIT, "asks for certificates too often");
	}
	snprintf(module_id, sizeof(module_id), "%s-enc%016llx", e->domain->instance_id,
		(unsigned long long)e->launch.slot_uid);
	RD_TRY(rd_pki_store_leaf(&d->pki, rd_instance_level(e->domain), spki, module_id,
		(int64_t)(rd_daemon_now_ms() / 1000), &cert, &m.leaf.cabundle, err));
	m.leaf.certificate = rd_buf_view(&cert);
	return rd_enclave_send(e, &m, -1);
}

static void on_status(struct rd_enclave *e, const struct rd_ctl_status *status)
{
	if (strcmp(status->enclave_id, e->launch.enclave_id) != 0) {
		rd_enclave_abort(e, RD_CTL_CAUSE_ENGINE, "its vmm answers for another enclave");
		return;
	}
	if (status->state == RD_CTL_STATE_RUNNING && e->state == RD_CTL_STATE_BOOTING) {
		e->state = RD_CTL_STATE_RUNNING;
		rd_watch_disarm(e->timer);
	}
	rd_clients_started(e);
}

static void on_booted(struct rd_enclave *e, uint64_t boot_ms)
{
	if (e->state != RD_CTL_STATE_BOOTING) {
		return;
	}
	e->state = RD_CTL_STATE_RUNNING;
	if (!e->terminating) {
		rd_watch_disarm(e->timer);
	}
	rd_log(RD_LOG_INFO, "%s: up after %llu ms", e->launch.enclave_id,
		(unsigned long long)boot_ms);
	rd_clients_running(e);
}

static void on_ended(struct rd_enclave *e, const struct rd_ctl_ended *ended)
{
	if (!e->has_end) {
		e->has_end = true;
		e->end = *ended;
	}
	e->state = RD_CTL_STATE_ENDING;
	arm(e, RD_ENCLAVE_GRACE_MS);
}

static void on_message(struct rd_enclave *e, const struct rd_ctl_message *m)
{
	struct rd_error err = {.text = "internal error"};

	if (m->type == RD_CTL_VMM_STATUS) {
		on_status(e, &m->status);
	} else if (m->type == RD_CTL_VMM_BOOTED) {
		on_booted(e, m->booted.boot_ms);
	} else if (m->type == RD_CTL_VMM_ENDED) {
		on_ended(e, &m->ended);
	} else if (m->type == RD_CTL_VMM_LEAF_REQUEST &&
		   answer_leaf(e, m->leaf_request.spki, &err) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: no certificate: %s", e->launch.enclave_id, err.text);
	}
}

/* One datagram. RD_CLOSED and RD_AGAIN as from the socket; a bad message is RD_OK and an abort. */
static enum rd_status take_message(struct rd_enclave *e)
{
	static uint8_t storage[RD_MSG_BYTES_MAX];
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct rd_ctl_message m;
	const char *field = "";
	size_t len = 0;
	enum rd_status st = rd_msg_recv(e->sock, storage, sizeof(storage), &len, &fds);

	if (st == RD_AGAIN || st == RD_CLOSED) {
		return st;
	}
	if (st == RD_OK) {
		st = rd_ctl_decode_named(
			rd_view(storage, len), fds.count, RD_CTL_VMM_TO_DAEMON, &m, &field);
	}
	if (st == RD_OK) {
		on_message(e, &m);
		return RD_OK;
	}
	rd_log(RD_LOG_ERROR, "%s: its vmm sent a bad message (%s%s%s)", e->launch.enclave_id, field,
		*field == '\0' ? "" : ": ", rd_status_text(st));
	rd_enclave_abort(e, RD_CTL_CAUSE_ENGINE, "its vmm sent a bad message");
	return RD_OK;
}

static void sock_ready(void *arg, unsigned events)
{
	struct rd_enclave *e = arg;

	(void)events;
	if (take_message(e) == RD_CLOSED) {
		close_link(e);
	}
}

/* How an end that the vmm did not report came about. */
static void guess_end(struct rd_enclave *e, const struct rd_exit *how)
{
	e->has_end = true;
	e->end.code = RD_E_BOOT;
	if (e->terminating) {
		e->end.cause = RD_CTL_CAUSE_TERMINATED;
		snprintf(e->end.text, sizeof(e->end.text), "terminated");
	} else if (e->adopted) {
		e->end.cause = RD_CTL_CAUSE_VMM_LOST;
		snprintf(e->end.text, sizeof(e->end.text), "redoubt-vmm ended without a word");
	} else {
		e->end.cause = RD_CTL_CAUSE_VMM_LOST;
		snprintf(e->end.text, sizeof(e->end.text),
			"redoubt-vmm ended without a word (%s %d)",
			how->signalled ? "signal" : "exit status", how->code);
	}
}

static void exited(void *arg, unsigned events)
{
	struct rd_enclave *e = arg;
	struct rd_exit how = {0};

	(void)events;
	rd_watch_free(&e->exit_watch);
	if (!e->adopted) {
		(void)!rd_child_reap(&e->vmm, true, &how);
	}
	/* What it said last may still be in the socket. */
	while (e->sock >= 0 && take_message(e) == RD_OK) {
	}
	if (!e->has_end) {
		guess_end(e, &how);
	}
	rd_enclave_gone(e);
}

enum rd_status rd_enclave_watch(struct rd_enclave *e)
{
	struct rd_loop *loop = e->daemon->loop;

	RD_TRY(rd_loop_timer(loop, timed_out, e, &e->timer));
	RD_TRY(rd_loop_watch_fd(loop, e->vmm.pidfd, RD_LOOP_READ, exited, e, &e->exit_watch));
	if (e->sock >= 0) {
		RD_TRY(rd_loop_watch_fd(
			loop, e->sock, RD_LOOP_READ, sock_ready, e, &e->sock_watch));
	}
	return RD_OK;
}

/* Whatever the vmm left running, QEMU above all, ends with it. */
static void remove_cgroup(struct rd_enclave *e)
{
	char name[RD_CGROUP_NAME_MAX];

	if (e->cgroup_fd < 0) {
		return;
	}
	(void)!rd_cgroup_kill(e->cgroup_fd);
	rd_fd_close(&e->cgroup_fd);
	rd_launch_cgroup_name(e->slot, name);
	if (rd_cgroup_remove(name) == RD_AGAIN) {
		rd_log(RD_LOG_WARNING, "%s: its cgroup is not empty yet", e->launch.enclave_id);
	}
}

static void keep_record(struct rd_enclave *e)
{
	struct rd_daemon *d = e->daemon;
	struct rd_ended_record record = {.slot_uid = e->launch.slot_uid};
	struct rd_error err = {.text = "internal error"};
	int console RD_CLEANUP(rd_fd_close) = -1;

	rd_enclave_describe(e, true, &record.enclave);
	record.enclave.state = RD_CTL_STATE_ENDED;
	record.enclave.pid = 0;
	record.enclave.ended_ms = rd_daemon_now_ms();
	record.enclave.cause = e->end.cause;
	record.enclave.exit_status = e->end.exit_status;
	memcpy(record.enclave.text, e->end.text, sizeof(record.enclave.text));
	if (e->launch.debug) {
		(void)!rd_places_open(d, e->slot, "console", &console);
	}
	if (rd_ended_add(&d->ended, &record, console, &err) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: its end is not recorded on disk: %s",
			e->launch.enclave_id, err.text);
	}
}

static void unwatch(struct rd_enclave *e)
{
	rd_watch_free(&e->sock_watch);
	rd_watch_free(&e->exit_watch);
	rd_watch_free(&e->timer);
	rd_fd_close(&e->sock);
}

static void release(struct rd_enclave *e)
{
	struct rd_daemon *d = e->daemon;
	struct rd_domain *domain = e->domain;

	unwatch(e);
	if (e->adopted) {
		rd_fd_close(&e->vmm.pidfd);
	} else {
		rd_child_finish(&e->vmm);
	}
	remove_cgroup(e);
	rd_places_remove(d, e->slot);
	give_loan_back(e);
	rd_pool_give_back(&domain->pool, e->launch.memory_mib, &e->launch.cpu_ids);
	rd_registry_remove(&domain->registry, &e);
	rd_instance_enclave_gone(domain);
}

void rd_enclave_gone(struct rd_enclave *e)
{
	rd_log(RD_LOG_INFO, "%s: ended: %s", e->launch.enclave_id, e->end.text);
	keep_record(e);
	rd_clients_gone(e);
	release(e);
}

void rd_enclave_drop(struct rd_enclave *e)
{
	release(e);
}

void rd_enclave_forget(struct rd_enclave *e)
{
	struct rd_domain *domain = e->domain;

	unwatch(e);
	rd_fd_close(&e->vmm.pidfd);
	rd_fd_close(&e->cgroup_fd);
	rd_registry_remove(&domain->registry, &e);
}
