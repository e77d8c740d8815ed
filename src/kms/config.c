/* SPDX-License-Identifier: Apache-2.0 */
/* Reading kms.yaml: one mapping of scalars, and two lists. */
#include "kms/config.h"

#include "kms/config_value.h"
#include "yaml/read.h"

typedef enum rd_status add_fn(struct kms_config *c, const char *value, struct rd_error *err);

static enum rd_status read_list(
	struct rd_yaml *y, add_fn *add, struct kms_config *c, struct rd_error *err)
{
	const char *value = NULL;
	bool end = false;

	RD_TRY(rd_yaml_begin_list(y));
	for (;;) {
		RD_TRY(rd_yaml_next_string(y, &value, &end));
		if (end) {
			return RD_OK;
		}
		RD_TRY(add(c, value, err));
	}
}

static enum rd_status read_value(struct rd_yaml *y, unsigned key, void *ctx, struct rd_error *err)
{
	struct kms_config *c = ctx;
	const char *value = NULL;

	switch ((enum kms_config_key)key) {
	case KMS_CONFIG_ROOTS:
		return read_list(y, kms_config_add_root, c, err);
	case KMS_CONFIG_SERVICE_USERS:
		return read_list(y, kms_config_add_service_user, c, err);
	case KMS_CONFIG_THREADS:
		return rd_yaml_u32(y, 1, KMS_THREADS_MAX, &c->threads);
	case KMS_CONFIG_WORKERS:
		return rd_yaml_u32(y, 1, KMS_THREADS_MAX, &c->workers);
	case KMS_CONFIG_CONNECTIONS:
		return rd_yaml_u32(y, 1, KMS_CONNECTIONS_MAX, &c->connections);
	case KMS_CONFIG_CONNECTIONS_PER_CLIENT:
		return rd_yaml_u32(y, 1, KMS_CONNECTIONS_MAX, &c->connections_per_client);
	case KMS_CONFIG_CLOCK_SKEW:
		return rd_yaml_u32(y, 1, KMS_CLOCK_SKEW_MAX_S, &c->clock_skew_s);
	case KMS_CONFIG_MAX_DOCUMENT_AGE:
		return rd_yaml_u32(y, 0, KMS_DOCUMENT_AGE_MAX_S, &c->max_document_age_s);
	case KMS_CONFIG_ALLOW_DEBUG:
		return rd_yaml_bool(y, &c->allow_debug);
	case KMS_CONFIG_LISTEN:
	case KMS_CONFIG_METRICS:
	case KMS_CONFIG_TLS_CERTIFICATE:
	case KMS_CONFIG_TLS_KEY:
	case KMS_CONFIG_REGION:
	case KMS_CONFIG_ACCOUNT:
	case KMS_CONFIG_DATABASE:
	case KMS_CONFIG_MASTER:
	case KMS_CONFIG_AUDIT:
	case KMS_CONFIG_SERVICE_SOCKET:
	case KMS_CONFIG_STATIC_SESSION_TOKEN:
		RD_TRY(rd_yaml_string(y, &value));
		return kms_config_set(c, (enum kms_config_key)key, value, err);
	case KMS_CONFIG_KEY_COUNT:
		break;
	}
	return RD_INTERNAL;
}

enum rd_status kms_config_parse(const char *directory, const char *name, struct rd_view text,
	struct kms_config *ret, struct rd_error *err)
{
	struct rd_yaml *y RD_CLEANUP(rd_yaml_close) = NULL;
	enum rd_status st;

	RD_TRY(kms_config_defaults(directory, ret, err));
	RD_TRY(rd_yaml_open(&y, name, text, err));
	RD_TRY(rd_yaml_locate(y,
		rd_yaml_read_keys(y, kms_config_key_names, KMS_CONFIG_KEY_COUNT, read_value, ret)));
	st = kms_config_judge(ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", name);
}

enum rd_status kms_config_load(const struct rd_paths *paths, const char *path,
	struct kms_config *ret, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(KMS_CONFIG_FILE_MAX);
	char usual[RD_PATH_MAX], directory[RD_PATH_MAX];
	const char *name;

	RD_TRY(rd_paths_join(usual, paths->config, "kms.yaml", NULL));
	RD_TRY(rd_paths_join(directory, paths->state, "kms", NULL));
	name = path == NULL ? usual : path;
	RD_TRY(rd_yaml_load("the configuration", name, path != NULL, &buf, err));
	RD_TRY(kms_config_parse(directory, name, rd_buf_view(&buf), ret, err));
	if (ret->service && ret->service_socket[0] == '\0') {
		return rd_paths_join(ret->service_socket, paths->run, "kms", "service.sock");
	}
	return RD_OK;
}
