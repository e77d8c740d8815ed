/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of redoubt-kms: kms.yaml in the configuration directory (docs/man/redoubt-kms.8),
 * read by libyaml, strictly: unknown keys, wrong types and values out of range are refused with
 * file and line. Relative paths are below the state directory's kms/.
 */
#ifndef KMS_CONFIG_H
#define KMS_CONFIG_H

#include "base/error.h"
#include "os/paths.h"

#include "kms/model.h"

#define KMS_ROOTS_MAX 8

struct kms_config {
	char listen_address[64]; /* "127.0.0.1" */
	uint16_t listen_port;    /* 8443; 0: the kernel chooses */
	char metrics_address[64];
	uint16_t metrics_port; /* 0: no metrics port */
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
	uint32_t clock_skew_s;       /* of SigV4: 300 */
	uint32_t max_document_age_s; /* 300; 0: the leaf's life */
	bool allow_debug;            /* attestation documents of debug enclaves */
};

/* path NULL: the usual place; a missing file there means all defaults. */
enum rd_status kms_config_load(const struct rd_paths *paths, const char *path,
	struct kms_config *ret, struct rd_error *err) RD_MUST_USE;

#endif
