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
	X(CLOCK_SKEW, clock_skew)                                                                  \
	X(MAX_DOCUMENT_AGE, max_document_age)                                                      \
	X(ALLOW_DEBUG, allow_debug)                                                                \
	X(STATIC_SESSION_TOKEN, static_session_token)

enum kms_config_key {
#define X(name, text) KMS_CONFIG_##name,
	KMS_CONFIG_KEYS(X)
#undef X
		KMS_CONFIG_KEY_COUNT
};

bool kms_config_key_of(const char *name, enum kms_config_key *ret);
bool kms_config_key_is_list(enum kms_config_key key);
/* "listen, metrics, …", for the message about an unknown one. */
void kms_config_known_keys(char *ret_text, size_t cap);

enum rd_status kms_config_defaults(
	const char *directory, struct kms_config *ret, struct rd_error *err) RD_MUST_USE;
/* One value; of a list, its next element. */
enum rd_status kms_config_set(struct kms_config *config, enum kms_config_key key, const char *value,
	struct rd_error *err) RD_MUST_USE;
/* Rules about several keys at once. */
enum rd_status kms_config_judge(const struct kms_config *config, struct rd_error *err) RD_MUST_USE;

#endif
