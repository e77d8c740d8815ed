/* SPDX-License-Identifier: Apache-2.0 */
/* What every account has: a region with one zone, attributes, a VPC with one subnet. */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/network.h"
#include "ec2/select.h"
#include "ec2/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One thing that may be named, and filtered. */
struct single {
	struct ec2_call *call;
	const char *id;
	const char *ids; /* list parameter */
	enum ec2_fault_type fault;
	const char *what;
	const char *const *filters;
	void (*facts)(struct ec2_call *call, struct ec2_filters *f, const char *id);
};

static enum rd_status is_named(const struct single *s)
{
	char value[EC2_NAME_SIZE];
	size_t n = 0;

	RD_TRY(ec2_in_count(ec2_in(s->call), s->ids, RD_QUERY_PARAMS_MAX, &n));
	for (size_t i = 1; i <= n; i++) {
		RD_TRY(ec2_in_item(ec2_in(s->call), s->ids, i, value, sizeof(value)));
		if (strcmp(value, s->id) != 0) {
			return ec2_not_found_name(s->call, s->fault, s->what, value);
		}
	}
	return RD_OK;
}

static enum rd_status passes(const struct single *s, bool *ret)
{
	struct ec2_filters *f = calloc(1, sizeof(*f));
	enum rd_status st;

	RD_ENSURE(f != NULL, RD_NOMEM);
	st = ec2_filters_parse(ec2_in(s->call), s->filters, f);
	if (st == RD_OK) {
		ec2_filters_begin(f);
		s->facts(s->call, f, s->id);
		*ret = ec2_filters_pass(f);
	}
	free(f);
	return st;
}

static enum rd_status wanted(const struct single *s, bool *ret)
{
	int64_t max = EC2_PAGE_MAX;

	RD_TRY(ec2_allow_any(s->call));
	RD_TRY(ec2_in_number(ec2_in(s->call), "MaxResults", EC2_PAGE_MIN, EC2_PAGE_MAX, &max));
	if (ec2_in_has(ec2_in(s->call), "NextToken")) {
		return ec2_fail(s->call, EC2_FAULT_NEXT_TOKEN, "%s",
			"The specified NextToken is not one that this server gave.");
	}
	RD_TRY(is_named(s));
	return passes(s, ret);
}

/* --- region and zone --- */

static void region_facts(struct ec2_call *call, struct ec2_filters *f, const char *id)
{
	(void)call;
	ec2_fact(f, "region-name", id);
	ec2_fact(f, "opt-in-status", "opt-in-not-required");
	ec2_fact(f, "endpoint", id);
}

enum rd_status ec2_describe_regions(struct ec2_call *call)
{
	static const char *const filters[] = {"region-name", "opt-in-status", "endpoint", NULL};
	const struct ec2_config *c = &call->ec2->config;
	struct single s = {.call = call,
		.id = c->region,
		.ids = "RegionName",
		.fault = EC2_FAULT_PARAMETER_VALUE,
		.what = "region",
		.filters = filters,
		.facts = region_facts};
	bool shown = false, all = false;

	RD_TRY(ec2_in_bool(ec2_in(call), "AllRegions", &all));
	RD_TRY(wanted(&s, &shown));
	rd_xml_out_begin(call->x, "regionInfo");
	if (shown) {
		char endpoint[96];

		snprintf(endpoint, sizeof(endpoint), "%s:%u", c->listen_address, c->listen_port);
		rd_xml_out_begin(call->x, "item");
		rd_xml_out_str(call->x, "regionName", c->region);
		rd_xml_out_str(call->x, "regionEndpoint", endpoint);
		rd_xml_out_str(call->x, "optInStatus", "opt-in-not-required");
		rd_xml_out_end(call->x);
	}
	rd_xml_out_end(call->x);
	return RD_OK;
}

static void zone_facts(struct ec2_call *call, struct ec2_filters *f, const char *id)
{
	ec2_fact(f, "zone-name", id);
	ec2_fact(f, "zone-id", id);
	ec2_fact(f, "region-name", call->ec2->config.region);
	ec2_fact(f, "group-name", call->ec2->config.region);
	ec2_fact(f, "zone-type", "availability-zone");
	ec2_fact(f, "state", "available");
	ec2_fact(f, "opt-in-status", "opt-in-not-required");
}

enum rd_status ec2_describe_availability_zones(struct ec2_call *call)
{
	static const char *const filters[] = {"zone-name", "zone-id", "region-name", "group-name",
		"zone-type", "state", "opt-in-status", NULL};
	struct rd_xml_out *x = call->x;
	char zone[EC2_ZONE_SIZE];
	struct single s = {.call = call,
		.id = zone,
		.ids = ec2_in_has_part(ec2_in(call), "ZoneId") ? "ZoneId" : "ZoneName",
		.fault = EC2_FAULT_PARAMETER_VALUE,
		.what = "availability zone",
		.filters = filters,
		.facts = zone_facts};
	bool shown = false, all = false;

	ec2_zone(call->ec2, zone);
	RD_TRY(ec2_in_bool(ec2_in(call), "AllAvailabilityZones", &all));
	RD_TRY(wanted(&s, &shown));
	rd_xml_out_begin(x, "availabilityZoneInfo");
	if (shown) {
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "zoneName", zone);
		rd_xml_out_str(x, "zoneId", zone);
		rd_xml_out_str(x, "zoneState", "available");
		rd_xml_out_str(x, "regionName", call->ec2->config.region);
		rd_xml_out_str(x, "groupName", call->ec2->config.region);
		rd_xml_out_str(x, "networkBorderGroup", call->ec2->config.region);
		rd_xml_out_str(x, "zoneType", "availability-zone");
		rd_xml_out_str(x, "optInStatus", "opt-in-not-required");
		rd_xml_out_begin(x, "messageSet");
		rd_xml_out_end(x);
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
	return RD_OK;
}

/* --- attributes --- */

static void put_attribute(struct rd_xml_out *x, const char *name, const char *value)
{
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "attributeName", name);
	rd_xml_out_begin(x, "attributeValueSet");
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "attributeValue", value);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
	rd_xml_out_end(x);
}

enum rd_status ec2_describe_account_attributes(struct ec2_call *call)
{
	static const char *const names[] = {"supported-platforms", "default-vpc", "max-instances",
		"vpc-max-security-groups-per-interface", NULL};
	char vpc[EC2_ID_SIZE], instances[16], groups[8];
	const char *const values[] = {"VPC", vpc, instances, groups};
	bool shown[RD_ARRAY_LEN(values)] = {false};
	char name[EC2_PARAM_NAME_SIZE];
	size_t n = 0;

	RD_TRY(ec2_in_count(ec2_in(call), "AttributeName", RD_ARRAY_LEN(values), &n));
	for (size_t i = 1; i <= n; i++) {
		unsigned word = 0;

		RD_TRY(ec2_in_word(
			ec2_in(call), ec2_in_name(name, "AttributeName", i, NULL), names, &word));
		shown[word] = true;
	}
	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_vpc_id(call->who.account, vpc));
	snprintf(instances, sizeof(instances), "%u", call->ec2->config.max_instances);
	snprintf(groups, sizeof(groups), "%d", EC2_GROUPS_MAX);
	rd_xml_out_begin(call->x, "accountAttributeSet");
	for (size_t i = 0; i < RD_ARRAY_LEN(values); i++) {
		if (n == 0 || shown[i]) {
			put_attribute(call->x, names[i], values[i]);
		}
	}
	rd_xml_out_end(call->x);
	return RD_OK;
}

/* --- VPC and subnet --- */

static void vpc_facts(struct ec2_call *call, struct ec2_filters *f, const char *id)
{
	ec2_fact(f, "vpc-id", id);
	ec2_fact(f, "cidr", EC2_VPC_CIDR);
	ec2_fact(f, "cidr-block", EC2_VPC_CIDR);
	ec2_fact(f, "is-default", "true");
	ec2_fact(f, "isDefault", "true");
	ec2_fact(f, "owner-id", call->who.account);
	ec2_fact(f, "state", "available");
}

enum rd_status ec2_describe_vpcs(struct ec2_call *call)
{
	static const char *const filters[] = {"vpc-id", "cidr", "cidr-block", "is-default",
		"isDefault", "owner-id", "state", "tag:", "tag-key", NULL};
	struct rd_xml_out *x = call->x;
	char id[EC2_ID_SIZE];
	struct single s = {.call = call,
		.id = id,
		.ids = "VpcId",
		.fault = EC2_FAULT_VPC_NOT_FOUND,
		.what = "vpc ID",
		.filters = filters,
		.facts = vpc_facts};
	bool shown = false;

	RD_TRY(ec2_vpc_id(call->who.account, id));
	RD_TRY(wanted(&s, &shown));
	rd_xml_out_begin(x, "vpcSet");
	if (shown) {
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "vpcId", id);
		rd_xml_out_str(x, "ownerId", call->who.account);
		rd_xml_out_str(x, "state", "available");
		rd_xml_out_str(x, "cidrBlock", EC2_VPC_CIDR);
		rd_xml_out_str(x, "dhcpOptionsId", "default");
		rd_xml_out_str(x, "instanceTenancy", "default");
		rd_xml_out_bool(x, "isDefault", true);
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
	return RD_OK;
}

static void subnet_facts(struct ec2_call *call, struct ec2_filters *f, const char *id)
{
	char vpc[EC2_ID_SIZE], zone[EC2_ZONE_SIZE];

	ec2_zone(call->ec2, zone);
	ec2_fact(f, "subnet-id", id);
	if (ec2_vpc_id(call->who.account, vpc) == RD_OK) {
		ec2_fact(f, "vpc-id", vpc);
	}
	ec2_fact(f, "availability-zone", zone);
	ec2_fact(f, "availabilityZone", zone);
	ec2_fact(f, "cidr", EC2_SUBNET_CIDR);
	ec2_fact(f, "cidr-block", EC2_SUBNET_CIDR);
	ec2_fact(f, "default-for-az", "true");
	ec2_fact(f, "defaultForAz", "true");
	ec2_fact(f, "map-public-ip-on-launch", "false");
	ec2_fact(f, "owner-id", call->who.account);
	ec2_fact(f, "state", "available");
}

static enum rd_status put_subnet(struct ec2_call *call, const char *id)
{
	struct rd_xml_out *x = call->x;
	char vpc[EC2_ID_SIZE], zone[EC2_ZONE_SIZE], arn[EC2_ARN_SIZE];
	int64_t taken = 0;

	RD_TRY(ec2_vpc_id(call->who.account, vpc));
	RD_TRY(ec2_store_address_count(call->db, call->who.account, &taken));
	ec2_zone(call->ec2, zone);
	ec2_arn(call, "subnet", id, arn);
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "subnetId", id);
	rd_xml_out_str(x, "subnetArn", arn);
	rd_xml_out_str(x, "state", "available");
	rd_xml_out_str(x, "ownerId", call->who.account);
	rd_xml_out_str(x, "vpcId", vpc);
	rd_xml_out_str(x, "cidrBlock", EC2_SUBNET_CIDR);
	rd_xml_out_int(x, "availableIpAddressCount", EC2_SUBNET_ADDRESSES - taken);
	rd_xml_out_str(x, "availabilityZone", zone);
	rd_xml_out_str(x, "availabilityZoneId", zone);
	rd_xml_out_bool(x, "defaultForAz", true);
	rd_xml_out_bool(x, "mapPublicIpOnLaunch", false);
	rd_xml_out_bool(x, "assignIpv6AddressOnCreation", false);
	rd_xml_out_end(x);
	return RD_OK;
}

enum rd_status ec2_describe_subnets(struct ec2_call *call)
{
	static const char *const filters[] = {"subnet-id", "vpc-id", "availability-zone",
		"availabilityZone", "cidr", "cidr-block", "default-for-az", "defaultForAz",
		"map-public-ip-on-launch", "owner-id", "state", "tag:", "tag-key", NULL};
	char id[EC2_ID_SIZE];
	struct single s = {.call = call,
		.id = id,
		.ids = "SubnetId",
		.fault = EC2_FAULT_SUBNET_NOT_FOUND,
		.what = "subnet ID",
		.filters = filters,
		.facts = subnet_facts};
	bool shown = false;

	RD_TRY(ec2_subnet_id(call->who.account, id));
	RD_TRY(wanted(&s, &shown));
	rd_xml_out_begin(call->x, "subnetSet");
	if (shown) {
		RD_TRY(put_subnet(call, id));
	}
	rd_xml_out_end(call->x);
	return RD_OK;
}
