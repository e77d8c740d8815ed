/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a launch. */
#include "ec2/launch.h"

#include "aws/uri.h"
#include "base/text.h"
#include "ec2/record.h"

#include <stdlib.h>
#include <string.h>

#define ROOT_GIB_MAX 65536 /* EBS: 64 TiB */
#define HOPS_MAX     64

static enum rd_status read_switch(struct ec2_in in, const char *name, enum ec2_switch *ret)
{
	bool value = false;

	RD_TRY(ec2_in_bool(in, name, &value));
	if (ec2_in_has(in, name)) {
		*ret = value ? EC2_ON : EC2_OFF;
	}
	return RD_OK;
}

static enum rd_status read_word(
	struct ec2_in in, const char *name, const char *off, const char *on, enum ec2_switch *ret)
{
	const char *const words[] = {off, on, NULL};
	unsigned index = 0;

	RD_TRY(ec2_in_word(in, name, words, &index));
	if (ec2_in_has(in, name)) {
		*ret = index == 1 ? EC2_ON : EC2_OFF;
	}
	return RD_OK;
}

static enum rd_status read_groups(struct ec2_in in, struct ec2_launch *l)
{
	RD_TRY(ec2_in_count(in, "SecurityGroupId", EC2_GROUPS_MAX, &l->n_groups));
	for (size_t i = 0; i < l->n_groups; i++) {
		RD_TRY(ec2_in_item(in, "SecurityGroupId", i + 1, l->groups[i], EC2_ID_SIZE));
	}
	RD_TRY(ec2_in_count(in, "SecurityGroup", EC2_GROUPS_MAX, &l->n_group_names));
	for (size_t i = 0; i < l->n_group_names; i++) {
		RD_TRY(ec2_in_item(in, "SecurityGroup", i + 1, l->group_names[i], EC2_NAME_SIZE));
	}
	return RD_OK;
}

static enum rd_status read_metadata(struct ec2_in in, struct ec2_launch *l)
{
	enum ec2_switch tokens = EC2_UNSET, ipv6 = EC2_UNSET;

	RD_TRY(read_word(in, "MetadataOptions.HttpTokens", "optional", "required", &tokens));
	if (tokens != EC2_UNSET) {
		l->tokens = tokens == EC2_ON ? EC2_TOKENS_REQUIRED : EC2_TOKENS_OPTIONAL;
	}
	RD_TRY(ec2_in_number(
		in, "MetadataOptions.HttpPutResponseHopLimit", 1, HOPS_MAX, &l->hop_limit));
	RD_TRY(read_word(in, "MetadataOptions.HttpEndpoint", "disabled", "enabled", &l->metadata));
	RD_TRY(read_word(in, "MetadataOptions.HttpProtocolIpv6", "disabled", "enabled", &ipv6));
	if (ipv6 == EC2_ON) {
		return ec2_fail(in.call, EC2_FAULT_UNSUPPORTED, "%s",
			"MetadataOptions.HttpProtocolIpv6: instances have no IPv6 here.");
	}
	return read_word(in, "MetadataOptions.InstanceMetadataTags", "disabled", "enabled",
		&l->metadata_tags);
}

static enum rd_status read_placement(struct ec2_in in, struct ec2_launch *l)
{
	char tenancy[32];

	RD_TRY(ec2_in_text(in, "Placement.AvailabilityZone", l->zone, sizeof(l->zone)));
	RD_TRY(ec2_in_text(in, "Placement.Tenancy", tenancy, sizeof(tenancy)));
	if (tenancy[0] != '\0' && strcmp(tenancy, "default") != 0) {
		return ec2_fail(in.call, EC2_FAULT_UNSUPPORTED,
			"Placement.Tenancy %s: there is no other host than this one.", tenancy);
	}
	return RD_OK;
}

static enum rd_status read_root(struct ec2_in in, struct ec2_launch *l)
{
	char name[EC2_PARAM_NAME_SIZE];
	bool deleted = true, encrypted = false;
	size_t n = 0;

	RD_TRY(ec2_in_count(in, "BlockDeviceMapping", 1, &n));
	if (n == 0) {
		return RD_OK;
	}
	RD_TRY(ec2_in_need(in, ec2_in_name(name, "BlockDeviceMapping", 1, "DeviceName"),
		l->root_device, sizeof(l->root_device)));
	RD_TRY(ec2_in_number(in, ec2_in_name(name, "BlockDeviceMapping", 1, "Ebs.VolumeSize"), 1,
		ROOT_GIB_MAX, &l->root_gib));
	RD_TRY(ec2_in_bool(in,
		ec2_in_name(name, "BlockDeviceMapping", 1, "Ebs.DeleteOnTermination"), &deleted));
	RD_TRY(ec2_in_bool(
		in, ec2_in_name(name, "BlockDeviceMapping", 1, "Ebs.Encrypted"), &encrypted));
	if (!deleted || encrypted) {
		return ec2_fail(in.call, EC2_FAULT_UNSUPPORTED, "%s",
			"BlockDeviceMapping: the root volume is deleted with its instance, and is "
			"not encrypted by itself here.");
	}
	return RD_OK;
}

enum rd_status ec2_user_data_check(struct ec2_call *call, const char *text)
{
	struct rd_buf plain RD_CLEANUP(rd_buf_finish) = rd_buf_growable(EC2_USER_DATA_MAX);
	enum rd_status st = rd_base64_decode(rd_view_str(text), &plain);

	if (st == RD_NOSPACE || st == RD_LIMIT) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE, "User data is limited to %d bytes",
			EC2_USER_DATA_MAX);
	}
	if (st != RD_OK) {
		return ec2_fail(
			call, EC2_FAULT_USER_DATA, "%s", "Invalid BASE64 encoding of user data.");
	}
	return RD_OK;
}

static enum rd_status read_user_data(struct ec2_in in, struct ec2_launch *l)
{
	/* Base64 of the limit, and what a client may have wrapped lines with is refused by it. */
	RD_TRY(ec2_in_dup(in, "UserData", 2 * EC2_USER_DATA_MAX, &l->user_data));
	return l->user_data == NULL ? RD_OK : ec2_user_data_check(in.call, l->user_data);
}

static enum rd_status read_tags(struct ec2_in in, struct ec2_launch *l)
{
	RD_TRY(ec2_in_tags(in, "instance", &l->instance_tags));
	RD_TRY(ec2_in_tags(in, "volume", &l->volume_tags));
	return ec2_in_tags(in, "network-interface", &l->interface_tags);
}

static enum rd_status read_names(struct ec2_in in, struct ec2_launch *l)
{
	RD_TRY(ec2_in_text(in, "ImageId", l->image, sizeof(l->image)));
	RD_TRY(ec2_in_text(in, "InstanceType", l->type, sizeof(l->type)));
	RD_TRY(ec2_in_text(in, "KeyName", l->key_name, sizeof(l->key_name)));
	RD_TRY(ec2_in_text(in, "SubnetId", l->subnet, sizeof(l->subnet)));
	RD_TRY(ec2_in_text(in, "PrivateIpAddress", l->private_ip, sizeof(l->private_ip)));
	RD_TRY(ec2_in_text(
		in, "IamInstanceProfile.Name", l->profile_name, sizeof(l->profile_name)));
	RD_TRY(ec2_in_text(in, "IamInstanceProfile.Arn", l->profile_arn, sizeof(l->profile_arn)));
	if (l->profile_name[0] != '\0' && l->profile_arn[0] != '\0') {
		return ec2_fail(in.call, EC2_FAULT_PARAMETER_COMBINATION, "%s",
			"The parameter 'IamInstanceProfile.Name' may not be used in combination "
			"with 'IamInstanceProfile.Arn'");
	}
	return RD_OK;
}

enum rd_status ec2_launch_parse(struct ec2_in in, struct ec2_launch *ret)
{
	RD_TRY(read_names(in, ret));
	RD_TRY(read_groups(in, ret));
	RD_TRY(read_placement(in, ret));
	RD_TRY(read_metadata(in, ret));
	RD_TRY(read_root(in, ret));
	RD_TRY(read_switch(in, "EnclaveOptions.Enabled", &ret->enclaves));
	RD_TRY(read_switch(in, "Monitoring.Enabled", &ret->monitoring));
	RD_TRY(read_switch(in, "EbsOptimized", &ret->ebs_optimized));
	RD_TRY(read_switch(in, "DisableApiTermination", &ret->termination_disabled));
	RD_TRY(read_switch(in, "DisableApiStop", &ret->stop_disabled));
	RD_TRY(read_word(in, "InstanceInitiatedShutdownBehavior", "stop", "terminate",
		&ret->shutdown_terminates));
	RD_TRY(read_user_data(in, ret));
	return read_tags(in, ret);
}

void ec2_launch_finish(struct ec2_launch *launch)
{
	free(rd_steal(&launch->user_data, NULL));
	json_decref(launch->instance_tags);
	json_decref(launch->volume_tags);
	json_decref(launch->interface_tags);
	launch->instance_tags = launch->volume_tags = launch->interface_tags = NULL;
}

/* --- merging --- */

static struct rd_view top(struct rd_view name)
{
	struct rd_view rest;

	return rd_text_cut(name, '.', &rest);
}

static bool has_top(const struct rd_query *q, struct rd_view part)
{
	for (size_t i = 0; i < q->n; i++) {
		if (rd_view_equal(top(q->params[i].name), part)) {
			return true;
		}
	}
	return false;
}

static enum rd_status merge(
	struct ec2_call *call, const struct rd_query *request, struct ec2_merged *m)
{
	for (size_t i = 0; i < request->n; i++) {
		m->q.params[m->q.n++] = request->params[i];
	}
	for (size_t i = 0; i < m->base.n; i++) {
		if (has_top(request, top(m->base.params[i].name))) {
			continue;
		}
		if (m->q.n == RD_QUERY_PARAMS_MAX) {
			return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
				"The request and its launch template have more than %d parameters "
				"together.",
				RD_QUERY_PARAMS_MAX);
		}
		m->q.params[m->q.n++] = m->base.params[i];
	}
	return RD_OK;
}

enum rd_status ec2_merge(struct ec2_call *call, const struct rd_query *request, const char *data,
	struct ec2_merged **ret)
{
	struct ec2_merged *m = calloc(1, sizeof(*m));
	enum rd_status st;

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->storage = rd_buf_growable(RD_QUERY_SIZE_MAX);
	st = rd_query_parse(rd_view_str(data), &m->storage, &m->base);
	if (st == RD_OK) {
		st = merge(call, request, m);
	}
	if (st != RD_OK) {
		ec2_merged_free(&m);
		return st;
	}
	*ret = m;
	return RD_OK;
}

void ec2_merged_free(struct ec2_merged **merged)
{
	struct ec2_merged *m = rd_steal(merged, NULL);

	if (m != NULL) {
		rd_buf_finish(&m->storage);
		free(m);
	}
}
