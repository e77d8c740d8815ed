/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `redoubt pki`: its command line, and certificates for TLS. */
#ifndef RD_REDOUBT_PKI_H
#define RD_REDOUBT_PKI_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One server has a handful of names. */
#define PKI_NAMES_MAX 16
/* RFC 1035: a name's longest text. */
#define PKI_NAME_MAX 253
#define PKI_DAYS     365

struct pki_args {
	bool help;
	bool root; /* else tls */
	const char *names[PKI_NAMES_MAX];
	size_t n_names;
	const char *out;
	uint64_t days;
};

/*
 * In args->out, made if it is not there: ca.pem and ca.key unless both are there already, then
 * server.pem and server.key anew. RD_MISSING: only one half of the authority is there;
 * RD_WRONG_KEY: the halves do not belong together; RD_EXPIRED: the authority ends too early.
 */
enum rd_status pki_tls(const struct pki_args *args, int64_t now_s, struct rd_error *err)
	RD_MUST_USE;

#endif
