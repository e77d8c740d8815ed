/* SPDX-License-Identifier: Apache-2.0 */
/* A request's head: the headers that AWS's C SDK sends, and their signature. */
#include "kmstool/request.h"

#include "aws/sigv4.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 10

/* The headers, and the storage of those that are made here. */
struct head {
	struct rd_sigv4_header headers[HEADERS_MAX];
	size_t n;
	char target[64];
	char length[16];
	char time[RD_SIGV4_TIME_SIZE];
	char body_sha256[2 * RD_SHA256_SIZE + 1];
};

static void add(struct head *head, const char *name, const char *value)
{
	if (value != NULL) {
		head->headers[head->n++] = (struct rd_sigv4_header){
			rd_view_str(name), rd_view_str(value)};
	}
}

static enum rd_status fill(struct head *head, enum rdkms_operation operation,
	const struct rdkms_endpoint *endpoint, const struct rdkms_credentials *credentials,
	int64_t now_s, struct rd_view body)
{
	uint8_t digest[RD_SHA256_SIZE];

	RD_TRY(rd_digest_once(RD_SHA256, body, digest));
	rd_hex_string(rd_view(digest, sizeof(digest)), head->body_sha256);
	RD_TRY(rd_sigv4_time(now_s, head->time));
	(void)snprintf(head->target, sizeof(head->target), "TrentService.%s",
		rdkms_operation_name(operation));
	(void)snprintf(head->length, sizeof(head->length), "%zu", body.len);
	add(head, "Host", endpoint->host);
	add(head, "Content-Type", "application/x-amz-json-1.1");
	add(head, "Content-Length", head->length);
	add(head, "X-Amz-Target", head->target);
	add(head, "X-Amz-Content-Sha256", head->body_sha256);
	add(head, "X-Amz-Date", head->time);
	add(head, "X-Amz-Security-Token", credentials->session_token);
	add(head, "User-Agent", RDKMS_USER_AGENT);
	add(head, "Connection", "close");
	return RD_OK;
}

static enum rd_status put(const struct head *head, struct rd_buf *out)
{
	RD_TRY(rd_buf_put_str(out, "POST / HTTP/1.1\r\n"));
	for (size_t i = 0; i < head->n; i++) {
		RD_TRY(rd_buf_put_view(out, head->headers[i].name));
		RD_TRY(rd_buf_put_str(out, ": "));
		RD_TRY(rd_buf_put_view(out, head->headers[i].value));
		RD_TRY(rd_buf_put_str(out, "\r\n"));
	}
	return rd_buf_put_str(out, "Authorization: ");
}

enum rd_status rdkms_request_sign(enum rdkms_operation operation,
	const struct rdkms_endpoint *endpoint, const struct rdkms_credentials *credentials,
	int64_t now_s, struct rd_view body, struct rd_buf *out)
{
	struct head head = {.n = 0};
	struct rd_sigv4_request request = {
		.method = rd_view_str("POST"),
		.path = rd_view_str("/"),
		.query = rd_view("", 0),
		.headers = head.headers,
		.body = body,
	};
	const struct rd_sigv4_signer signer = {
		.akid = rd_view_str(credentials->access_key_id),
		.secret = rd_view_str(credentials->secret_access_key),
		.region = rd_view_str(endpoint->region),
		.service = "kms",
	};

	RD_TRY(fill(&head, operation, endpoint, credentials, now_s, body));
	request.n_headers = head.n;
	RD_TRY(put(&head, out));
	RD_TRY(rd_sigv4_sign(&request, &signer, out));
	return rd_buf_put_str(out, "\r\n\r\n");
}
