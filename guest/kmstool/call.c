/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call:
 *
 *	check → key pair → document(public key, digest of the request) → body → signature
 *	      → exchange → reply held against the request → envelope opened → length checked
 *
 * The key pair is born and dies here. Everything that held a secret is wiped on every way out.
 */
#include "kmstool/client.h"

#include "base/secret.h"
#include "common/stream.h"
#include "crypto/cms.h"
#include "kmstool/exchange.h"
#include "kmstool/reply.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_BITS 2048

struct call {
	const struct rdkms_client *client;
	const struct rdkms_request *request;
	enum rdkms_status failure; /* what a failure of the present step is */
	struct rd_rsa_key *key;
	struct rd_buf body, head, answer;
	unsigned http_status;
	struct rdkms_reply reply;
	uint8_t document[RDKMS_DOCUMENT_MAX];
	size_t document_len;
	char type[64]; /* of an answer other than 200 */
	uint8_t body_bytes[RDKMS_BODY_MAX];
	uint8_t head_bytes[RDKMS_HEAD_MAX];
	uint8_t answer_bytes[RDKMS_REPLY_MAX];
};

static struct call *call_new(const struct rdkms_client *client, const struct rdkms_request *request)
{
	struct call *call = calloc(1, sizeof(*call));

	if (call != NULL) {
		call->client = client;
		call->request = request;
		call->body = rd_buf_fixed(call->body_bytes, sizeof(call->body_bytes));
		call->head = rd_buf_fixed(call->head_bytes, sizeof(call->head_bytes));
		call->answer = rd_buf_fixed(call->answer_bytes, sizeof(call->answer_bytes));
	}
	return call;
}

static void call_free(struct call **call)
{
	if (*call != NULL) {
		rd_rsa_key_free(&(*call)->key);
		/* The body may hold plaintext, the head the session token, the answer anything. */
		rd_wipe(*call, sizeof(**call));
		free(*call);
		*call = NULL;
	}
}

static enum rd_status ask_for_document(
	struct call *call, struct rd_view user_data, struct rd_error *err)
{
	const struct rdkms_document_source *source = &call->client->documents;
	uint8_t storage[RD_RSA_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(storage, sizeof(storage));

	if (rd_rsa_key_generate(KEY_BITS, &call->key) != RD_OK ||
		rd_rsa_key_to_spki(call->key, &spki) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "cannot make a key pair: is locked memory used up?");
	}
	if (source->attest(source->arg, spki.ptr, spki.used, user_data.ptr, user_data.len,
		    call->document, &call->document_len) != 0 ||
		call->document_len == 0 || call->document_len > sizeof(call->document)) {
		return rd_fail(err, RD_IO,
			"cannot get an attestation document from /dev/nsm: this works inside an "
			"enclave only");
	}
	return RD_OK;
}

/* The digest is over what will be sent but for Recipient, which cannot be known yet. */
static enum rd_status attest(struct call *call, struct rd_error *err)
{
	uint8_t digest[RD_SHA256_SIZE];
	struct rd_view user_data = rd_view(NULL, 0);

	if (call->client->bind_request) {
		RD_TRY(rdkms_request_write(call->request, rd_view(NULL, 0), &call->body, err));
		if (rdkms_request_digest(
			    call->request->operation, rd_buf_view(&call->body), digest) != RD_OK) {
			return rd_fail(err, RD_NOMEM, "cannot make the request's digest");
		}
		call->body.used = 0;
		user_data = rd_view(digest, sizeof(digest));
	}
	return ask_for_document(call, user_data, err);
}

static enum rd_status make_request(struct call *call, struct rd_error *err)
{
	struct rd_view document = rd_view(NULL, 0);
	struct timespec now;
	enum rd_status st;

	call->failure = RDKMS_USAGE;
	RD_TRY(rdkms_request_check(call->request, err));
	if (rdkms_operation_is_attested(call->request->operation)) {
		call->failure = RDKMS_NSM;
		RD_TRY(attest(call, err));
		document = rd_view(call->document, call->document_len);
	}
	call->failure = RDKMS_USAGE;
	RD_TRY(rdkms_request_write(call->request, document, &call->body, err));
	(void)clock_gettime(CLOCK_REALTIME, &now);
	st = rdkms_request_sign(call->request->operation, &call->client->endpoint,
		&call->client->credentials, now.tv_sec, rd_buf_view(&call->body), &call->head);
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "cannot sign the request: %s", rd_status_text(st));
}

static enum rd_status exchange(struct call *call, int64_t deadline_ms, struct rd_error *err)
{
	static const enum rdkms_status failures[] = {
		[RDKMS_STAGE_CONNECT] = RDKMS_CONNECT,
		[RDKMS_STAGE_TLS] = RDKMS_TLS,
		[RDKMS_STAGE_STREAM] = RDKMS_CONNECT,
		[RDKMS_STAGE_HTTP] = RDKMS_REPLY,
	};
	const struct rdkms_peer peer = {
		.vsock_cid = call->client->vsock_cid,
		.vsock_port = call->client->vsock_port,
		.unix_path = call->client->unix_path,
		.tls_name = call->client->endpoint.name,
	};
	enum rdkms_stage stage;
	enum rd_status st = rdkms_exchange(call->client->tls, &peer, deadline_ms,
		rd_buf_view(&call->head), rd_buf_view(&call->body), &call->answer,
		&call->http_status, &stage, err);

	if (st != RD_OK) {
		call->failure = failures[stage];
	}
	return st;
}

static enum rd_status read_answer(struct call *call, struct rd_error *err)
{
	char message[256];
	enum rd_status st;

	if (call->http_status != 200) {
		call->failure = RDKMS_REFUSED;
		rdkms_reply_read_error(rd_buf_view(&call->answer), call->type, message);
		return rd_fail(err, RD_DENIED, "Got non-200 answer from KMS: %u%s%s%s%s",
			call->http_status, call->type[0] == '\0' ? "" : "; ", call->type,
			message[0] == '\0' ? "" : ": ", message);
	}
	st = rdkms_reply_read(rd_buf_view(&call->answer), call->request, &call->reply, err);
	if (st != RD_OK) {
		call->failure = st == RD_UNTRUSTED ? RDKMS_MISMATCH : RDKMS_REPLY;
		st = rd_error_wrap(err, st, "Could not read response from KMS");
	}
	return st;
}

static enum rd_status open_envelope(
	struct call *call, struct rd_secret *plaintext, struct rd_error *err)
{
	struct rd_view envelope = rd_view(call->reply.envelope, call->reply.envelope_len);
	size_t want = rdkms_request_length(call->request);
	enum rd_status st;

	call->failure = RDKMS_SYSTEM;
	if (rd_secret_init(plaintext, RD_CMS_SIZE_MAX) != RD_OK) {
		return rd_fail(err, RD_NOMEM, "no locked memory for the plaintext");
	}
	call->failure = RDKMS_ENVELOPE;
	st = rd_cms_open(call->key, envelope, plaintext);
	if (st == RD_UNTRUSTED) {
		return rd_fail(err, st,
			"Cannot decrypt CMS encrypted content: not made for this "
			"call's key");
	}
	if (st != RD_OK) {
		return rd_fail(
			err, st, "Cannot parse CMS enveloped data: it %s", rd_status_text(st));
	}
	call->failure = RDKMS_MISMATCH;
	if (want != 0 && plaintext->len != want) {
		return rd_fail(err, RD_UNTRUSTED, "the server made %zu bytes, not %zu",
			plaintext->len, want);
	}
	return RD_OK;
}

static enum rd_status run(struct call *call, struct rd_secret *plaintext, struct rd_error *err)
{
	int64_t deadline_ms = guest_now_ms() + call->client->timeout_ms;

	RD_TRY(make_request(call, err));
	RD_TRY(exchange(call, deadline_ms, err));
	RD_TRY(read_answer(call, err));
	return rdkms_operation_is_attested(call->request->operation)
		       ? open_envelope(call, plaintext, err)
		       : RD_OK;
}

static enum rdkms_status fail(const struct call *call, enum rd_status st,
	const struct rd_error *why, struct rdkms_error *ret)
{
	enum rdkms_status status = call->failure;

	if (st == RD_NOMEM) {
		status = RDKMS_SYSTEM;
	} else if (st == RD_TIMEOUT) {
		status = RDKMS_TIMEOUT;
	}
	(void)rdkms_report(ret, status, why);
	if (status == RDKMS_REFUSED) {
		ret->http_status = call->http_status;
		memcpy(ret->type, call->type, sizeof(ret->type));
	}
	return status;
}

enum rdkms_status rdkms_call(struct rdkms_client *client, const struct rdkms_request *request,
	struct rdkms_result *ret, struct rdkms_error *err)
{
	struct rd_secret plaintext RD_CLEANUP(rd_secret_finish) = {0};
	struct call *call RD_CLEANUP(call_free) = call_new(client, request);
	struct rd_error why;
	enum rd_status st;

	*ret = (struct rdkms_result){0};
	if (call == NULL) {
		(void)rd_fail(&why, RD_NOMEM, "out of memory");
		return rdkms_report(err, RDKMS_SYSTEM, &why);
	}
	st = run(call, &plaintext, &why);
	if (st != RD_OK) {
		return fail(call, st, &why, err);
	}
	memcpy(ret->key_arn, call->reply.key_arn, sizeof(ret->key_arn));
	memcpy(ret->ciphertext, call->reply.ciphertext, sizeof(ret->ciphertext));
	ret->ciphertext_len = call->reply.ciphertext_len;
	ret->plaintext = (struct rdkms_secret){plaintext.ptr, plaintext.len, plaintext.cap};
	plaintext = (struct rd_secret){0};
	return RDKMS_OK;
}

void rdkms_result_finish(struct rdkms_result *result)
{
	struct rd_secret plaintext = {
		result->plaintext.ptr, result->plaintext.len, result->plaintext.room};

	rd_secret_finish(&plaintext);
	rd_wipe(result, sizeof(*result));
}
