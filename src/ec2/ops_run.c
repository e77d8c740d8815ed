/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunInstances.
 *
 *	parameters, with a launch template's underneath → authority → everything named is there →
 *	one transaction: token, records, addresses, ports → redoubtd is asked for each →
 *	too few of them: all are taken back, InsufficientInstanceCapacity
 */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/ids.h"
#include "ec2/instances.h"
#include "ec2/launch.h"
#include "ec2/network.h"
#include "ec2/types.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one call; EC2's default quota is far less, and each takes a second to start. */
#define COUNT_MAX    100
#define DEFAULT_TYPE "m5.large"
#define HOPS_DEFAULT 1
#define GIB          (1LL << 30)

/* Everything that a launch is made of. */
struct plan {
	struct ec2_call *call;
	struct ec2_in in; /* merged */
	struct ec2_launch launch;
	struct ec2_template template;
	int64_t template_version;
	struct ec2_image image;
	bool image_found;
	struct ec2_profile profile;
	bool profile_wanted;
	char groups[EC2_GROUPS_SIZE];
	char missing_group[EC2_NAME_SIZE];
	bool key_found;
	char *public_key;
	int64_t min, max;
	char token[EC2_TOKEN_SIZE];
	char digest[65];
	char reservation[EC2_ID_SIZE];
	bool repeated; /* the token was used before */
};

static void plan_finish(struct plan *p)
{
	ec2_launch_finish(&p->launch);
	free(p->public_key);
	ec2_image_finish(&p->image);
	ec2_template_finish(&p->template);
}

/* --- what is asked --- */

static enum rd_status read_counts(struct plan *p)
{
	struct ec2_in in = ec2_in(p->call);

	if (!ec2_in_has(in, "MinCount") || !ec2_in_has(in, "MaxCount")) {
		return ec2_fail(p->call, EC2_FAULT_MISSING_PARAMETER,
			"The request must contain the parameter %s",
			ec2_in_has(in, "MinCount") ? "MaxCount" : "MinCount");
	}
	RD_TRY(ec2_in_number(in, "MinCount", 1, COUNT_MAX, &p->min));
	RD_TRY(ec2_in_number(in, "MaxCount", 1, COUNT_MAX, &p->max));
	if (p->min > p->max) {
		return ec2_fail(p->call, EC2_FAULT_PARAMETER_VALUE,
			"MaxCount (%lld) must not be less than MinCount (%lld).", (long long)p->max,
			(long long)p->min);
	}
	if (p->launch.private_ip[0] != '\0' && p->max > 1) {
		return ec2_fail(p->call, EC2_FAULT_PARAMETER_COMBINATION, "%s",
			"PrivateIpAddress cannot be used for more than one instance.");
	}
	return RD_OK;
}

static enum rd_status read_token(struct plan *p)
{
	static const char *const without[] = {"ClientToken", "DryRun", NULL};

	RD_TRY(ec2_in_text(ec2_in(p->call), "ClientToken", p->token, sizeof(p->token)));
	return ec2_in_digest(ec2_in(p->call), without, p->digest);
}

static enum rd_status read_type(struct plan *p)
{
	struct ec2_launch *l = &p->launch;
	const struct ec2_type *type;

	if (l->type[0] == '\0') {
		snprintf(l->type, sizeof(l->type), DEFAULT_TYPE);
	}
	type = ec2_type_find(l->type);
	if (type == NULL) {
		return ec2_fail(p->call, EC2_FAULT_PARAMETER_VALUE,
			"Invalid value '%s' for InstanceType. This host has the families C5, C5n, "
			"M5, M5d, M5n, R5 and R5d.",
			l->type);
	}
	if (l->enclaves == EC2_ON && !ec2_type_has_enclaves(type, p->call->ec2->config.strict)) {
		return ec2_fail(p->call, EC2_FAULT_UNSUPPORTED,
			"The instance type %s does not support AWS Nitro Enclaves: an enclave takes "
			"a whole core, and one must be left (strict mode).",
			l->type);
	}
	return RD_OK;
}

/* --- what it names --- */

static enum rd_status add_group(struct plan *p, const char *id)
{
	size_t used = strlen(p->groups);

	if (strstr(p->groups, id) != NULL) {
		return RD_OK;
	}
	RD_ENSURE(used + strlen(id) + 2 <= sizeof(p->groups), RD_LIMIT);
	snprintf(p->groups + used, sizeof(p->groups) - used, "%s ", id);
	return RD_OK;
}

static enum rd_status find_group(struct plan *p, const char *id, const char *name)
{
	struct ec2_group group RD_CLEANUP(ec2_group_finish) = {.description = ""};
	struct ec2_call *call = p->call;
	enum rd_status st = id != NULL ? ec2_store_get(call->db, EC2_KIND_GROUP, call->who.account,
						 id, &group)
				       : ec2_store_by_name(call->db, EC2_KIND_GROUP,
						 call->who.account, name, &group);
	if (st == RD_NOTFOUND) {
		snprintf(p->missing_group, sizeof(p->missing_group), "%s", id != NULL ? id : name);
		return RD_OK;
	}
	RD_TRY(st);
	return add_group(p, group.head.id);
}

/* The default group needs no record yet. */
static enum rd_status find_groups(struct plan *p)
{
	const struct ec2_launch *l = &p->launch;
	char id[EC2_ID_SIZE];

	RD_TRY(ec2_default_group_id(p->call->who.account, id));
	if (l->n_groups + l->n_group_names == 0) {
		return add_group(p, id);
	}
	for (size_t i = 0; i < l->n_groups; i++) {
		RD_TRY(strcmp(l->groups[i], id) == 0 ? add_group(p, id)
						     : find_group(p, l->groups[i], NULL));
	}
	for (size_t i = 0; i < l->n_group_names; i++) {
		RD_TRY(strcmp(l->group_names[i], "default") == 0
				? add_group(p, id)
				: find_group(p, NULL, l->group_names[i]));
	}
	return RD_OK;
}

static enum rd_status find_image(struct plan *p)
{
	enum rd_status st;

	if (p->launch.image[0] == '\0') {
		return ec2_fail(p->call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter ImageId");
	}
	st = ec2_store_get(
		p->call->db, EC2_KIND_IMAGE, p->call->who.account, p->launch.image, &p->image);
	p->image_found = st == RD_OK;
	return st == RD_NOTFOUND ? RD_OK : st;
}

static enum rd_status find_key(struct plan *p)
{
	struct ec2_key_pair key RD_CLEANUP(ec2_key_pair_finish) = {.type = ""};
	enum rd_status st;

	if (p->launch.key_name[0] == '\0') {
		return RD_OK;
	}
	st = ec2_store_by_name(
		p->call->db, EC2_KIND_KEY_PAIR, p->call->who.account, p->launch.key_name, &key);
	p->key_found = st == RD_OK;
	p->public_key = rd_steal(&key.public_key, NULL);
	return st == RD_NOTFOUND ? RD_OK : st;
}

static enum rd_status find_profile(struct plan *p)
{
	const struct ec2_launch *l = &p->launch;
	const struct ec2_authority *authority = p->call->ec2->authority;

	p->profile_wanted = l->profile_name[0] != '\0' || l->profile_arn[0] != '\0';
	if (!p->profile_wanted) {
		return RD_OK;
	}
	return authority->profile(
		authority->ctx, p->call, l->profile_name, l->profile_arn, &p->profile);
}

/* --- whether they may --- */

static void check_created(struct plan *p, json_t *checks, const char *resource, const json_t *tags)
{
	const struct ec2_launch *l = &p->launch;
	json_t *context = json_object();
	char arn[EC2_ARN_SIZE];

	ec2_context_put(context, "ec2:InstanceType", l->type);
	ec2_context_put(
		context, "redoubt:EnclaveOptionsEnabled", l->enclaves == EC2_ON ? "true" : "false");
	ec2_context_put(context, "ec2:MetadataHttpTokens",
		l->tokens == EC2_TOKENS_OPTIONAL ? "optional" : "required");
	if (p->profile_wanted) {
		ec2_context_put(context, "ec2:InstanceProfile", p->profile.arn);
	}
	if (json_object_size(tags) > 0) {
		ec2_context_request(context, tags);
	}
	ec2_arn(p->call, resource, "*", arn);
	ec2_check_add(p->call, checks, "ec2:RunInstances", arn, context);
}

static void check_named(struct plan *p, json_t *checks)
{
	const struct ec2_launch *l = &p->launch;
	const char *at = p->groups;
	char id[EC2_ID_SIZE], arn[EC2_ARN_SIZE];

	ec2_check_record(
		p->call, checks, EC2_KIND_IMAGE, l->image, p->image_found ? &p->image : NULL);
	if (ec2_subnet_id(p->call->who.account, id) == RD_OK) {
		ec2_arn(p->call, "subnet", id, arn);
		ec2_check_add(p->call, checks, "ec2:RunInstances", arn, NULL);
	}
	while (ec2_groups_next(&at, id)) {
		ec2_check_record(p->call, checks, EC2_KIND_GROUP, id, NULL);
	}
	if (l->key_name[0] != '\0') {
		ec2_check_record(p->call, checks, EC2_KIND_KEY_PAIR, l->key_name, NULL);
	}
	if (p->template.head.id[0] != '\0') {
		ec2_check_record(
			p->call, checks, EC2_KIND_TEMPLATE, p->template.head.id, &p->template);
	}
}

static enum rd_status allow(struct plan *p)
{
	const struct ec2_launch *l = &p->launch;
	json_t *checks = ec2_checks_new();

	check_created(p, checks, "instance", l->instance_tags);
	check_created(p, checks, "volume", l->volume_tags);
	check_created(p, checks, "network-interface", l->interface_tags);
	check_named(p, checks);
	ec2_check_tags(p->call, checks, EC2_KIND_INSTANCE, l->instance_tags);
	ec2_check_tags(p->call, checks, EC2_KIND_VOLUME, l->volume_tags);
	ec2_check_tags(p->call, checks, EC2_KIND_INTERFACE, l->interface_tags);
	if (p->profile_wanted && p->profile.role_arn[0] != '\0') {
		json_t *context = json_object();

		ec2_context_put(context, "iam:PassedToService", "ec2.amazonaws.com");
		ec2_check_add(p->call, checks, "iam:PassRole", p->profile.role_arn, context);
	}
	return ec2_allow(p->call, checks);
}

/* Only told to those who may. */
static enum rd_status require_found(struct plan *p)
{
	const struct ec2_launch *l = &p->launch;
	char subnet[EC2_ID_SIZE], zone[EC2_ZONE_SIZE];

	if (!p->image_found) {
		return ec2_not_found(p->call, EC2_KIND_IMAGE, l->image);
	}
	if (l->key_name[0] != '\0' && !p->key_found) {
		return ec2_not_found_name(
			p->call, EC2_FAULT_KEY_NOT_FOUND, "key pair", l->key_name);
	}
	if (p->missing_group[0] != '\0') {
		return ec2_not_found_name(
			p->call, EC2_FAULT_GROUP_NOT_FOUND, "security group", p->missing_group);
	}
	RD_TRY(ec2_subnet_id(p->call->who.account, subnet));
	if (l->subnet[0] != '\0' && strcmp(l->subnet, subnet) != 0) {
		return ec2_not_found_name(
			p->call, EC2_FAULT_SUBNET_NOT_FOUND, "subnet ID", l->subnet);
	}
	ec2_zone(p->call->ec2, zone);
	if (l->zone[0] != '\0' && strcmp(l->zone, zone) != 0) {
		return ec2_fail(p->call, EC2_FAULT_PARAMETER_VALUE,
			"Invalid availability zone: [%s]. There is only %s.", l->zone, zone);
	}
	return RD_OK;
}

static enum rd_status require_root(struct plan *p)
{
	const struct ec2_launch *l = &p->launch;
	int64_t image_gib = (p->image.size_bytes + GIB - 1) / GIB;

	if (l->root_device[0] != '\0' && strcmp(l->root_device, p->image.root_device) != 0) {
		return ec2_fail(p->call, EC2_FAULT_BLOCK_DEVICE,
			"%s: an instance has one volume here, the root device %s", l->root_device,
			p->image.root_device);
	}
	if (l->root_gib != 0 && l->root_gib < image_gib) {
		return ec2_fail(p->call, EC2_FAULT_BLOCK_DEVICE,
			"Volume of size %lldGB is smaller than the image, expect size >= %lldGB",
			(long long)l->root_gib, (long long)image_gib);
	}
	return RD_OK;
}

/* --- records --- */

static enum rd_status head_of(struct plan *p, struct ec2_head *head, enum ec2_kind kind,
	const char *parent, const json_t *tags)
{
	RD_TRY(ec2_make_id(ec2_kind_prefix(kind), head->id));
	memcpy(head->account, p->call->who.account, sizeof(head->account));
	snprintf(head->parent, sizeof(head->parent), "%s", parent);
	head->created_ms = p->call->now_ms;
	head->tags = json_deep_copy(tags);
	return head->tags == NULL ? RD_NOMEM : RD_OK;
}

static enum rd_status add_volume(struct plan *p, struct ec2_instance *i)
{
	struct ec2_volume v RD_CLEANUP(ec2_volume_finish) = {.size_gib = i->root_gib};

	RD_TRY(head_of(p, &v.head, EC2_KIND_VOLUME, i->head.id, p->launch.volume_tags));
	memcpy(v.device, p->image.root_device, sizeof(v.device));
	memcpy(i->volume, v.head.id, sizeof(i->volume));
	return ec2_store_add(p->call->db, EC2_KIND_VOLUME, &v);
}

static enum rd_status add_interface(struct plan *p, struct ec2_instance *i)
{
	struct ec2_interface e RD_CLEANUP(ec2_interface_finish) = {.private_ip = ""};

	RD_TRY(head_of(p, &e.head, EC2_KIND_INTERFACE, i->head.id, p->launch.interface_tags));
	RD_TRY(ec2_address_take(p->call, i->head.id, p->launch.private_ip, e.private_ip));
	RD_TRY(ec2_mac_make(e.mac));
	RD_TRY(ec2_make_id("eni-attach-", e.attachment));
	memcpy(e.groups, p->groups, sizeof(e.groups));
	memcpy(i->interface, e.head.id, sizeof(i->interface));
	memcpy(i->private_ip, e.private_ip, sizeof(i->private_ip));
	memcpy(i->mac, e.mac, sizeof(i->mac));
	memcpy(i->attachment, e.attachment, sizeof(i->attachment));
	return ec2_store_add(p->call->db, EC2_KIND_INTERFACE, &e);
}

static enum rd_status fill_profile(struct plan *p, struct ec2_instance *i)
{
	if (!p->profile_wanted) {
		return RD_OK;
	}
	memcpy(i->profile_arn, p->profile.arn, sizeof(i->profile_arn));
	memcpy(i->profile_id, p->profile.id, sizeof(i->profile_id));
	memcpy(i->role_arn, p->profile.role_arn, sizeof(i->role_arn));
	i->associated_ms = p->call->now_ms;
	return ec2_make_id("iip-assoc-", i->association);
}

/* A system tag, as EC2 sets it. */
static enum rd_status tag_template(struct plan *p, struct ec2_instance *i)
{
	char number[24];

	if (p->template.head.id[0] == '\0') {
		return RD_OK;
	}
	snprintf(number, sizeof(number), "%lld", (long long)p->template_version);
	RD_ENSURE(json_object_set_new(i->head.tags, "aws:ec2launchtemplate:id",
			  json_string(p->template.head.id)) == 0 &&
			  json_object_set_new(i->head.tags, "aws:ec2launchtemplate:version",
				  json_string(number)) == 0,
		RD_NOMEM);
	return RD_OK;
}

static enum rd_status fill(struct plan *p, uint32_t index, struct ec2_instance *i)
{
	const struct ec2_launch *l = &p->launch;
	bool v2 = p->image.imds_v2 || l->tokens != EC2_TOKENS_OPTIONAL;

	RD_TRY(head_of(p, &i->head, EC2_KIND_INSTANCE, p->reservation, l->instance_tags));
	RD_TRY(tag_template(p, i));
	i->launch_index = index;
	memcpy(i->image, p->image.head.id, sizeof(i->image));
	memcpy(i->location, p->image.location, sizeof(i->location));
	memcpy(i->format, p->image.format, sizeof(i->format));
	memcpy(i->root_device, p->image.root_device, sizeof(i->root_device));
	memcpy(i->type, l->type, sizeof(i->type));
	memcpy(i->key_name, l->key_name, sizeof(i->key_name));
	memcpy(i->groups, p->groups, sizeof(i->groups));
	memcpy(i->client_token, p->token, sizeof(i->client_token));
	ec2_set_state(i, EC2_PENDING, "", "", false, p->call->now_ms);
	i->desired = EC2_WANT_RUNNING;
	i->fresh = true;
	i->launched_ms = p->call->now_ms;
	i->root_gib = (uint32_t)(l->root_gib != 0 ? l->root_gib
						  : (p->image.size_bytes + GIB - 1) / GIB);
	i->enclaves = l->enclaves == EC2_ON;
	i->termination_disabled = l->termination_disabled == EC2_ON;
	i->stop_disabled = l->stop_disabled == EC2_ON;
	i->ebs_optimized = l->ebs_optimized == EC2_ON;
	i->monitoring = l->monitoring == EC2_ON;
	i->shutdown_terminates = l->shutdown_terminates == EC2_ON;
	i->tokens_required = l->tokens == EC2_TOKENS_UNSET ? v2 : l->tokens == EC2_TOKENS_REQUIRED;
	i->metadata_off = l->metadata == EC2_OFF;
	i->metadata_tags = l->metadata_tags == EC2_ON;
	i->hop_limit = (uint32_t)(l->hop_limit == 0 ? HOPS_DEFAULT : l->hop_limit);
	if (p->public_key != NULL) {
		i->public_key = strdup(p->public_key);
		RD_ENSURE(i->public_key != NULL, RD_NOMEM);
	}
	if (l->user_data != NULL) {
		i->user_data = strdup(l->user_data);
		RD_ENSURE(i->user_data != NULL, RD_NOMEM);
	}
	return fill_profile(p, i);
}

static enum rd_status add_instance(struct plan *p, uint32_t index)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	bool changed = false;

	RD_TRY(fill(p, index, &i));
	RD_TRY(add_volume(p, &i));
	RD_TRY(add_interface(p, &i));
	RD_TRY(ec2_store_add(p->call->db, EC2_KIND_INSTANCE, &i));
	return ec2_ports_assign(p->call, &i, &changed);
}

static enum rd_status within_limit(struct plan *p)
{
	int64_t have = 0;
	long long wanted;

	/* Each instance that is not terminated has an address. */
	RD_TRY(ec2_store_address_count(p->call->db, p->call->who.account, &have));
	wanted = have + p->max;
	if (wanted > p->call->ec2->config.max_instances) {
		return ec2_fail(p->call, EC2_FAULT_INSTANCE_LIMIT,
			"You have requested more instances (%lld) than your current instance limit "
			"of %u allows (max_instances in ec2.yaml).",
			wanted, p->call->ec2->config.max_instances);
	}
	return RD_OK;
}

static enum rd_status note_token(struct plan *p)
{
	const struct ec2_token token = {.account = p->call->who.account,
		.action = p->call->op->name,
		.token = p->token,
		.request = p->digest};
	char before[EC2_TOKEN_RESULT_SIZE] = "";
	enum rd_status st;

	p->repeated = false;
	if (p->token[0] == '\0') {
		return RD_OK;
	}
	st = ec2_store_token(p->call->db, &token, p->reservation, p->call->now_ms, before);
	if (st == RD_FORBIDDEN) {
		return ec2_fail(p->call, EC2_FAULT_TOKEN_MISMATCH, "%s",
			"Arguments on this idempotent request are inconsistent with arguments used "
			"in previous request(s).");
	}
	p->repeated = st == RD_EXISTS;
	if (p->repeated) {
		memcpy(p->reservation, before, sizeof(p->reservation));
		return RD_OK;
	}
	return st;
}

static enum rd_status record(struct rd_db *db, void *arg)
{
	struct plan *p = arg;

	(void)db;
	RD_TRY(ec2_make_id("r-", p->reservation));
	RD_TRY(note_token(p));
	if (p->repeated) {
		return RD_OK;
	}
	RD_TRY(within_limit(p));
	RD_TRY(ec2_default_group_make(p->call));
	for (uint32_t i = 0; i < p->max; i++) {
		RD_TRY(add_instance(p, i));
	}
	return RD_OK;
}

/* --- starting --- */

struct taking_back {
	struct plan *p;
	const struct ec2_list *list;
	const bool *refused;
	bool all;
	const char *why;
};

/* Those that were refused never were; the others end as if they had been terminated. */
static enum rd_status take_back(struct rd_db *db, void *arg)
{
	const struct taking_back *t = arg;

	for (size_t n = 0; n < t->list->n; n++) {
		struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
		const struct ec2_instance *was = ec2_list_at(t->list, n);

		if (!t->all && !t->refused[n]) {
			continue;
		}
		RD_TRY(ec2_store_get(db, EC2_KIND_INSTANCE, NULL, was->head.id, &i));
		i.desired = EC2_WANT_TERMINATED;
		ec2_set_state(&i, EC2_SHUTTING_DOWN, "Server.InsufficientInstanceCapacity", t->why,
			false, t->p->call->now_ms);
		RD_TRY(ec2_store_put(db, EC2_KIND_INSTANCE, &i));
	}
	if (t->all && t->p->token[0] != '\0') {
		RD_TRY(ec2_store_token_drop(
			db, t->p->call->who.account, t->p->call->op->name, t->p->token));
	}
	return RD_OK;
}

static enum rd_status end_taken_back(
	struct plan *p, const struct ec2_list *list, const bool *refused, bool all)
{
	for (size_t n = 0; n < list->n; n++) {
		const struct ec2_instance *i = ec2_list_at(list, n);
		struct rd_ctl_instance said = {.state = RD_CTL_INSTANCE_TERMINATED};
		struct ec2_refusal why = {.text = ""};

		if (!all && !refused[n]) {
			continue;
		}
		if (!refused[n]) {
			/* Its end is observed, or found by reconciliation. */
			if (ec2_host_target(p->call->ec2->host, RD_CTL_INSTANCE_TERMINATE,
				    i->head.id, true, &why) != RD_OK) {
				rd_log(RD_LOG_WARNING, "%s: %s", i->head.id, why.text);
			}
			continue;
		}
		snprintf(said.instance_id, sizeof(said.instance_id), "%s", i->head.id);
		ec2_observe(p->call->ec2, p->call->db, &said);
	}
	return RD_OK;
}

static enum rd_status refuse(struct plan *p, const struct ec2_refusal *why)
{
	switch (why->code) {
	case RD_I_CAPACITY:
		return ec2_fail(p->call, EC2_FAULT_CAPACITY,
			"We currently do not have sufficient %s capacity: %s", p->launch.type,
			why->text);
	case RD_I_IMAGE:
		return ec2_fail(
			p->call, EC2_FAULT_IMAGE_MANIFEST, "%s: %s", p->image.head.id, why->text);
	case RD_I_STORAGE:
		return ec2_fail(p->call, EC2_FAULT_CAPACITY,
			"We currently do not have sufficient storage capacity: %s", why->text);
	default:
		return ec2_fail(p->call, EC2_FAULT_INTERNAL, "%s: %s",
			"An instance could not be started", why->text);
	}
}

static enum rd_status start_all(struct plan *p, const struct ec2_list *list)
{
	bool refused[COUNT_MAX] = {false};
	struct ec2_refusal last = {.text = ""};
	int64_t started = 0;

	for (size_t n = 0; n < list->n; n++) {
		struct ec2_refusal why = {.text = ""};
		enum rd_status st = ec2_host_run(
			p->call->ec2, p->call->db, ec2_list_at(list, n), &why);

		/* What redoubtd cannot be asked now is asked when it is back. */
		refused[n] = st == RD_FORBIDDEN;
		started += refused[n] ? 0 : 1;
		last = refused[n] ? why : last;
		if (st != RD_OK && st != RD_FORBIDDEN && st != RD_UNAVAILABLE) {
			return st;
		}
	}
	if (started < (int64_t)list->n) {
		bool all = started < p->min;
		struct taking_back t = {
			.p = p, .list = list, .refused = refused, .all = all, .why = last.text};

		RD_TRY(rd_db_transact(p->call->db, take_back, &t));
		RD_TRY(end_taken_back(p, list, refused, all));
		return all ? refuse(p, &last) : RD_OK;
	}
	return RD_OK;
}

/* --- the answer --- */

static enum rd_status put_answer(struct plan *p, const struct ec2_list *list)
{
	struct rd_xml_out *x = p->call->x;

	ec2_put_reservation(p->call, ec2_list_at(list, 0));
	rd_xml_out_begin(x, "instancesSet");
	for (size_t n = 0; n < list->n; n++) {
		const struct ec2_instance *i = ec2_list_at(list, n);

		if (i->state == EC2_TERMINATED && !p->repeated) {
			continue; /* refused, and more than enough others were not */
		}
		rd_xml_out_begin(x, "item");
		RD_TRY(ec2_put_instance(p->call, i));
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
	return RD_OK;
}

static int by_index(const void *a, const void *b)
{
	const struct ec2_instance *ia = a, *ib = b;

	return (ia->launch_index > ib->launch_index) - (ia->launch_index < ib->launch_index);
}

static enum rd_status load(struct plan *p, struct ec2_list *list)
{
	ec2_list_finish(list);
	RD_TRY(ec2_store_load(p->call->db, NULL, p->reservation, list));
	/* The token is older than what it made is shown. */
	if (list->n == 0) {
		return ec2_fail(p->call, EC2_FAULT_CLIENT_TOKEN, "%s",
			"The instances that this client token made are gone.");
	}
	qsort(list->items, list->n, ec2_record_size(list->kind), by_index);
	return RD_OK;
}

static enum rd_status carry_out(struct plan *p)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};

	RD_TRY(rd_db_transact(p->call->db, record, p));
	RD_TRY(load(p, &list));
	if (!p->repeated) {
		RD_TRY(start_all(p, &list));
		RD_TRY(load(p, &list));
	}
	return put_answer(p, &list);
}

static enum rd_status run_plan(struct plan *p)
{
	RD_TRY(ec2_launch_parse(p->in, &p->launch));
	RD_TRY(read_counts(p));
	RD_TRY(read_token(p));
	RD_TRY(read_type(p));
	RD_TRY(find_image(p));
	RD_TRY(find_key(p));
	RD_TRY(find_groups(p));
	RD_TRY(find_profile(p));
	RD_TRY(allow(p));
	RD_TRY(require_found(p));
	RD_TRY(require_root(p));
	return carry_out(p);
}

enum rd_status ec2_run_instances(struct ec2_call *call)
{
	struct plan *p = calloc(1, sizeof(*p));
	struct ec2_merged *merged = NULL;
	char *data = NULL;
	enum rd_status st;

	RD_ENSURE(p != NULL, RD_NOMEM);
	p->call = call;
	p->in = ec2_in(call);
	st = ec2_template_data(p->in, &p->template, &p->template_version, &data);
	if (st == RD_OK && data != NULL) {
		st = ec2_merge(call, call->q, data, &merged);
		p->in.q = merged == NULL ? call->q : &merged->q;
	}
	if (st == RD_OK) {
		st = run_plan(p);
	}
	ec2_merged_free(&merged);
	free(data);
	plan_finish(p);
	free(p);
	return st;
}
