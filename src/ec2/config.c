/* SPDX-License-Identifier: Apache-2.0 */
/* ec2.yaml: keys, values, and rules about several of them. */
#include "ec2/config.h"

#include "base/text.h"
#include "yaml/read.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT         8444
#define DEFAULT_METRICS_PORT 9444
/* Below the kernel's ephemeral ports (32768 on), above the services' (1024). */
#define DEFAULT_FORWARD_FIRST 20000
#define DEFAULT_FORWARD_LAST  29999
/* EC2's usual quota is in vCPUs, 32 at first; here the host is the limit, and this the mistake's.
 */
#define DEFAULT_INSTANCES 1000
#define INSTANCES_MAX     100000
/* Most calls wait for the door and the disk: more of them than there are CPUs. */
#define DEFAULT_WORKERS 8

/* X(name in the enumeration, key in the file) */
#define KEYS(X)                                                                                    \
	X(LISTEN, listen)                                                                          \
	X(METRICS, metrics)                                                                        \
	X(TLS_CERTIFICATE, tls_certificate)                                                        \
	X(TLS_KEY, tls_key)                                                                        \
	X(REGION, region)                                                                          \
	X(DATABASE, database)                                                                      \
	X(SERVICE, service_socket)                                                                 \
	X(REDOUBTD, redoubtd_socket)                                                               \
	X(IMAGES, image_directories)                                                               \
	X(FORWARD_ADDRESS, forward_address)                                                        \
	X(FORWARD_FIRST, forward_first_port)                                                       \
	X(FORWARD_LAST, forward_last_port)                                                         \
	X(MAX_INSTANCES, max_instances)                                                            \
	X(THREADS, threads)                                                                        \
	X(WORKERS, workers)                                                                        \
	X(STRICT, strict)

enum key {
#define X(name, text) KEY_##name,
	KEYS(X)
#undef X
		KEY_COUNT
};

static const char *const key_names[KEY_COUNT] = {
#define X(name, text) [KEY_##name] = #text,
	KEYS(X)
#undef X
};

/* A relative path is below the state directory. */
static enum rd_status set_path(const struct ec2_config *c, const char *scheme, const char *path,
	char ret[RD_PATH_MAX], struct rd_error *err)
{
	bool relative = path[0] != '/';
	int n;

	if (path[0] == '\0') {
		return rd_fail(err, RD_USAGE, "a path is missing behind \"%s\"", scheme);
	}
	n = snprintf(ret, RD_PATH_MAX, "%s%s%s%s", scheme, relative ? c->directory : "",
		relative ? "/" : "", path);
	if (n < 0 || n >= RD_PATH_MAX) {
		return rd_fail(err, RD_LIMIT, "a path is longer than %d bytes", RD_PATH_MAX - 1);
	}
	return RD_OK;
}

static enum rd_status defaults(
	const struct rd_paths *paths, struct ec2_config *ret, struct rd_error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*ret = (struct ec2_config){
		.listen_address = "127.0.0.1",
		.listen_port = DEFAULT_PORT,
		.metrics_address = "127.0.0.1",
		.metrics = true,
		.metrics_port = DEFAULT_METRICS_PORT,
		.region = "local-1",
		.forward_address = "127.0.0.1",
		.forward_first = DEFAULT_FORWARD_FIRST,
		.forward_last = DEFAULT_FORWARD_LAST,
		.max_instances = DEFAULT_INSTANCES,
		.threads = cpus < 1                 ? 1
			   : cpus > EC2_THREADS_MAX ? EC2_THREADS_MAX
						    : (uint32_t)cpus,
		.workers = DEFAULT_WORKERS,
	};
	if (rd_paths_join(ret->directory, paths->state, "ec2", NULL) != RD_OK ||
		rd_paths_join(ret->images[0], paths->state, "images", NULL) != RD_OK ||
		rd_paths_join(ret->service, paths->run, "kms/service.sock", NULL) != RD_OK ||
		rd_paths_join(ret->redoubtd, paths->run, "redoubtd.sock", NULL) != RD_OK) {
		return rd_fail(err, RD_LIMIT, "a directory's path is too long");
	}
	snprintf(ret->run, sizeof(ret->run), "%s", paths->run);
	ret->n_images = 1;
	return set_path(ret, "sqlite:", "ec2.db", ret->database, err);
}

/* --- values --- */

static bool is_address(const char *text)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* "127.0.0.1:8444" or "[::1]:8444". */
static enum rd_status set_endpoint(
	const char *value, char ret_address[64], uint16_t *ret_port, struct rd_error *err)
{
	const char *colon = strrchr(value, ':');
	bool bracketed = value[0] == '[' && colon != NULL && colon > value + 1 && colon[-1] == ']';
	size_t len = colon == NULL ? 0 : (size_t)(colon - value) - (bracketed ? 2 : 0);
	char address[64] = "";
	uint64_t port = 0;

	if (len > 0 && len < sizeof(address)) {
		memcpy(address, value + (bracketed ? 1 : 0), len);
	}
	if (!is_address(address) || (strchr(address, ':') != NULL) != bracketed ||
		rd_parse_u64(colon + 1, 0, UINT16_MAX, &port) != RD_OK) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not an address and a port, as in 127.0.0.1:8444 or "
			"[::1]:8444",
			value);
	}
	memcpy(ret_address, address, sizeof(address));
	*ret_port = (uint16_t)port;
	return RD_OK;
}

static enum rd_status set_region(const char *value, struct ec2_config *c, struct rd_error *err)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(c->region) ||
		strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != len) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not a region (at most %zu of a-z, 0-9, -)", value,
			sizeof(c->region) - 1);
	}
	snprintf(c->region, sizeof(c->region), "%s", value);
	return RD_OK;
}

/* The value may hold a password: it is not repeated. */
static enum rd_status set_database(const char *value, struct ec2_config *c, struct rd_error *err)
{
	const size_t sqlite = strlen("sqlite:");

	if (strncmp(value, "sqlite:", sqlite) == 0) {
		return set_path(c, "sqlite:", value + sqlite, c->database, err);
	}
	if (strncmp(value, "postgresql://", strlen("postgresql://")) != 0) {
		return rd_fail(err, RD_USAGE, "database is not sqlite:PATH or postgresql://…");
	}
	if (strlen(value) >= sizeof(c->database)) {
		return rd_fail(err, RD_LIMIT, "database is longer than %zu bytes",
			sizeof(c->database) - 1);
	}
	snprintf(c->database, sizeof(c->database), "%s", value);
	return RD_OK;
}

static enum rd_status set_forward_address(
	const char *value, struct ec2_config *c, struct rd_error *err)
{
	struct in_addr address;

	if (inet_pton(AF_INET, value, &address) != 1) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not an IPv4 address of this host, as in 127.0.0.1", value);
	}
	snprintf(c->forward_address, sizeof(c->forward_address), "%s", value);
	return RD_OK;
}

static enum rd_status set(
	struct ec2_config *c, enum key key, const char *value, struct rd_error *err)
{
	switch (key) {
	case KEY_LISTEN:
		return set_endpoint(value, c->listen_address, &c->listen_port, err);
	case KEY_METRICS:
		c->metrics = strcmp(value, "off") != 0;
		return c->metrics ? set_endpoint(value, c->metrics_address, &c->metrics_port, err)
				  : RD_OK;
	case KEY_TLS_CERTIFICATE:
		return set_path(c, "", value, c->tls_certificate, err);
	case KEY_TLS_KEY:
		return set_path(c, "", value, c->tls_key, err);
	case KEY_REGION:
		return set_region(value, c, err);
	case KEY_DATABASE:
		return set_database(value, c, err);
	case KEY_SERVICE:
		return set_path(c, "", value, c->service, err);
	case KEY_REDOUBTD:
		return set_path(c, "", value, c->redoubtd, err);
	case KEY_FORWARD_ADDRESS:
		return set_forward_address(value, c, err);
	case KEY_IMAGES:
	case KEY_FORWARD_FIRST:
	case KEY_FORWARD_LAST:
	case KEY_MAX_INSTANCES:
	case KEY_THREADS:
	case KEY_WORKERS:
	case KEY_STRICT:
	case KEY_COUNT:
		break;
	}
	return RD_INTERNAL;
}

/* --- the file --- */

static enum rd_status read_images(struct rd_yaml *y, struct ec2_config *c, struct rd_error *err)
{
	const char *value = NULL;
	bool end = false;

	c->n_images = 0;
	RD_TRY(rd_yaml_begin_list(y));
	for (;;) {
		RD_TRY(rd_yaml_next_string(y, &value, &end));
		if (end) {
			return RD_OK;
		}
		if (c->n_images == EC2_IMAGE_DIRS_MAX) {
			return rd_fail(
				err, RD_LIMIT, "more than %d directories", EC2_IMAGE_DIRS_MAX);
		}
		RD_TRY(set_path(c, "", value, c->images[c->n_images], err));
		c->n_images++;
	}
}

static enum rd_status read_u32(struct rd_yaml *y, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	RD_TRY(rd_yaml_u64(y, min, max, &n));
	*ret = (uint32_t)n;
	return RD_OK;
}

static enum rd_status read_port(struct rd_yaml *y, uint16_t *ret)
{
	uint64_t n = 0;

	/* Ports below need a capability that redoubt-net has not. */
	RD_TRY(rd_yaml_u64(y, 1024, UINT16_MAX, &n));
	*ret = (uint16_t)n;
	return RD_OK;
}

static enum rd_status read_value(
	struct rd_yaml *y, enum key key, struct ec2_config *c, struct rd_error *err)
{
	const char *value = NULL;

	switch (key) {
	case KEY_IMAGES:
		return read_images(y, c, err);
	case KEY_FORWARD_FIRST:
		return read_port(y, &c->forward_first);
	case KEY_FORWARD_LAST:
		return read_port(y, &c->forward_last);
	case KEY_MAX_INSTANCES:
		return read_u32(y, 1, INSTANCES_MAX, &c->max_instances);
	case KEY_THREADS:
		return read_u32(y, 1, EC2_THREADS_MAX, &c->threads);
	case KEY_WORKERS:
		return read_u32(y, 1, EC2_THREADS_MAX, &c->workers);
	case KEY_STRICT:
		return rd_yaml_bool(y, &c->strict);
	case KEY_LISTEN:
	case KEY_METRICS:
	case KEY_TLS_CERTIFICATE:
	case KEY_TLS_KEY:
	case KEY_REGION:
	case KEY_DATABASE:
	case KEY_SERVICE:
	case KEY_REDOUBTD:
	case KEY_FORWARD_ADDRESS:
	case KEY_COUNT:
		break;
	}
	RD_TRY(rd_yaml_string(y, &value));
	return set(c, key, value, err);
}

static enum rd_status read_keys(struct rd_yaml *y, struct ec2_config *c, struct rd_error *err)
{
	struct rd_yaml_map map = {.keys = key_names, .count = KEY_COUNT};
	unsigned key = 0;
	bool end = false;

	RD_TRY(rd_yaml_begin(y, &end));
	if (end) {
		return RD_OK;
	}
	for (;;) {
		RD_TRY(rd_yaml_next_key(y, &map, &key, &end));
		if (end) {
			return rd_yaml_end(y);
		}
		RD_TRY(read_value(y, (enum key)key, c, err));
	}
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static enum rd_status judge(const struct ec2_config *c, struct rd_error *err)
{
	bool tls = c->tls_certificate[0] != '\0';

	if (tls != (c->tls_key[0] != '\0')) {
		return rd_fail(err, RD_USAGE,
			"tls_certificate and tls_key belong together: set both or neither");
	}
	if (!tls && !is_loopback(c->listen_address)) {
		return rd_fail(err, RD_FORBIDDEN,
			"listen on %s needs TLS, because answers hold private keys: set "
			"tls_certificate and tls_key, or listen on 127.0.0.1 or ::1",
			c->listen_address);
	}
	if (c->forward_first > c->forward_last) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"forward_first_port %u is above forward_last_port %u", c->forward_first,
			c->forward_last);
	}
	return RD_OK;
}

enum rd_status ec2_config_parse(const struct rd_paths *paths, const char *name, struct rd_view text,
	struct ec2_config *ret, struct rd_error *err)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	enum rd_status st;

	RD_TRY(defaults(paths, ret, err));
	RD_TRY(rd_yaml_open(&y, name, text, err));
	RD_TRY(rd_yaml_locate(y, read_keys(y, ret, err)));
	st = judge(ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", name);
}

enum rd_status ec2_config_load(const struct rd_paths *paths, const char *path,
	struct ec2_config *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(EC2_CONFIG_FILE_MAX);
	char usual[RD_PATH_MAX];
	const char *name;

	RD_TRY(rd_paths_join(usual, paths->config, "ec2.yaml", NULL));
	name = path == NULL ? usual : path;
	RD_TRY(rd_yaml_load("the configuration", name, path != NULL, &buf, err));
	return ec2_config_parse(paths, name, rd_buf_view(&buf), ret, err);
}

static void print_endpoint(FILE *to, const char *key, const char *address, uint16_t port)
{
	bool v6 = strchr(address, ':') != NULL;

	fprintf(to, "%s: \"%s%s%s:%u\"\n", key, v6 ? "[" : "", address, v6 ? "]" : "", port);
}

void ec2_config_print(const struct ec2_config *c, FILE *to)
{
	print_endpoint(to, "listen", c->listen_address, c->listen_port);
	if (c->metrics) {
		print_endpoint(to, "metrics", c->metrics_address, c->metrics_port);
	} else {
		fputs("metrics: off\n", to);
	}
	if (c->tls_certificate[0] != '\0') {
		fprintf(to, "tls_certificate: %s\ntls_key: %s\n", c->tls_certificate, c->tls_key);
	}
	fprintf(to, "region: %s\ndatabase: %s\n", c->region,
		strncmp(c->database, "sqlite:", 7) == 0 ? c->database : "postgresql://…");
	fprintf(to, "service_socket: %s\nredoubtd_socket: %s\nimage_directories:%s\n", c->service,
		c->redoubtd, c->n_images == 0 ? " []" : "");
	for (size_t i = 0; i < c->n_images; i++) {
		fprintf(to, "  - %s\n", c->images[i]);
	}
	fprintf(to, "forward_address: %s\nforward_first_port: %u\nforward_last_port: %u\n",
		c->forward_address, c->forward_first, c->forward_last);
	fprintf(to, "max_instances: %u\nthreads: %u\nworkers: %u\nstrict: %s\n", c->max_instances,
		c->threads, c->workers, c->strict ? "true" : "false");
}
