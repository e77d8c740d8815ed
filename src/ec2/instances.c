/* SPDX-License-Identifier: Apache-2.0 */
/* Instances in answers. */
#include "ec2/instances.h"

#include "ec2/authority.h"
#include "ec2/network.h"
#include "ec2/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A rule of a group opens so many ports at most: each takes one of the host's. */
#define RULE_PORTS_MAX 16

bool ec2_groups_next(const char **at, char ret[EC2_ID_SIZE])
{
	const char *blank = strchr(*at, ' ');

	if (blank == NULL || (size_t)(blank - *at) >= EC2_ID_SIZE) {
		return false;
	}
	memcpy(ret, *at, (size_t)(blank - *at));
	ret[blank - *at] = '\0';
	*at = blank + 1;
	return true;
}

enum rd_status ec2_put_groups(struct ec2_call *call, const char *groups)
{
	char id[EC2_ID_SIZE];

	rd_xml_out_begin(call->x, "groupSet");
	while (ec2_groups_next(&groups, id)) {
		struct ec2_group group RD_CLEANUP(ec2_group_finish) = {.description = ""};
		enum rd_status st = ec2_store_get(
			call->db, EC2_KIND_GROUP, call->who.account, id, &group);

		if (st != RD_OK && st != RD_NOTFOUND) {
			return st;
		}
		rd_xml_out_begin(call->x, "item");
		rd_xml_out_str(call->x, "groupId", id);
		rd_xml_out_str(call->x, "groupName", group.head.name);
		rd_xml_out_end(call->x);
	}
	rd_xml_out_end(call->x);
	return RD_OK;
}

void ec2_put_state(struct rd_xml_out *x, const char *name, uint32_t state)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_int(x, "code", state);
	rd_xml_out_str(x, "name", ec2_state_name(state));
	rd_xml_out_end(x);
}

void ec2_put_metadata_options(struct rd_xml_out *x, const char *name, const struct ec2_instance *i)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "state", i->state == EC2_PENDING ? "pending" : "applied");
	rd_xml_out_str(x, "httpTokens", i->tokens_required ? "required" : "optional");
	rd_xml_out_int(x, "httpPutResponseHopLimit", i->hop_limit);
	rd_xml_out_str(x, "httpEndpoint", i->metadata_off ? "disabled" : "enabled");
	rd_xml_out_str(x, "httpProtocolIpv6", "disabled");
	rd_xml_out_str(x, "instanceMetadataTags", i->metadata_tags ? "enabled" : "disabled");
	rd_xml_out_end(x);
}

static enum rd_status put_interface(struct ec2_call *call, const struct ec2_instance *i)
{
	struct rd_xml_out *x = call->x;
	char vpc[EC2_ID_SIZE], subnet[EC2_ID_SIZE], dns[EC2_DNS_SIZE];

	RD_TRY(ec2_vpc_id(i->head.account, vpc));
	RD_TRY(ec2_subnet_id(i->head.account, subnet));
	ec2_private_dns(call->ec2, i->private_ip, dns);
	rd_xml_out_begin(x, "networkInterfaceSet");
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "networkInterfaceId", i->interface);
	rd_xml_out_str(x, "subnetId", subnet);
	rd_xml_out_str(x, "vpcId", vpc);
	rd_xml_out_str(x, "ownerId", i->head.account);
	rd_xml_out_str(x, "status", "in-use");
	rd_xml_out_str(x, "macAddress", i->mac);
	rd_xml_out_str(x, "privateIpAddress", i->private_ip);
	rd_xml_out_str(x, "privateDnsName", dns);
	rd_xml_out_bool(x, "sourceDestCheck", true);
	rd_xml_out_str(x, "interfaceType", "interface");
	RD_TRY(ec2_put_groups(call, i->groups));
	rd_xml_out_begin(x, "attachment");
	rd_xml_out_str(x, "attachmentId", i->attachment);
	rd_xml_out_int(x, "deviceIndex", 0);
	rd_xml_out_str(x, "status", "attached");
	ec2_put_time(x, "attachTime", i->head.created_ms);
	rd_xml_out_bool(x, "deleteOnTermination", true);
	rd_xml_out_end(x);
	rd_xml_out_begin(x, "privateIpAddressesSet");
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "privateIpAddress", i->private_ip);
	rd_xml_out_str(x, "privateDnsName", dns);
	rd_xml_out_bool(x, "primary", true);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	return RD_OK;
}

static void put_devices(struct rd_xml_out *x, const struct ec2_instance *i)
{
	rd_xml_out_begin(x, "blockDeviceMapping");
	if (i->volume[0] != '\0') {
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "deviceName", i->root_device);
		rd_xml_out_begin(x, "ebs");
		rd_xml_out_str(x, "volumeId", i->volume);
		rd_xml_out_str(x, "status", "attached");
		ec2_put_time(x, "attachTime", i->head.created_ms);
		rd_xml_out_bool(x, "deleteOnTermination", true);
		rd_xml_out_end(x);
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
}

static void put_tag(struct rd_xml_out *x, const char *key, const char *value)
{
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "key", key);
	rd_xml_out_str(x, "value", value);
	rd_xml_out_end(x);
}

static enum rd_status put_port(void *arg, const struct ec2_port *port)
{
	struct ec2_call *call = arg;
	char key[48], value[48];

	snprintf(key, sizeof(key), "redoubt:%s:%u", port->protocol, port->instance_port);
	snprintf(value, sizeof(value), "%s:%u", call->ec2->config.forward_address, port->port);
	put_tag(call->x, key, value);
	return RD_OK;
}

/* The account's, and where its open ports are on this host. */
static enum rd_status put_all_tags(struct ec2_call *call, const struct ec2_instance *i)
{
	const char *key;
	json_t *value;

	rd_xml_out_begin(call->x, "tagSet");
	json_object_foreach(i->head.tags, key, value)
	{
		put_tag(call->x, key, json_string_value(value));
	}
	RD_TRY(ec2_store_ports(call->db, i->head.id, put_port, call));
	rd_xml_out_end(call->x);
	return RD_OK;
}

static void put_place(struct ec2_call *call)
{
	char zone[EC2_ZONE_SIZE];

	ec2_zone(call->ec2, zone);
	rd_xml_out_begin(call->x, "placement");
	rd_xml_out_str(call->x, "availabilityZone", zone);
	rd_xml_out_str(call->x, "groupName", "");
	rd_xml_out_str(call->x, "tenancy", "default");
	rd_xml_out_end(call->x);
}

static void put_reasons(struct rd_xml_out *x, const struct ec2_instance *i)
{
	rd_xml_out_str(x, "reason", i->transition);
	if (i->reason_code[0] != '\0') {
		rd_xml_out_begin(x, "stateReason");
		rd_xml_out_str(x, "code", i->reason_code);
		rd_xml_out_str(x, "message", i->reason_message);
		rd_xml_out_end(x);
	}
}

static void put_options(struct rd_xml_out *x, const struct ec2_instance *i)
{
	const struct ec2_type *type = ec2_type_find(i->type);

	if (type != NULL) {
		rd_xml_out_begin(x, "cpuOptions");
		rd_xml_out_int(x, "coreCount", type->vcpus / 2);
		rd_xml_out_int(x, "threadsPerCore", 2);
		rd_xml_out_end(x);
	}
	rd_xml_out_begin(x, "hibernationOptions");
	rd_xml_out_bool(x, "configured", false);
	rd_xml_out_end(x);
	ec2_put_metadata_options(x, "metadataOptions", i);
	rd_xml_out_begin(x, "enclaveOptions");
	rd_xml_out_bool(x, "enabled", i->enclaves);
	rd_xml_out_end(x);
	if (i->profile_arn[0] != '\0') {
		rd_xml_out_begin(x, "iamInstanceProfile");
		rd_xml_out_str(x, "arn", i->profile_arn);
		rd_xml_out_str(x, "id", i->profile_id);
		rd_xml_out_end(x);
	}
	rd_xml_out_begin(x, "monitoring");
	rd_xml_out_str(x, "state", i->monitoring ? "enabled" : "disabled");
	rd_xml_out_end(x);
}

enum rd_status ec2_put_instance(struct ec2_call *call, const struct ec2_instance *i)
{
	struct rd_xml_out *x = call->x;
	char vpc[EC2_ID_SIZE], subnet[EC2_ID_SIZE], dns[EC2_DNS_SIZE];

	RD_TRY(ec2_vpc_id(i->head.account, vpc));
	RD_TRY(ec2_subnet_id(i->head.account, subnet));
	ec2_private_dns(call->ec2, i->private_ip, dns);
	rd_xml_out_str(x, "instanceId", i->head.id);
	rd_xml_out_str(x, "imageId", i->image);
	ec2_put_state(x, "instanceState", i->state);
	rd_xml_out_str(x, "privateDnsName", dns);
	rd_xml_out_str(x, "dnsName", "");
	put_reasons(x, i);
	if (i->key_name[0] != '\0') {
		rd_xml_out_str(x, "keyName", i->key_name);
	}
	rd_xml_out_int(x, "amiLaunchIndex", i->launch_index);
	rd_xml_out_str(x, "instanceType", i->type);
	ec2_put_time(x, "launchTime", i->launched_ms);
	put_place(call);
	put_options(x, i);
	if (i->state != EC2_TERMINATED) {
		rd_xml_out_str(x, "subnetId", subnet);
		rd_xml_out_str(x, "vpcId", vpc);
		rd_xml_out_str(x, "privateIpAddress", i->private_ip);
		rd_xml_out_bool(x, "sourceDestCheck", true);
		RD_TRY(put_interface(call, i));
	}
	RD_TRY(ec2_put_groups(call, i->groups));
	rd_xml_out_str(x, "architecture", "x86_64");
	rd_xml_out_str(x, "rootDeviceType", "ebs");
	rd_xml_out_str(x, "rootDeviceName", i->root_device);
	put_devices(x, i);
	rd_xml_out_str(x, "virtualizationType", "hvm");
	rd_xml_out_str(x, "hypervisor", "xen");
	rd_xml_out_str(x, "clientToken", i->client_token);
	rd_xml_out_bool(x, "ebsOptimized", i->ebs_optimized);
	rd_xml_out_bool(x, "enaSupport", false);
	return put_all_tags(call, i);
}

void ec2_put_reservation(struct ec2_call *call, const struct ec2_instance *first)
{
	rd_xml_out_str(call->x, "reservationId", first->head.parent);
	rd_xml_out_str(call->x, "ownerId", first->head.account);
	rd_xml_out_begin(call->x, "groupSet"); /* EC2-Classic's */
	rd_xml_out_end(call->x);
}

/* --- ports --- */

struct wanted {
	struct ec2_port ports[RD_CTL_FORWARDS_MAX];
	size_t n;
};

static bool is_wanted(const struct wanted *w, const char *protocol, uint16_t port)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->ports[i].instance_port == port &&
			strcmp(w->ports[i].protocol, protocol) == 0) {
			return true;
		}
	}
	return false;
}

/*
 * Rules that name another group, all ports or no ports at all open nothing on the host, nor do
 * those whose sources nobody can have who comes to it.
 */
static enum rd_status want_rule(
	struct ec2_call *call, const struct ec2_rule *rule, struct wanted *w)
{
	if (rule->egress || rule->group[0] != '\0' ||
		(strcmp(rule->protocol, "tcp") != 0 && strcmp(rule->protocol, "udp") != 0) ||
		rule->from < 1 || rule->to - rule->from >= RULE_PORTS_MAX ||
		!ec2_sources_include(&call->ec2->config, rule->cidr)) {
		return RD_OK;
	}
	for (int32_t port = rule->from; port <= rule->to; port++) {
		if (is_wanted(w, rule->protocol, (uint16_t)port)) {
			continue;
		}
		if (w->n == RD_CTL_FORWARDS_MAX) {
			return ec2_fail(call, EC2_FAULT_RULE_LIMIT,
				"An instance has at most %d open ports here.", RD_CTL_FORWARDS_MAX);
		}
		w->ports[w->n].instance_port = (uint16_t)port;
		memcpy(w->ports[w->n].protocol, rule->protocol, sizeof(w->ports[w->n].protocol));
		w->n++;
	}
	return RD_OK;
}

static enum rd_status want_all(struct ec2_call *call, const char *groups, struct wanted *w)
{
	char id[EC2_ID_SIZE];

	while (ec2_groups_next(&groups, id)) {
		struct ec2_list rules RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_RULE};

		RD_TRY(ec2_store_load(call->db, NULL, id, &rules));
		for (size_t i = 0; i < rules.n; i++) {
			RD_TRY(want_rule(call, ec2_list_at(&rules, i), w));
		}
	}
	return RD_OK;
}

/* Those that it has, until they are known to be wanted. */
struct had {
	struct ec2_port ports[RD_CTL_FORWARDS_MAX];
	size_t n;
};

static enum rd_status note_had(void *arg, const struct ec2_port *port)
{
	struct had *had = arg;

	RD_ENSURE(had->n < RD_CTL_FORWARDS_MAX, RD_LIMIT);
	had->ports[had->n++] = *port;
	return RD_OK;
}

static enum rd_status take_wanted(
	struct ec2_call *call, const char *id, const struct wanted *w, size_t i)
{
	struct ec2_config *c = &call->ec2->config;
	const struct ec2_port_range range = {.first = c->forward_first,
		.last = c->forward_last,
		.is_free = ec2_host_port_is_free,
		.arg = c};
	enum rd_status st = ec2_store_port_take(
		call->db, id, w->ports[i].protocol, w->ports[i].instance_port, &range);

	if (st == RD_LIMIT) {
		return ec2_fail(call, EC2_FAULT_RESOURCE_LIMIT,
			"All ports of this host from %u to %u are taken.", c->forward_first,
			c->forward_last);
	}
	return st;
}

enum rd_status ec2_ports_assign(
	struct ec2_call *call, const struct ec2_instance *i, bool *ret_changed)
{
	struct wanted wanted = {.n = 0};
	struct had had = {.n = 0};

	RD_TRY(want_all(call, i->groups, &wanted));
	RD_TRY(ec2_store_ports(call->db, i->head.id, note_had, &had));
	*ret_changed = had.n != wanted.n;
	for (size_t p = 0; p < had.n; p++) {
		if (!is_wanted(&wanted, had.ports[p].protocol, had.ports[p].instance_port)) {
			*ret_changed = true;
			RD_TRY(ec2_store_port_drop(call->db, i->head.id, had.ports[p].protocol,
				had.ports[p].instance_port));
		}
	}
	for (size_t p = 0; p < wanted.n; p++) {
		RD_TRY(take_wanted(call, i->head.id, &wanted, p));
	}
	return RD_OK;
}

/* --- by id --- */

static enum rd_status load_named(struct ec2_call *call, size_t n, struct ec2_list *list,
	json_t *checks, char ret_missing[EC2_ID_SIZE])
{
	struct ec2_in in = ec2_in(call);
	char id[EC2_ID_SIZE];

	for (size_t i = 1; i <= n; i++) {
		struct ec2_instance instance = {.state = 0};
		enum rd_status st;

		RD_TRY(ec2_in_item(in, "InstanceId", i, id, sizeof(id)));
		if (!ec2_id_is_valid(EC2_KIND_INSTANCE, id)) {
			return ec2_not_found(call, EC2_KIND_INSTANCE, id);
		}
		st = ec2_store_get(call->db, EC2_KIND_INSTANCE, call->who.account, id, &instance);
		ec2_check_record(
			call, checks, EC2_KIND_INSTANCE, id, st == RD_OK ? &instance : NULL);
		if (st == RD_OK) {
			RD_TRY(ec2_list_push(list, &instance));
			continue;
		}
		ec2_instance_finish(&instance);
		if (st != RD_NOTFOUND) {
			return st;
		}
		memcpy(ret_missing, id, sizeof(id));
	}
	return RD_OK;
}

enum rd_status ec2_named_instances(struct ec2_call *call, struct ec2_list *ret)
{
	json_t *checks = ec2_checks_new();
	char missing[EC2_ID_SIZE] = "";
	size_t n = 0;
	enum rd_status st = ec2_in_count(ec2_in(call), "InstanceId", RD_QUERY_PARAMS_MAX, &n);

	ret->kind = EC2_KIND_INSTANCE;
	if (st == RD_OK && n == 0) {
		st = ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter InstanceId");
	}
	if (st == RD_OK) {
		st = load_named(call, n, ret, checks, missing);
	}
	if (st != RD_OK) {
		json_decref(checks);
		return st;
	}
	RD_TRY(ec2_allow(call, checks));
	return missing[0] == '\0' ? RD_OK : ec2_not_found(call, EC2_KIND_INSTANCE, missing);
}
