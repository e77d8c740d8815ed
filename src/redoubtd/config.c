/* SPDX-License-Identifier: Apache-2.0 */
/* Reading redoubtd.yaml: one mapping of scalars. */
#include "redoubtd/config.h"

#include "base/bytes.h"
#include "ctl/message.h"
#include "yaml/read.h"
#include "yaml/value.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_REGION "local-1"
#define DEFAULT_GROUP  "ne"
/* CPU 0 stays with the parent, as on AWS: slots are counted from 1. */
#define FIRST_SLOT 1

enum key {
	KEY_MEMORY,
	KEY_CPU_COUNT,
	KEY_CPU_POOL,
	KEY_ENGINE,
	KEY_REGION,
	KEY_INSTANCE,
	KEY_GROUP
};

static const char *const key_names[] = {
	[KEY_MEMORY] = "memory_mib",
	[KEY_CPU_COUNT] = "cpu_count",
	[KEY_CPU_POOL] = "cpu_pool",
	[KEY_ENGINE] = "engine",
	[KEY_REGION] = "region",
	[KEY_INSTANCE] = "instance_id",
	[KEY_GROUP] = "group",
};

static void set_slots(struct rd_config *c, size_t count)
{
	c->cpu_slot_count = count;
	for (size_t i = 0; i < count; i++) {
		c->cpu_slots[i] = (uint32_t)(FIRST_SLOT + i);
	}
}

static void set_defaults(const struct rd_config_host *host, struct rd_config *c)
{
	size_t slots = 2 * host->cpu_count;
	struct group *group = getgrnam(DEFAULT_GROUP);

	memset(c, 0, sizeof(*c));
	c->memory_mib = host->mem_total_mib / 4 * 3;
	set_slots(c, slots < RD_CONFIG_CPUS_MAX ? slots : RD_CONFIG_CPUS_MAX);
	c->engine = RD_ENGINE_AUTO;
	strcpy(c->region, DEFAULT_REGION);
	if (group != NULL) {
		c->has_group = true;
		c->group = group->gr_gid;
	}
}

static enum rd_status set_engine(const char *value, struct rd_config *c, struct rd_error *err)
{
	static const char *const names[] = {
		[RD_ENGINE_AUTO] = "auto",
		[RD_ENGINE_QEMU] = "qemu",
		[RD_ENGINE_QEMU_KVM] = "qemu-kvm",
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		if (strcmp(value, names[i]) == 0) {
			c->engine = (enum rd_config_engine)i;
			return RD_OK;
		}
	}
	return rd_fail(err, RD_USAGE, "unknown engine \"%s\": use auto, qemu or qemu-kvm", value);
}

static enum rd_status set_group(const char *value, struct rd_config *c, struct rd_error *err)
{
	struct group *group = getgrnam(value);

	if (group == NULL) {
		return rd_fail(err, RD_NOTFOUND, "there is no group \"%s\"", value);
	}
	c->has_group = true;
	c->group = group->gr_gid;
	return RD_OK;
}

static enum rd_status set_text(const char *value, bool valid, char *dst, size_t cap,
	const char *form, struct rd_error *err)
{
	if (!valid || strlen(value) >= cap) {
		return rd_fail(err, RD_USAGE, "\"%s\" is not %s", value, form);
	}
	memcpy(dst, value, strlen(value) + 1);
	return RD_OK;
}

static enum rd_status set_string(
	enum key key, const char *value, struct rd_config *c, struct rd_error *err)
{
	switch (key) {
	case KEY_CPU_POOL:
		return rd_value_cpu_list(value, RD_CTL_CPU_ID_MAX, RD_CONFIG_CPUS_MAX, c->cpu_slots,
			&c->cpu_slot_count, err);
	case KEY_ENGINE:
		return set_engine(value, c, err);
	case KEY_REGION:
		return set_text(value, rd_region_valid(value), c->region, sizeof(c->region),
			"a region (at most 16 of a-z, 0-9, -)", err);
	case KEY_INSTANCE:
		return set_text(value, rd_instance_id_valid(value), c->instance_id,
			sizeof(c->instance_id), "an instance id (i- and 8 or 17 hex digits)", err);
	case KEY_GROUP:
		return set_group(value, c, err);
	case KEY_MEMORY:
	case KEY_CPU_COUNT:
		break;
	}
	return RD_INTERNAL;
}

struct reader {
	struct rd_config *config;
	uint32_t seen;
};

static enum rd_status read_value(struct rd_yaml *y, unsigned key, void *ctx, struct rd_error *err)
{
	const uint32_t both = 1u << KEY_CPU_COUNT | 1u << KEY_CPU_POOL;
	struct reader *r = ctx;
	const char *value = NULL;
	uint64_t count = 0;

	r->seen |= 1u << key;
	if ((r->seen & both) == both) {
		return rd_fail(err, RD_USAGE, "cpu_count and cpu_pool exclude each other");
	}
	if (key == KEY_MEMORY) {
		return rd_yaml_u64(y, 1, RD_CTL_MEMORY_MIB_MAX, &r->config->memory_mib);
	}
	if (key == KEY_CPU_COUNT) {
		RD_TRY(rd_yaml_u64(y, 1, RD_CONFIG_CPUS_MAX, &count));
		set_slots(r->config, count);
		return RD_OK;
	}
	RD_TRY(rd_yaml_string(y, &value));
	return set_string((enum key)key, value, r->config, err);
}

enum rd_status rd_config_parse(const struct rd_config_host *host, const char *name,
	const char *text, size_t len, struct rd_config *ret, struct rd_error *err)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	struct reader r = {.config = ret};

	set_defaults(host, ret);
	RD_TRY(rd_yaml_open(&y, name, rd_view(text, len), err));
	return rd_yaml_locate(
		y, rd_yaml_read_keys(y, key_names, RD_ARRAY_LEN(key_names), read_value, &r));
}

enum rd_status rd_config_load(const struct rd_config_host *host, const char *path, bool must_exist,
	struct rd_config *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CONFIG_FILE_MAX);

	RD_TRY(rd_yaml_load("the configuration", path, must_exist, &buf, err));
	return rd_config_parse(host, path, (const char *)buf.ptr, buf.used, ret, err);
}

static enum rd_status mem_total(uint64_t *ret_mib, struct rd_error *err)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long long kib = 0;

	if (f == NULL) {
		return rd_fail_errno(err, errno, "cannot open /proc/meminfo");
	}
	while (kib == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "MemTotal:", 9) == 0) {
			kib = strtoull(line + 9, NULL, 10);
		}
	}
	fclose(f);
	if (kib == 0) {
		return rd_fail(err, RD_MISSING, "/proc/meminfo has no MemTotal");
	}
	*ret_mib = kib / 1024;
	return RD_OK;
}

enum rd_status rd_config_host(struct rd_config_host *ret, struct rd_error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	RD_TRY(mem_total(&ret->mem_total_mib, err));
	if (cpus < 1) {
		return rd_fail(err, RD_INTERNAL, "the system does not say how many CPUs it has");
	}
	ret->cpu_count = (size_t)cpus;
	return RD_OK;
}
