/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading redoubtd.yaml: one mapping of scalars, taken from libyaml's events. Anything else that
 * YAML can say (sequences, aliases, tags, several documents) is refused where it stands.
 */
#include "redoubtd/config.h"

#include "base/bytes.h"
#include "base/text.h"
#include "ctl/message.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

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

struct reader {
	yaml_parser_t yaml;
	const char *name;
	struct rd_config *config;
	struct rd_error *err;
	unsigned seen;
	size_t line; /* of the last event, from 1 */
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

static int compare_slots(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static enum rd_status add_range(
	struct rd_config *c, uint64_t first, uint64_t last, const char *item, struct rd_error *err)
{
	if (first > last) {
		return rd_fail(err, RD_BAD_NUMBER, "\"%s\" ends before it begins", item);
	}
	for (uint64_t id = first; id <= last; id++) {
		if (c->cpu_slot_count == RD_CONFIG_CPUS_MAX) {
			return rd_fail(err, RD_LIMIT, "more than %d CPU slots", RD_CONFIG_CPUS_MAX);
		}
		c->cpu_slots[c->cpu_slot_count++] = (uint32_t)id;
	}
	return RD_OK;
}

/* "7" or "4-7". */
static enum rd_status add_item(struct rd_config *c, char *item, struct rd_error *err)
{
	char shown[32];
	char *dash = strchr(item, '-');
	uint64_t first = 0;
	uint64_t last = 0;
	enum rd_status st;

	snprintf(shown, sizeof(shown), "%s", item);
	if (dash != NULL) {
		*dash = '\0';
	}
	st = rd_parse_u64(item, 0, RD_CTL_CPU_ID_MAX, &first);
	last = first;
	if (st == RD_OK && dash != NULL) {
		st = rd_parse_u64(dash + 1, 0, RD_CTL_CPU_ID_MAX, &last);
	}
	if (st != RD_OK) {
		return rd_fail(err, RD_BAD_NUMBER, "\"%s\" is no CPU number or range (0 to %d)",
			shown, RD_CTL_CPU_ID_MAX);
	}
	return add_range(c, first, last, shown, err);
}

enum rd_status rd_config_cpu_list(const char *text, struct rd_config *c, struct rd_error *err)
{
	char *copy = strdup(text);
	char *rest = copy;
	char *item;
	enum rd_status st = copy == NULL ? RD_NOMEM : RD_OK;

	c->cpu_slot_count = 0;
	while (st == RD_OK && (item = strsep(&rest, ",")) != NULL) {
		st = add_item(c, item, err);
	}
	free(copy);
	RD_TRY(st);
	qsort(c->cpu_slots, c->cpu_slot_count, sizeof(c->cpu_slots[0]), compare_slots);
	for (size_t i = 1; i < c->cpu_slot_count; i++) {
		if (c->cpu_slots[i] == c->cpu_slots[i - 1]) {
			return rd_fail(err, RD_DUPLICATE, "CPU %u is listed twice",
				(unsigned)c->cpu_slots[i]);
		}
	}
	return RD_OK;
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

static enum rd_status set_value(
	enum key key, const char *value, struct rd_config *c, struct rd_error *err)
{
	uint64_t n = 0;

	switch (key) {
	case KEY_MEMORY:
		if (rd_parse_u64(value, 1, RD_CTL_MEMORY_MIB_MAX, &c->memory_mib) != RD_OK) {
			return rd_fail(
				err, RD_BAD_NUMBER, "memory_mib \"%s\" is no number of MiB", value);
		}
		return RD_OK;
	case KEY_CPU_COUNT:
		if (rd_parse_u64(value, 1, RD_CONFIG_CPUS_MAX, &n) != RD_OK) {
			return rd_fail(err, RD_BAD_NUMBER,
				"cpu_count \"%s\" is no number from 1 to %d", value,
				RD_CONFIG_CPUS_MAX);
		}
		set_slots(c, n);
		return RD_OK;
	case KEY_CPU_POOL:
		return rd_config_cpu_list(value, c, err);
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
	}
	return RD_INTERNAL;
}

static enum rd_status at_line(struct reader *r, enum rd_status st)
{
	return rd_error_wrap(r->err, st, "%s:%zu", r->name, r->line);
}

static enum rd_status next_event(struct reader *r, yaml_event_t *ret)
{
	if (!yaml_parser_parse(&r->yaml, ret)) {
		r->line = r->yaml.problem_mark.line + 1;
		return at_line(
			r, rd_fail(r->err, RD_MALFORMED, "not YAML: %s",
				   r->yaml.problem == NULL ? "unreadable" : r->yaml.problem));
	}
	r->line = ret->start_mark.line + 1;
	return RD_OK;
}

/* The next event must be a plain scalar; its text, NUL-terminated, belongs to the event. */
static enum rd_status scalar_text(struct reader *r, const yaml_event_t *e, const char **ret)
{
	const char *text = (const char *)e->data.scalar.value;

	if (e->type != YAML_SCALAR_EVENT) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected one plain value"));
	}
	if (strlen(text) != e->data.scalar.length) {
		return at_line(r, rd_fail(r->err, RD_MALFORMED, "a value has a NUL in it"));
	}
	*ret = text;
	return RD_OK;
}

static enum rd_status find_key(struct reader *r, const char *name, enum key *ret)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(key_names); i++) {
		if (strcmp(name, key_names[i]) != 0) {
			continue;
		}
		if (r->seen & 1u << i) {
			return at_line(r, rd_fail(r->err, RD_DUPLICATE, "%s is set twice", name));
		}
		r->seen |= 1u << i;
		if ((r->seen & 1u << KEY_CPU_COUNT) && (r->seen & 1u << KEY_CPU_POOL)) {
			return at_line(r, rd_fail(r->err, RD_USAGE,
						  "cpu_count and cpu_pool exclude each other"));
		}
		*ret = (enum key)i;
		return RD_OK;
	}
	return at_line(r,
		rd_fail(r->err, RD_USAGE,
			"unknown key \"%s\" (known: memory_mib, cpu_count, cpu_pool, engine, region, "
			"instance_id, group)",
			name));
}

static enum rd_status read_value(struct reader *r, enum key key)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	const char *value = NULL;
	enum rd_status st;

	RD_TRY(next_event(r, &e));
	RD_TRY(scalar_text(r, &e, &value));
	st = set_value(key, value, r->config, r->err);
	return st == RD_OK ? RD_OK : at_line(r, st);
}

static enum rd_status read_pair(struct reader *r, bool *ret_end)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	const char *name = "";
	enum key key = KEY_MEMORY;

	RD_TRY(next_event(r, &e));
	if (e.type == YAML_MAPPING_END_EVENT) {
		*ret_end = true;
		return RD_OK;
	}
	RD_TRY(scalar_text(r, &e, &name));
	RD_TRY(find_key(r, name, &key));
	return read_value(r, key);
}

static enum rd_status expect(struct reader *r, yaml_event_type_t type, const char *what)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(next_event(r, &e));
	if (e.type != type) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected %s", what));
	}
	return RD_OK;
}

/* Comments only, or nothing at all: no document. */
static enum rd_status begin_document(struct reader *r, bool *ret_empty)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};

	RD_TRY(expect(r, YAML_STREAM_START_EVENT, "a YAML document"));
	RD_TRY(next_event(r, &e));
	*ret_empty = e.type == YAML_STREAM_END_EVENT;
	return RD_OK;
}

static enum rd_status read_document(struct reader *r)
{
	yaml_event_t e RD_CLEANUP(yaml_event_delete) = {0};
	bool end = false;

	RD_TRY(begin_document(r, &end));
	if (end) {
		return RD_OK;
	}
	RD_TRY(next_event(r, &e));
	if (e.type == YAML_SCALAR_EVENT && e.data.scalar.length == 0) {
		end = true; /* "---" and nothing more */
	} else if (e.type != YAML_MAPPING_START_EVENT) {
		return at_line(r, rd_fail(r->err, RD_BAD_TYPE, "expected \"key: value\" lines"));
	}
	while (!end) {
		RD_TRY(read_pair(r, &end));
	}
	RD_TRY(expect(r, YAML_DOCUMENT_END_EVENT, "the document's end"));
	return expect(r, YAML_STREAM_END_EVENT, "one document only");
}

enum rd_status rd_config_parse(const struct rd_config_host *host, const char *name,
	const char *text, size_t len, struct rd_config *ret, struct rd_error *err)
{
	struct reader r = {.name = name, .config = ret, .err = err};
	enum rd_status st;

	set_defaults(host, ret);
	if (!yaml_parser_initialize(&r.yaml)) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	/* An empty file has no address, and libyaml asserts that there is one. */
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)(len == 0 ? "" : text), len);
	st = read_document(&r);
	yaml_parser_delete(&r.yaml);
	return st;
}

enum rd_status rd_config_load(const struct rd_config_host *host, const char *path, bool must_exist,
	struct rd_config *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CONFIG_FILE_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && !must_exist) {
		set_defaults(host, ret);
		return RD_OK;
	}
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, &buf);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
	}
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
