/* SPDX-License-Identifier: Apache-2.0 */
/* payments-server's configuration: keys, values, and rules about several of them. */
#include "server/config.h"

#include "base/text.h"
#include "wire/link.h"
#include "yaml/read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT 8480
/* A page that heard nothing asks again within seconds; a customer has given up after a minute. */
#define DEFAULT_DEADLINE_S 60
#define DEADLINE_MIN_S     2
#define DEADLINE_MAX_S     3600
/* What the enclave works on at a time. */
#define DEFAULT_IN_FLIGHT 64
#define IN_FLIGHT_MAX     PAY_OPEN_MAX
#define DEFAULT_WORKERS   4
#define IMDS_ADDRESS      "169.254.169.254"
#define IMDS_PORT         80

/* X(name in the enumeration, key in the file) */
#define KEYS(X)                                                                                    \
	X(LISTEN, listen)                                                                          \
	X(TLS_CERTIFICATE, tls_certificate)                                                        \
	X(TLS_KEY, tls_key)                                                                        \
	X(DATABASE, database)                                                                      \
	X(ENCLAVES, enclaves)                                                                      \
	X(CREDENTIALS, credentials)                                                                \
	X(IMDS, imds)                                                                              \
	X(PAGE_ORIGIN, page_origin)                                                                \
	X(PAGES, pages)                                                                            \
	X(DEADLINE, authorise_deadline_s)                                                          \
	X(IN_FLIGHT, max_in_flight)                                                                \
	X(THREADS, threads)                                                                        \
	X(WORKERS, workers)

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

/* A relative path is below the file's folder. */
static enum rd_status set_path(const struct ps_config *c, const char *scheme, const char *path,
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

static enum rd_status defaults(const char *directory, struct ps_config *ret, struct rd_error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*ret = (struct ps_config){
		.listen_address = "127.0.0.1",
		.listen_port = DEFAULT_PORT,
		.imds_address = IMDS_ADDRESS,
		.imds_port = IMDS_PORT,
		.authorise_deadline_s = DEFAULT_DEADLINE_S,
		.max_in_flight = DEFAULT_IN_FLIGHT,
		.threads = cpus < 1                ? 1
			   : cpus > PS_THREADS_MAX ? PS_THREADS_MAX
						   : (uint32_t)cpus,
		.workers = DEFAULT_WORKERS,
	};
	if (strlen(directory) >= sizeof(ret->directory)) {
		return rd_fail(err, RD_LIMIT, "the configuration's folder has too long a path");
	}
	rd_text_copy(ret->directory, sizeof(ret->directory), directory);
	return set_path(ret, "sqlite:", "payments.db", ret->database, err);
}

/* --- values --- */

static bool is_address(const char *text)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* "127.0.0.1:8480" or "[::1]:8480". */
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
			"\"%.64s\" is not an address and a port, as in 127.0.0.1:8480 or "
			"[::1]:8480",
			value);
	}
	memcpy(ret_address, address, sizeof(address));
	*ret_port = (uint16_t)port;
	return RD_OK;
}

/* The value may hold a password: it is not repeated. */
static enum rd_status set_database(const char *value, struct ps_config *c, struct rd_error *err)
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
	rd_text_copy(c->database, sizeof(c->database), value);
	return RD_OK;
}

static enum rd_status set_credentials(const char *value, struct ps_config *c, struct rd_error *err)
{
	if (strcmp(value, "environment") == 0) {
		c->credentials_from = PS_CREDENTIALS_ENVIRONMENT;
		return RD_OK;
	}
	if (strcmp(value, "imds") == 0) {
		c->credentials_from = PS_CREDENTIALS_IMDS;
		return RD_OK;
	}
	if (strncmp(value, "file:", strlen("file:")) == 0) {
		c->credentials_from = PS_CREDENTIALS_FILE;
		return set_path(c, "", value + strlen("file:"), c->credentials_file, err);
	}
	return rd_fail(err, RD_USAGE, "credentials are \"environment\", \"imds\" or file:PATH");
}

/* An origin has no path (RFC 6454 section 7), and what browsers send is compared byte for byte. */
static enum rd_status set_origin(const char *value, struct ps_config *c, struct rd_error *err)
{
	const char *host = strstr(value, "://");
	bool web = strncmp(value, "https://", 8) == 0 || strncmp(value, "http://", 7) == 0;

	if (!web || host[3] == '\0' || strlen(value) >= sizeof(c->page_origin) ||
		strspn(host + 3, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != strlen(host + 3)) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not an origin, as in https://shop.example", value);
	}
	rd_text_copy(c->page_origin, sizeof(c->page_origin), value);
	return RD_OK;
}

static enum rd_status set_place(
	const char *value, const struct ps_config *c, struct ps_place *ret, struct rd_error *err)
{
	uint64_t cid = 0;

	if (strncmp(value, "unix:", strlen("unix:")) == 0) {
		ret->transport = PS_UNIX;
		RD_TRY(set_path(c, "", value + strlen("unix:"), ret->path, err));
		if (strlen(ret->path) >= RD_SOCKET_PATH_MAX) {
			return rd_fail(err, RD_LIMIT, "a socket's path has at most %d bytes",
				RD_SOCKET_PATH_MAX - 1);
		}
		return RD_OK;
	}
	/* 0 to 2 are the hypervisor and the host, UINT32_MAX is any. */
	if (strncmp(value, "vsock:", strlen("vsock:")) == 0 &&
		rd_parse_u64(value + strlen("vsock:"), 3, UINT32_MAX - 1, &cid) == RD_OK) {
		ret->transport = PS_VSOCK;
		ret->cid = (uint32_t)cid;
		return RD_OK;
	}
	return rd_fail(err, RD_USAGE, "\"%.64s\" is not an enclave: unix:PATH or vsock:CID", value);
}

/* --- the file --- */

static enum rd_status read_enclaves(struct rd_yaml *y, struct ps_config *c, struct rd_error *err)
{
	const char *value = NULL;
	bool end = false;

	RD_TRY(rd_yaml_begin_list(y));
	for (;;) {
		RD_TRY(rd_yaml_next_string(y, &value, &end));
		if (end) {
			return RD_OK;
		}
		if (c->n_enclaves == PS_ENCLAVES_MAX) {
			return rd_fail(err, RD_LIMIT, "more than %d enclaves", PS_ENCLAVES_MAX);
		}
		RD_TRY(set_place(value, c, &c->enclaves[c->n_enclaves], err));
		c->n_enclaves++;
	}
}

static enum rd_status read_u32(struct rd_yaml *y, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	RD_TRY(rd_yaml_u64(y, min, max, &n));
	*ret = (uint32_t)n;
	return RD_OK;
}

static enum rd_status set(
	struct ps_config *c, enum key key, const char *value, struct rd_error *err)
{
	switch (key) {
	case KEY_LISTEN:
		return set_endpoint(value, c->listen_address, &c->listen_port, err);
	case KEY_TLS_CERTIFICATE:
		return set_path(c, "", value, c->tls_certificate, err);
	case KEY_TLS_KEY:
		return set_path(c, "", value, c->tls_key, err);
	case KEY_DATABASE:
		return set_database(value, c, err);
	case KEY_CREDENTIALS:
		return set_credentials(value, c, err);
	case KEY_IMDS:
		return set_endpoint(value, c->imds_address, &c->imds_port, err);
	case KEY_PAGE_ORIGIN:
		return set_origin(value, c, err);
	case KEY_PAGES:
		return set_path(c, "", value, c->pages, err);
	case KEY_ENCLAVES:
	case KEY_DEADLINE:
	case KEY_IN_FLIGHT:
	case KEY_THREADS:
	case KEY_WORKERS:
	case KEY_COUNT:
		break;
	}
	return RD_INTERNAL;
}

static enum rd_status read_value(
	struct rd_yaml *y, enum key key, struct ps_config *c, struct rd_error *err)
{
	const char *value = NULL;

	switch (key) {
	case KEY_ENCLAVES:
		return read_enclaves(y, c, err);
	case KEY_DEADLINE:
		return read_u32(y, DEADLINE_MIN_S, DEADLINE_MAX_S, &c->authorise_deadline_s);
	case KEY_IN_FLIGHT:
		return read_u32(y, 1, IN_FLIGHT_MAX, &c->max_in_flight);
	case KEY_THREADS:
		return read_u32(y, 1, PS_THREADS_MAX, &c->threads);
	case KEY_WORKERS:
		return read_u32(y, 1, PS_THREADS_MAX, &c->workers);
	case KEY_LISTEN:
	case KEY_TLS_CERTIFICATE:
	case KEY_TLS_KEY:
	case KEY_DATABASE:
	case KEY_CREDENTIALS:
	case KEY_IMDS:
	case KEY_PAGE_ORIGIN:
	case KEY_PAGES:
	case KEY_COUNT:
		break;
	}
	RD_TRY(rd_yaml_string(y, &value));
	return set(c, key, value, err);
}

static enum rd_status read_keys(struct rd_yaml *y, struct ps_config *c, struct rd_error *err)
{
	struct rd_yaml_map map = {.keys = key_names, .count = KEY_COUNT};
	unsigned key = 0;
	bool end = false;

	RD_TRY(rd_yaml_begin(y, &end));
	while (!end) {
		RD_TRY(rd_yaml_next_key(y, &map, &key, &end));
		if (end) {
			return rd_yaml_end(y);
		}
		RD_TRY(read_value(y, (enum key)key, c, err));
	}
	return RD_OK;
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static enum rd_status judge(const struct ps_config *c, struct rd_error *err)
{
	bool tls = c->tls_certificate[0] != '\0';

	if (tls != (c->tls_key[0] != '\0')) {
		return rd_fail(err, RD_USAGE,
			"tls_certificate and tls_key belong together: set both or neither");
	}
	if (!tls && !is_loopback(c->listen_address)) {
		return rd_fail(err, RD_FORBIDDEN,
			"listen on %s needs TLS, because requests hold API keys: set "
			"tls_certificate and tls_key, or listen on 127.0.0.1 or ::1",
			c->listen_address);
	}
	return RD_OK;
}

enum rd_status ps_config_parse(const char *directory, const char *name, struct rd_view text,
	struct ps_config *ret, struct rd_error *err)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	enum rd_status st;

	RD_TRY(defaults(directory, ret, err));
	RD_TRY(rd_yaml_open(&y, name, text, err));
	RD_TRY(rd_yaml_locate(y, read_keys(y, ret, err)));
	st = judge(ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", name);
}

enum rd_status ps_config_load(const char *path, struct ps_config *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(PS_CONFIG_FILE_MAX);
	char real[PATH_MAX];
	char *slash;

	RD_TRY(rd_yaml_load("the configuration", path, true, &buf, err));
	if (realpath(path, real) == NULL) {
		return rd_fail_errno(err, errno, "%s", path);
	}
	slash = strrchr(real, '/');
	*slash = '\0';
	return ps_config_parse(real, path, rd_buf_view(&buf), ret, err);
}

static void print_credentials(const struct ps_config *c, FILE *to)
{
	switch (c->credentials_from) {
	case PS_CREDENTIALS_ENVIRONMENT:
		fputs("credentials: environment\n", to);
		break;
	case PS_CREDENTIALS_IMDS:
		fputs("credentials: imds\n", to);
		break;
	case PS_CREDENTIALS_FILE:
		fprintf(to, "credentials: file:%s\n", c->credentials_file);
		break;
	}
}

static void print_optional(FILE *to, const char *key, const char *value)
{
	if (value[0] != '\0') {
		fprintf(to, "%s: %s\n", key, value);
	}
}

void ps_config_print(const struct ps_config *c, FILE *to)
{
	bool v6 = strchr(c->listen_address, ':') != NULL;

	fprintf(to, "listen: \"%s%s%s:%u\"\n", v6 ? "[" : "", c->listen_address, v6 ? "]" : "",
		c->listen_port);
	print_optional(to, "tls_certificate", c->tls_certificate);
	print_optional(to, "tls_key", c->tls_key);
	fprintf(to, "database: %s\n",
		strncmp(c->database, "sqlite:", 7) == 0 ? c->database : "postgresql://…");
	fprintf(to, "enclaves:%s\n", c->n_enclaves == 0 ? " []" : "");
	for (size_t i = 0; i < c->n_enclaves; i++) {
		if (c->enclaves[i].transport == PS_UNIX) {
			fprintf(to, "  - unix:%s\n", c->enclaves[i].path);
		} else {
			fprintf(to, "  - vsock:%u\n", c->enclaves[i].cid);
		}
	}
	print_credentials(c, to);
	fprintf(to, "imds: \"%s:%u\"\n", c->imds_address, c->imds_port);
	print_optional(to, "page_origin", c->page_origin);
	print_optional(to, "pages", c->pages);
	fprintf(to, "authorise_deadline_s: %u\nmax_in_flight: %u\nthreads: %u\nworkers: %u\n",
		c->authorise_deadline_s, c->max_in_flight, c->threads, c->workers);
}
