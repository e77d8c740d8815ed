/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of redoubt-kms: kms.yaml in the configuration directory, read by libyaml, strictly:
 * unknown keys, wrong types and values out of range are refused with file and line. What each key
 * means is in docs/man/kms.yaml.5.scd. Relative paths are below the state directory's kms/.
 */
#ifndef KMS_CONFIG_H
#define KMS_CONFIG_H

#include "base/error.h"
#include "os/paths.h"

#include "kms/model.h"

#include <stdio.h>

#define KMS_ROOTS_MAX         8
#define KMS_STATIC_TOKEN_SIZE (128 + 1)
/* There is one service that asks, redoubt-ec2, and perhaps its successor beside it. */
#define KMS_SERVICE_USERS_MAX 4
/* useradd(8)'s own limit. */
#define KMS_USER_NAME_SIZE (32 + 1)
/* A configuration of some fifteen keys; more is not one. */
#define KMS_CONFIG_FILE_MAX 65536
/* Each has a connection to the database, and PostgreSQL allows 100 in all by default. */
#define KMS_THREADS_MAX 64
/* Descriptors are 8192 at the most (isolate.c), and the databases need some. */
#define KMS_CONNECTIONS_MAX 7168
/* Clocks that differ by more are wrong; every second more is one in which a request that somebody
 * has recorded can be sent again. */
#define KMS_CLOCK_SKEW_MAX_S 900
/* A leaf lives for three hours. */
#define KMS_DOCUMENT_AGE_MAX_S 10800

struct kms_config {
	char directory[RD_PATH_MAX]; /* of the state: relative paths are below it */
	char listen_address[64];     /* "127.0.0.1" */
	uint16_t listen_port;        /* 8443; 0: the kernel chooses */
	char metrics_address[64];
	bool metrics; /* whether there is a metrics port; its number may be 0, as above */
	uint16_t metrics_port;
	/* Both or neither; without, only a loopback address may be listened on. */
	char tls_certificate[RD_PATH_MAX], tls_key[RD_PATH_MAX];
	char region[KMS_REGION_SIZE];   /* local-1 */
	char account[KMS_ACCOUNT_SIZE]; /* of the first administrator */
	char database[RD_PATH_MAX];     /* sqlite:kms.db */
	char master[RD_PATH_MAX];       /* file:master.key */
	char audit[RD_PATH_MAX];        /* audit */
	char roots[KMS_ROOTS_MAX][RD_PATH_MAX];
	size_t n_roots; /* 0: redoubtd's own root, if it is there */
	uint32_t threads, workers;
	uint32_t connections;            /* 4096, in all */
	uint32_t connections_per_client; /* 2048, of one address */
	uint32_t clock_skew_s;           /* of SigV4: 300 */
	uint32_t max_document_age_s;     /* 300; 0: the leaf's life */
	bool allow_debug;                /* attestation documents of debug enclaves */
	/* Accepted as the session token of long-lived keys, which have none: kmstool always sends
	 * one (reference 5.2). "": such a token is refused. */
	char static_session_token[KMS_STATIC_TOKEN_SIZE];
	/* The service door (service.h). "" after parsing: at its usual place, which kms_config_load
	 * fills in. */
	bool service;
	char service_socket[RD_PATH_MAX];
	/* Who may use it beside root and the server's own user. */
	char service_users[KMS_SERVICE_USERS_MAX][KMS_USER_NAME_SIZE];
	size_t n_service_users;
};

/* Defaults, then the text on top. Errors say "<name>:<line>: …". directory: see above. */
enum rd_status kms_config_parse(const char *directory, const char *name, struct rd_view text,
	struct kms_config *ret, struct rd_error *err) RD_MUST_USE;

/* path NULL: the usual place; a missing file there means all defaults. */
enum rd_status kms_config_load(const struct rd_paths *paths, const char *path,
	struct kms_config *ret, struct rd_error *err) RD_MUST_USE;

/* What a value of "master" comes to: "file:", "passphrase:" or "pkcs11:" and the rest. */
enum rd_status kms_config_master(const char *directory, const char *value, char ret[RD_PATH_MAX],
	struct rd_error *err) RD_MUST_USE;

/* Neither the database, SQLite's, nor the master key is there, and the key belongs into its usual
 * file: a first start, so nothing that another master wrapped can be meant. */
bool kms_config_is_new(const struct kms_config *config);

/* What it comes to, in the file's own form; a database's URL without a password. */
void kms_config_print(const struct kms_config *config, FILE *to);

#endif
