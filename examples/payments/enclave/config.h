/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is configured in the image, and so measured: /etc/payments/config.json.
 *
 *	{"version": 1,                       of the image, in every record and document; from 1
 *	 "kms": {"region": "local-1", "endpoint": "kms.local-1.amazonaws.com",
 *	         "key_id": "arn:…", "ca_file": "/etc/payments/kms-ca.pem", "port": 8443},
 *	 "gateway": {"name": "gateway.example", "ca_file": "/etc/payments/gateway-ca.pem",
 *	             "port": 8583, "terminal": "RDPAY001", "timeout_ms": 5000},
 *	 "policy_file": "/etc/payments/policy.json"}
 *
 * All members are wanted, and no others are known. Ports are vsock ports of the parent's proxies.
 */
#ifndef ENCLAVE_CONFIG_H
#define ENCLAVE_CONFIG_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdint.h>

#define CONFIG_PATH "/etc/payments/config.json"
/* A few hundred bytes. */
#define CONFIG_SIZE_MAX 16384
/* An ARN; a path; a name (DNS: 253). */
#define CONFIG_TEXT_MAX 511
/* DE 41. */
#define CONFIG_TERMINAL_MAX 8

struct config {
	uint32_t version;
	struct {
		char region[CONFIG_TEXT_MAX + 1];
		char endpoint[CONFIG_TEXT_MAX + 1];
		char key_id[CONFIG_TEXT_MAX + 1];
		char ca_file[CONFIG_TEXT_MAX + 1];
		uint32_t port;
	} kms;
	struct {
		char name[CONFIG_TEXT_MAX + 1];
		char ca_file[CONFIG_TEXT_MAX + 1];
		uint32_t port;
		char terminal[CONFIG_TERMINAL_MAX + 1];
		uint32_t timeout_ms; /* of one message: then an authorisation is reversed */
	} gateway;
	char policy_file[CONFIG_TEXT_MAX + 1];
};

/* RD_MALFORMED: no JSON; RD_MISSING, RD_FORBIDDEN (an unknown member), RD_BAD_TYPE,
 * RD_OUT_OF_RANGE. err names the member. */
enum rd_status config_parse(struct rd_view json, struct config *ret, struct rd_error *err)
	RD_MUST_USE;
/* Appends a whole file of the image. */
enum rd_status config_read_file(const char *path, struct rd_buf *out, struct rd_error *err)
	RD_MUST_USE;

#endif
