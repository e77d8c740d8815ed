/* SPDX-License-Identifier: Apache-2.0 */
/* POST /authenticate: a request that another service was sent is verified as one of our own, and
 * its caller is kept under a handle. */
#include "kms/service-internal.h"

#include "base/secret.h"
#include "base/text.h"
#include "crypto/random.h"
#include "kms/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "PATCH" and the like. */
#define METHOD_MAX 16
/* What a request line may hold: the same as an HTTP server takes for all headers. */
#define TARGET_MAX 32768
#define HEADER_MAX 32768

#define HEX_SHA256 (2 * RD_SHA256_SIZE)
/* Number of the slot, and what makes it unguessable. */
#define HANDLE_BYTES (2 + KMS_HANDLE_SECRET)
#define HANDLE_SIZE  (2 * HANDLE_BYTES + 1)

struct question {
	struct rd_http_request request;
	uint8_t body_sha256[RD_SHA256_SIZE];
	const char *source_ip;
	bool tls;
};

void kms_service_handle_free(struct kms_service_handle **handle)
{
	struct kms_service_handle *h = rd_steal(handle, NULL);

	if (h != NULL) {
		kms_identity_finish(&h->who);
		rd_wipe(h, sizeof(*h));
		free(h);
	}
}

static enum rd_status read_header(struct kms_call *call, json_t *pair, struct rd_http_request *r)
{
	json_t *name = json_array_get(pair, 0), *value = json_array_get(pair, 1);

	if (json_array_size(pair) != 2 || !json_is_string(name) || !json_is_string(value) ||
		json_string_length(name) == 0 ||
		json_string_length(name) + json_string_length(value) > HEADER_MAX) {
		return kms_service_invalid(call, "headers", "a list of pairs, name and value");
	}
	r->headers[r->n_headers++] = (struct rd_http_header){
		.name = rd_view(json_string_value(name), json_string_length(name)),
		.value = rd_view(json_string_value(value), json_string_length(value)),
	};
	return RD_OK;
}

static enum rd_status read_headers(struct kms_call *call, struct rd_http_request *r)
{
	json_t *headers = json_object_get(call->in, "headers");

	if (!json_is_array(headers) || json_array_size(headers) > RD_HTTP_HEADERS_MAX) {
		return kms_fail(call, KMS_FAULT_VALIDATION,
			"\"headers\" must be a list of at most %d pairs", RD_HTTP_HEADERS_MAX);
	}
	for (size_t i = 0; i < json_array_size(headers); i++) {
		RD_TRY(read_header(call, json_array_get(headers, i), r));
	}
	return RD_OK;
}

static enum rd_status hash_body(
	struct kms_call *call, json_t *body, uint8_t ret_sha256[RD_SHA256_SIZE])
{
	struct rd_buf bytes RD_CLEANUP(rd_buf_finish) = rd_buf_growable(call->body.len);

	if (rd_base64_decode(rd_view(json_string_value(body), json_string_length(body)), &bytes) !=
		RD_OK) {
		return kms_service_invalid(call, "body", "base64");
	}
	return rd_digest_once(RD_SHA256, rd_buf_view(&bytes), ret_sha256);
}

static enum rd_status read_body(struct kms_call *call, uint8_t ret_sha256[RD_SHA256_SIZE])
{
	json_t *body = json_object_get(call->in, "body");
	struct rd_buf hash = rd_buf_fixed(ret_sha256, RD_SHA256_SIZE);
	const char *hex;

	if (json_is_string(body)) {
		return hash_body(call, body, ret_sha256);
	}
	RD_TRY(kms_service_text(call, call->in, "body_sha256", true, HEX_SHA256, &hex));
	if (strlen(hex) != HEX_SHA256 || rd_hex_decode(rd_view_str(hex), &hash) != RD_OK) {
		return kms_service_invalid(call, "body_sha256", "64 hexadecimal digits");
	}
	return RD_OK;
}

static enum rd_status read_question(struct kms_call *call, struct question *q)
{
	const char *service, *method, *target;

	RD_TRY(kms_service_text(call, call->in, "service", true, METHOD_MAX, &service));
	if (strcmp(service, "ec2") != 0) {
		return kms_service_invalid(call, "service", "\"ec2\"");
	}
	RD_TRY(kms_service_text(call, call->in, "method", true, METHOD_MAX, &method));
	RD_TRY(kms_service_text(call, call->in, "target", true, TARGET_MAX, &target));
	RD_TRY(kms_service_text(
		call, call->in, "source_ip", false, sizeof(q->request.peer) - 1, &q->source_ip));
	q->request.method = rd_view_str(method);
	q->request.target = rd_view_str(target);
	q->tls = json_is_true(json_object_get(call->in, "tls"));
	RD_TRY(read_headers(call, &q->request));
	return read_body(call, q->body_sha256);
}

static void copy_printable(struct rd_view text, char *ret, size_t size)
{
	size_t n = text.len < size - 1 ? text.len : size - 1;

	for (size_t i = 0; i < n; i++) {
		ret[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? (char)text.ptr[i] : '?';
	}
	ret[n] = '\0';
}

/* Takes call->who over. */
static enum rd_status keep(struct kms_service_door *door, struct kms_call *call,
	const struct question *q, char ret_handle[HANDLE_SIZE])
{
	struct kms_service_handle *h = calloc(1, sizeof(*h));
	size_t slot = door->next_handle;
	uint8_t bytes[HANDLE_BYTES];

	RD_ENSURE(h != NULL, RD_NOMEM);
	if (rd_random_bytes(h->secret, sizeof(h->secret)) != RD_OK) {
		free(h);
		return RD_INTERNAL;
	}
	h->until_ms = call->now_ms + KMS_SERVICE_HANDLE_MS;
	h->who = call->who;
	call->who = (struct kms_identity){.service = h->who.service};
	h->tls = q->tls;
	(void)snprintf(h->peer, sizeof(h->peer), "%s", q->source_ip);
	copy_printable(rd_http_header_find(&q->request, "user-agent"), h->user_agent,
		sizeof(h->user_agent));
	kms_service_handle_free(&door->handles[slot]);
	door->handles[slot] = h;
	door->next_handle = (slot + 1) % KMS_SERVICE_HANDLES;
	bytes[0] = (uint8_t)(slot >> 8);
	bytes[1] = (uint8_t)slot;
	memcpy(bytes + 2, h->secret, sizeof(h->secret));
	rd_hex_string(rd_view(bytes, sizeof(bytes)), ret_handle);
	return RD_OK;
}

struct kms_service_handle *kms_service_handle_find(
	struct kms_service_door *door, const char *text, int64_t now_ms)
{
	uint8_t bytes[HANDLE_BYTES];
	struct rd_buf out = rd_buf_fixed(bytes, sizeof(bytes));
	struct kms_service_handle *h;
	size_t slot;

	if (rd_hex_decode(rd_view_str(text), &out) != RD_OK || out.used != sizeof(bytes)) {
		return NULL;
	}
	slot = (size_t)bytes[0] << 8 | bytes[1];
	h = slot < KMS_SERVICE_HANDLES ? door->handles[slot] : NULL;
	if (h == NULL || now_ms >= h->until_ms ||
		!rd_equal_constant_time(rd_view(bytes + 2, KMS_HANDLE_SECRET),
			rd_view(h->secret, KMS_HANDLE_SECRET))) {
		return NULL;
	}
	return h;
}

static const char *kind_name(enum kms_principal_kind kind)
{
	static const char *const names[] = {
		[KMS_ROOT] = "root", [KMS_USER] = "user", [KMS_ROLE] = "role"};

	return names[kind];
}

static enum rd_status authenticate(
	struct kms_service_door *door, struct kms_call *call, struct question *q)
{
	char handle[HANDLE_SIZE] = "";
	const struct kms_identity *who = &call->who;

	RD_TRY(read_question(call, q));
	RD_TRY(kms_authenticate_for(call, &q->request, KMS_SERVICE_EC2, q->body_sha256));
	call->out = json_pack("{ss ss ss ss ss ss}", "account", who->account, "arn", who->arn,
		"kind", kind_name(who->kind), "uid", who->uid, "akid", who->akid, "session",
		who->session);
	RD_ENSURE(call->out != NULL, RD_NOMEM);
	RD_TRY(keep(door, call, q, handle));
	return json_object_set_new(call->out, "handle", json_string(handle)) == 0 ? RD_OK
										  : RD_NOMEM;
}

enum rd_status kms_service_authenticate(struct kms_service_door *door, struct kms_call *call)
{
	struct question *q = calloc(1, sizeof(*q));
	enum rd_status st;

	RD_ENSURE(q != NULL, RD_NOMEM);
	st = authenticate(door, call, q);
	free(q);
	return st;
}
