/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration of payments-server: one YAML file, read by libyaml, strictly: unknown keys, wrong
 * types and values out of range are refused with file and line. What each key means is in
 * README.md. Relative paths are below the file's own folder.
 */
#ifndef PS_CONFIG_H
#define PS_CONFIG_H

#include "base/bytes.h"
#include "base/error.h"
#include "os/paths.h"

#include <stdint.h>
#include <stdio.h>

/* One that serves, one that takes over from it, and room for the mistake of leaving one in. */
#define PS_ENCLAVES_MAX 4
/* A configuration of two dozen keys; more is not one. */
#define PS_CONFIG_FILE_MAX 65536
/* Each worker has a connection to the database. */
#define PS_THREADS_MAX 64
/* An ARN-free key id, a secret of 40 characters, a session token of some KiB. */
#define PS_CREDENTIAL_SIZE 8192
#define PS_ORIGIN_SIZE     256

enum ps_transport {
	PS_UNIX,  /* a Unix socket that wants "CONNECT <port>\n", as an enclave's on this host */
	PS_VSOCK, /* AF_VSOCK, in a parent instance */
};

/* Where an enclave is: "unix:PATH" or "vsock:CID". */
struct ps_place {
	enum ps_transport transport;
	char path[RD_PATH_MAX];
	uint32_t cid;
};

enum ps_credentials_from {
	PS_CREDENTIALS_ENVIRONMENT, /* AWS_ACCESS_KEY_ID, … */
	PS_CREDENTIALS_IMDS,        /* the instance's role */
	PS_CREDENTIALS_FILE, /* JSON as "aws sts assume-role" gives it, read at every start */
};

struct ps_config {
	char directory[RD_PATH_MAX]; /* the file's folder */
	char listen_address[64];     /* "127.0.0.1" */
	uint16_t listen_port;        /* 8480; 0: the kernel chooses */
	/* Both or neither; without, only a loopback address may be listened on. */
	char tls_certificate[RD_PATH_MAX], tls_key[RD_PATH_MAX];
	char database[RD_PATH_MAX]; /* sqlite:payments.db */
	struct ps_place enclaves[PS_ENCLAVES_MAX];
	size_t n_enclaves;
	enum ps_credentials_from credentials_from;
	char credentials_file[RD_PATH_MAX];
	char imds_address[64];            /* 169.254.169.254 */
	uint16_t imds_port;               /* 80 */
	char page_origin[PS_ORIGIN_SIZE]; /* "": pages are served from here, or not at all */
	char pages[RD_PATH_MAX];          /* "": none */
	uint32_t authorise_deadline_s;    /* when an unanswered payment is reversed */
	uint32_t max_in_flight;           /* requests at the enclave */
	uint32_t threads, workers;
};

/* Defaults, then the text on top. Errors say "<name>:<line>: …". */
enum rd_status ps_config_parse(const char *directory, const char *name, struct rd_view text,
	struct ps_config *ret, struct rd_error *err) RD_MUST_USE;
enum rd_status ps_config_load(const char *path, struct ps_config *ret, struct rd_error *err)
	RD_MUST_USE;

/* What it comes to, in the file's own form; a database's URL only when it has no password. */
void ps_config_print(const struct ps_config *config, FILE *to);

#endif
