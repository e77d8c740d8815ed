/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer: a stream to the proxy, TLS over it, HTTP/1.1 in that. */
#ifndef RDKMS_EXCHANGE_H
#define RDKMS_EXCHANGE_H

#include "crypto/tls_client.h"

/* A server's head; AWS's has 300 bytes. */
#define RDKMS_RESPONSE_HEAD_MAX 16384

struct rdkms_peer {
	uint32_t vsock_cid;
	uint32_t vsock_port;
	const char *unix_path; /* instead, or NULL */
	const char *tls_name;
};

/* How far it came: what failed. */
enum rdkms_stage { RDKMS_STAGE_CONNECT, RDKMS_STAGE_TLS, RDKMS_STAGE_STREAM, RDKMS_STAGE_HTTP };

/*
 * Sends head and body, appends the response's body to out, which bounds it, and gives its status.
 * RD_TIMEOUT: not done by the deadline, however much came. err says what and with whom; *ret_stage
 * is set on failure.
 */
enum rd_status rdkms_exchange(struct rd_tls_client *tls, const struct rdkms_peer *peer,
	int64_t deadline_ms, struct rd_view head, struct rd_view body, struct rd_buf *out,
	unsigned *ret_http_status, enum rdkms_stage *ret_stage, struct rd_error *err) RD_MUST_USE;

#endif
