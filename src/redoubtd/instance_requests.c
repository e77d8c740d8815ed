/* SPDX-License-Identifier: Apache-2.0 */
/* What redoubt-ec2 asks of instances; RUN is in instance_run.c. */
#include "redoubtd/instance.h"

#include "os/fd.h"
#include "redoubtd/clients.h"

#include <stdio.h>
#include <string.h>

static void refuse_unknown(struct rd_client *c, const char *instance_id)
{
	char text[RD_CTL_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "there is no instance \"%s\" here", instance_id);
	rd_client_error(c, RD_I_NOTFOUND, text);
}

/* NULL when it is not there, and the client has been told. */
static struct rd_instance *find(struct rd_client *c, const char *instance_id)
{
	struct rd_instance *in = rd_instance_find(c->daemon, instance_id);

	if (in == NULL) {
		refuse_unknown(c, instance_id);
	}
	return in;
}

static void send_one(struct rd_client *c, const struct rd_instance *in)
{
	struct rd_ctl_message m = {.type = RD_CTL_INSTANCE};

	rd_instance_describe(in, &m.instance);
	rd_client_send(c, &m, -1);
}

static void describe(struct rd_client *c, const char *instance_id)
{
	const struct rd_instance *in;

	if (instance_id[0] != '\0') {
		in = find(c, instance_id);
		if (in == NULL) {
			return;
		}
		send_one(c, in);
	} else {
		for (in = c->daemon->instances; in != NULL; in = in->next) {
			send_one(c, in);
		}
	}
	rd_client_done(c);
}

static void watch(struct rd_client *c)
{
	for (const struct rd_instance *in = c->daemon->instances; in != NULL; in = in->next) {
		send_one(c, in);
	}
	c->watching = true;
}

/* Stopping what stops or is stopped is no error: redoubt-ec2 may have missed an answer. */
static void stop(struct rd_client *c, const struct rd_ctl_instance_target *target)
{
	struct rd_instance *in = find(c, target->instance_id);

	if (in == NULL) {
		return;
	}
	if (in->state == RD_CTL_INSTANCE_PENDING || in->state == RD_CTL_INSTANCE_RUNNING ||
		(in->state == RD_CTL_INSTANCE_STOPPING && target->hard && !in->vmm_gone)) {
		rd_instance_stop(in, target->hard);
	}
	rd_client_done(c);
}

static void terminate(struct rd_client *c, const struct rd_ctl_instance_target *target)
{
	struct rd_instance *in = find(c, target->instance_id);

	if (in == NULL) {
		return;
	}
	if (in->state != RD_CTL_INSTANCE_SHUTTING_DOWN) {
		rd_instance_terminate(in);
	}
	rd_client_done(c);
}

/* A running one, or NULL and the client has been told. */
static struct rd_instance *find_running(struct rd_client *c, const char *instance_id)
{
	struct rd_instance *in = find(c, instance_id);

	if (in != NULL && in->state != RD_CTL_INSTANCE_RUNNING) {
		rd_client_error(c, RD_I_STATE, "the instance is not running");
		return NULL;
	}
	return in;
}

static void pass_on(struct rd_client *c, struct rd_instance *in, const struct rd_ctl_message *m)
{
	if (rd_instance_send(in, m, -1) == RD_OK) {
		rd_client_done(c);
	} else {
		rd_client_error(c, RD_I_INTERNAL, "the instance's vmm does not answer");
	}
}

static void reboot(struct rd_client *c, const struct rd_ctl_instance_target *target)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_REBOOT, .vmm_stop = {.hard = target->hard}};
	struct rd_instance *in = find_running(c, target->instance_id);

	if (in != NULL) {
		pass_on(c, in, &m);
	}
}

static void forwards(struct rd_client *c, const struct rd_ctl_instance_forwards *ask)
{
	struct rd_ctl_message m = {.type = RD_CTL_VMM_FORWARDS,
		.vmm_forwards = {.forwards = ask->forwards, .hops = ask->hops}};
	struct rd_instance *in = find_running(c, ask->instance_id);

	if (in != NULL) {
		in->parent.forwards = ask->forwards;
		pass_on(c, in, &m);
	}
}

static void console(struct rd_client *c, const struct rd_ctl_instance_target *target)
{
	struct rd_ctl_message m = {.type = RD_CTL_CONSOLE_FD, .console_fd = {.ring = true}};
	struct rd_instance *in = find(c, target->instance_id);
	struct rd_error err = {.text = ""};
	int fd = -1;

	if (in == NULL) {
		return;
	}
	if (rd_instance_open_console(c->daemon, target->instance_id, false, &fd, &err) != RD_OK) {
		rd_client_error(c, RD_I_NOTFOUND, err.text);
		return;
	}
	memcpy(m.console_fd.enclave_id, target->instance_id, sizeof(m.console_fd.enclave_id));
	rd_client_send(c, &m, fd);
	c->closing = true;
}

void rd_instance_request(
	struct rd_client *c, const struct rd_ctl_message *m, struct rd_msg_fds *fds)
{
	if (c->domain != &c->daemon->host) {
		rd_client_error(c, RD_E_CONNECTION, "an instance may not ask that");
	} else if (m->type == RD_CTL_INSTANCE_RUN) {
		rd_instance_run(c, &m->instance_run, rd_msg_fds_steal(fds, 0));
	} else if (m->type == RD_CTL_INSTANCE_STOP) {
		stop(c, &m->instance_target);
	} else if (m->type == RD_CTL_INSTANCE_REBOOT) {
		reboot(c, &m->instance_target);
	} else if (m->type == RD_CTL_INSTANCE_TERMINATE) {
		terminate(c, &m->instance_target);
	} else if (m->type == RD_CTL_INSTANCE_DESCRIBE) {
		describe(c, m->instance_target.instance_id);
	} else if (m->type == RD_CTL_INSTANCE_CONSOLE) {
		console(c, &m->instance_target);
	} else if (m->type == RD_CTL_INSTANCE_WATCH) {
		watch(c);
	} else {
		forwards(c, &m->instance_forwards);
	}
}
