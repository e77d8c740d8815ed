/* SPDX-License-Identifier: Apache-2.0 */
/* Instances: messages of their vmms, their ends. */
#include "redoubtd/instance.h"

#include "log/log.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "redoubtd/clients.h"
#include "redoubtd/enclave.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What vmm, QEMU and redoubt-net need above the guest's memory; QEMU caches tables of the disk. */
#define CGROUP_OVERHEAD_MIB 1024
/* QEMU has a thread a vCPU and up to 64 for the disk. */
#define CGROUP_PIDS_MAX (160 + 2 * RD_CTL_CPUS_MAX)

/* No guest boots and begins anew in less. */
#define RESET_AGAIN_MS 2000

struct rd_instance *rd_instance_find(const struct rd_daemon *d, const char *instance_id)
{
	struct rd_instance *in = d->instances;

	while (in != NULL && strcmp(in->domain.instance_id, instance_id) != 0) {
		in = in->next;
	}
	return in;
}

enum rd_status rd_instance_add(
	struct rd_daemon *d, const char *instance_id, struct rd_instance **ret)
{
	struct rd_instance *in;

	RD_ENSURE(rd_instance_id_valid(instance_id), RD_MALFORMED);
	RD_ENSURE(d->instance_count < RD_INSTANCES_MAX, RD_LIMIT);
	in = calloc(1, sizeof(*in));
	RD_ENSURE(in != NULL, RD_NOMEM);
	in->daemon = d;
	in->state = RD_CTL_INSTANCE_STOPPED;
	in->domain.instance = in;
	snprintf(in->domain.instance_id, sizeof(in->domain.instance_id), "%s", instance_id);
	snprintf(in->pki.instance_id, sizeof(in->pki.instance_id), "%s", instance_id);
	rd_registry_init(&in->domain.registry);
	in->imaging = (struct rd_child)RD_CHILD_INIT;
	in->vmm = (struct rd_child)RD_CHILD_INIT;
	in->imaging_out = in->base = in->sock = in->cgroup_fd = -1;
	in->next = d->instances;
	d->instances = in;
	d->instance_count++;
	*ret = in;
	return RD_OK;
}

/* The link and its watches; not the process, which may live on. */
static void unwatch(struct rd_instance *in)
{
	rd_watch_free(&in->sock_watch);
	rd_watch_free(&in->exit_watch);
	rd_watch_free(&in->timer);
	rd_fd_close(&in->sock);
}

static void free_instance(struct rd_instance *in)
{
	struct rd_instance **at = &in->daemon->instances;

	while (*at != in) {
		at = &(*at)->next;
	}
	*at = in->next;
	in->daemon->instance_count--;
	unwatch(in);
	rd_instance_stop_imaging(in);
	rd_fd_close(&in->vmm.pidfd);
	rd_fd_close(&in->cgroup_fd);
	rd_pki_instance_finish(&in->pki);
	free(in);
}

/* --- what is told of it --- */

void rd_instance_describe(const struct rd_instance *in, struct rd_ctl_instance *ret)
{
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->instance_id, sizeof(ret->instance_id), "%s", in->domain.instance_id);
	ret->state = in->state;
	ret->pid = in->vmm.pid > 0 ? (uint64_t)in->vmm.pid : 0;
	ret->started_ms = in->parent.started_ms;
	ret->cpus = in->parent.cpus;
	ret->memory_mib = in->parent.memory_mib;
	ret->enclave_count = in->domain.registry.count;
	ret->forwards = in->parent.forwards;
	if (in->has_end) {
		ret->cause = in->end.cause;
		memcpy(ret->text, in->end.text, sizeof(ret->text));
	}
}

void rd_instance_set_state(struct rd_instance *in, enum rd_ctl_instance_state state)
{
	struct rd_ctl_message m = {.type = RD_CTL_INSTANCE};

	in->state = state;
	rd_instance_describe(in, &m.instance);
	for (struct rd_client *c = in->daemon->clients; c != NULL; c = c->next) {
		if (c->watching) {
			rd_client_send(c, &m, -1);
		}
	}
}

enum rd_status rd_instance_send(struct rd_instance *in, const struct rd_ctl_message *m, int fd)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	struct rd_msg_fds fds = {.fd = {fd, -1, -1, -1}, .count = fd < 0 ? 0 : 1};
	enum rd_status st;

	RD_TRY(rd_ctl_encode(m, &buf));
	st = in->sock < 0 ? RD_CLOSED : rd_msg_send(in->sock, rd_buf_view(&buf), &fds);
	if (st != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: its vmm does not take %s: %s", in->domain.instance_id,
			rd_ctl_type_name(m->type), rd_status_text(st));
	}
	return st;
}

/* --- its enclaves --- */

struct rd_pki_instance *rd_instance_level(struct rd_domain *domain)
{
	return domain->instance == NULL ? NULL : &domain->instance->pki;
}

static bool index_taken(const struct rd_daemon *d, uint64_t index)
{
	for (const struct rd_instance *in = d->instances; in != NULL; in = in->next) {
		if (in->parent.uid_index == index) {
			return true;
		}
		for (const struct rd_enclave *e = in->domain.registry.first; e != NULL;
			e = e->next) {
			if (e->launch.uid_index == index) {
				return true;
			}
		}
	}
	return false;
}

/* The smallest that no living vmm has. */
static uint64_t free_index(const struct rd_daemon *d)
{
	uint64_t index = 1;

	while (index_taken(d, index)) {
		index++;
	}
	return index;
}

void rd_instance_name_enclave(
	const struct rd_domain *domain, const struct rd_daemon *d, struct rd_ctl_launch *l)
{
	if (domain->instance != NULL) {
		l->parent = true;
		l->uid_index = free_index(d);
		memcpy(l->role_arn, domain->instance->parent.role_arn, sizeof(l->role_arn));
	}
}

enum rd_status rd_instance_link(struct rd_domain *domain, uint64_t cid, int sock)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_PEER, .peer = {.cid = cid}};

	return rd_instance_send(domain->instance, &m, sock);
}

bool rd_instance_slot_taken(const struct rd_daemon *d, uint64_t slot_uid)
{
	for (const struct rd_instance *in = d->instances; in != NULL; in = in->next) {
		if (rd_registry_by_slot(&in->domain.registry, slot_uid) != NULL) {
			return true;
		}
	}
	return false;
}

void rd_instance_init_domain(struct rd_instance *in)
{
	in->domain.enclaves_max = !in->parent.enclaves ? 0
				  : in->parent.strict  ? RD_INSTANCE_ENCLAVES_STRICT
						       : RD_INSTANCE_ENCLAVES_MAX;
	rd_pool_init_instance(
		&in->domain.pool, in->parent.cpus, in->parent.memory_mib, in->parent.strict);
	in->guest_mib = in->parent.memory_mib;
	in->reserving = false;
	in->parent.uid_index = in->parent.uid_index != 0 ? in->parent.uid_index
							 : free_index(in->daemon);
}

/* --- its control group --- */

void rd_instance_open_cgroup(struct rd_instance *in, uint64_t memory_mib)
{
	struct rd_cgroup_limits limits = {
		.memory_max = (memory_mib + CGROUP_OVERHEAD_MIB) << 20,
		.pids_max = CGROUP_PIDS_MAX,
	};
	struct rd_error err = {.text = "internal error"};
	char name[RD_CGROUP_NAME_MAX];

	if (!in->daemon->use_cgroups) {
		return;
	}
	rd_fd_close(&in->cgroup_fd);
	snprintf(name, sizeof(name), "instance-%s", in->domain.instance_id);
	if (rd_cgroup_open(name, &limits, &in->cgroup_fd, &err) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: no limits by cgroup: %s", in->domain.instance_id,
			err.text);
		in->cgroup_fd = -1;
	}
}

static void remove_cgroup(struct rd_instance *in)
{
	char name[RD_CGROUP_NAME_MAX];

	if (in->cgroup_fd < 0) {
		return;
	}
	(void)!rd_cgroup_kill(in->cgroup_fd);
	rd_fd_close(&in->cgroup_fd);
	snprintf(name, sizeof(name), "instance-%s", in->domain.instance_id);
	if (rd_cgroup_remove(name) == RD_AGAIN) {
		rd_log(RD_LOG_WARNING, "%s: its cgroup is not empty yet", in->domain.instance_id);
	}
}

/* --- its end --- */

static void arm(struct rd_instance *in, uint64_t ms)
{
	if (rd_watch_arm(in->timer, ms) != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: no timer: killing it", in->domain.instance_id);
		(void)!rd_child_kill(&in->vmm, SIGKILL);
	}
}

void rd_instance_abort(struct rd_instance *in, enum rd_ctl_cause cause, const char *text)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_TERMINATE};

	if (!in->has_end) {
		in->has_end = true;
		in->end.cause = cause;
		rd_ctl_text_clean(rd_view_str(text), in->end.text, sizeof(in->end.text));
	}
	if (in->state != RD_CTL_INSTANCE_SHUTTING_DOWN) {
		rd_instance_set_state(in, RD_CTL_INSTANCE_STOPPING);
	}
	arm(in, rd_instance_send(in, &m, -1) == RD_OK ? RD_INSTANCE_QUIT_MS : 0);
}

void rd_instance_stop(struct rd_instance *in, bool hard)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_STOP, .vmm_stop = {.hard = hard}};

	in->terminate = false;
	rd_instance_set_state(in, RD_CTL_INSTANCE_STOPPING);
	if (in->vmm.pid < 0) {
		rd_instance_stop_imaging(in);
		rd_instance_vmm_gone(in);
		return;
	}
	arm(in, rd_instance_send(in, &m, -1) != RD_OK ? 0
		: hard                                ? RD_INSTANCE_QUIT_MS
						      : RD_INSTANCE_STOP_MS);
}

void rd_instance_terminate(struct rd_instance *in)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_TERMINATE};

	in->terminate = true;
	rd_instance_set_state(in, RD_CTL_INSTANCE_SHUTTING_DOWN);
	if (in->vmm_gone) {
		return; /* its enclaves are on their way */
	}
	if (in->vmm.pid < 0) {
		rd_instance_stop_imaging(in);
		rd_instance_vmm_gone(in);
		return;
	}
	arm(in, rd_instance_send(in, &m, -1) == RD_OK ? RD_INSTANCE_QUIT_MS : 0);
}

/* Nothing of it runs any more. */
static void finish(struct rd_instance *in)
{
	struct rd_daemon *d = in->daemon;

	remove_cgroup(in);
	rd_instance_remove_run(d, in->domain.instance_id);
	rd_pool_give_back(&d->host.pool, in->parent.memory_mib, &in->parent.cpu_ids);
	in->parent = (struct rd_ctl_parent){.started_ms = in->parent.started_ms};
	in->vmm_gone = false;
	in->adopted = false;
	rd_log(RD_LOG_INFO, "%s: %s: %s", in->domain.instance_id,
		in->terminate ? "terminated" : "stopped",
		in->has_end ? in->end.text : "it did not run");
	if (!in->terminate) {
		rd_instance_set_state(in, RD_CTL_INSTANCE_STOPPED);
		return;
	}
	rd_instance_remove_state(d, in->domain.instance_id);
	rd_instance_set_state(in, RD_CTL_INSTANCE_TERMINATED);
	free_instance(in);
}

static void end_enclaves(struct rd_instance *in)
{
	for (struct rd_enclave *e = in->domain.registry.first; e != NULL; e = e->next) {
		if (e->launched) {
			rd_enclave_terminate(e);
		}
	}
}

void rd_instance_vmm_gone(struct rd_instance *in)
{
	if (in->runner != NULL) {
		rd_client_error(in->runner, RD_I_INTERNAL,
			in->has_end ? in->end.text : "it was ended before it began");
		in->runner->starting = NULL;
		in->runner = NULL;
	}
	unwatch(in);
	/*
	 * What is being read for it has nobody to run for. Before vmm_gone is set: the end of the
	 * last enclave after that is the instance's.
	 */
	rd_clients_drop_domain(in->daemon, &in->domain);
	in->vmm_gone = true;
	if (in->domain.registry.count == 0) {
		finish(in);
		return;
	}
	if (in->state != RD_CTL_INSTANCE_SHUTTING_DOWN) {
		rd_instance_set_state(in, RD_CTL_INSTANCE_STOPPING);
	}
	end_enclaves(in);
}

void rd_instance_enclave_gone(struct rd_domain *domain)
{
	struct rd_instance *in = domain->instance;

	if (in == NULL) {
		return;
	}
	if (in->sock >= 0 && !in->vmm_gone) {
		(void)!rd_instance_set_balloon(in);
		rd_instance_set_state(in, in->state); /* it has one enclave less */
	} else if (in->vmm_gone && domain->registry.count == 0) {
		finish(in);
	}
}

/* --- messages of its vmm --- */

static void on_status(struct rd_instance *in, const struct rd_ctl_status *status)
{
	if (strcmp(status->enclave_id, in->domain.instance_id) != 0) {
		rd_instance_abort(in, RD_CTL_CAUSE_ENGINE, "its vmm answers for another one");
	} else if (status->state == RD_CTL_STATE_RUNNING && in->state == RD_CTL_INSTANCE_PENDING) {
		rd_watch_disarm(in->timer);
		/* What its guest has given up is not known to a daemon that was restarted. */
		if (in->adopted) {
			(void)!rd_instance_set_balloon(in);
		}
		rd_instance_set_state(in, RD_CTL_INSTANCE_RUNNING);
	}
}

static void on_ended(struct rd_instance *in, const struct rd_ctl_ended *ended)
{
	if (!in->has_end) {
		in->has_end = true;
		in->end = *ended;
	}
	if (in->state != RD_CTL_INSTANCE_SHUTTING_DOWN) {
		rd_instance_set_state(in, RD_CTL_INSTANCE_STOPPING);
	}
	arm(in, RD_ENCLAVE_GRACE_MS);
}

static void on_booted(struct rd_instance *in)
{
	if (in->state == RD_CTL_INSTANCE_PENDING) {
		rd_watch_disarm(in->timer);
		rd_instance_set_state(in, RD_CTL_INSTANCE_RUNNING);
	}
}

/* The firmware resets once more what the guest has reset: that is one log line, and two ends. */
static void on_reset(struct rd_instance *in)
{
	uint64_t now = rd_loop_now_ms();

	if (in->reset_ms == 0 || now - in->reset_ms > RESET_AGAIN_MS) {
		rd_log(RD_LOG_INFO, "%s: it begins anew: its enclaves end", in->domain.instance_id);
	}
	in->reset_ms = now;
	end_enclaves(in);
	rd_instance_forget_memory(in);
}

static void on_client(struct rd_instance *in, struct rd_msg_fds *fds)
{
	enum rd_status st = rd_clients_add_parent(
		&in->domain, in->daemon, rd_msg_fds_steal(fds, 0));

	if (st != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: a command of it was refused: %s",
			in->domain.instance_id, rd_status_text(st));
	}
}

static void on_message(
	struct rd_instance *in, const struct rd_ctl_message *m, struct rd_msg_fds *fds)
{
	if (m->type == RD_CTL_VMM_STATUS) {
		on_status(in, &m->status);
	} else if (m->type == RD_CTL_VMM_BOOTED) {
		on_booted(in);
	} else if (m->type == RD_CTL_VMM_ENDED) {
		on_ended(in, &m->ended);
	} else if (m->type == RD_CTL_VMM_PARENT_CLIENT) {
		on_client(in, fds);
	} else if (m->type == RD_CTL_VMM_PARENT_RESET) {
		on_reset(in);
	} else if (m->type == RD_CTL_VMM_BALLOON_AT) {
		rd_instance_balloon_at(in, &m->balloon);
	}
}

/* One datagram. RD_CLOSED and RD_AGAIN as from the socket; a bad message is RD_OK and an abort. */
static enum rd_status take_message(struct rd_instance *in)
{
	static uint8_t storage[RD_MSG_BYTES_MAX];
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct rd_ctl_message m;
	const char *field = "";
	size_t len = 0;
	enum rd_status st = rd_msg_recv(in->sock, storage, sizeof(storage), &len, &fds);

	if (st == RD_AGAIN || st == RD_CLOSED) {
		return st;
	}
	if (st == RD_OK) {
		st = rd_ctl_decode_named(
			rd_view(storage, len), fds.count, RD_CTL_VMM_TO_DAEMON, &m, &field);
	}
	if (st == RD_OK) {
		on_message(in, &m, &fds);
		return RD_OK;
	}
	rd_log(RD_LOG_ERROR, "%s: its vmm sent a bad message (%s%s%s)", in->domain.instance_id,
		field, *field == '\0' ? "" : ": ", rd_status_text(st));
	rd_instance_abort(in, RD_CTL_CAUSE_ENGINE, "its vmm sent a bad message");
	return RD_OK;
}

static void sock_ready(void *arg, unsigned events)
{
	struct rd_instance *in = arg;

	(void)events;
	if (take_message(in) == RD_CLOSED) {
		rd_watch_free(&in->sock_watch);
		rd_fd_close(&in->sock);
		arm(in, RD_ENCLAVE_GRACE_MS);
	}
}

static void guess_end(struct rd_instance *in, const struct rd_exit *how)
{
	in->has_end = true;
	in->end = (struct rd_ctl_ended){.cause = RD_CTL_CAUSE_VMM_LOST};
	if (in->state == RD_CTL_INSTANCE_STOPPING || in->state == RD_CTL_INSTANCE_SHUTTING_DOWN) {
		in->end.cause = RD_CTL_CAUSE_TERMINATED;
		snprintf(in->end.text, sizeof(in->end.text), "ended on request");
	} else if (in->adopted) {
		snprintf(in->end.text, sizeof(in->end.text), "redoubt-vmm ended without a word");
	} else {
		snprintf(in->end.text, sizeof(in->end.text),
			"redoubt-vmm ended without a word (%s %d)",
			how->signalled ? "signal" : "exit status", how->code);
	}
}

static void exited(void *arg, unsigned events)
{
	struct rd_instance *in = arg;
	struct rd_exit how = {0};

	(void)events;
	rd_watch_free(&in->exit_watch);
	/* What it said last may still be in the socket. */
	while (in->sock >= 0 && take_message(in) == RD_OK) {
	}
	if (in->adopted) {
		rd_fd_close(&in->vmm.pidfd);
	} else {
		(void)!rd_child_reap(&in->vmm, true, &how);
	}
	in->vmm = (struct rd_child)RD_CHILD_INIT;
	if (!in->has_end) {
		guess_end(in, &how);
	}
	rd_instance_vmm_gone(in);
}

static void timed_out(void *arg)
{
	struct rd_instance *in = arg;

	if (in->state == RD_CTL_INSTANCE_PENDING) {
		rd_instance_abort(in, RD_CTL_CAUSE_TIMEOUT, "QEMU did not start in time");
		return;
	}
	rd_log(RD_LOG_WARNING, "%s: its vmm (pid %d) does not end: killing it",
		in->domain.instance_id, (int)in->vmm.pid);
	(void)!rd_child_kill(&in->vmm, SIGKILL);
}

enum rd_status rd_instance_watch(struct rd_instance *in)
{
	struct rd_loop *loop = in->daemon->loop;

	RD_TRY(rd_loop_timer(loop, timed_out, in, &in->timer));
	RD_TRY(rd_loop_watch_fd(loop, in->vmm.pidfd, RD_LOOP_READ, exited, in, &in->exit_watch));
	if (in->sock >= 0) {
		RD_TRY(rd_loop_watch_fd(
			loop, in->sock, RD_LOOP_READ, sock_ready, in, &in->sock_watch));
	}
	return RD_OK;
}

void rd_instances_forget(struct rd_daemon *d)
{
	while (d->instances != NULL) {
		struct rd_instance *in = d->instances;

		while (in->domain.registry.first != NULL) {
			rd_enclave_forget(in->domain.registry.first);
		}
		free_instance(in);
	}
}
