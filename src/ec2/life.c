/* SPDX-License-Identifier: Apache-2.0 */
/* States, and what redoubtd is asked and says. */
#include "ec2/life.h"

#include "ec2/disk.h"
#include "ec2/metadata.h"
#include "ec2/metrics.h"
#include "ec2/network.h"
#include "ec2/types.h"
#include "log/log.h"
#include "os/fd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* EC2 shows terminated instances for about an hour, and keeps tokens longer than any retry. */
#define SHOWN_MS  (60 * 60 * 1000LL)
#define TOKENS_MS (24 * 60 * 60 * 1000LL)

const char *ec2_state_name(uint32_t state)
{
	switch (state) {
	case EC2_PENDING:
		return "pending";
	case EC2_RUNNING:
		return "running";
	case EC2_SHUTTING_DOWN:
		return "shutting-down";
	case EC2_TERMINATED:
		return "terminated";
	case EC2_STOPPING:
		return "stopping";
	default:
		return "stopped";
	}
}

void ec2_set_state(struct ec2_instance *i, uint32_t state, const char *reason_code,
	const char *reason_message, bool by_user, int64_t now_ms)
{
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm = {0};
	char when[32] = "";

	i->state = state;
	i->changed_ms = now_ms;
	snprintf(i->reason_code, sizeof(i->reason_code), "%s", reason_code);
	snprintf(i->reason_message, sizeof(i->reason_message), "%s%s%s", reason_code,
		reason_code[0] == '\0' ? "" : ": ", reason_message);
	i->transition[0] = '\0';
	if (by_user && gmtime_r(&seconds, &tm) != NULL &&
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm) > 0) {
		snprintf(i->transition, sizeof(i->transition), "User initiated (%s GMT)", when);
	}
}

/* --- asking --- */

struct forwards {
	const struct ec2 *ec2;
	struct rd_ctl_texts *texts;
};

static enum rd_status add_forward(void *arg, const struct ec2_port *port)
{
	const struct forwards *f = arg;

	RD_ENSURE(f->texts->count < RD_CTL_FORWARDS_MAX, RD_LIMIT);
	snprintf(f->texts->items[f->texts->count], RD_CTL_FORWARD_MAX + 1, "%s:%s:%u:%u",
		port->protocol, f->ec2->config.forward_address, port->port, port->instance_port);
	f->texts->count++;
	return RD_OK;
}

static enum rd_status list_forwards(
	const struct ec2 *ec2, struct rd_db *db, const char *id, struct rd_ctl_texts *ret)
{
	struct forwards f = {.ec2 = ec2, .texts = ret};

	ret->count = 0;
	return ec2_store_ports(db, id, add_forward, &f);
}

static enum rd_status describe_machine(struct ec2 *ec2, struct rd_db *db,
	const struct ec2_instance *i, struct rd_ctl_instance_run *ret)
{
	const struct ec2_type *type = ec2_type_find(i->type);
	char hostname[EC2_HOSTNAME_SIZE];
	char path[RD_PATH_MAX + EC2_ID_SIZE + sizeof("/imds/.sock")];
	int n;

	RD_ENSURE(type != NULL, RD_INTERNAL);
	snprintf(ret->instance_id, sizeof(ret->instance_id), "%s", i->head.id);
	ret->cpus = type->vcpus;
	ret->memory_mib = type->memory_mib;
	ret->enclaves = i->enclaves;
	ret->strict = ec2->config.strict;
	ret->fresh = i->fresh;
	snprintf(ret->role_arn, sizeof(ret->role_arn), "%s", i->role_arn);
	snprintf(ret->account, sizeof(ret->account), "%s", i->head.account);
	snprintf(ret->image_format, sizeof(ret->image_format), "%s", i->format);
	ret->disk_gib = i->root_gib;
	snprintf(ret->mac, sizeof(ret->mac), "%s", i->mac);
	snprintf(ret->private_ip, sizeof(ret->private_ip), "%s/%d", i->private_ip, EC2_SUBNET_BITS);
	ec2_hostname(i->private_ip, hostname);
	snprintf(ret->hostname, sizeof(ret->hostname), "%s", hostname);
	n = snprintf(path, sizeof(path), "%s/imds/%s.sock", ec2->config.run, i->head.id);
	RD_ENSURE(n > 0 && n <= RD_CTL_PATH_MAX, RD_LIMIT);
	memcpy(ret->imds, path, (size_t)n + 1);
	ret->hops = i->hop_limit;
	return list_forwards(ec2, db, i->head.id, &ret->forwards);
}

enum rd_status ec2_host_run(
	struct ec2 *ec2, struct rd_db *db, const struct ec2_instance *i, struct ec2_refusal *why)
{
	int image RD_CLEANUP(rd_fd_close) = -1;
	const struct ec2_type *type = ec2_type_find(i->type);
	struct rd_ctl_message *m;
	struct rd_error err = {.text = ""};
	enum rd_status st;

	if (type != NULL && type->vcpus > RD_CTL_CPUS_MAX) {
		why->code = RD_I_CAPACITY;
		snprintf(why->text, sizeof(why->text), "%s has %u vCPUs, and a VM here at most %d",
			i->type, type->vcpus, RD_CTL_CPUS_MAX);
		return RD_FORBIDDEN;
	}
	if (ec2_disk_open(&ec2->config, i->location, &image, NULL, &err) != RD_OK) {
		why->code = RD_I_IMAGE;
		snprintf(why->text, sizeof(why->text), "%s", err.text);
		return RD_FORBIDDEN;
	}
	/* Its socket is there before whoever connects to it, also while metadata is off. */
	if (ec2_metadata_serve(ec2->metadata, i->head.id, &err) != RD_OK) {
		why->code = RD_I_INTERNAL;
		snprintf(why->text, sizeof(why->text), "%.500s", err.text);
		return RD_FORBIDDEN;
	}
	m = calloc(1, sizeof(*m));
	RD_ENSURE(m != NULL, RD_NOMEM);
	m->type = RD_CTL_INSTANCE_RUN;
	st = describe_machine(ec2, db, i, &m->instance_run);
	if (st == RD_OK) {
		st = ec2->host->ask(ec2->host->ctx, m, image, NULL, NULL, why);
	}
	free(m);
	return st;
}

enum rd_status ec2_host_forwards(
	struct ec2 *ec2, struct rd_db *db, const struct ec2_instance *i, struct ec2_refusal *why)
{
	struct rd_ctl_message *m = calloc(1, sizeof(*m));
	enum rd_status st;

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->type = RD_CTL_INSTANCE_FORWARDS;
	snprintf(m->instance_forwards.instance_id, sizeof(m->instance_forwards.instance_id), "%s",
		i->head.id);
	m->instance_forwards.hops = i->hop_limit;
	st = list_forwards(ec2, db, i->head.id, &m->instance_forwards.forwards);
	if (st == RD_OK) {
		st = ec2->host->ask(ec2->host->ctx, m, -1, NULL, NULL, why);
	}
	free(m);
	return st;
}

/* --- observing --- */

static void forget(struct rd_db *db, enum ec2_kind kind, const char *id, enum rd_status *st)
{
	if (*st == RD_OK && id[0] != '\0') {
		*st = ec2_store_delete(db, kind, id);
		*st = *st == RD_NOTFOUND ? RD_OK : *st;
	}
}

/* Nothing is left of it but what DescribeInstances still shows for a while. */
static enum rd_status bury(struct rd_db *db, struct ec2_instance *i, int64_t now_ms)
{
	enum rd_status st = ec2_store_release(db, i->head.id);

	forget(db, EC2_KIND_VOLUME, i->volume, &st);
	forget(db, EC2_KIND_INTERFACE, i->interface, &st);
	RD_TRY(st);
	i->state = EC2_TERMINATED;
	i->desired = EC2_WANT_TERMINATED;
	i->changed_ms = now_ms;
	i->private_ip[0] = '\0';
	i->volume[0] = '\0';
	i->interface[0] = '\0';
	i->groups[0] = '\0';
	free(rd_steal(&i->user_data, NULL));
	return RD_OK;
}

/* The guest ended by itself, or its VM broke: nobody asked for it. */
static void ended_by_itself(
	struct ec2_instance *i, const struct rd_ctl_instance *said, int64_t now_ms)
{
	bool by_guest = said->cause == RD_CTL_CAUSE_EXITED;
	bool ends = by_guest && i->shutdown_terminates;

	i->desired = ends ? EC2_WANT_TERMINATED : EC2_WANT_STOPPED;
	ec2_set_state(i, ends ? EC2_SHUTTING_DOWN : EC2_STOPPED,
		by_guest ? "Client.InstanceInitiatedShutdown" : "Server.InternalError",
		by_guest                ? "Instance initiated shutdown"
		: said->text[0] != '\0' ? said->text
					: "The instance's virtual machine has ended",
		false, now_ms);
	i->reachable = false;
}

/* Whether the record has changed. */
static bool note(struct ec2_instance *i, const struct rd_ctl_instance *said, int64_t now_ms)
{
	switch ((enum rd_ctl_instance_state)said->state) {
	case RD_CTL_INSTANCE_RUNNING:
		if (i->state != EC2_PENDING || i->desired != EC2_WANT_RUNNING) {
			return false;
		}
		ec2_set_state(i, EC2_RUNNING, "", "", false, now_ms);
		i->fresh = false;
		return true;
	case RD_CTL_INSTANCE_STOPPED:
		if (i->desired == EC2_WANT_RUNNING && said->cause != 0) {
			ended_by_itself(i, said, now_ms);
			return true;
		}
		if (i->desired != EC2_WANT_STOPPED || i->state == EC2_STOPPED) {
			return false;
		}
		i->state = EC2_STOPPED;
		i->changed_ms = now_ms;
		i->reachable = false;
		return true;
	case RD_CTL_INSTANCE_PENDING:
	case RD_CTL_INSTANCE_STOPPING:
	case RD_CTL_INSTANCE_SHUTTING_DOWN:
	case RD_CTL_INSTANCE_TERMINATED:
		break;
	}
	return false;
}

struct observation {
	const struct rd_ctl_instance *said;
	int64_t now_ms;
	bool stranger; /* not on record, or terminated */
	bool end;      /* to be terminated */
	bool again;    /* its disk has gone with it, but it is to run */
};

static enum rd_status observe_one(
	struct rd_db *db, struct observation *o, struct ec2_instance *i, bool *ret_changed)
{
	enum rd_status st = ec2_store_get(db, EC2_KIND_INSTANCE, NULL, o->said->instance_id, i);

	o->stranger = st == RD_NOTFOUND || (st == RD_OK && i->state == EC2_TERMINATED);
	*ret_changed = false;
	if (o->stranger) {
		return RD_OK;
	}
	RD_TRY(st);
	if (o->said->state == RD_CTL_INSTANCE_TERMINATED) {
		*ret_changed = i->desired == EC2_WANT_TERMINATED;
		return *ret_changed ? bury(db, i, o->now_ms) : RD_OK;
	}
	*ret_changed = note(i, o->said, o->now_ms);
	o->end = *ret_changed && i->desired == EC2_WANT_TERMINATED;
	return RD_OK;
}

static enum rd_status observe_work(struct rd_db *db, void *arg)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	bool changed = false;

	((struct observation *)arg)->end = false;
	RD_TRY(observe_one(db, arg, &i, &changed));
	return changed ? ec2_store_put(db, EC2_KIND_INSTANCE, &i) : RD_OK;
}

static void terminate_at_host(struct ec2 *ec2, const char *id)
{
	struct ec2_refusal why = {.text = ""};
	enum rd_status st = ec2_host_target(ec2->host, RD_CTL_INSTANCE_TERMINATE, id, true, &why);

	if (st != RD_OK && why.code != RD_I_NOTFOUND) {
		rd_log(RD_LOG_WARNING, "%s: cannot be terminated now: %s", id, why.text);
	}
}

void ec2_observe(struct ec2 *ec2, struct rd_db *db, const struct rd_ctl_instance *said)
{
	struct observation o = {.said = said, .now_ms = ec2->now_ms()};
	enum rd_status st = rd_db_transact(db, observe_work, &o);

	if (st != RD_OK) {
		rd_log(RD_LOG_ERROR, "%s: its state cannot be noted: %s (database: %s)",
			said->instance_id, rd_status_text(st), rd_db_error(db));
		return;
	}
	if (said->state == RD_CTL_INSTANCE_STOPPED || said->state == RD_CTL_INSTANCE_TERMINATED) {
		ec2_metadata_drop(ec2->metadata, said->instance_id);
	}
	if (o.end || (o.stranger && said->state != RD_CTL_INSTANCE_TERMINATED &&
			     said->state != RD_CTL_INSTANCE_SHUTTING_DOWN)) {
		terminate_at_host(ec2, said->instance_id);
	}
}

enum rd_status ec2_reached(struct ec2 *ec2, struct rd_db *db, const char *id)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};

	(void)ec2;
	RD_TRY(rd_db_begin(db));
	if (ec2_store_get(db, EC2_KIND_INSTANCE, NULL, id, &i) != RD_OK || i.reachable ||
		i.state != EC2_RUNNING) {
		rd_db_rollback(db);
		return RD_OK;
	}
	i.reachable = true;
	if (ec2_store_put(db, EC2_KIND_INSTANCE, &i) != RD_OK) {
		rd_db_rollback(db);
		return RD_AGAIN;
	}
	return rd_db_commit(db);
}

/* --- reconciliation --- */

struct truth {
	struct rd_ctl_instance *items;
	size_t n, room;
};

static enum rd_status gather(void *arg, const struct rd_ctl_message *m, struct rd_msg_fds *fds)
{
	struct truth *truth = arg;

	(void)fds;
	RD_ENSURE(m->type == RD_CTL_INSTANCE, RD_OK);
	if (truth->n == truth->room) {
		size_t room = truth->room == 0 ? 16 : 2 * truth->room;
		struct rd_ctl_instance *items = reallocarray(truth->items, room, sizeof(*items));

		RD_ENSURE(items != NULL, RD_NOMEM);
		truth->items = items;
		truth->room = room;
	}
	truth->items[truth->n++] = m->instance;
	return RD_OK;
}

static const struct rd_ctl_instance *find_truth(const struct truth *truth, const char *id)
{
	for (size_t i = 0; i < truth->n; i++) {
		if (strcmp(truth->items[i].instance_id, id) == 0) {
			return &truth->items[i];
		}
	}
	return NULL;
}

/* As if redoubtd had said so. */
static void pretend(
	struct ec2 *ec2, struct rd_db *db, const char *id, enum rd_ctl_instance_state state)
{
	struct rd_ctl_instance said = {.state = state};

	snprintf(said.instance_id, sizeof(said.instance_id), "%s", id);
	ec2_observe(ec2, db, &said);
}

/* It ran when the host went down: it starts again, as after a reboot. RD_EXISTS: it is to do
 * something else by now. */
static enum rd_status pending_again(struct rd_db *db, void *arg)
{
	struct ec2_instance *i = arg;
	char id[EC2_ID_SIZE];

	memcpy(id, i->head.id, sizeof(id));
	ec2_instance_finish(i);
	RD_TRY(ec2_store_get(db, EC2_KIND_INSTANCE, NULL, id, i));
	RD_ENSURE(i->desired == EC2_WANT_RUNNING, RD_EXISTS);
	if (i->state == EC2_PENDING) {
		return RD_OK;
	}
	ec2_set_state(i, EC2_PENDING, "", "", false, i->changed_ms);
	i->reachable = false;
	return ec2_store_put(db, EC2_KIND_INSTANCE, i);
}

static void run_again(struct ec2 *ec2, struct rd_db *db, struct ec2_instance *i)
{
	struct ec2_refusal why = {.text = ""};
	enum rd_status st = rd_db_transact(db, pending_again, i);

	if (st != RD_OK) {
		return; /* it comes again */
	}
	st = ec2_host_run(ec2, db, i, &why);
	if (st == RD_OK) {
		rd_log(RD_LOG_INFO, "%s: started", i->head.id);
	} else {
		rd_log(RD_LOG_WARNING, "%s: should run and cannot be started now: %s", i->head.id,
			why.text[0] != '\0' ? why.text : rd_status_text(st));
	}
}

static void reconcile_one(struct ec2 *ec2, struct rd_db *db, struct ec2_instance *i,
	const struct rd_ctl_instance *said)
{
	struct ec2_refusal why = {.text = ""};
	bool runs = said != NULL && (said->state == RD_CTL_INSTANCE_RUNNING ||
					    said->state == RD_CTL_INSTANCE_PENDING);
	bool idle = said == NULL || said->state == RD_CTL_INSTANCE_STOPPED;

	switch ((enum ec2_desired)i->desired) {
	case EC2_WANT_RUNNING:
		if (runs || (said != NULL && said->cause != 0)) {
			ec2_observe(ec2, db, said);
		} else if (idle) {
			run_again(ec2, db, i);
		}
		break;
	case EC2_WANT_STOPPED:
		if (idle && i->state != EC2_STOPPED) {
			pretend(ec2, db, i->head.id, RD_CTL_INSTANCE_STOPPED);
		} else if (runs && ec2_host_target(ec2->host, RD_CTL_INSTANCE_STOP, i->head.id,
					   i->stop_hard, &why) != RD_OK) {
			rd_log(RD_LOG_WARNING, "%s: cannot be stopped now: %s", i->head.id,
				why.text);
		}
		break;
	case EC2_WANT_TERMINATED:
		if (said == NULL && i->state != EC2_TERMINATED) {
			pretend(ec2, db, i->head.id, RD_CTL_INSTANCE_TERMINATED);
		} else if (said != NULL) {
			terminate_at_host(ec2, i->head.id);
		}
		break;
	}
}

static bool is_on_record(const struct ec2_list *list, const char *id)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(((const struct ec2_head *)ec2_list_at(list, i))->id, id) == 0) {
			return true;
		}
	}
	return false;
}

/* The truth is asked for first: what is made in between is on record, and not taken for a stranger.
 */
static enum rd_status compare(
	struct ec2 *ec2, struct rd_db *db, int64_t quiet_ms, const struct truth *truth)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	const int64_t since = ec2->now_ms() - quiet_ms;

	RD_TRY(ec2_store_load(db, NULL, NULL, &list));
	ec2_metrics_instances(ec2->metrics, &list);
	for (size_t i = 0; i < list.n; i++) {
		struct ec2_instance *instance = ec2_list_at(&list, i);

		if (quiet_ms == 0 || instance->changed_ms <= since) {
			reconcile_one(ec2, db, instance, find_truth(truth, instance->head.id));
		}
	}
	for (size_t i = 0; i < truth->n; i++) {
		if (!is_on_record(&list, truth->items[i].instance_id)) {
			rd_log(RD_LOG_WARNING, "%s: redoubtd has it, and no record is of it",
				truth->items[i].instance_id);
			terminate_at_host(ec2, truth->items[i].instance_id);
		}
	}
	return RD_OK;
}

enum rd_status ec2_reconcile(struct ec2 *ec2, struct rd_db *db, int64_t quiet_ms)
{
	struct rd_ctl_message *m = calloc(1, sizeof(*m));
	struct ec2_refusal why = {.text = ""};
	struct truth truth = {.n = 0};
	enum rd_status st;

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->type = RD_CTL_INSTANCE_DESCRIBE;
	st = ec2->host->ask(ec2->host->ctx, m, -1, gather, &truth, &why);
	free(m);
	if (st == RD_OK) {
		st = compare(ec2, db, quiet_ms, &truth);
	}
	free(truth.items);
	return st;
}

enum rd_status ec2_purge(struct ec2 *ec2, struct rd_db *db)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	const int64_t now = ec2->now_ms();

	RD_TRY(ec2_store_load(db, NULL, NULL, &list));
	for (size_t i = 0; i < list.n; i++) {
		const struct ec2_instance *instance = ec2_list_at(&list, i);

		if (instance->state == EC2_TERMINATED && instance->changed_ms < now - SHOWN_MS) {
			RD_TRY(ec2_store_delete(db, EC2_KIND_INSTANCE, instance->head.id));
		}
	}
	return ec2_store_token_expire(db, now - TOKENS_MS);
}
