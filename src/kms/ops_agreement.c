/* SPDX-License-Identifier: Apache-2.0 */
/* DeriveSharedSecret. Source: the KMS reference, 2.2.1. */
#include "kms/ops.h"

#include "crypto/ec.h"
#include "kms/keys.h"
#include "kms/recipient_param.h"
#include "kms/reply.h"
#include "kms/use.h"

#define PUBLIC_KEY_MAX 8192
/* rd_json_in_blob wants room for two bytes more than its rule's maximum. */
#define BLOB_ROOM 2

struct request {
	const char *key_id;
	struct rd_buf peer_storage;
	struct rd_view peer;
	struct kms_algorithm_param algorithm;
	struct kms_recipient_param recipient;
	json_t *grant_tokens;
	struct kms_use use;
};

static void request_finish(struct request *r)
{
	rd_buf_finish(&r->peer_storage);
	kms_recipient_param_finish(&r->recipient);
	kms_use_finish(&r->use);
}

static enum rd_status read_request(struct kms_call *call, struct request *r)
{
	struct kms_params p;

	r->peer_storage = rd_buf_growable(PUBLIC_KEY_MAX + BLOB_ROOM);
	kms_params_begin(&p, call);
	r->key_id = kms_param_key(&p, "KeyId", true);
	r->peer = kms_param_blob(&p, "PublicKey", 1, PUBLIC_KEY_MAX, &r->peer_storage);
	r->algorithm = kms_param_algorithm(&p, "KeyAgreementAlgorithm", KMS_KEY_AGREEMENT, NULL);
	r->grant_tokens = kms_param_grant_tokens(&p);
	(void)kms_param_bool(&p, "DryRun");
	kms_recipient_param_read(&p, &r->recipient);
	RD_TRY(kms_params_end(&p));
	return kms_recipient_param_verify(call, &r->recipient);
}

static enum rd_status prepare(struct kms_call *call, struct request *r)
{
	struct kms_ask ask;

	RD_TRY(read_request(call, r));
	RD_TRY(kms_use_find(call, r->key_id, &r->use));
	kms_ask_begin(&ask, "kms:DeriveSharedSecret", r->use.key);
	kms_ask_fact(&ask, "kms:KeyAgreementAlgorithm", r->algorithm.name);
	RD_TRY(kms_use_authorize(&r->use, &ask, NULL, r->grant_tokens));
	RD_TRY(kms_use_check(&r->use, KMS_KEY_AGREEMENT, &r->algorithm));
	return kms_dry_run(call);
}

/* The peer's key is the caller's: whatever is wrong with it is ValidationException, without a
 * message. */
static enum rd_status derive(struct kms_call *call, const struct request *r, struct rd_secret *out)
{
	struct rd_ec_key *peer RD_CLEANUP(rd_ec_key_free) = NULL;
	const struct kms_cached_material *own;
	enum rd_status st;

	RD_TRY(kms_use_material(&r->use, &own));
	st = rd_ec_key_from_spki(r->peer, &peer);
	if (st == RD_OK) {
		st = rd_ec_derive(own->ec, peer, out);
	}
	if (st == RD_OK || st == RD_NOMEM || rd_category(st) == RD_CAT_INTERNAL) {
		return kms_settle(call, st);
	}
	return kms_fail_silently(call, KMS_FAULT_VALIDATION);
}

enum rd_status kms_op_derive_shared_secret(struct kms_call *call)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct kms_reply reply;

	RD_TRY(prepare(call, &r));
	RD_TRY(kms_settle(call, rd_secret_init(&secret, RD_EC_FIELD_SIZE_MAX)));
	RD_TRY(derive(call, &r, &secret));
	kms_reply_begin(&reply, call);
	kms_reply_text(&reply, "KeyId", r.use.key->arn);
	kms_reply_secret(&reply, "SharedSecret", rd_secret_view(&secret));
	kms_reply_text(&reply, "KeyAgreementAlgorithm", r.algorithm.name);
	kms_reply_text(&reply, "KeyOrigin", kms_origin_name(r.use.key->record.origin));
	return kms_reply_end(&reply);
}
