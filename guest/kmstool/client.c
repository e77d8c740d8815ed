/* SPDX-License-Identifier: Apache-2.0 */
/* A client: its configuration, checked once and kept, its credentials in locked memory. */
#include "kmstool/client.h"

#include "common/stream.h"
#include "kmstool/document.h"
#include "kmstool/trust.h"

#include <stdlib.h>
#include <string.h>

/* vsock-proxy's port in AWS's examples. */
#define PROXY_PORT 8000
#define PARENT_CID 3
#define TIMEOUT_MS 30000
/* A private key of ours has 3 KB in the heap, a result 6; for a dozen calls at a time. */
#define SECRETS_SIZE (256u << 10)
/* For one at a time: what kernels before 5.16 let an ordinary user lock. */
#define SECRETS_SIZE_ONE RD_SECRET_HEAP_MIN

void rdkms_config_init(struct rdkms_config *ret)
{
	*ret = (struct rdkms_config){
		.vsock_cid = PARENT_CID,
		.vsock_port = PROXY_PORT,
		.timeout_ms = TIMEOUT_MS,
		.documents.attest = rdkms_nsm_attest,
	};
}

enum rdkms_status rdkms_report(
	struct rdkms_error *ret, enum rdkms_status status, const struct rd_error *why)
{
	*ret = (struct rdkms_error){.status = status};
	for (size_t i = 0; i + 1 < sizeof(ret->text) && why->text[i] != '\0'; i++) {
		ret->text[i] = why->text[i] >= ' ' && why->text[i] <= '~' ? why->text[i] : '?';
	}
	return status;
}

enum rdkms_status rdkms_init(struct rdkms_error *err)
{
	struct rd_error why;
	enum rd_status st = rd_secret_heap_open(SECRETS_SIZE, &why);

	if (st == RD_LIMIT) {
		st = rd_secret_heap_open(SECRETS_SIZE_ONE, &why);
	}
	return st == RD_OK || st == RD_EXISTS ? RDKMS_OK : rdkms_report(err, RDKMS_SYSTEM, &why);
}

/* Behind what s holds, with its NUL. */
static enum rd_status keep(struct rd_secret *s, const char *text, const char **ret)
{
	struct rd_buf b = rd_buf_fixed(s->ptr + s->len, s->cap - s->len);

	*ret = NULL;
	if (text == NULL) {
		return RD_OK;
	}
	RD_TRY(rd_buf_put(&b, text, strlen(text) + 1));
	*ret = (const char *)s->ptr + s->len;
	s->len += b.used;
	return RD_OK;
}

static enum rd_status keep_credentials(
	struct rdkms_client *client, const struct rdkms_config *config, struct rd_error *err)
{
	const struct rdkms_credentials given = {
		config->access_key_id, config->secret_access_key, config->session_token};
	struct rdkms_credentials *kept = &client->credentials;
	enum rd_status st;

	RD_TRY(rdkms_credentials_check(&given, err));
	st = rd_secret_init(&client->storage, RDKMS_CREDENTIALS_SIZE);
	if (st == RD_USAGE) {
		return rd_fail(err, st, "rdkms_init must be called first");
	}
	if (st == RD_OK) {
		st = keep(&client->storage, given.access_key_id, &kept->access_key_id);
	}
	if (st == RD_OK) {
		st = keep(&client->storage, given.secret_access_key, &kept->secret_access_key);
	}
	if (st == RD_OK) {
		st = keep(&client->storage, given.session_token, &kept->session_token);
	}
	return st == RD_OK ? RD_OK : rd_fail(err, st, "no locked memory for the credentials");
}

static enum rd_status set_up(
	struct rdkms_client *client, const struct rdkms_config *config, struct rd_error *err)
{
	if (config->timeout_ms == 0 || config->documents.attest == NULL) {
		return rd_fail(
			err, RD_USAGE, "the configuration was not made by rdkms_config_init");
	}
	RD_TRY(rdkms_endpoint_parse(config->region, config->endpoint, &client->endpoint, err));
	RD_TRY(keep_credentials(client, config, err));
	client->vsock_cid = config->vsock_cid;
	client->vsock_port = config->vsock_port;
	client->timeout_ms = config->timeout_ms;
	client->bind_request = config->bind_request;
	client->documents = config->documents;
	if (config->unix_path != NULL) {
		client->unix_path = strdup(config->unix_path);
		RD_ENSURE(client->unix_path != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	}
	return rdkms_trust_load(config->ca_file, &client->tls, err);
}

enum rdkms_status rdkms_client_new(
	const struct rdkms_config *config, struct rdkms_client **ret, struct rdkms_error *err)
{
	struct rdkms_client *client = calloc(1, sizeof(*client));
	struct rd_error why;
	enum rd_status st = client == NULL ? rd_fail(&why, RD_NOMEM, "out of memory")
					   : set_up(client, config, &why);

	if (st != RD_OK) {
		rdkms_client_free(&client);
		return rdkms_report(err, st == RD_USAGE ? RDKMS_USAGE : RDKMS_SYSTEM, &why);
	}
	*ret = client;
	return RDKMS_OK;
}

void rdkms_client_free(struct rdkms_client **client)
{
	if (*client != NULL) {
		rd_secret_finish(&(*client)->storage);
		rd_tls_client_free(&(*client)->tls);
		free((*client)->unix_path);
		free(*client);
		*client = NULL;
	}
}
