/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeInstances, DescribeInstanceStatus, GetConsoleOutput. */
#include "ec2/ops.h"

#include "base/text.h"
#include "ctl/ring.h"
#include "ec2/authority.h"
#include "ec2/instances.h"
#include "ec2/network.h"
#include "os/fd.h"

#include <stdlib.h>
#include <string.h>

/* EC2: the last 64 KiB. */
#define CONSOLE_MAX (64u << 10)

static void group_facts(struct ec2_call *call, struct ec2_filters *f, const char *groups)
{
	char id[EC2_ID_SIZE];

	while (ec2_groups_next(&groups, id)) {
		struct ec2_group group RD_CLEANUP(ec2_group_finish) = {.description = ""};

		ec2_fact(f, "instance.group-id", id);
		ec2_fact(f, "network-interface.group-id", id);
		if (ec2_store_get(call->db, EC2_KIND_GROUP, NULL, id, &group) == RD_OK) {
			ec2_fact(f, "instance.group-name", group.head.name);
		}
	}
}

static void place_facts(struct ec2_call *call, struct ec2_filters *f, const struct ec2_instance *i)
{
	char id[EC2_ID_SIZE], zone[EC2_ZONE_SIZE], dns[EC2_DNS_SIZE];

	ec2_zone(call->ec2, zone);
	ec2_private_dns(call->ec2, i->private_ip, dns);
	ec2_fact(f, "availability-zone", zone);
	ec2_fact(f, "private-dns-name", dns);
	ec2_fact(f, "private-ip-address", i->private_ip);
	if (ec2_vpc_id(i->head.account, id) == RD_OK) {
		ec2_fact(f, "vpc-id", id);
		ec2_fact(f, "network-interface.vpc-id", id);
	}
	if (ec2_subnet_id(i->head.account, id) == RD_OK) {
		ec2_fact(f, "subnet-id", id);
		ec2_fact(f, "network-interface.subnet-id", id);
	}
	ec2_fact(f, "network-interface.network-interface-id", i->interface);
}

static void instance_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_instance *i = record;

	ec2_fact(f, "instance-id", i->head.id);
	ec2_fact(f, "image-id", i->image);
	ec2_fact(f, "instance-type", i->type);
	ec2_fact(f, "instance-state-name", ec2_state_name(i->state));
	ec2_fact_number(f, "instance-state-code", i->state);
	ec2_fact(f, "key-name", i->key_name);
	ec2_fact_time(f, "launch-time", i->launched_ms);
	ec2_fact_number(f, "launch-index", i->launch_index);
	ec2_fact(f, "reservation-id", i->head.parent);
	ec2_fact(f, "owner-id", i->head.account);
	ec2_fact(f, "client-token", i->client_token);
	ec2_fact(f, "architecture", "x86_64");
	ec2_fact(f, "hypervisor", "xen");
	ec2_fact(f, "virtualization-type", "hvm");
	ec2_fact(f, "tenancy", "default");
	ec2_fact(f, "root-device-name", i->root_device);
	ec2_fact(f, "root-device-type", "ebs");
	ec2_fact(f, "block-device-mapping.volume-id", i->volume);
	ec2_fact(f, "iam-instance-profile.arn", i->profile_arn);
	ec2_fact(f, "reason", i->transition);
	ec2_fact(f, "state-reason-code", i->reason_code);
	ec2_fact(f, "metadata-options.http-tokens", i->tokens_required ? "required" : "optional");
	ec2_fact(f, "metadata-options.http-endpoint", i->metadata_off ? "disabled" : "enabled");
	ec2_fact_bool(f, "enclave-options.enabled", i->enclaves);
	place_facts(call, f, i);
	group_facts(call, f, i->groups);
}

static const char *const instance_filters[] = {"instance-id", "image-id", "instance-type",
	"instance-state-name", "instance-state-code", "key-name", "launch-time", "launch-index",
	"reservation-id", "owner-id", "client-token", "architecture", "hypervisor",
	"virtualization-type", "tenancy", "root-device-name", "root-device-type",
	"block-device-mapping.volume-id", "iam-instance-profile.arn", "reason", "state-reason-code",
	"metadata-options.http-tokens", "metadata-options.http-endpoint", "enclave-options.enabled",
	"availability-zone", "private-dns-name", "private-ip-address", "vpc-id", "subnet-id",
	"network-interface.vpc-id", "network-interface.subnet-id",
	"network-interface.network-interface-id", "network-interface.group-id", "instance.group-id",
	"instance.group-name", "tag:", "tag-key", "tag-value", NULL};

static const struct ec2_select select_instances = {.kind = EC2_KIND_INSTANCE,
	.ids = "InstanceId",
	.id_fault = EC2_FAULT_INSTANCE_NOT_FOUND,
	.what = "instance ID",
	.filters = instance_filters,
	.facts = instance_facts};

static bool begins(const struct ec2_list *list, size_t n)
{
	const struct ec2_head *head = ec2_list_at(list, n);

	return n == 0 || strcmp(((const struct ec2_head *)ec2_list_at(list, n - 1))->parent,
				 head->parent) != 0;
}

enum rd_status ec2_describe_instances(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	struct rd_xml_out *x = call->x;
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_instances, &list, next));
	rd_xml_out_begin(x, "reservationSet");
	for (size_t n = 0; n < list.n; n++) {
		if (begins(&list, n)) {
			rd_xml_out_begin(x, "item");
			ec2_put_reservation(call, ec2_list_at(&list, n));
			rd_xml_out_begin(x, "instancesSet");
		}
		rd_xml_out_begin(x, "item");
		RD_TRY(ec2_put_instance(call, ec2_list_at(&list, n)));
		rd_xml_out_end(x);
		if (n + 1 == list.n || begins(&list, n + 1)) {
			rd_xml_out_end(x);
			rd_xml_out_end(x);
		}
	}
	rd_xml_out_end(x);
	ec2_put_next(x, next);
	return RD_OK;
}

/* --- status --- */

static bool is_not_running(struct ec2_call *call, const void *record)
{
	(void)call;
	return ((const struct ec2_instance *)record)->state != EC2_RUNNING;
}

static const char *reach(const struct ec2_instance *i)
{
	if (i->state != EC2_RUNNING) {
		return "not-applicable";
	}
	return i->reachable ? "ok" : "initializing";
}

static const char *reachability(const struct ec2_instance *i)
{
	return i->reachable ? "passed" : "initializing";
}

static void status_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_instance *i = record;
	char zone[EC2_ZONE_SIZE];

	ec2_zone(call->ec2, zone);
	ec2_fact(f, "availability-zone", zone);
	ec2_fact(f, "instance-state-name", ec2_state_name(i->state));
	ec2_fact_number(f, "instance-state-code", i->state);
	ec2_fact(f, "instance-status.status", reach(i));
	ec2_fact(f, "instance-status.reachability", reachability(i));
	ec2_fact(f, "system-status.status", i->state == EC2_RUNNING ? "ok" : "not-applicable");
	ec2_fact(f, "system-status.reachability", "passed");
}

static const char *const status_filters[] = {"availability-zone", "instance-state-name",
	"instance-state-code", "instance-status.status", "instance-status.reachability",
	"system-status.status", "system-status.reachability", "tag:", "tag-key", NULL};

static void put_check(struct rd_xml_out *x, const char *name, const char *status, bool running,
	const char *detail)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "status", status);
	if (running) {
		rd_xml_out_begin(x, "details");
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "name", "reachability");
		rd_xml_out_str(x, "status", detail);
		rd_xml_out_end(x);
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
}

static void put_status(struct ec2_call *call, const struct ec2_instance *i)
{
	struct rd_xml_out *x = call->x;
	bool running = i->state == EC2_RUNNING;
	char zone[EC2_ZONE_SIZE];

	ec2_zone(call->ec2, zone);
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "instanceId", i->head.id);
	rd_xml_out_str(x, "availabilityZone", zone);
	ec2_put_state(x, "instanceState", i->state);
	put_check(x, "systemStatus", running ? "ok" : "not-applicable", running, "passed");
	put_check(x, "instanceStatus", reach(i), running, reachability(i));
	rd_xml_out_end(x);
}

enum rd_status ec2_describe_instance_status(struct ec2_call *call)
{
	struct ec2_select how = {.kind = EC2_KIND_INSTANCE,
		.ids = "InstanceId",
		.id_fault = EC2_FAULT_INSTANCE_NOT_FOUND,
		.what = "instance ID",
		.filters = status_filters,
		.facts = status_facts};
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	char next[EC2_NEXT_SIZE];
	bool all = false;

	RD_TRY(ec2_in_bool(ec2_in(call), "IncludeAllInstances", &all));
	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &how, &list, next));
	rd_xml_out_begin(call->x, "instanceStatusSet");
	for (size_t n = 0; n < list.n; n++) {
		if (all || !is_not_running(call, ec2_list_at(&list, n))) {
			put_status(call, ec2_list_at(&list, n));
		}
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

/* --- console --- */

struct console {
	uint8_t *ring; /* RD_RING_SIZE */
	enum rd_status st;
};

static enum rd_status take_ring(void *arg, const struct rd_ctl_message *m, struct rd_msg_fds *fds)
{
	struct console *console = arg;
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_ENSURE(m->type == RD_CTL_CONSOLE_FD, RD_OK);
	fd = rd_msg_fds_steal(fds, 0);
	console->st = rd_fd_pread_full(fd, console->ring, RD_RING_SIZE, 0);
	return RD_OK;
}

/* What a ring has kept, its last bytes, in base64. */
static enum rd_status put_output(struct ec2_call *call, const uint8_t *ring)
{
	struct rd_buf plain RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_RING_CAPACITY);
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(2 * CONSOLE_MAX);
	struct rd_view parts[2];
	uint64_t written = 0;
	size_t skip;

	RD_TRY(rd_ring_read(rd_view(ring, RD_RING_SIZE), parts, &written));
	RD_TRY(rd_buf_put_view(&plain, parts[0]));
	RD_TRY(rd_buf_put_view(&plain, parts[1]));
	skip = plain.used > CONSOLE_MAX ? plain.used - CONSOLE_MAX : 0;
	if (plain.used > 0) {
		RD_TRY(rd_base64_encode(rd_view(plain.ptr + skip, plain.used - skip), &text));
		rd_xml_out_text(call->x, "output", rd_buf_view(&text));
	}
	return RD_OK;
}

static enum rd_status ask_console(struct ec2_call *call, const char *id, struct console *console)
{
	struct rd_ctl_message *m = calloc(1, sizeof(*m));
	struct ec2_refusal why = {.text = ""};
	enum rd_status st;

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->type = RD_CTL_INSTANCE_CONSOLE;
	memcpy(m->instance_target.instance_id, id, strlen(id) + 1);
	console->st = RD_NOTFOUND;
	st = call->ec2->host->ask(call->ec2->host->ctx, m, -1, take_ring, console, &why);
	free(m);
	if (st == RD_FORBIDDEN && why.code == RD_I_NOTFOUND) {
		return RD_OK; /* it has not run yet, or no more: no output */
	}
	if (st != RD_OK) {
		return ec2_fail(call, EC2_FAULT_UNAVAILABLE, "%s: %s", id, why.text);
	}
	return RD_OK;
}

static enum rd_status find_instance(struct ec2_call *call, struct ec2_instance *ret)
{
	json_t *checks = ec2_checks_new();
	char id[EC2_ID_SIZE];
	enum rd_status st = ec2_in_need(ec2_in(call), "InstanceId", id, sizeof(id));

	if (st == RD_OK) {
		st = ec2_store_get(call->db, EC2_KIND_INSTANCE, call->who.account, id, ret);
		ec2_check_record(call, checks, EC2_KIND_INSTANCE, id, st == RD_OK ? ret : NULL);
	}
	if (st != RD_OK && st != RD_NOTFOUND) {
		json_decref(checks);
		return st;
	}
	RD_TRY(ec2_allow(call, checks));
	return st == RD_OK ? RD_OK : ec2_not_found(call, EC2_KIND_INSTANCE, id);
}

enum rd_status ec2_get_console_output(struct ec2_call *call)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct console console = {.st = RD_NOTFOUND};
	enum rd_status st;

	RD_TRY(find_instance(call, &i));
	console.ring = calloc(1, RD_RING_SIZE);
	RD_ENSURE(console.ring != NULL, RD_NOMEM);
	st = ask_console(call, i.head.id, &console);
	if (st == RD_OK) {
		rd_xml_out_str(call->x, "instanceId", i.head.id);
		ec2_put_time(call->x, "timestamp", call->now_ms);
	}
	if (st == RD_OK && console.st == RD_OK) {
		st = put_output(call, console.ring);
	}
	free(console.ring);
	return st;
}
