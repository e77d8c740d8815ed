/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeInstanceAttribute, ModifyInstanceAttribute, ModifyInstanceMetadataOptions. */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/instances.h"
#include "ec2/launch.h"
#include "ec2/types.h"
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rd_status find(struct ec2_call *call, struct ec2_instance *ret)
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

/* --- describing --- */

enum attribute {
	INSTANCE_TYPE,
	USER_DATA,
	DISABLE_TERMINATION,
	DISABLE_STOP,
	SHUTDOWN_BEHAVIOR,
	ROOT_DEVICE,
	DEVICES,
	GROUPS,
	SOURCE_DEST_CHECK,
	EBS_OPTIMIZED,
	ENA,
	ENCLAVES,
	KERNEL,
	RAMDISK,
	PRODUCT_CODES,
	SRIOV,
};

static const char *const attribute_names[] = {"instanceType", "userData", "disableApiTermination",
	"disableApiStop", "instanceInitiatedShutdownBehavior", "rootDeviceName",
	"blockDeviceMapping", "groupSet", "sourceDestCheck", "ebsOptimized", "enaSupport",
	"enclaveOptions", "kernel", "ramdisk", "productCodes", "sriovNetSupport", NULL};

static void put_empty(struct rd_xml_out *x, const char *name)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_end(x);
}

static void put_devices(struct rd_xml_out *x, const struct ec2_instance *i)
{
	rd_xml_out_begin(x, "blockDeviceMapping");
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "deviceName", i->root_device);
	rd_xml_out_begin(x, "ebs");
	rd_xml_out_str(x, "volumeId", i->volume);
	rd_xml_out_str(x, "status", "attached");
	ec2_put_time(x, "attachTime", i->head.created_ms);
	rd_xml_out_bool(x, "deleteOnTermination", true);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
}

static enum rd_status put_attribute(
	struct ec2_call *call, enum attribute attribute, const struct ec2_instance *i)
{
	struct rd_xml_out *x = call->x;

	switch (attribute) {
	case INSTANCE_TYPE:
		ec2_put_value(x, "instanceType", i->type);
		break;
	case USER_DATA:
		ec2_put_value(x, "userData", i->user_data);
		break;
	case DISABLE_TERMINATION:
		ec2_put_bool_value(x, "disableApiTermination", i->termination_disabled);
		break;
	case DISABLE_STOP:
		ec2_put_bool_value(x, "disableApiStop", i->stop_disabled);
		break;
	case SHUTDOWN_BEHAVIOR:
		ec2_put_value(x, "instanceInitiatedShutdownBehavior",
			i->shutdown_terminates ? "terminate" : "stop");
		break;
	case ROOT_DEVICE:
		ec2_put_value(x, "rootDeviceName", i->root_device);
		break;
	case DEVICES:
		put_devices(x, i);
		break;
	case GROUPS:
		return ec2_put_groups(call, i->groups);
	case SOURCE_DEST_CHECK:
		ec2_put_bool_value(x, "sourceDestCheck", true);
		break;
	case EBS_OPTIMIZED:
		ec2_put_bool_value(x, "ebsOptimized", i->ebs_optimized);
		break;
	case ENA:
		ec2_put_bool_value(x, "enaSupport", false);
		break;
	case ENCLAVES:
		rd_xml_out_begin(x, "enclaveOptions");
		rd_xml_out_bool(x, "enabled", i->enclaves);
		rd_xml_out_end(x);
		break;
	case KERNEL:
	case RAMDISK:
	case PRODUCT_CODES:
	case SRIOV:
		put_empty(x, attribute_names[attribute]);
		break;
	}
	return RD_OK;
}

enum rd_status ec2_describe_instance_attribute(struct ec2_call *call)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	char name[64];
	unsigned attribute = 0;

	RD_TRY(ec2_in_need(ec2_in(call), "Attribute", name, sizeof(name)));
	RD_TRY(ec2_in_word(ec2_in(call), "Attribute", attribute_names, &attribute));
	RD_TRY(find(call, &i));
	rd_xml_out_str(call->x, "instanceId", i.head.id);
	return put_attribute(call, (enum attribute)attribute, &i);
}

/* --- modifying --- */

struct modification {
	struct ec2_call *call;
	const char *id;
	char groups[EC2_GROUPS_SIZE]; /* "": as they are */
	bool ports_changed;
	struct ec2_instance *ret; /* as it is now */
};

/* The old form, Attribute=name and Value=value, is the new one's: "<Name>.Value". */
static bool given(struct ec2_call *call, const char *attribute, const char *param,
	char ret_name[EC2_PARAM_NAME_SIZE])
{
	struct rd_view old = rd_query_get(call->q, "Attribute");

	if (rd_view_equal(old, rd_view_str(attribute))) {
		snprintf(ret_name, EC2_PARAM_NAME_SIZE, "Value");
		return true;
	}
	snprintf(ret_name, EC2_PARAM_NAME_SIZE, "%s", param);
	return ec2_in_has(ec2_in(call), ret_name);
}

static enum rd_status need_stopped(
	struct ec2_call *call, const struct ec2_instance *i, const char *attribute)
{
	if (i->state == EC2_STOPPED) {
		return RD_OK;
	}
	return ec2_fail(call, EC2_FAULT_INSTANCE_STATE,
		"The instance '%s' is not in the 'stopped' state, which a change of %s needs.",
		i->head.id, attribute);
}

static enum rd_status modify_type(struct ec2_call *call, struct ec2_instance *i)
{
	char name[EC2_PARAM_NAME_SIZE], type[EC2_TYPE_SIZE];

	if (!given(call, "instanceType", "InstanceType.Value", name)) {
		return RD_OK;
	}
	RD_TRY(ec2_in_need(ec2_in(call), name, type, sizeof(type)));
	if (ec2_type_find(type) == NULL) {
		return ec2_fail(call, EC2_FAULT_INSTANCE_ATTRIBUTE,
			"The instance type '%s' is not one that this host has.", type);
	}
	if (i->enclaves && !ec2_type_has_enclaves(ec2_type_find(type), call->ec2->config.strict)) {
		return ec2_fail(call, EC2_FAULT_UNSUPPORTED,
			"The instance type %s does not support AWS Nitro Enclaves.", type);
	}
	RD_TRY(need_stopped(call, i, "instanceType"));
	memcpy(i->type, type, sizeof(i->type));
	return RD_OK;
}

static enum rd_status modify_user_data(struct ec2_call *call, struct ec2_instance *i)
{
	char name[EC2_PARAM_NAME_SIZE];

	if (!given(call, "userData", "UserData.Value", name)) {
		return RD_OK;
	}
	RD_TRY(need_stopped(call, i, "userData"));
	RD_TRY(ec2_in_dup(ec2_in(call), name, 2 * EC2_USER_DATA_MAX, &i->user_data));
	return i->user_data == NULL ? RD_OK : ec2_user_data_check(call, i->user_data);
}

static enum rd_status modify_flags(struct ec2_call *call, struct ec2_instance *i)
{
	struct ec2_in in = ec2_in(call);
	static const char *const behaviors[] = {"stop", "terminate", NULL};
	char name[EC2_PARAM_NAME_SIZE];
	unsigned behavior = i->shutdown_terminates ? 1 : 0;
	bool check = true;

	(void)given(call, "disableApiTermination", "DisableApiTermination.Value", name);
	RD_TRY(ec2_in_bool(in, name, &i->termination_disabled));
	(void)given(call, "disableApiStop", "DisableApiStop.Value", name);
	RD_TRY(ec2_in_bool(in, name, &i->stop_disabled));
	(void)given(call, "ebsOptimized", "EbsOptimized.Value", name);
	RD_TRY(ec2_in_bool(in, name, &i->ebs_optimized));
	(void)given(call, "sourceDestCheck", "SourceDestCheck.Value", name);
	RD_TRY(ec2_in_bool(in, name, &check));
	if (!check) {
		return ec2_fail(call, EC2_FAULT_UNSUPPORTED, "%s",
			"sourceDestCheck cannot be switched off: an instance's network is its own.");
	}
	(void)given(call, "instanceInitiatedShutdownBehavior",
		"InstanceInitiatedShutdownBehavior.Value", name);
	RD_TRY(ec2_in_word(in, name, behaviors, &behavior));
	i->shutdown_terminates = behavior == 1;
	return RD_OK;
}

/* Before the transaction: which groups there are does not depend on it. */
static enum rd_status read_groups(struct ec2_call *call, struct modification *m)
{
	struct ec2_in in = ec2_in(call);
	size_t n = 0;
	char id[EC2_ID_SIZE];

	RD_TRY(ec2_in_count(in, "GroupId", EC2_GROUPS_MAX, &n));
	for (size_t g = 1; g <= n; g++) {
		struct ec2_group group RD_CLEANUP(ec2_group_finish) = {.description = ""};
		size_t used = strlen(m->groups);

		RD_TRY(ec2_in_item(in, "GroupId", g, id, sizeof(id)));
		RD_TRY(ec2_find(call, EC2_KIND_GROUP, id, &group));
		RD_ENSURE(used + strlen(id) + 2 <= sizeof(m->groups), RD_LIMIT);
		snprintf(m->groups + used, sizeof(m->groups) - used, "%s ", id);
	}
	return RD_OK;
}

static enum rd_status modify_groups(
	struct rd_db *db, struct modification *m, struct ec2_instance *i)
{
	struct ec2_interface e RD_CLEANUP(ec2_interface_finish) = {.private_ip = ""};

	if (m->groups[0] == '\0') {
		return RD_OK;
	}
	memcpy(i->groups, m->groups, sizeof(i->groups));
	RD_TRY(ec2_store_get(db, EC2_KIND_INTERFACE, NULL, i->interface, &e));
	memcpy(e.groups, m->groups, sizeof(e.groups));
	RD_TRY(ec2_store_put(db, EC2_KIND_INTERFACE, &e));
	return ec2_ports_assign(m->call, i, &m->ports_changed);
}

static enum rd_status modify_work(struct rd_db *db, void *arg)
{
	struct modification *m = arg;
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};

	m->ports_changed = false;
	RD_TRY(ec2_store_get(db, EC2_KIND_INSTANCE, m->call->who.account, m->id, &i));
	if (i.state == EC2_TERMINATED || i.state == EC2_SHUTTING_DOWN) {
		return ec2_fail(m->call, EC2_FAULT_INSTANCE_STATE, "The instance '%s' is %s.",
			i.head.id, ec2_state_name(i.state));
	}
	RD_TRY(modify_type(m->call, &i));
	RD_TRY(modify_user_data(m->call, &i));
	RD_TRY(modify_flags(m->call, &i));
	RD_TRY(modify_groups(db, m, &i));
	return ec2_store_put(db, EC2_KIND_INSTANCE, &i);
}

enum rd_status ec2_modify_instance_attribute(struct ec2_call *call)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct modification m = {.call = call};
	struct ec2_refusal why = {.text = ""};

	RD_TRY(find(call, &i));
	m.id = i.head.id;
	RD_TRY(read_groups(call, &m));
	RD_TRY(rd_db_transact(call->db, modify_work, &m));
	/* What redoubtd cannot do now it is told at the next start. */
	if (m.ports_changed && i.state == EC2_RUNNING &&
		ec2_host_forwards(call->ec2, call->db, &i, &why) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: its open ports: %s", i.head.id, why.text);
	}
	rd_xml_out_bool(call->x, "return", true);
	return RD_OK;
}

/* --- metadata options --- */

static enum rd_status metadata_work(struct rd_db *db, void *arg)
{
	static const char *const tokens[] = {"optional", "required", NULL};
	static const char *const switches[] = {"disabled", "enabled", NULL};
	struct modification *m = arg;
	struct ec2_in in = ec2_in(m->call);
	struct ec2_instance *i = m->ret;
	unsigned required, on, tags;
	int64_t hops;

	ec2_instance_finish(i);
	RD_TRY(ec2_store_get(db, EC2_KIND_INSTANCE, m->call->who.account, m->id, i));
	required = i->tokens_required ? 1 : 0;
	on = i->metadata_off ? 0 : 1;
	tags = i->metadata_tags ? 1 : 0;
	hops = i->hop_limit;
	RD_TRY(ec2_in_word(in, "HttpTokens", tokens, &required));
	RD_TRY(ec2_in_word(in, "HttpEndpoint", switches, &on));
	RD_TRY(ec2_in_word(in, "InstanceMetadataTags", switches, &tags));
	RD_TRY(ec2_in_number(in, "HttpPutResponseHopLimit", 1, 64, &hops));
	i->tokens_required = required == 1;
	i->metadata_off = on == 0;
	i->metadata_tags = tags == 1;
	i->hop_limit = (uint32_t)hops;
	return ec2_store_put(db, EC2_KIND_INSTANCE, i);
}

enum rd_status ec2_modify_instance_metadata_options(struct ec2_call *call)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct ec2_instance now RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct modification m = {.call = call, .ret = &now};
	struct ec2_refusal why = {.text = ""};

	RD_TRY(find(call, &i));
	m.id = i.head.id;
	RD_TRY(rd_db_transact(call->db, metadata_work, &m));
	/* The rest is asked for at every question; what redoubtd cannot do now it is told at the
	 * next start. */
	if (now.hop_limit != i.hop_limit && now.state == EC2_RUNNING &&
		ec2_host_forwards(call->ec2, call->db, &now, &why) != RD_OK) {
		rd_log(RD_LOG_WARNING, "%s: its hop limit: %s", now.head.id, why.text);
	}
	rd_xml_out_str(call->x, "instanceId", now.head.id);
	ec2_put_metadata_options(call->x, "instanceMetadataOptions", &now);
	return RD_OK;
}
