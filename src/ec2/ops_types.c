/* SPDX-License-Identifier: Apache-2.0 */
/* DescribeInstanceTypes, DescribeInstanceTypeOfferings. */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/network.h"
#include "ec2/select.h"
#include "ec2/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_filters[] = {"instance-type", "current-generation", "bare-metal",
	"hypervisor", "vcpu-info.default-vcpus", "vcpu-info.default-cores",
	"vcpu-info.default-threads-per-core", "memory-info.size-in-mib",
	"processor-info.supported-architecture", "nitro-enclaves-support",
	"instance-storage-supported", "burstable-performance-supported", "free-tier-eligible",
	"supported-virtualization-type", "supported-root-device-type", NULL};

static bool has_enclaves(const struct ec2_call *call, const struct ec2_type *t)
{
	return ec2_type_has_enclaves(t, call->ec2->config.strict);
}

static void type_facts(const struct ec2_call *call, struct ec2_filters *f, const struct ec2_type *t)
{
	ec2_fact(f, "instance-type", t->name);
	ec2_fact(f, "current-generation", "true");
	ec2_fact(f, "bare-metal", "false");
	ec2_fact(f, "hypervisor", "nitro");
	ec2_fact_number(f, "vcpu-info.default-vcpus", t->vcpus);
	ec2_fact_number(f, "vcpu-info.default-cores", t->vcpus / 2);
	ec2_fact(f, "vcpu-info.default-threads-per-core", "2");
	ec2_fact_number(f, "memory-info.size-in-mib", t->memory_mib);
	ec2_fact(f, "processor-info.supported-architecture", "x86_64");
	ec2_fact(f, "nitro-enclaves-support", has_enclaves(call, t) ? "supported" : "unsupported");
	ec2_fact(f, "instance-storage-supported", "false");
	ec2_fact(f, "burstable-performance-supported", "false");
	ec2_fact(f, "free-tier-eligible", "false");
	ec2_fact(f, "supported-virtualization-type", "hvm");
	ec2_fact(f, "supported-root-device-type", "ebs");
}

static void put_word_list(struct rd_xml_out *x, const char *name, const char *word)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "item", word);
	rd_xml_out_end(x);
}

static void put_sizes(struct rd_xml_out *x, const struct ec2_type *t)
{
	rd_xml_out_begin(x, "processorInfo");
	put_word_list(x, "supportedArchitectures", "x86_64");
	rd_xml_out_str(x, "sustainedClockSpeedInGhz", t->clock_ghz);
	rd_xml_out_end(x);
	rd_xml_out_begin(x, "vCpuInfo");
	rd_xml_out_int(x, "defaultVCpus", t->vcpus);
	rd_xml_out_int(x, "defaultCores", t->vcpus / 2);
	rd_xml_out_int(x, "defaultThreadsPerCore", 2);
	rd_xml_out_end(x);
	rd_xml_out_begin(x, "memoryInfo");
	rd_xml_out_int(x, "sizeInMiB", t->memory_mib);
	rd_xml_out_end(x);
}

static void put_type(const struct ec2_call *call, const struct ec2_type *t)
{
	struct rd_xml_out *x = call->x;

	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "instanceType", t->name);
	rd_xml_out_bool(x, "currentGeneration", true);
	rd_xml_out_bool(x, "freeTierEligible", false);
	put_word_list(x, "supportedUsageClasses", "on-demand");
	put_word_list(x, "supportedRootDeviceTypes", "ebs");
	put_word_list(x, "supportedVirtualizationTypes", "hvm");
	rd_xml_out_bool(x, "bareMetal", false);
	rd_xml_out_str(x, "hypervisor", "nitro");
	put_sizes(x, t);
	rd_xml_out_bool(x, "instanceStorageSupported", false);
	rd_xml_out_bool(x, "hibernationSupported", false);
	rd_xml_out_bool(x, "burstablePerformanceSupported", false);
	rd_xml_out_bool(x, "dedicatedHostsSupported", false);
	rd_xml_out_bool(x, "autoRecoverySupported", false);
	put_word_list(x, "supportedBootModes", "legacy-bios");
	rd_xml_out_str(
		x, "nitroEnclavesSupport", has_enclaves(call, t) ? "supported" : "unsupported");
	rd_xml_out_end(x);
}

/* Types by InstanceType.N, all of them when there is none. */
static enum rd_status chosen(struct ec2_call *call, bool *ret_chosen)
{
	struct ec2_in in = ec2_in(call);
	char name[EC2_TYPE_SIZE];
	size_t n = 0;

	/* EC2: 100 at most. */
	RD_TRY(ec2_in_count(in, "InstanceType", 100, &n));
	memset(ret_chosen, n == 0, ec2_types_count * sizeof(*ret_chosen));
	for (size_t i = 1; i <= n; i++) {
		const struct ec2_type *t;

		RD_TRY(ec2_in_item(in, "InstanceType", i, name, sizeof(name)));
		t = ec2_type_find(name);
		if (t == NULL) {
			return ec2_fail(call, EC2_FAULT_INSTANCE_TYPE,
				"The following supplied instance types do not exist: [%s]. This "
				"host has the families C5, C5n, M5, M5d, M5n, R5 and R5d.",
				name);
		}
		ret_chosen[t - ec2_types] = true;
	}
	return RD_OK;
}

/* The token is the name of the next type; types are few and their order never changes. */
static enum rd_status start_of(struct ec2_call *call, size_t *ret)
{
	char name[EC2_NEXT_SIZE];
	const struct ec2_type *t;

	*ret = 0;
	RD_TRY(ec2_in_text(ec2_in(call), "NextToken", name, sizeof(name)));
	if (name[0] == '\0') {
		return RD_OK;
	}
	t = ec2_type_find(name);
	if (t == NULL) {
		return ec2_fail(call, EC2_FAULT_NEXT_TOKEN, "%s",
			"The specified NextToken is not one that this server gave.");
	}
	*ret = (size_t)(t - ec2_types);
	return RD_OK;
}

typedef void put_fn(const struct ec2_call *call, const struct ec2_type *t);
typedef void facts_fn(const struct ec2_call *call, struct ec2_filters *f, const struct ec2_type *t);

static enum rd_status put_types(struct ec2_call *call, const bool *wanted, struct ec2_filters *f,
	facts_fn *facts, put_fn *put, const char *set)
{
	int64_t max = EC2_PAGE_MAX, shown = 0;
	const char *next = "";
	size_t i = 0;

	RD_TRY(ec2_in_number(ec2_in(call), "MaxResults", EC2_PAGE_MIN, EC2_PAGE_MAX, &max));
	RD_TRY(start_of(call, &i));
	rd_xml_out_begin(call->x, set);
	for (; i < ec2_types_count; i++) {
		ec2_filters_begin(f);
		facts(call, f, &ec2_types[i]);
		if (!wanted[i] || !ec2_filters_pass(f)) {
			continue;
		}
		if (shown == max) {
			next = ec2_types[i].name;
			break;
		}
		put(call, &ec2_types[i]);
		shown++;
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

static enum rd_status describe(struct ec2_call *call, const bool *wanted,
	const char *const *filters, facts_fn *facts, put_fn *put, const char *set)
{
	struct ec2_filters *f = calloc(1, sizeof(*f));
	enum rd_status st;

	RD_ENSURE(f != NULL, RD_NOMEM);
	st = ec2_filters_parse(ec2_in(call), filters, f);
	if (st == RD_OK) {
		st = put_types(call, wanted, f, facts, put, set);
	}
	free(f);
	return st;
}

/* As many as the table can have. */
#define TYPES_MAX 128

enum rd_status ec2_describe_instance_types(struct ec2_call *call)
{
	bool wanted[TYPES_MAX];

	RD_ENSURE(ec2_types_count <= TYPES_MAX, RD_INTERNAL);
	RD_TRY(ec2_allow_any(call));
	RD_TRY(chosen(call, wanted));
	return describe(call, wanted, type_filters, type_facts, put_type, "instanceTypeSet");
}

/* --- offerings --- */

static const char *location(const struct ec2_call *call, char zone[EC2_ZONE_SIZE], bool *ret_zonal)
{
	struct rd_view type = rd_query_get(call->q, "LocationType");

	ec2_zone(call->ec2, zone);
	*ret_zonal = rd_view_equal(type, rd_view_str("availability-zone"));
	return *ret_zonal ? zone : call->ec2->config.region;
}

static void offering_facts(
	const struct ec2_call *call, struct ec2_filters *f, const struct ec2_type *t)
{
	char zone[EC2_ZONE_SIZE];
	bool zonal;

	ec2_fact(f, "instance-type", t->name);
	ec2_fact(f, "location", location(call, zone, &zonal));
}

static void put_offering(const struct ec2_call *call, const struct ec2_type *t)
{
	char zone[EC2_ZONE_SIZE];
	bool zonal;
	const char *where = location(call, zone, &zonal);

	rd_xml_out_begin(call->x, "item");
	rd_xml_out_str(call->x, "instanceType", t->name);
	rd_xml_out_str(call->x, "locationType", zonal ? "availability-zone" : "region");
	rd_xml_out_str(call->x, "location", where);
	rd_xml_out_end(call->x);
}

enum rd_status ec2_describe_instance_type_offerings(struct ec2_call *call)
{
	static const char *const filters[] = {"instance-type", "location", NULL};
	static const char *const words[] = {"region", "availability-zone", NULL};
	bool wanted[TYPES_MAX];
	unsigned word = 0;

	RD_ENSURE(ec2_types_count <= TYPES_MAX, RD_INTERNAL);
	RD_TRY(ec2_in_word(ec2_in(call), "LocationType", words, &word));
	RD_TRY(ec2_allow_any(call));
	memset(wanted, true, sizeof(wanted));
	return describe(
		call, wanted, filters, offering_facts, put_offering, "instanceTypeOfferingSet");
}
