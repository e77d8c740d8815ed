/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of kms.yaml and what their values may be; for config.c alone. */
#ifndef KMS_CONFIG_VALUE_H
#define KMS_CONFIG_VALUE_H

#include "kms/config.h"

/* X(name in the enumeration, key in the file) */
#define KMS_CONFIG_KEYS(X)                                                                         \
	X(LISTEN, listen)                                                                          \
	X(METRICS, metrics)                                                                        \
	X(TLS_CERTIFICATE, tls_certificate)                                                        \
	X(TLS_KEY, tls_key)                                                                        \
	X(REGION, region)                                                                          \
	X(ACCOUNT, account)                                                                        \
	X(DATABASE, database)                                                                      \
	X(MASTER, master)                                                                          \
	X(AUDIT, audit)                                                                            \
	X(ROOTS, roots)                                                                            \
	X(THREADS, threads)                                                                        \
	X(WORKERS, workers)                                                                        \
	X(CONNECTIONS, connections)                                                                \
	X(CONNECTIONS_PER_CLIENT, connections_per_client)                                          \
	X(CLOCK_SKEW, clock_skew)                                                                  \
	X(MAX_DOCUMENT_AGE, max_document_age)                                                      \
	X(ALLOW_DEBUG, allow_debug)                                                                \
	X(STATIC_SESSION_TOKEN, static_session_token)                                              \
	X(SERVICE_SOCKET, service_socket)                                                          \
	X(SERVICE_USERS, service_users)

enum kms_config_key {
#define X(name, text) KMS_CONFIG_##name,
	KMS_CONFIG_KEYS(X)
#undef X
		KMS_CONFIG_KEY_COUNT
};

extern const char *const kms_config_key_names[KMS_CONFIG_KEY_COUNT];

enum rd_status kms_config_defaults(
	const char *directory, struct kms_config *ret, struct rd_error *err) RD_MUST_USE;
/* The value of a key that takes a string. */
enum rd_status kms_config_set(struct kms_config *config, enum kms_config_key key, const char *value,
	struct rd_error *err) RD_MUST_USE;
/* The next of "roots". RD_LIMIT: there are KMS_ROOTS_MAX already. */
enum rd_status kms_config_add_root(
	struct kms_config *config, const char *value, struct rd_error *err) RD_MUST_USE;
/* The next of "service_users". RD_LIMIT: there are KMS_SERVICE_USERS_MAX already. */
enum rd_status kms_config_add_service_user(
	struct kms_config *config, const char *value, struct rd_error *err) RD_MUST_USE;
/* Rules about several keys at once. */
enum rd_status kms_config_judge(const struct kms_config *config, struct rd_error *err) RD_MUST_USE;

#endif
