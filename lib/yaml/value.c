/* SPDX-License-Identifier: Apache-2.0 */
/* Values of configurations: paths, addresses, databases, CPUs. */
#include "yaml/value.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum rd_status rd_value_path(const char *directory, const char *scheme, const char *path,
	char ret[RD_PATH_MAX], struct rd_error *err)
{
	bool relative = path[0] != '/';
	int n;

	if (path[0] == '\0') {
		return rd_fail(err, RD_USAGE, "a path is missing behind \"%s\"", scheme);
	}
	n = snprintf(ret, RD_PATH_MAX, "%s%s%s%s", scheme, relative ? directory : "",
		relative ? "/" : "", path);
	if (n < 0 || n >= RD_PATH_MAX) {
		return rd_fail(err, RD_LIMIT, "a path is longer than %d bytes", RD_PATH_MAX - 1);
	}
	return RD_OK;
}

static bool is_address(const char *text)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

enum rd_status rd_value_endpoint(const char *value, unsigned usual_port,
	char ret_address[RD_VALUE_ADDRESS_SIZE], uint16_t *ret_port, struct rd_error *err)
{
	const char *colon = strrchr(value, ':');
	bool bracketed = value[0] == '[' && colon != NULL && colon > value + 1 && colon[-1] == ']';
	size_t len = colon == NULL ? 0 : (size_t)(colon - value) - (bracketed ? 2 : 0);
	char address[RD_VALUE_ADDRESS_SIZE] = "";
	uint64_t port = 0;

	if (len > 0 && len < sizeof(address)) {
		memcpy(address, value + (bracketed ? 1 : 0), len);
	}
	if (!is_address(address) || (strchr(address, ':') != NULL) != bracketed ||
		rd_parse_u64(colon + 1, 0, UINT16_MAX, &port) != RD_OK) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not an address and a port, as in 127.0.0.1:%u or [::1]:%u",
			value, usual_port, usual_port);
	}
	memcpy(ret_address, address, sizeof(address));
	*ret_port = (uint16_t)port;
	return RD_OK;
}

enum rd_status rd_value_database(
	const char *directory, const char *value, char ret[RD_PATH_MAX], struct rd_error *err)
{
	const size_t sqlite = strlen("sqlite:");

	if (strncmp(value, "sqlite:", sqlite) == 0) {
		return rd_value_path(directory, "sqlite:", value + sqlite, ret, err);
	}
	if (strncmp(value, "postgresql://", strlen("postgresql://")) != 0) {
		return rd_fail(err, RD_USAGE, "database is not sqlite:PATH or postgresql://…");
	}
	if (strlen(value) >= RD_PATH_MAX) {
		return rd_fail(err, RD_LIMIT, "database is longer than %d bytes", RD_PATH_MAX - 1);
	}
	rd_text_copy(ret, RD_PATH_MAX, value);
	return RD_OK;
}

enum rd_status rd_value_region(const char *value, char *ret, size_t size, struct rd_error *err)
{
	size_t len = strlen(value);

	if (len == 0 || len >= size ||
		strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not a region (at most %zu of a-z, 0-9, -)", value, size - 1);
	}
	rd_text_copy(ret, size, value);
	return RD_OK;
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

struct cpu_list {
	uint32_t id_max;
	size_t max;
	uint32_t *ids;
	size_t count;
};

static enum rd_status add_range(
	struct cpu_list *l, uint64_t first, uint64_t last, const char *item, struct rd_error *err)
{
	if (first > last) {
		return rd_fail(err, RD_BAD_NUMBER, "\"%s\" ends before it begins", item);
	}
	for (uint64_t id = first; id <= last; id++) {
		if (l->count == l->max) {
			return rd_fail(err, RD_LIMIT, "more than %zu CPUs", l->max);
		}
		l->ids[l->count++] = (uint32_t)id;
	}
	return RD_OK;
}

/* "7" or "4-7". */
static enum rd_status add_item(struct cpu_list *l, char *item, struct rd_error *err)
{
	char shown[32];
	char *dash = strchr(item, '-');
	uint64_t first = 0, last = 0;
	enum rd_status st;

	snprintf(shown, sizeof(shown), "%s", item);
	if (dash != NULL) {
		*dash = '\0';
	}
	st = rd_parse_u64(item, 0, l->id_max, &first);
	last = first;
	if (st == RD_OK && dash != NULL) {
		st = rd_parse_u64(dash + 1, 0, l->id_max, &last);
	}
	if (st != RD_OK) {
		return rd_fail(err, RD_BAD_NUMBER, "\"%s\" is no CPU number or range (0 to %u)",
			shown, (unsigned)l->id_max);
	}
	return add_range(l, first, last, shown, err);
}

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

enum rd_status rd_value_cpu_list(const char *text, uint32_t id_max, size_t max, uint32_t *ret,
	size_t *ret_count, struct rd_error *err)
{
	struct cpu_list l = {.id_max = id_max, .max = max, .ids = ret};
	char *copy = strdup(text);
	char *rest = copy;
	char *item;
	enum rd_status st = copy == NULL ? rd_fail(err, RD_NOMEM, "out of memory") : RD_OK;

	while (st == RD_OK && (item = strsep(&rest, ",")) != NULL) {
		st = add_item(&l, item, err);
	}
	free(copy);
	RD_TRY(st);
	qsort(ret, l.count, sizeof(ret[0]), compare_ids);
	for (size_t i = 1; i < l.count; i++) {
		if (ret[i] == ret[i - 1]) {
			return rd_fail(
				err, RD_DUPLICATE, "CPU %u is listed twice", (unsigned)ret[i]);
		}
	}
	*ret_count = l.count;
	return RD_OK;
}

enum rd_status rd_value_tls(const char *certificate, const char *key, const char *address,
	const char *why, struct rd_error *err)
{
	bool tls = certificate[0] != '\0';

	if (tls != (key[0] != '\0')) {
		return rd_fail(err, RD_USAGE,
			"tls_certificate and tls_key belong together: set both or neither");
	}
	if (!tls && !is_loopback(address)) {
		return rd_fail(err, RD_FORBIDDEN,
			"listen on %s needs TLS, because %s: set tls_certificate and tls_key, or "
			"listen on 127.0.0.1 or ::1",
			address, why);
	}
	return RD_OK;
}

uint32_t rd_value_threads(uint32_t max)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > (long)max ? max : (uint32_t)cpus;
}

void rd_value_print_endpoint(FILE *to, const char *key, const char *address, uint16_t port)
{
	bool v6 = strchr(address, ':') != NULL;

	fprintf(to, "%s: \"%s%s%s:%u\"\n", key, v6 ? "[" : "", address, v6 ? "]" : "", port);
}
