/* SPDX-License-Identifier: Apache-2.0 */
/* What a client keeps: librdkms's own view of rdkms.h. */
#ifndef RDKMS_CLIENT_H
#define RDKMS_CLIENT_H

#include "crypto/secret.h"
#include "crypto/tls_client.h"
#include "kmstool/endpoint.h"
#include "kmstool/request.h"

#define RDKMS_CREDENTIALS_SIZE RD_SECRET_SIZE_MAX

/* Constant once made, so that threads may share it. */
struct rdkms_client {
	struct rdkms_endpoint endpoint;
	struct rdkms_credentials credentials; /* point into storage */
	struct rd_secret storage;
	struct rd_tls_client *tls;
	uint32_t vsock_cid;
	uint32_t vsock_port;
	char *unix_path; /* NULL: vsock */
	uint32_t timeout_ms;
	bool bind_request;
	struct rdkms_document_source documents;
};

/* Fills *ret with status and why's text, made printable; returns status. */
enum rdkms_status rdkms_report(
	struct rdkms_error *ret, enum rdkms_status status, const struct rd_error *why);

#endif
