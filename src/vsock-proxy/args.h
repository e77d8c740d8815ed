/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of vsock-proxy: the original's (nitro-cli-eif.md section 5.1), and ours. */
#ifndef RD_VSOCK_PROXY_ARGS_H
#define RD_VSOCK_PROXY_ARGS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* "i-<17 hex>-enc<slot>": the slot, a number in hex without leading zeros, names the enclave's
 * directory. */
#define RD_PROXY_SLOT_MAX 16

bool rd_proxy_is_slot(const char *text);

enum rd_proxy_families { RD_PROXY_MIXED, RD_PROXY_IPV4, RD_PROXY_IPV6 };

/* Where connections come from; AUTO is decided in listen.c. */
enum rd_proxy_source { RD_PROXY_AUTO, RD_PROXY_VSOCK, RD_PROXY_LOCAL };

enum rd_proxy_action { RD_PROXY_RUN, RD_PROXY_HELP, RD_PROXY_VERSION };

/* Pointers are into argv; config and resolv_conf are NULL unless given. */
struct rd_proxy_args {
	enum rd_proxy_action action;
	enum rd_proxy_families families;
	enum rd_proxy_source source;
	const char *config;
	const char *resolv_conf;
	char slot[RD_PROXY_SLOT_MAX + 1]; /* "": every enclave of this user */
	uint32_t local_port;
	const char *remote;
	uint16_t remote_port;
};

/*
 * RD_USAGE: the words make no command (exit 2); RD_BAD_NUMBER and RD_MALFORMED: a value is wrong
 * (exit 1, as in the original). *err says which and what is wanted.
 */
enum rd_status rd_proxy_args_parse(
	int argc, char **argv, struct rd_proxy_args *ret, struct rd_error *err) RD_MUST_USE;

#endif
