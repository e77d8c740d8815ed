/* SPDX-License-Identifier: Apache-2.0 */
/* DESCRIBE, TERMINATE and CONSOLE; RUN is in ingest.c, RESERVE in instance_memory.c. */
#include "redoubtd/requests.h"

#include "os/fd.h"
#include "redoubtd/enclave.h"
#include "redoubtd/ingest.h"
#include "redoubtd/instance.h"
#include "redoubtd/places.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char not_yours[] =
	"the enclave belongs to another user: only its owner and root may do that";

/* Live and started; by id if there is one, else by name. */
static struct rd_enclave *find_live(
	const struct rd_domain *domain, const char *enclave_id, const char *name)
{
	struct rd_enclave *e;
	uint64_t slot = 0;

	if (enclave_id[0] == '\0') {
		e = rd_registry_by_name(&domain->registry, name);
	} else if (rd_slot_of_id(enclave_id, &slot) == RD_OK) {
		e = rd_registry_by_slot(&domain->registry, slot);
	} else {
		e = NULL;
	}
	return e != NULL && e->launched ? e : NULL;
}

/* E11 for an id and E58 for a name, as nitro-cli has it. */
static void refuse_unknown(struct rd_client *c, const char *enclave_id, const char *name)
{
	char text[RD_CTL_TEXT_MAX + 1];

	snprintf(text, sizeof(text), "there is no enclave \"%s\": see describe-enclaves",
		enclave_id[0] != '\0' ? enclave_id : name);
	rd_client_error(c, enclave_id[0] != '\0' ? RD_E_SOCKET : RD_E_NAME, text);
}

/* Whose enclaves are asked about; NULL when the client has been told why not. */
static const struct rd_domain *asked_domain(struct rd_client *c, const struct rd_ctl_describe *ask)
{
	struct rd_instance *in;
	char text[RD_CTL_TEXT_MAX + 1];

	if (ask->instance_id[0] == '\0') {
		return c->domain;
	}
	if (c->domain != &c->daemon->host) {
		rd_client_error(c, RD_E_CONNECTION, "an instance may not ask that");
		return NULL;
	}
	in = rd_instance_find(c->daemon, ask->instance_id);
	if (in == NULL) {
		snprintf(text, sizeof(text), "there is no instance \"%s\" here", ask->instance_id);
		rd_client_error(c, RD_I_NOTFOUND, text);
		return NULL;
	}
	return &in->domain;
}

static void describe_live(
	struct rd_client *c, const struct rd_domain *domain, const struct rd_ctl_describe *ask)
{
	struct rd_daemon *d = c->daemon;

	for (struct rd_enclave *e = domain->registry.first; e != NULL; e = e->next) {
		struct rd_ctl_message m = {.type = RD_CTL_ENCLAVE};
		int fd = -1;

		if (!e->launched ||
			(ask->name[0] != '\0' && strcmp(ask->name, e->launch.name) != 0)) {
			continue;
		}
		if (ask->enclave_id[0] != '\0' && find_live(domain, ask->enclave_id, "") != e) {
			continue;
		}
		rd_enclave_describe(e, rd_client_may(c, e->launch.owner_uid), &m.enclave);
		if (ask->metadata && m.enclave.full) {
			(void)!rd_places_open(d, e->slot, "metadata", &fd);
		}
		rd_client_send(c, &m, fd);
	}
}

static void describe_ended(
	struct rd_client *c, const struct rd_domain *domain, const struct rd_ctl_describe *ask)
{
	const struct rd_ended *ended = &c->daemon->ended;
	uint64_t slot = 0;
	bool by_slot = ask->enclave_id[0] != '\0';

	if (by_slot && rd_slot_of_id(ask->enclave_id, &slot) != RD_OK) {
		return;
	}
	for (size_t i = 0; i < ended->count; i++) {
		const struct rd_ended_record *r = &ended->records[i];
		struct rd_ctl_message m = {.type = RD_CTL_ENCLAVE, .enclave = r->enclave};

		if (rd_ended_is_of(r->enclave.enclave_id, domain->instance_id) &&
			rd_client_may(c, r->enclave.owner_uid) &&
			(!by_slot || r->slot_uid == slot) &&
			(ask->name[0] == '\0' || strcmp(ask->name, r->enclave.name) == 0)) {
			rd_client_send(c, &m, -1);
		}
	}
}

static void describe(struct rd_client *c, const struct rd_ctl_describe *ask)
{
	const struct rd_domain *domain = asked_domain(c, ask);

	if (domain == NULL) {
		return;
	}
	if (ask->ended) {
		describe_ended(c, domain, ask);
	} else {
		describe_live(c, domain, ask);
	}
	rd_client_done(c);
}

/* The end is asked for here; the answer is sent when it has come (rd_clients_gone). */
static void wait_for_end(struct rd_client *c, struct rd_enclave *e)
{
	c->waits[c->wait_count++] = e->launch.slot_uid;
	rd_enclave_terminate(e);
}

static void terminate_all(struct rd_client *c)
{
	for (struct rd_enclave *e = c->domain->registry.first; e != NULL; e = e->next) {
		if (e->launched && rd_client_may(c, e->launch.owner_uid)) {
			wait_for_end(c, e);
		}
	}
	if (c->wait_count == 0) {
		rd_client_done(c);
	}
}

static void terminate(struct rd_client *c, const struct rd_ctl_target *target)
{
	struct rd_enclave *e;

	if (target->all) {
		terminate_all(c);
		return;
	}
	e = find_live(c->domain, target->enclave_id, target->name);
	if (e == NULL) {
		refuse_unknown(c, target->enclave_id, target->name);
	} else if (!rd_client_may(c, e->launch.owner_uid)) {
		rd_client_error(c, RD_E_CONNECTION, not_yours);
	} else {
		wait_for_end(c, e);
	}
}

static void console_live(struct rd_client *c, struct rd_enclave *e)
{
	struct rd_ctl_message ask = {.type = RD_CTL_VMM_CONSOLE};
	struct rd_ctl_message answer = {.type = RD_CTL_CONSOLE_FD};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		rd_client_error(c, RD_E_CONSOLE, "no pipe for the console: too many open files");
		return;
	}
	memcpy(answer.console_fd.enclave_id, e->launch.enclave_id,
		sizeof(answer.console_fd.enclave_id));
	answer.console_fd.cid = e->launch.cid;
	if (rd_enclave_send(e, &ask, ends[1]) == RD_OK) {
		rd_client_send(c, &answer, rd_steal(&ends[0], -1));
		c->closing = true;
	} else {
		rd_client_error(c, RD_E_CONSOLE, "the enclave's vmm does not give its console");
	}
	rd_fd_close(&ends[0]);
	rd_fd_close(&ends[1]);
}

static void console_ended(struct rd_client *c, const struct rd_ended_record *r)
{
	struct rd_ctl_message m = {.type = RD_CTL_CONSOLE_FD};
	int fd = -1;

	if (rd_ended_console(&c->daemon->ended, r->slot_uid, &fd) != RD_OK) {
		rd_client_error(c, RD_E_CONSOLE, "no console was kept of that enclave");
		return;
	}
	memcpy(m.console_fd.enclave_id, r->enclave.enclave_id, sizeof(m.console_fd.enclave_id));
	m.console_fd.cid = r->enclave.cid;
	m.console_fd.ring = true;
	rd_client_send(c, &m, fd);
	c->closing = true;
}

static void console(struct rd_client *c, const struct rd_ctl_target *target)
{
	struct rd_daemon *d = c->daemon;
	struct rd_enclave *e = find_live(c->domain, target->enclave_id, target->name);
	const struct rd_ended_record *r = NULL;
	uint64_t slot = 0;

	if (e == NULL && (target->enclave_id[0] == '\0' ||
				 rd_slot_of_id(target->enclave_id, &slot) == RD_OK)) {
		r = rd_ended_find(&d->ended, slot, target->name, c->domain->instance_id);
	}
	if (e == NULL && r == NULL) {
		refuse_unknown(c, target->enclave_id, target->name);
	} else if (!rd_client_may(c, e != NULL ? e->launch.owner_uid : r->enclave.owner_uid)) {
		rd_client_error(c, RD_E_CONNECTION, not_yours);
	} else if (e != NULL ? !e->launch.debug : !r->enclave.debug) {
		rd_client_error(c, RD_E_CONSOLE,
			"the enclave does not run in debug mode: only --debug-mode has a console");
	} else if (e != NULL) {
		console_live(c, e);
	} else {
		console_ended(c, r);
	}
}

void rd_request(struct rd_client *c, const struct rd_ctl_message *m, struct rd_msg_fds *fds)
{
	if (m->type >= RD_CTL_INSTANCE_RUN) {
		rd_instance_request(c, m, fds);
	} else if (m->type == RD_CTL_RUN) {
		rd_ingest_start(c, &m->run, rd_msg_fds_steal(fds, 0));
	} else if (m->type == RD_CTL_DESCRIBE) {
		describe(c, &m->describe);
	} else if (m->type == RD_CTL_TERMINATE) {
		terminate(c, &m->target);
	} else if (m->type == RD_CTL_RESERVE) {
		rd_instance_reserve(c, m->reserve.memory_mib);
	} else {
		console(c, &m->target);
	}
}
