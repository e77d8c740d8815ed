/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at each path (the user guide's "Instance metadata categories"). */
#include "ec2/imds-internal.h"

#include <string.h>

/* put_<member>, has_<member> */
#define TEXT(member)                                                                               \
	static enum rd_status put_##member(const struct imds_view *v, struct rd_buf *out)          \
	{                                                                                          \
		return rd_buf_put_str(out, v->instance->member);                                   \
	}                                                                                          \
	static bool has_##member(const struct imds_view *v)                                        \
	{                                                                                          \
		return v->instance->member[0] != '\0';                                             \
	}

TEXT(account)
TEXT(hostname)
TEXT(id)
TEXT(image)
TEXT(interface)
TEXT(mac)
TEXT(private_ip)
TEXT(region)
TEXT(reservation)
TEXT(root_device)
TEXT(security_group_ids)
TEXT(security_groups)
TEXT(subnet)
TEXT(subnet_cidr)
TEXT(type)
TEXT(vpc)
TEXT(vpc_cidr)
TEXT(zone)
TEXT(zone_id)

#define CONSTANT(name, text)                                                                       \
	static enum rd_status put_##name(const struct imds_view *v, struct rd_buf *out)            \
	{                                                                                          \
		(void)v;                                                                           \
		return rd_buf_put_str(out, text);                                                  \
	}

CONSTANT(domain, "amazonaws.com")
CONSTANT(instance_action, "none")
CONSTANT(life_cycle, "on-demand")
CONSTANT(manifest_path, "(unknown)")
CONSTANT(no_events, "[]")
CONSTANT(profile, "default-hvm")
CONSTANT(system, "nitro")
CONSTANT(zero, "0")

const char *imds_name(const struct imds_view *view, const char *placeholder)
{
	const char *role = strrchr(view->instance->role_arn, '/');

	if (strcmp(placeholder, "{mac}") == 0) {
		return view->instance->mac;
	}
	return role != NULL ? role + 1 : "";
}

static enum rd_status put_launch_index(const struct imds_view *v, struct rd_buf *out)
{
	return rd_buf_printf(out, "%u", (unsigned)v->instance->launch_index);
}

/* "xvda" of "/dev/xvda" */
static enum rd_status put_root_name(const struct imds_view *v, struct rd_buf *out)
{
	const char *slash = strrchr(v->instance->root_device, '/');

	return rd_buf_put_str(out, slash != NULL ? slash + 1 : v->instance->root_device);
}

static bool has_role(const struct imds_view *v)
{
	return imds_name(v, "{role}")[0] != '\0' && v->instance->profile_arn[0] != '\0';
}

static bool has_profile(const struct imds_view *v)
{
	return v->instance->profile_arn[0] != '\0';
}

static enum rd_status put_iam_info(const struct imds_view *v, struct rd_buf *out)
{
	char updated[IMDS_TIME_SIZE];

	imds_time(v->now_ms, updated);
	return rd_buf_printf(out,
		"{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"%s\",\n"
		"  \"InstanceProfileArn\" : \"%s\",\n  \"InstanceProfileId\" : \"%s\"\n}",
		updated, v->instance->profile_arn, v->instance->profile_id);
}

static enum rd_status put_partition(const struct imds_view *v, struct rd_buf *out)
{
	const char *region = v->instance->region;

	return rd_buf_put_str(out, strncmp(region, "cn-", 3) == 0       ? "aws-cn"
				   : strncmp(region, "us-gov-", 7) == 0 ? "aws-us-gov"
									: "aws");
}

static bool has_key(const struct imds_view *v)
{
	return v->instance->public_key != NULL;
}

static enum rd_status put_key(const struct imds_view *v, struct rd_buf *out)
{
	return rd_buf_put_str(out, v->instance->public_key);
}

static bool has_tags(const struct imds_view *v)
{
	return v->instance->tags_shown && json_object_size(v->instance->tags) > 0;
}

static bool has_user_data(const struct imds_view *v)
{
	return v->instance->user_data != NULL;
}

static enum rd_status put_user_data(const struct imds_view *v, struct rd_buf *out)
{
	return rd_buf_put(out, v->instance->user_data, v->instance->user_data_len);
}

#define META "meta-data/"
#define MACS META "network/interfaces/macs/{mac}/"

const struct imds_leaf imds_leaves[] = {
	{"dynamic/instance-identity/document", imds_put_document, NULL},
	{"dynamic/instance-identity/pkcs7", imds_put_pkcs7, NULL},
	{"dynamic/instance-identity/rsa2048", imds_put_pkcs7, NULL},
	{"dynamic/instance-identity/signature", imds_put_signature, NULL},
	{META "ami-id", put_image, has_image},
	{META "ami-launch-index", put_launch_index, NULL},
	{META "ami-manifest-path", put_manifest_path, NULL},
	{META "block-device-mapping/ami", put_root_name, has_root_device},
	{META "block-device-mapping/root", put_root_device, has_root_device},
	{META "events/maintenance/history", put_no_events, NULL},
	{META "events/maintenance/scheduled", put_no_events, NULL},
	{META "hostname", put_hostname, has_hostname},
	{META "iam/info", put_iam_info, has_profile},
	{META "iam/security-credentials/{role}", imds_put_credentials, has_role},
	{META "instance-action", put_instance_action, NULL},
	{META "instance-id", put_id, has_id},
	{META "instance-life-cycle", put_life_cycle, NULL},
	{META "instance-type", put_type, has_type},
	{META "local-hostname", put_hostname, has_hostname},
	{META "local-ipv4", put_private_ip, has_private_ip},
	{META "mac", put_mac, has_mac},
	{MACS "device-number", put_zero, has_mac},
	{MACS "interface-id", put_interface, has_interface},
	{MACS "local-hostname", put_hostname, has_hostname},
	{MACS "local-ipv4s", put_private_ip, has_private_ip},
	{MACS "mac", put_mac, has_mac},
	{MACS "owner-id", put_account, has_account},
	{MACS "security-group-ids", put_security_group_ids, has_security_group_ids},
	{MACS "security-groups", put_security_groups, has_security_groups},
	{MACS "subnet-id", put_subnet, has_subnet},
	{MACS "subnet-ipv4-cidr-block", put_subnet_cidr, has_subnet_cidr},
	{MACS "vpc-id", put_vpc, has_vpc},
	{MACS "vpc-ipv4-cidr-block", put_vpc_cidr, has_vpc_cidr},
	{MACS "vpc-ipv4-cidr-blocks", put_vpc_cidr, has_vpc_cidr},
	{META "placement/availability-zone", put_zone, has_zone},
	{META "placement/availability-zone-id", put_zone_id, has_zone_id},
	{META "placement/region", put_region, has_region},
	{META "profile", put_profile, NULL},
	{META "public-keys/0/openssh-key", put_key, has_key},
	{META "reservation-id", put_reservation, has_reservation},
	{META "security-groups", put_security_groups, has_security_groups},
	{META "services/domain", put_domain, NULL},
	{META "services/partition", put_partition, NULL},
	{META "system", put_system, NULL},
	/* Its list: imds_tree.c. */
	{META "tags/instance/{tag}", put_zero, has_tags},
	{"user-data", put_user_data, has_user_data},
};
const size_t imds_n_leaves = RD_ARRAY_LEN(imds_leaves);
