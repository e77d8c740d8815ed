/* SPDX-License-Identifier: Apache-2.0 */
/* payments-server's configuration: keys, values, and rules about several of them. */
#include "server/config.h"

#include "base/text.h"
#include "wire/link.h"
#include "yaml/read.h"
#include "yaml/value.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

static enum rd_status defaults(const char *directory, struct ps_config *ret, struct rd_error *err)
{
	*ret = (struct ps_config){
		.listen_address = "127.0.0.1",
		.listen_port = DEFAULT_PORT,
		.imds_address = IMDS_ADDRESS,
		.imds_port = IMDS_PORT,
		.authorise_deadline_s = DEFAULT_DEADLINE_S,
		.max_in_flight = DEFAULT_IN_FLIGHT,
		.threads = rd_value_threads(PS_THREADS_MAX),
		.workers = DEFAULT_WORKERS,
	};
	if (strlen(directory) >= sizeof(ret->directory)) {
		return rd_fail(err, RD_LIMIT, "the configuration's folder has too long a path");
	}
	rd_text_copy(ret->directory, sizeof(ret->directory), directory);
	return rd_value_path(ret->directory, "sqlite:", "payments.db", ret->database, err);
}

/* --- values --- */

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
		return rd_value_path(
			c->directory, "", value + strlen("file:"), c->credentials_file, err);
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
		RD_TRY(rd_value_path(c->directory, "", value + strlen("unix:"), ret->path, err));
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

static enum rd_status set(
	struct ps_config *c, enum key key, const char *value, struct rd_error *err)
{
	switch (key) {
	case KEY_LISTEN:
		return rd_value_endpoint(
			value, DEFAULT_PORT, c->listen_address, &c->listen_port, err);
	case KEY_TLS_CERTIFICATE:
		return rd_value_path(c->directory, "", value, c->tls_certificate, err);
	case KEY_TLS_KEY:
		return rd_value_path(c->directory, "", value, c->tls_key, err);
	case KEY_DATABASE:
		return rd_value_database(c->directory, value, c->database, err);
	case KEY_CREDENTIALS:
		return set_credentials(value, c, err);
	case KEY_IMDS:
		return rd_value_endpoint(value, DEFAULT_PORT, c->imds_address, &c->imds_port, err);
	case KEY_PAGE_ORIGIN:
		return set_origin(value, c, err);
	case KEY_PAGES:
		return rd_value_path(c->directory, "", value, c->pages, err);
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

static enum rd_status read_value(struct rd_yaml *y, unsigned key, void *ctx, struct rd_error *err)
{
	struct ps_config *c = ctx;
	const char *value = NULL;

	switch ((enum key)key) {
	case KEY_ENCLAVES:
		return read_enclaves(y, c, err);
	case KEY_DEADLINE:
		return rd_yaml_u32(y, DEADLINE_MIN_S, DEADLINE_MAX_S, &c->authorise_deadline_s);
	case KEY_IN_FLIGHT:
		return rd_yaml_u32(y, 1, IN_FLIGHT_MAX, &c->max_in_flight);
	case KEY_THREADS:
		return rd_yaml_u32(y, 1, PS_THREADS_MAX, &c->threads);
	case KEY_WORKERS:
		return rd_yaml_u32(y, 1, PS_THREADS_MAX, &c->workers);
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
	return set(c, (enum key)key, value, err);
}

enum rd_status ps_config_parse(const char *directory, const char *name, struct rd_view text,
	struct ps_config *ret, struct rd_error *err)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	enum rd_status st;

	RD_TRY(defaults(directory, ret, err));
	RD_TRY(rd_yaml_open(&y, name, text, err));
	RD_TRY(rd_yaml_locate(y, rd_yaml_read_keys(y, key_names, KEY_COUNT, read_value, ret)));
	st = rd_value_tls(ret->tls_certificate, ret->tls_key, ret->listen_address,
		"requests hold API keys", err);
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
	rd_value_print_endpoint(to, "listen", c->listen_address, c->listen_port);
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
