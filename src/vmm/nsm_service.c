/* SPDX-License-Identifier: Apache-2.0 */
/* The NSM of one enclave. */
#include "nsm_service.h"

#include "attest/document.h"
#include "crypto/random.h"
#include "crypto/x509.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A leaf: key, certificate and the chain above it, root first. */
struct leaf {
	struct rd_ec_key *key;
	int64_t not_after_s;
	uint8_t certificate[RD_DOC_CERT_MAX];
	size_t certificate_len;
	uint8_t cabundle[RD_DOC_CABUNDLE_MAX][RD_DOC_CERT_MAX];
	size_t cabundle_len[RD_DOC_CABUNDLE_MAX];
	size_t cabundle_count;
};

struct rd_nsm_service {
	struct rd_nsm device;
	struct rd_nsm_service_config config;
	struct leaf leaf; /* key NULL: none yet */
	struct rd_ec_key *next_key;
	struct rd_watch *timer;
	unsigned streams;
};

struct rd_nsm_stream {
	struct rd_nsm_service *service;
	struct rd_nsm_frame_reader reader;
	size_t out_done;
	struct rd_buf out;
	uint8_t in_storage[RD_NSM_REQUEST_MAX];
	uint8_t out_storage[RD_NSM_FRAME_HEAD + RD_NSM_RESPONSE_MAX];
};

static enum rd_status random_bytes(void *ctx, uint8_t *dst, size_t n)
{
	(void)ctx;
	return rd_random_bytes(dst, n);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int64_t now_s(void)
{
	return (int64_t)(now_ms() / 1000);
}

static enum rd_status attest(void *ctx, const struct rd_nsm_attest_request *req,
	const struct rd_nsm_pcrs *pcrs, struct rd_buf *out)
{
	const struct rd_nsm_service *service = ctx;
	const struct leaf *leaf = &service->leaf;
	struct rd_doc doc = {
		.module_id = rd_view_str(service->device.module_id),
		.timestamp_ms = now_ms(),
		.certificate = rd_view(leaf->certificate, leaf->certificate_len),
		.n_cabundle = leaf->cabundle_count,
		.public_key = req->public_key,
		.user_data = req->user_data,
		.nonce = req->nonce,
	};
	unsigned i;

	RD_ENSURE(leaf->key != NULL, RD_AGAIN);
	/* A document under a certificate that has ended would convince nobody. */
	RD_ENSURE(now_s() <= leaf->not_after_s, RD_EXPIRED);
	for (i = 0; i < RD_NSM_PCR_COUNT; i++) {
		if (rd_nsm_pcr_is_locked(pcrs, i)) {
			doc.pcrs[i] = rd_view(pcrs->value[i], RD_NSM_PCR_SIZE);
		}
	}
	for (i = 0; i < leaf->cabundle_count; i++) {
		doc.cabundle[i] = rd_view(leaf->cabundle[i], leaf->cabundle_len[i]);
	}
	return rd_doc_sign(&doc, leaf->key, out);
}

static const struct rd_nsm_ops nsm_ops = {.random = random_bytes, .attest = attest};

static void leaf_finish(struct leaf *leaf)
{
	rd_ec_key_free(&leaf->key);
}

/*
 * A key, and one signature with it: OpenSSL loads what it loads lazily now, while it still can open
 * files, and not at the guest's first request.
 */
static enum rd_status make_key(struct rd_ec_key **ret)
{
	struct rd_ec_key *key RD_CLEANUP(rd_ec_key_free) = NULL;
	uint8_t rs[RD_EC_SIGNATURE_SIZE_MAX];

	RD_TRY(rd_ec_key_generate(RD_P384, &key));
	RD_TRY(rd_ec_sign(key, rd_view_str("redoubt-vmm"), rs));
	*ret = rd_steal(&key, NULL);
	return RD_OK;
}

static enum rd_status init_device(struct rd_nsm_service *service)
{
	const struct rd_ctl_launch *launch = service->config.launch;
	struct rd_nsm_boot boot = {
		.role_arn = launch->role_arn[0] == '\0' ? NULL : launch->role_arn,
		.instance_id = launch->instance_id,
		.debug = launch->debug,
	};
	char module_id[RD_NSM_MODULE_ID_MAX];
	int n;

	/* AWS pads it here with zeros, and in EnclaveID it does not. */
	n = snprintf(module_id, sizeof(module_id), "%s-enc%016llx", launch->instance_id,
		(unsigned long long)launch->slot_uid);
	RD_ENSURE(n > 0 && (size_t)n < sizeof(module_id), RD_LIMIT);
	memcpy(boot.pcr0, launch->pcr0, sizeof(boot.pcr0));
	memcpy(boot.pcr1, launch->pcr1, sizeof(boot.pcr1));
	memcpy(boot.pcr2, launch->pcr2, sizeof(boot.pcr2));
	memcpy(boot.pcr8, launch->pcr8, sizeof(boot.pcr8));
	return rd_nsm_init(&service->device, &boot, module_id, &nsm_ops, service);
}

enum rd_status rd_nsm_service_new(const struct rd_nsm_service_config *config,
	struct rd_nsm_service **ret, struct rd_error *err)
{
	struct rd_nsm_service *service RD_CLEANUP(rd_nsm_service_free) = calloc(
		1, sizeof(*service));
	uint8_t byte;
	enum rd_status st;

	if (service == NULL) {
		return rd_fail(err, RD_NOMEM, "no memory for the NSM");
	}
	service->config = *config;
	st = init_device(service);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot set up the NSM: %s", rd_status_text(st));
	}
	st = make_key(&service->next_key);
	st = st == RD_OK ? rd_random_bytes(&byte, sizeof(byte)) : st;
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot make a leaf key: %s", rd_status_text(st));
	}
	*ret = rd_steal(&service, NULL);
	return RD_OK;
}

void rd_nsm_service_free(struct rd_nsm_service **service)
{
	if (*service == NULL) {
		return;
	}
	rd_watch_free(&(*service)->timer);
	rd_ec_key_free(&(*service)->next_key);
	leaf_finish(&(*service)->leaf);
	free(*service);
	*service = NULL;
}

void rd_nsm_service_check_leaf(struct rd_nsm_service *service)
{
	uint8_t spki[RD_CTL_SPKI_MAX];
	struct rd_buf buf = rd_buf_fixed(spki, sizeof(spki));

	if (service->leaf.key != NULL &&
		service->leaf.not_after_s - now_s() > RD_NSM_RENEW_BEFORE_S) {
		return;
	}
	if (service->next_key == NULL && make_key(&service->next_key) != RD_OK) {
		return; /* tried again at the next check */
	}
	if (rd_ec_key_to_spki(service->next_key, &buf) != RD_OK) {
		return;
	}
	/* Not sent, because redoubtd is away: the next check or its return tries again. */
	if (service->config.request_leaf(service->config.ctx, rd_buf_view(&buf)) != RD_OK) {
		return;
	}
}

static void on_timer(void *arg)
{
	struct rd_nsm_service *service = arg;

	rd_nsm_service_check_leaf(service);
	if (rd_watch_arm(service->timer, RD_NSM_RENEW_CHECK_MS) != RD_OK) {
		return; /* no renewal any more; documents end with this certificate */
	}
}

enum rd_status rd_nsm_service_attach(struct rd_nsm_service *service, struct rd_loop *loop)
{
	RD_TRY(rd_loop_timer(loop, on_timer, service, &service->timer));
	return rd_watch_arm(service->timer, RD_NSM_RENEW_CHECK_MS);
}

static enum rd_status copy_cert(struct rd_view from, uint8_t *to, size_t *ret_len)
{
	RD_ENSURE(from.len > 0 && from.len <= RD_DOC_CERT_MAX, RD_LIMIT);
	memcpy(to, from.ptr, from.len);
	*ret_len = from.len;
	return RD_OK;
}

static enum rd_status fill_leaf(
	struct leaf *leaf, const struct rd_ctl_leaf *message, const struct rd_ec_key *key)
{
	struct rd_cert *cert RD_CLEANUP(rd_cert_free) = NULL;
	size_t i;

	RD_TRY(rd_cert_from_der(message->certificate, &cert));
	RD_ENSURE(
		rd_cert_key(cert) != NULL && rd_ec_key_same(rd_cert_key(cert), key), RD_WRONG_KEY);
	leaf->not_after_s = rd_cert_info(cert)->not_after_s;
	RD_TRY(copy_cert(message->certificate, leaf->certificate, &leaf->certificate_len));
	RD_ENSURE(message->cabundle.count > 0 && message->cabundle.count <= RD_DOC_CABUNDLE_MAX,
		RD_LIMIT);
	for (i = 0; i < message->cabundle.count; i++) {
		RD_TRY(copy_cert(
			message->cabundle.items[i], leaf->cabundle[i], &leaf->cabundle_len[i]));
	}
	leaf->cabundle_count = message->cabundle.count;
	return RD_OK;
}

enum rd_status rd_nsm_service_take_leaf(
	struct rd_nsm_service *service, const struct rd_ctl_leaf *message)
{
	struct leaf leaf = {0};

	RD_ENSURE(service->next_key != NULL, RD_FORBIDDEN);
	RD_TRY(fill_leaf(&leaf, message, service->next_key));
	leaf_finish(&service->leaf);
	service->leaf = leaf;
	service->leaf.key = rd_steal(&service->next_key, NULL);
	return RD_OK;
}

enum rd_status rd_nsm_stream_new(struct rd_nsm_service *service, struct rd_nsm_stream **ret)
{
	struct rd_nsm_stream *stream;

	RD_ENSURE(service->streams < RD_NSM_STREAMS_MAX, RD_LIMIT);
	stream = calloc(1, sizeof(*stream));
	RD_ENSURE(stream != NULL, RD_NOMEM);
	stream->service = service;
	rd_nsm_frame_init(&stream->reader, stream->in_storage, sizeof(stream->in_storage));
	stream->out = rd_buf_fixed(stream->out_storage, sizeof(stream->out_storage));
	service->streams++;
	*ret = stream;
	return RD_OK;
}

void rd_nsm_stream_free(struct rd_nsm_stream **stream)
{
	if (*stream != NULL) {
		(*stream)->service->streams--;
		free(*stream);
		*stream = NULL;
	}
}

/* The response goes behind room for its length, which is known afterwards. */
static enum rd_status answer(struct rd_nsm_stream *stream, struct rd_view request)
{
	uint8_t response[RD_NSM_RESPONSE_MAX];
	struct rd_buf buf = rd_buf_fixed(response, sizeof(response));

	RD_TRY(rd_nsm_handle(&stream->service->device, request, &buf));
	return rd_nsm_frame_put(rd_buf_view(&buf), &stream->out);
}

enum rd_status rd_nsm_stream_put(struct rd_nsm_stream *stream, struct rd_cur *in)
{
	struct rd_view request;
	enum rd_status st;

	if (stream->out.used > 0) {
		return RD_OK;
	}
	st = rd_nsm_frame_feed(&stream->reader, in, &request);
	if (st == RD_AGAIN) {
		return RD_OK;
	}
	RD_TRY(st);
	return answer(stream, request);
}

struct rd_view rd_nsm_stream_pending(const struct rd_nsm_stream *stream)
{
	return rd_view(stream->out_storage + stream->out_done, stream->out.used - stream->out_done);
}

void rd_nsm_stream_consume(struct rd_nsm_stream *stream, size_t n)
{
	stream->out_done += n;
	if (stream->out_done == stream->out.used) {
		stream->out_done = 0;
		stream->out.used = 0;
	}
}
