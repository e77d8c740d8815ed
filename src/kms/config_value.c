/* SPDX-License-Identifier: Apache-2.0 */
/* Values of kms.yaml's keys: defaults, checks, and how they are printed. */
#include "kms/config_value.h"

#include "yaml/value.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_PORT         8443
#define DEFAULT_METRICS_PORT 9443
#define DEFAULT_CONNECTIONS  4096
/* Behind a proxy or vsock-proxy all clients have one address, so this is no finer than that. */
#define DEFAULT_PER_CLIENT 2048
#define DEFAULT_SKEW_S     300
#define DEFAULT_AGE_S      300

const char *const kms_config_key_names[KMS_CONFIG_KEY_COUNT] = {
#define X(name, text) [KMS_CONFIG_##name] = #text,
	KMS_CONFIG_KEYS(X)
#undef X
};

enum rd_status kms_config_defaults(
	const char *directory, struct kms_config *ret, struct rd_error *err)
{
	*ret = (struct kms_config){
		.listen_address = "127.0.0.1",
		.listen_port = DEFAULT_PORT,
		.metrics_address = "127.0.0.1",
		.metrics = true,
		.metrics_port = DEFAULT_METRICS_PORT,
		.region = "local-1",
		.account = "000000000001",
		.threads = rd_value_threads(KMS_THREADS_MAX),
		.connections = DEFAULT_CONNECTIONS,
		.connections_per_client = DEFAULT_PER_CLIENT,
		.clock_skew_s = DEFAULT_SKEW_S,
		.max_document_age_s = DEFAULT_AGE_S,
		.service = true,
	};
	ret->workers = ret->threads;
	if (strlen(directory) >= sizeof(ret->directory)) {
		return rd_fail(err, RD_LIMIT, "the state directory's path is too long");
	}
	snprintf(ret->directory, sizeof(ret->directory), "%s", directory);
	RD_TRY(rd_value_path(ret->directory, "sqlite:", "kms.db", ret->database, err));
	RD_TRY(rd_value_path(ret->directory, "file:", "master.key", ret->master, err));
	return rd_value_path(ret->directory, "", "audit", ret->audit, err);
}

static enum rd_status set_account(const char *value, struct kms_config *c, struct rd_error *err)
{
	if (strlen(value) != sizeof(c->account) - 1 ||
		strspn(value, "0123456789") != sizeof(c->account) - 1) {
		return rd_fail(err, RD_USAGE,
			"\"%.64s\" is not an account (12 digits, in quotes if it begins with 0)",
			value);
	}
	snprintf(c->account, sizeof(c->account), "%s", value);
	return RD_OK;
}

/* Those with a path take a relative one; the others are for their library to understand. */
static enum rd_status set_url(const struct kms_config *c, const char *value,
	const char *const *path_schemes, const char *const *other_schemes, const char *what,
	char ret[RD_PATH_MAX], struct rd_error *err)
{
	for (; *path_schemes != NULL; path_schemes++) {
		size_t len = strlen(*path_schemes);

		if (strncmp(value, *path_schemes, len) == 0) {
			return rd_value_path(c->directory, *path_schemes, value + len, ret, err);
		}
	}
	for (; *other_schemes != NULL; other_schemes++) {
		if (strncmp(value, *other_schemes, strlen(*other_schemes)) == 0) {
			if (strlen(value) >= RD_PATH_MAX) {
				return rd_fail(
					err, RD_LIMIT, "is longer than %d bytes", RD_PATH_MAX - 1);
			}
			snprintf(ret, RD_PATH_MAX, "%s", value);
			return RD_OK;
		}
	}
	return rd_fail(err, RD_USAGE, "is not %s", what);
}

static enum rd_status set_database(const char *value, struct kms_config *c, struct rd_error *err)
{
	static const char *const paths[] = {"sqlite:", NULL};
	static const char *const others[] = {"postgresql://", "postgres://", NULL};
	enum rd_status st = set_url(
		c, value, paths, others, "sqlite:PATH or postgresql://…", c->database, err);

	/* The value may hold a password: it is not repeated. */
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "database");
}

static enum rd_status set_master(const char *value, struct kms_config *c, struct rd_error *err)
{
	static const char *const paths[] = {"file:", "passphrase:", NULL};
	static const char *const others[] = {"pkcs11:", NULL};
	enum rd_status st = set_url(c, value, paths, others,
		"file:PATH, passphrase:PATH or a pkcs11: URI", c->master, err);

	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "master");
}

enum rd_status kms_config_master(
	const char *directory, const char *value, char ret[RD_PATH_MAX], struct rd_error *err)
{
	struct kms_config *config = calloc(1, sizeof(*config));
	enum rd_status st;

	RD_ENSURE(config != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	st = kms_config_defaults(directory, config, err);
	if (st == RD_OK) {
		st = set_master(value, config, err);
	}
	if (st == RD_OK) {
		memcpy(ret, config->master, RD_PATH_MAX);
	}
	free(config);
	return st;
}

bool kms_config_is_new(const struct kms_config *config)
{
	char usual[sizeof("file:/master.key") + RD_PATH_MAX];
	struct stat st;

	snprintf(usual, sizeof(usual), "file:%s/master.key", config->directory);
	return strcmp(config->master, usual) == 0 &&
	       strncmp(config->database, "sqlite:", strlen("sqlite:")) == 0 &&
	       lstat(config->database + strlen("sqlite:"), &st) != 0 && errno == ENOENT &&
	       lstat(config->master + strlen("file:"), &st) != 0 && errno == ENOENT;
}

/* It goes through an HTTP header unchanged. */
static enum rd_status set_token(const char *value, struct kms_config *c, struct rd_error *err)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(c->static_session_token)) {
		return rd_fail(err, RD_LIMIT, "static_session_token has 1 to %zu characters",
			sizeof(c->static_session_token) - 1);
	}
	for (size_t i = 0; i < len; i++) {
		if (value[i] <= ' ' || value[i] > '~') {
			return rd_fail(err, RD_FORBIDDEN,
				"static_session_token has a character that is not printable ASCII");
		}
	}
	snprintf(c->static_session_token, sizeof(c->static_session_token), "%s", value);
	return RD_OK;
}

enum rd_status kms_config_add_root(struct kms_config *c, const char *value, struct rd_error *err)
{
	if (c->n_roots == KMS_ROOTS_MAX) {
		return rd_fail(err, RD_LIMIT, "more than %d roots", KMS_ROOTS_MAX);
	}
	RD_TRY(rd_value_path(c->directory, "", value, c->roots[c->n_roots], err));
	c->n_roots++;
	return RD_OK;
}

enum rd_status kms_config_add_service_user(
	struct kms_config *c, const char *value, struct rd_error *err)
{
	if (c->n_service_users == KMS_SERVICE_USERS_MAX) {
		return rd_fail(err, RD_LIMIT, "more than %d service_users", KMS_SERVICE_USERS_MAX);
	}
	if (value[0] == '\0' || strlen(value) >= KMS_USER_NAME_SIZE) {
		return rd_fail(err, RD_USAGE, "\"%.64s\" is not the name of a user", value);
	}
	snprintf(c->service_users[c->n_service_users++], KMS_USER_NAME_SIZE, "%s", value);
	return RD_OK;
}

enum rd_status kms_config_set(
	struct kms_config *c, enum kms_config_key key, const char *value, struct rd_error *err)
{
	switch (key) {
	case KMS_CONFIG_LISTEN:
		return rd_value_endpoint(
			value, DEFAULT_PORT, c->listen_address, &c->listen_port, err);
	case KMS_CONFIG_METRICS:
		c->metrics = strcmp(value, "off") != 0;
		return c->metrics ? rd_value_endpoint(value, DEFAULT_PORT, c->metrics_address,
					    &c->metrics_port, err)
				  : RD_OK;
	case KMS_CONFIG_TLS_CERTIFICATE:
		return rd_value_path(c->directory, "", value, c->tls_certificate, err);
	case KMS_CONFIG_TLS_KEY:
		return rd_value_path(c->directory, "", value, c->tls_key, err);
	case KMS_CONFIG_REGION:
		return rd_value_region(value, c->region, sizeof(c->region), err);
	case KMS_CONFIG_ACCOUNT:
		return set_account(value, c, err);
	case KMS_CONFIG_DATABASE:
		return set_database(value, c, err);
	case KMS_CONFIG_MASTER:
		return set_master(value, c, err);
	case KMS_CONFIG_AUDIT:
		return rd_value_path(c->directory, "", value, c->audit, err);
	case KMS_CONFIG_STATIC_SESSION_TOKEN:
		return set_token(value, c, err);
	case KMS_CONFIG_SERVICE_SOCKET:
		c->service = strcmp(value, "off") != 0;
		return c->service ? rd_value_path(c->directory, "", value, c->service_socket, err)
				  : RD_OK;
	case KMS_CONFIG_ROOTS:
	case KMS_CONFIG_SERVICE_USERS:
	case KMS_CONFIG_THREADS:
	case KMS_CONFIG_WORKERS:
	case KMS_CONFIG_CONNECTIONS:
	case KMS_CONFIG_CONNECTIONS_PER_CLIENT:
	case KMS_CONFIG_CLOCK_SKEW:
	case KMS_CONFIG_MAX_DOCUMENT_AGE:
	case KMS_CONFIG_ALLOW_DEBUG:
	case KMS_CONFIG_KEY_COUNT:
		break;
	}
	return RD_INTERNAL;
}

enum rd_status kms_config_judge(const struct kms_config *c, struct rd_error *err)
{
	return rd_value_tls(c->tls_certificate, c->tls_key, c->listen_address,
		"answers hold plaintext keys", err);
}

/* "postgresql://user:secret@host/…" without what stands between ':' and '@'. */
static void print_database(FILE *to, const char *url)
{
	const char *authority = strstr(url, "://");
	const char *at = authority == NULL ? NULL : strrchr(authority, '@');
	const char *colon = authority == NULL ? NULL : strchr(authority + 3, ':');

	if (strstr(url, "password=") != NULL) {
		fputs("database: a URL with a password in it\n", to);
	} else if (at == NULL || colon == NULL || colon > at) {
		fprintf(to, "database: %s\n", url);
	} else {
		fprintf(to, "database: %.*s***%s\n", (int)(colon + 1 - url), url, at);
	}
}

void kms_config_print(const struct kms_config *c, FILE *to)
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
	fprintf(to, "region: %s\naccount: \"%s\"\n", c->region, c->account);
	print_database(to, c->database);
	fprintf(to, "master: %s\naudit: %s\nroots:%s\n", c->master, c->audit,
		c->n_roots == 0 ? " []" : "");
	for (size_t i = 0; i < c->n_roots; i++) {
		fprintf(to, "  - %s\n", c->roots[i]);
	}
	fprintf(to, "connections: %u\nconnections_per_client: %u\n", c->connections,
		c->connections_per_client);
	fprintf(to, "threads: %u\nworkers: %u\nclock_skew: %u\nmax_document_age: %u\n", c->threads,
		c->workers, c->clock_skew_s, c->max_document_age_s);
	fprintf(to, "allow_debug: %s\n", c->allow_debug ? "true" : "false");
	if (!c->service) {
		fputs("service_socket: off\n", to);
	} else if (c->service_socket[0] != '\0') {
		fprintf(to, "service_socket: %s\n", c->service_socket);
	}
	fprintf(to, "service_users:%s\n", c->n_service_users == 0 ? " []" : "");
	for (size_t i = 0; i < c->n_service_users; i++) {
		fprintf(to, "  - %s\n", c->service_users[i]);
	}
	if (c->static_session_token[0] != '\0') {
		fprintf(to, "static_session_token: \"%s\"\n", c->static_session_token);
	}
}
