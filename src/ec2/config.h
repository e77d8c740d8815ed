/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of redoubt-ec2: ec2.yaml in the configuration directory, read by libyaml, strictly:
 * unknown keys, wrong types and values out of range are refused with file and line. What each key
 * means is in docs/man/ec2.yaml.5.scd. Relative paths are below the state directory's ec2/.
 */
#ifndef EC2_CONFIG_H
#define EC2_CONFIG_H

#include "base/bytes.h"
#include "base/error.h"
#include "os/paths.h"

#include <stdint.h>
#include <stdio.h>

#define EC2_REGION_SIZE 33
/* Directories that images may be in. */
#define EC2_IMAGE_DIRS_MAX 8
/* A configuration of a dozen keys; more is not one. */
#define EC2_CONFIG_FILE_MAX 65536
/* Each has a connection to the database and one to the service door. */
#define EC2_THREADS_MAX 64

struct ec2_config {
	char directory[RD_PATH_MAX]; /* of the state: relative paths are below it */
	char run[RD_PATH_MAX];       /* sockets: redoubtd's, and those of instances' metadata */
	char listen_address[64];     /* "127.0.0.1" */
	uint16_t listen_port;        /* 8444; 0: the kernel chooses */
	char metrics_address[64];
	uint16_t metrics_port; /* 9444; as above */
	bool metrics;          /* whether there is a metrics port */
	/* Both or neither; without, only a loopback address may be listened on. */
	char tls_certificate[RD_PATH_MAX], tls_key[RD_PATH_MAX];
	char region[EC2_REGION_SIZE]; /* local-1 */
	char database[RD_PATH_MAX];   /* sqlite:ec2.db */
	char service[RD_PATH_MAX];    /* redoubt-kms's service door */
	char redoubtd[RD_PATH_MAX];   /* redoubtd's socket */
	char images[EC2_IMAGE_DIRS_MAX][RD_PATH_MAX];
	size_t n_images;
	char forward_address[16]; /* 127.0.0.1: opened ports are there */
	uint16_t forward_first, forward_last;
	uint32_t max_instances; /* of an account, those that are not terminated */
	uint32_t threads, workers;
	bool strict; /* enclaves take whole cores, as on AWS */
};

/* Defaults, then the text on top. Errors say "<name>:<line>: …". directory, run: see above. */
enum rd_status ec2_config_parse(const struct rd_paths *paths, const char *name, struct rd_view text,
	struct ec2_config *ret, struct rd_error *err) RD_MUST_USE;

/* path NULL: the usual place; a missing file there means all defaults. */
enum rd_status ec2_config_load(const struct rd_paths *paths, const char *path,
	struct ec2_config *ret, struct rd_error *err) RD_MUST_USE;

/* What it comes to, in the file's own form; a database's URL only when it has no password. */
void ec2_config_print(const struct ec2_config *config, FILE *to);

#endif
