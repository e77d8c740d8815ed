/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeVolumes and DescribeNetworkInterfaces: the one of each that an instance has. */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/instances.h"
#include "ec2/network.h"

static void volume_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_volume *v = record;
	char zone[EC2_ZONE_SIZE];

	ec2_zone(call->ec2, zone);
	ec2_fact(f, "volume-id", v->head.id);
	ec2_fact(f, "attachment.instance-id", v->head.parent);
	ec2_fact(f, "attachment.device", v->device);
	ec2_fact(f, "attachment.status", "attached");
	ec2_fact(f, "attachment.delete-on-termination", "true");
	ec2_fact(f, "availability-zone", zone);
	ec2_fact_time(f, "create-time", v->head.created_ms);
	ec2_fact(f, "encrypted", "false");
	ec2_fact_number(f, "size", v->size_gib);
	ec2_fact(f, "status", "in-use");
	ec2_fact(f, "volume-type", "gp3");
}

static const char *const volume_filters[] = {"volume-id", "attachment.instance-id",
	"attachment.device", "attachment.status", "attachment.delete-on-termination",
	"availability-zone", "create-time", "encrypted", "size", "status", "volume-type",
	"tag:", "tag-key", NULL};

static const struct ec2_select select_volumes = {.kind = EC2_KIND_VOLUME,
	.ids = "VolumeId",
	.id_fault = EC2_FAULT_VOLUME_NOT_FOUND,
	.what = "volume",
	.filters = volume_filters,
	.facts = volume_facts};

static void put_volume(struct ec2_call *call, const struct ec2_volume *v)
{
	struct rd_xml_out *x = call->x;
	char zone[EC2_ZONE_SIZE];

	ec2_zone(call->ec2, zone);
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "volumeId", v->head.id);
	rd_xml_out_int(x, "size", v->size_gib);
	rd_xml_out_str(x, "snapshotId", v->snapshot);
	rd_xml_out_str(x, "availabilityZone", zone);
	rd_xml_out_str(x, "status", "in-use");
	ec2_put_time(x, "createTime", v->head.created_ms);
	rd_xml_out_str(x, "volumeType", "gp3");
	rd_xml_out_bool(x, "encrypted", false);
	rd_xml_out_bool(x, "multiAttachEnabled", false);
	rd_xml_out_begin(x, "attachmentSet");
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "volumeId", v->head.id);
	rd_xml_out_str(x, "instanceId", v->head.parent);
	rd_xml_out_str(x, "device", v->device);
	rd_xml_out_str(x, "status", "attached");
	ec2_put_time(x, "attachTime", v->head.created_ms);
	rd_xml_out_bool(x, "deleteOnTermination", true);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	ec2_put_tags(x, v->head.tags);
	rd_xml_out_end(x);
}

enum rd_status ec2_describe_volumes(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_VOLUME};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_volumes, &list, next));
	rd_xml_out_begin(call->x, "volumeSet");
	for (size_t n = 0; n < list.n; n++) {
		put_volume(call, ec2_list_at(&list, n));
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

/* --- interfaces --- */

static void interface_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_interface *e = record;
	const char *groups = e->groups;
	char id[EC2_ID_SIZE], zone[EC2_ZONE_SIZE], dns[EC2_DNS_SIZE];

	ec2_zone(call->ec2, zone);
	ec2_private_dns(call->ec2, e->private_ip, dns);
	ec2_fact(f, "network-interface-id", e->head.id);
	ec2_fact(f, "attachment.instance-id", e->head.parent);
	ec2_fact(f, "attachment.attachment-id", e->attachment);
	ec2_fact(f, "attachment.status", "attached");
	ec2_fact(f, "availability-zone", zone);
	ec2_fact(f, "mac-address", e->mac);
	ec2_fact(f, "private-ip-address", e->private_ip);
	ec2_fact(f, "addresses.private-ip-address", e->private_ip);
	ec2_fact(f, "private-dns-name", dns);
	ec2_fact(f, "owner-id", e->head.account);
	ec2_fact(f, "status", "in-use");
	while (ec2_groups_next(&groups, id)) {
		ec2_fact(f, "group-id", id);
	}
	if (ec2_vpc_id(e->head.account, id) == RD_OK) {
		ec2_fact(f, "vpc-id", id);
	}
	if (ec2_subnet_id(e->head.account, id) == RD_OK) {
		ec2_fact(f, "subnet-id", id);
	}
}

static const char *const interface_filters[] = {"network-interface-id", "attachment.instance-id",
	"attachment.attachment-id", "attachment.status", "availability-zone", "mac-address",
	"private-ip-address", "addresses.private-ip-address", "private-dns-name", "owner-id",
	"status", "group-id", "vpc-id", "subnet-id", "tag:", "tag-key", NULL};

static const struct ec2_select select_interfaces = {.kind = EC2_KIND_INTERFACE,
	.ids = "NetworkInterfaceId",
	.id_fault = EC2_FAULT_INTERFACE_NOT_FOUND,
	.what = "network interface ID",
	.filters = interface_filters,
	.facts = interface_facts};

static void put_attachment(struct rd_xml_out *x, const struct ec2_interface *e)
{
	rd_xml_out_begin(x, "attachment");
	rd_xml_out_str(x, "attachmentId", e->attachment);
	rd_xml_out_str(x, "instanceId", e->head.parent);
	rd_xml_out_str(x, "instanceOwnerId", e->head.account);
	rd_xml_out_int(x, "deviceIndex", 0);
	rd_xml_out_str(x, "status", "attached");
	ec2_put_time(x, "attachTime", e->head.created_ms);
	rd_xml_out_bool(x, "deleteOnTermination", true);
	rd_xml_out_end(x);
}

static enum rd_status put_interface(struct ec2_call *call, const struct ec2_interface *e)
{
	struct rd_xml_out *x = call->x;
	char vpc[EC2_ID_SIZE], subnet[EC2_ID_SIZE], zone[EC2_ZONE_SIZE], dns[EC2_DNS_SIZE];

	RD_TRY(ec2_vpc_id(e->head.account, vpc));
	RD_TRY(ec2_subnet_id(e->head.account, subnet));
	ec2_zone(call->ec2, zone);
	ec2_private_dns(call->ec2, e->private_ip, dns);
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "networkInterfaceId", e->head.id);
	rd_xml_out_str(x, "subnetId", subnet);
	rd_xml_out_str(x, "vpcId", vpc);
	rd_xml_out_str(x, "availabilityZone", zone);
	rd_xml_out_str(x, "description", "");
	rd_xml_out_str(x, "ownerId", e->head.account);
	rd_xml_out_bool(x, "requesterManaged", false);
	rd_xml_out_str(x, "status", "in-use");
	rd_xml_out_str(x, "macAddress", e->mac);
	rd_xml_out_str(x, "privateIpAddress", e->private_ip);
	rd_xml_out_str(x, "privateDnsName", dns);
	rd_xml_out_bool(x, "sourceDestCheck", true);
	rd_xml_out_str(x, "interfaceType", "interface");
	RD_TRY(ec2_put_groups(call, e->groups));
	put_attachment(x, e);
	ec2_put_tags(x, e->head.tags);
	rd_xml_out_end(x);
	return RD_OK;
}

enum rd_status ec2_describe_network_interfaces(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INTERFACE};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_interfaces, &list, next));
	rd_xml_out_begin(call->x, "networkInterfaceSet");
	for (size_t n = 0; n < list.n; n++) {
		RD_TRY(put_interface(call, ec2_list_at(&list, n)));
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}
