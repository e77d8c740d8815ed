/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StartInstances, StopInstances, RebootInstances, TerminateInstances: the wish is committed for all
 * of them or none, then redoubtd is asked for each; what it cannot do now reconciliation does.
 */
#include "ec2/ops.h"

#include "ec2/instances.h"
#include "ec2/types.h"
#include "log/log.h"

#include <stdio.h>
#include <string.h>

struct change {
	struct ec2_call *call;
	const struct ec2_list *list; /* as they were */
	bool hard;
	/* The wish and the state on the way there; RD_EXISTS: it is there already. */
	enum rd_status (*apply)(struct ec2_call *call, struct ec2_instance *i);
};

static bool may_run(uint32_t state)
{
	return state == EC2_PENDING || state == EC2_RUNNING;
}

static enum rd_status wrong_state(
	struct ec2_call *call, const struct ec2_instance *i, const char *verb)
{
	return ec2_fail(call, EC2_FAULT_INSTANCE_STATE,
		"The instance '%s' is not in a state from which it can be %s (it is %s).",
		i->head.id, verb, ec2_state_name(i->state));
}

static enum rd_status apply_start(struct ec2_call *call, struct ec2_instance *i)
{
	if (may_run(i->state)) {
		return RD_EXISTS;
	}
	if (i->state != EC2_STOPPED) {
		return wrong_state(call, i, "started");
	}
	i->desired = EC2_WANT_RUNNING;
	i->launched_ms = call->now_ms;
	i->reachable = false;
	ec2_set_state(i, EC2_PENDING, "", "", false, call->now_ms);
	return RD_OK;
}

static enum rd_status apply_stop(struct ec2_call *call, struct ec2_instance *i)
{
	bool hard = false;

	RD_TRY(ec2_in_bool(ec2_in(call), "Force", &hard));
	if (i->state == EC2_STOPPING && hard) {
		i->stop_hard = true; /* it took too long for somebody */
		return RD_OK;
	}
	if (i->state == EC2_STOPPED || i->state == EC2_STOPPING) {
		return RD_EXISTS;
	}
	if (!may_run(i->state)) {
		return wrong_state(call, i, "stopped");
	}
	if (i->stop_disabled) {
		return ec2_fail(call, EC2_FAULT_OPERATION_NOT_PERMITTED,
			"The instance '%s' may not be stopped. Modify its 'disableApiStop' instance "
			"attribute and try again.",
			i->head.id);
	}
	i->desired = EC2_WANT_STOPPED;
	i->stop_hard = hard;
	ec2_set_state(i, EC2_STOPPING, "Client.UserInitiatedShutdown", "User initiated shutdown",
		true, call->now_ms);
	return RD_OK;
}

static enum rd_status apply_terminate(struct ec2_call *call, struct ec2_instance *i)
{
	if (i->state == EC2_TERMINATED || i->state == EC2_SHUTTING_DOWN) {
		return RD_EXISTS;
	}
	if (i->termination_disabled) {
		return ec2_fail(call, EC2_FAULT_OPERATION_NOT_PERMITTED,
			"The instance '%s' may not be terminated. Modify its "
			"'disableApiTermination' instance attribute and try again.",
			i->head.id);
	}
	i->desired = EC2_WANT_TERMINATED;
	ec2_set_state(i, EC2_SHUTTING_DOWN, "Client.UserInitiatedShutdown",
		"User initiated shutdown", true, call->now_ms);
	return RD_OK;
}

static enum rd_status apply_reboot(struct ec2_call *call, struct ec2_instance *i)
{
	return may_run(i->state) ? RD_EXISTS : wrong_state(call, i, "rebooted");
}

static enum rd_status record(struct rd_db *db, void *arg)
{
	const struct change *c = arg;

	for (size_t n = 0; n < c->list->n; n++) {
		const struct ec2_instance *was = ec2_list_at(c->list, n);
		struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
		enum rd_status st;

		RD_TRY(ec2_store_get(
			db, EC2_KIND_INSTANCE, c->call->who.account, was->head.id, &i));
		st = c->apply(c->call, &i);
		if (st == RD_OK) {
			st = ec2_store_put(db, EC2_KIND_INSTANCE, &i);
		}
		if (st != RD_OK && st != RD_EXISTS) {
			return st;
		}
	}
	return RD_OK;
}

static void put_changes(
	struct ec2_call *call, const struct ec2_list *before, const struct ec2_list *after)
{
	struct rd_xml_out *x = call->x;

	rd_xml_out_begin(x, "instancesSet");
	for (size_t n = 0; n < before->n; n++) {
		const struct ec2_instance *was = ec2_list_at(before, n);
		const struct ec2_instance *is = ec2_list_at(after, n);

		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "instanceId", was->head.id);
		ec2_put_state(x, "currentState", is->state);
		ec2_put_state(x, "previousState", was->state);
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
}

static enum rd_status load_again(
	struct ec2_call *call, const struct ec2_list *before, struct ec2_list *ret)
{
	for (size_t n = 0; n < before->n; n++) {
		const struct ec2_instance *was = ec2_list_at(before, n);
		struct ec2_instance i = {.state = 0};
		enum rd_status st = ec2_store_get(
			call->db, EC2_KIND_INSTANCE, NULL, was->head.id, &i);

		if (st != RD_OK) {
			ec2_instance_finish(&i);
			return st;
		}
		RD_TRY(ec2_list_push(ret, &i));
	}
	return RD_OK;
}

/* redoubtd, about all whose state the call has changed. */
static void tell_host(const struct change *c, const struct ec2_list *after, enum rd_ctl_type type)
{
	struct ec2 *ec2 = c->call->ec2;

	for (size_t n = 0; n < after->n; n++) {
		const struct ec2_instance *was = ec2_list_at(c->list, n);
		const struct ec2_instance *is = ec2_list_at(after, n);
		struct ec2_refusal why = {.text = ""};
		struct rd_ctl_instance said = {.state = type == RD_CTL_INSTANCE_STOP
								? RD_CTL_INSTANCE_STOPPED
								: RD_CTL_INSTANCE_TERMINATED};

		if (was->state == is->state && type != RD_CTL_INSTANCE_REBOOT && !c->hard) {
			continue;
		}
		if (ec2_host_target(ec2->host, type, is->head.id, c->hard, &why) == RD_OK) {
			continue;
		}
		if (why.code == RD_I_NOTFOUND && type != RD_CTL_INSTANCE_REBOOT) {
			/* Nothing runs and nothing is kept: it is where it should be. */
			snprintf(said.instance_id, sizeof(said.instance_id), "%s", is->head.id);
			ec2_observe(ec2, c->call->db, &said);
			continue;
		}
		rd_log(RD_LOG_WARNING, "%s: %s: %s", is->head.id, rd_ctl_type_name(type), why.text);
	}
}

static enum rd_status change(struct ec2_call *call, enum rd_ctl_type type,
	enum rd_status (*apply)(struct ec2_call *call, struct ec2_instance *i))
{
	struct ec2_list before RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	struct ec2_list after RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	struct change c = {.call = call, .list = &before, .apply = apply};

	RD_TRY(ec2_in_bool(ec2_in(call), "Force", &c.hard));
	RD_TRY(ec2_named_instances(call, &before));
	RD_TRY(rd_db_transact(call->db, record, &c));
	RD_TRY(load_again(call, &before, &after));
	tell_host(&c, &after, type);
	if (type == RD_CTL_INSTANCE_REBOOT) {
		rd_xml_out_bool(call->x, "return", true);
	} else {
		put_changes(call, &before, &after);
	}
	return RD_OK;
}

enum rd_status ec2_stop_instances(struct ec2_call *call)
{
	return change(call, RD_CTL_INSTANCE_STOP, apply_stop);
}

enum rd_status ec2_reboot_instances(struct ec2_call *call)
{
	return change(call, RD_CTL_INSTANCE_REBOOT, apply_reboot);
}

enum rd_status ec2_terminate_instances(struct ec2_call *call)
{
	return change(call, RD_CTL_INSTANCE_TERMINATE, apply_terminate);
}

/* --- start --- */

struct undo {
	struct ec2_call *call;
	const char *id, *why;
};

static enum rd_status stop_again(struct rd_db *db, void *arg)
{
	const struct undo *u = arg;
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};

	RD_TRY(ec2_store_get(db, EC2_KIND_INSTANCE, NULL, u->id, &i));
	i.desired = EC2_WANT_STOPPED;
	ec2_set_state(&i, EC2_STOPPED, "Server.InsufficientInstanceCapacity", u->why, false,
		u->call->now_ms);
	return ec2_store_put(db, EC2_KIND_INSTANCE, &i);
}

static enum rd_status start_one(struct ec2_call *call, const struct ec2_instance *i)
{
	struct ec2_refusal why = {.text = ""};
	struct undo undo = {.call = call, .id = i->head.id, .why = why.text};
	enum rd_status st = ec2_host_run(call->ec2, call->db, i, &why);

	if (st != RD_FORBIDDEN) {
		return st == RD_UNAVAILABLE ? RD_OK : st;
	}
	RD_TRY(rd_db_transact(call->db, stop_again, &undo));
	return ec2_fail(call,
		why.code == RD_I_CAPACITY || why.code == RD_I_STORAGE ? EC2_FAULT_CAPACITY
								      : EC2_FAULT_INTERNAL,
		"%s: we currently do not have sufficient %s capacity, or it cannot be started: %s",
		i->head.id, i->type, why.text);
}

enum rd_status ec2_start_instances(struct ec2_call *call)
{
	struct ec2_list before RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	struct ec2_list after RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	struct change c = {.call = call, .list = &before, .apply = apply_start};

	RD_TRY(ec2_named_instances(call, &before));
	RD_TRY(rd_db_transact(call->db, record, &c));
	RD_TRY(load_again(call, &before, &after));
	for (size_t n = 0; n < after.n; n++) {
		const struct ec2_instance *was = ec2_list_at(&before, n);

		if (was->state == EC2_STOPPED) {
			RD_TRY(start_one(call, ec2_list_at(&after, n)));
		}
	}
	put_changes(call, &before, &after);
	return RD_OK;
}
