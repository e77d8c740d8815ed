/* SPDX-License-Identifier: Apache-2.0 */
/* Reading allocator.yaml: one mapping of scalars. */
#include "nitro-cli/allocator_yaml.h"

#include "base/bytes.h"
#include "ctl/message.h"
#include "yaml/read.h"
#include "yaml/value.h"

#define DEFAULT_MEMORY_MIB 512

enum { KEY_MEMORY, KEY_CPU_COUNT, KEY_CPU_POOL };

static const char *const key_names[] = {
	[KEY_MEMORY] = "memory_mib",
	[KEY_CPU_COUNT] = "cpu_count",
	[KEY_CPU_POOL] = "cpu_pool",
};

struct reader {
	uint64_t cpus;
	uint64_t memory_mib;
	uint32_t seen;
};

static enum rd_status check_pool(const char *text, uint64_t cpus, struct rd_error *err)
{
	uint32_t ids[RD_CTL_CPUS_MAX];
	size_t count = 0;

	RD_TRY(rd_value_cpu_list(text, RD_CTL_CPU_ID_MAX, RD_CTL_CPUS_MAX, ids, &count, err));
	if (ids[count - 1] >= cpus) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"cpu_pool names CPU %u, but this instance's are 0 to %llu",
			(unsigned)ids[count - 1], (unsigned long long)cpus - 1);
	}
	return RD_OK;
}

static enum rd_status check_count(struct rd_yaml *y, uint64_t cpus, struct rd_error *err)
{
	uint64_t count = 0;

	RD_TRY(rd_yaml_u64(y, 1, RD_CTL_CPUS_MAX, &count));
	if (count > cpus) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"cpu_count is %llu, but this instance has %llu CPUs",
			(unsigned long long)count, (unsigned long long)cpus);
	}
	return RD_OK;
}

static enum rd_status read_value(struct rd_yaml *y, unsigned key, void *ctx, struct rd_error *err)
{
	const uint32_t both = 1u << KEY_CPU_COUNT | 1u << KEY_CPU_POOL;
	struct reader *r = ctx;
	const char *pool = NULL;

	r->seen |= 1u << key;
	if ((r->seen & both) == both) {
		return rd_fail(err, RD_USAGE, "cpu_count and cpu_pool exclude each other");
	}
	if (key == KEY_MEMORY) {
		return rd_yaml_u64(y, 1, RD_CTL_MEMORY_MIB_MAX, &r->memory_mib);
	}
	if (key == KEY_CPU_COUNT) {
		return check_count(y, r->cpus, err);
	}
	RD_TRY(rd_yaml_string(y, &pool));
	return check_pool(pool, r->cpus, err);
}

enum rd_status cli_allocator_parse(const char *name, const char *text, size_t len, uint64_t cpus,
	uint64_t *ret_memory_mib, struct rd_error *err)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	struct reader r = {.cpus = cpus, .memory_mib = DEFAULT_MEMORY_MIB};

	RD_TRY(rd_yaml_open(&y, name, rd_view(text, len), err));
	RD_TRY(rd_yaml_locate(
		y, rd_yaml_read_keys(y, key_names, RD_ARRAY_LEN(key_names), read_value, &r)));
	*ret_memory_mib = r.memory_mib;
	return RD_OK;
}

enum rd_status cli_allocator_load(
	const char *path, uint64_t cpus, uint64_t *ret_memory_mib, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(CLI_ALLOCATOR_YAML_MAX);

	RD_TRY(rd_yaml_load("the configuration", path, true, &buf, err));
	return cli_allocator_parse(
		path, (const char *)buf.ptr, buf.used, cpus, ret_memory_mib, err);
}
