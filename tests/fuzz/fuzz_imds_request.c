/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the metadata service. Input: 1 byte (bit 0: tokens required, 1: off, 2: tags shown,
 * 3: no profile, 4: the credentials are refused, 5: a good token is put in), then an HTTP request.
 */
#include "ec2/imds-internal.h"

#include "crypto/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t mode;
static struct imds_signer *signer;

static enum rd_status get_instance(void *ctx, const char *id, struct imds_instance *ret)
{
	(void)ctx;
	snprintf(ret->id, sizeof(ret->id), "%s", id);
	strcpy(ret->image, "ami-12345678");
	strcpy(ret->region, "us-east-1");
	strcpy(ret->mac, "06:00:ac:1f:10:05");
	strcpy(ret->key_name, "laptop");
	strcpy(ret->root_device, "/dev/xvda");
	if ((mode & 8) == 0) {
		strcpy(ret->profile_arn, "arn:aws:iam::111122223333:instance-profile/front");
		strcpy(ret->role_arn, "arn:aws:iam::111122223333:role/web");
	}
	ret->tokens_required = (mode & 1) != 0;
	ret->off = (mode & 2) != 0;
	ret->tags_shown = (mode & 4) != 0;
	ret->tags = json_pack("{ss ss}", "Name", "web one", "team", "blue");
	ret->public_key = strdup("ssh-ed25519 AAAA laptop");
	ret->user_data = (uint8_t *)strdup("#!/bin/sh\n");
	ret->user_data_len = 10;
	return ret->tags != NULL && ret->public_key != NULL && ret->user_data != NULL ? RD_OK
										      : RD_NOMEM;
}

static enum rd_status get_credentials(
	void *ctx, const struct imds_instance *instance, uint32_t seconds, json_t **ret_answer)
{
	(void)ctx;
	(void)instance;
	(void)seconds;
	*ret_answer = json_pack("{ss ss ss ss ss}", "AccessKeyId", "ASIA", "SecretAccessKey", "s",
		"Token", "t", "Expiration", "2026-01-01T06:00:00Z", "message", "no");
	return (mode & 16) != 0 ? RD_FORBIDDEN : RD_OK;
}

static int64_t now_ms(void)
{
	return INT64_C(1767225600000);
}

static const struct imds_source source = {
	.instance = get_instance, .credentials = get_credentials, .now_ms = now_ms};

/* Once: making a key takes a tenth of a second. */
static void make_signer(void)
{
	char dir[] = "/tmp/redoubt-fuzz-XXXXXX", path[64];
	struct rd_error err = {.text = ""};

	if (rd_secret_heap_open(1 << 20, &err) != RD_OK || mkdtemp(dir) == NULL ||
		imds_signer_open(dir, "us-east-1", 1767225600, &signer, &err) != RD_OK) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	snprintf(path, sizeof(path), "%s/identity.key", dir);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s/identity.pem", dir);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void put_token(
	struct imds_service *service, struct rd_http_request *request, char token[IMDS_TOKEN_SIZE])
{
	if (request->n_headers == RD_HTTP_HEADERS_MAX ||
		imds_token_make(service->token_key, now_ms(), 60, token) != RD_OK) {
		return;
	}
	request->headers[request->n_headers++] = (struct rd_http_header){
		.name = rd_view_str("X-aws-ec2-metadata-token"), .value = rd_view_str(token)};
}

static void ask(struct rd_http_request *request)
{
	struct imds_service service = {.id = "i-0123456789abcdef0",
		.signer = signer,
		.source = &source,
		.credentials_s = IMDS_CREDENTIALS_S,
		.token_key = {1}};
	struct imds_answer a = {.body = rd_buf_growable(IMDS_BODY_MAX)};
	char token[IMDS_TOKEN_SIZE];

	if ((mode & 32) != 0) {
		put_token(&service, request, token);
	}
	imds_answer(&service, request, &a);
	/* Without a token, nothing but refusals and tokens. */
	if ((mode & 3) == 1 && (mode & 32) == 0 && a.status == 200 && a.body.used != 56) {
		abort();
	}
	if (((mode & 2) != 0 && a.status != 403) || a.type == NULL) {
		abort();
	}
	rd_buf_finish(&a.body);
	imds_credentials_finish(&service.credentials);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_http_framing framing;
	struct rd_http_request *request;

	if (size == 0) {
		return 0;
	}
	if (signer == NULL) {
		make_signer();
	}
	mode = data[0];
	request = calloc(1, sizeof(*request));
	if (request != NULL &&
		rd_http_parse_head(rd_view(data + 1, size - 1), request, &framing) == RD_OK) {
		ask(request);
	}
	free(request);
	return 0;
}
