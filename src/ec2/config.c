/* SPDX-License-Identifier: Apache-2.0 */
/* ec2.yaml: keys, values, and rules about several of them. */
#include "ec2/config.h"

#include "yaml/read.h"
#include "yaml/value.h"

#include <arpa/inet.h>
#include <string.h>

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

static enum rd_status defaults(
	const struct rd_paths *paths, struct ec2_config *ret, struct rd_error *err)
{
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
		.threads = rd_value_threads(EC2_THREADS_MAX),
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
	return rd_value_path(ret->directory, "sqlite:", "ec2.db", ret->database, err);
}

/* --- values --- */

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
		return rd_value_endpoint(
			value, DEFAULT_PORT, c->listen_address, &c->listen_port, err);
	case KEY_METRICS:
		c->metrics = strcmp(value, "off") != 0;
		return c->metrics ? rd_value_endpoint(value, DEFAULT_PORT, c->metrics_address,
					    &c->metrics_port, err)
				  : RD_OK;
	case KEY_TLS_CERTIFICATE:
		return rd_value_path(c->directory, "", value, c->tls_certificate, err);
	case KEY_TLS_KEY:
		return rd_value_path(c->directory, "", value, c->tls_key, err);
	case KEY_REGION:
		return rd_value_region(value, c->region, sizeof(c->region), err);
	case KEY_DATABASE:
		return rd_value_database(c->directory, value, c->database, err);
	case KEY_SERVICE:
		return rd_value_path(c->directory, "", value, c->service, err);
	case KEY_REDOUBTD:
		return rd_value_path(c->directory, "", value, c->redoubtd, err);
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
		RD_TRY(rd_value_path(c->directory, "", value, c->images[c->n_images], err));
		c->n_images++;
	}
}

static enum rd_status read_port(struct rd_yaml *y, uint16_t *ret)
{
	uint64_t n = 0;

	/* Ports below need a capability that redoubt-net has not. */
	RD_TRY(rd_yaml_u64(y, 1024, UINT16_MAX, &n));
	*ret = (uint16_t)n;
	return RD_OK;
}

static enum rd_status read_value(struct rd_yaml *y, unsigned key, void *ctx, struct rd_error *err)
{
	struct ec2_config *c = ctx;
	const char *value = NULL;

	switch ((enum key)key) {
	case KEY_IMAGES:
		return read_images(y, c, err);
	case KEY_FORWARD_FIRST:
		return read_port(y, &c->forward_first);
	case KEY_FORWARD_LAST:
		return read_port(y, &c->forward_last);
	case KEY_MAX_INSTANCES:
		return rd_yaml_u32(y, 1, INSTANCES_MAX, &c->max_instances);
	case KEY_THREADS:
		return rd_yaml_u32(y, 1, EC2_THREADS_MAX, &c->threads);
	case KEY_WORKERS:
		return rd_yaml_u32(y, 1, EC2_THREADS_MAX, &c->workers);
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
	return set(c, (enum key)key, value, err);
}

static enum rd_status judge(const struct ec2_config *c, struct rd_error *err)
{
	RD_TRY(rd_value_tls(c->tls_certificate, c->tls_key, c->listen_address,
		"answers hold private keys", err));
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
	RD_TRY(rd_yaml_locate(y, rd_yaml_read_keys(y, key_names, KEY_COUNT, read_value, ret)));
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

void ec2_config_print(const struct ec2_config *c, FILE *to)
{
	rd_value_print_endpoint(to, "listen", c->listen_address, c->listen_port);
	if (c->metrics) {
		rd_value_print_endpoint(to, "metrics", c->metrics_address, c->metrics_port);
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
