/* SPDX-License-Identifier: Apache-2.0 */
/* GenerateMac and VerifyMac. Source: the KMS reference, 2.2.1. */
#include "kms/ops.h"

#include "base/secret.h"
#include "crypto/hmac.h"
#include "kms/keys.h"
#include "kms/reply.h"
#include "kms/use.h"

#define MESSAGE_MAX 4096
#define MAC_MAX     6144
/* rd_json_in_blob wants room for two bytes more than its rule's maximum. */
#define BLOB_ROOM 2

struct request {
	const char *key_id;
	struct rd_buf message_storage, mac_storage;
	struct rd_view message, mac;
	struct kms_algorithm_param algorithm;
	json_t *grant_tokens;
	struct kms_use use;
	uint8_t tag[RD_HMAC_SIZE_MAX]; /* the message's true MAC */
	size_t tag_len;
};

static void request_finish(struct request *r)
{
	rd_buf_finish(&r->message_storage);
	rd_buf_finish(&r->mac_storage);
	kms_use_finish(&r->use);
	rd_wipe(r->tag, sizeof(r->tag));
}

static enum rd_status read_request(struct kms_call *call, bool has_mac, struct request *r)
{
	struct kms_params p;

	r->message_storage = rd_buf_growable(MESSAGE_MAX + BLOB_ROOM);
	r->mac_storage = rd_buf_growable(MAC_MAX + BLOB_ROOM);
	kms_params_begin(&p, call);
	r->key_id = kms_param_key(&p, "KeyId", true);
	r->message = kms_param_blob(&p, "Message", 1, MESSAGE_MAX, &r->message_storage);
	if (has_mac) {
		r->mac = kms_param_blob(&p, "Mac", 1, MAC_MAX, &r->mac_storage);
	}
	r->algorithm = kms_param_algorithm(&p, "MacAlgorithm", KMS_GENERATE_VERIFY_MAC, NULL);
	r->grant_tokens = kms_param_grant_tokens(&p);
	(void)kms_param_bool(&p, "DryRun");
	return kms_params_end(&p);
}

static enum rd_status make_tag(struct request *r)
{
	enum rd_hmac_alg alg = kms_spec_info(r->use.key->record.spec)->hmac;
	const struct kms_cached_material *material;

	RD_TRY(kms_use_material(&r->use, &material));
	r->tag_len = rd_hmac_size(alg);
	return kms_settle(
		r->use.call, rd_hmac(alg, rd_secret_view(&material->secret), r->message, r->tag));
}

/* All that the two do alike, up to the MAC. */
static enum rd_status run(
	struct kms_call *call, const char *action, bool has_mac, struct request *r)
{
	struct kms_ask ask;

	RD_TRY(read_request(call, has_mac, r));
	RD_TRY(kms_use_find(call, r->key_id, &r->use));
	kms_ask_begin(&ask, action, r->use.key);
	kms_ask_fact(&ask, "kms:MacAlgorithm", r->algorithm.name);
	RD_TRY(kms_use_authorize(&r->use, &ask, NULL, r->grant_tokens));
	RD_TRY(kms_use_check(&r->use, KMS_GENERATE_VERIFY_MAC, &r->algorithm));
	RD_TRY(kms_dry_run(call));
	return make_tag(r);
}

enum rd_status kms_op_generate_mac(struct kms_call *call)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	struct kms_reply reply;

	RD_TRY(run(call, "kms:GenerateMac", false, &r));
	kms_reply_begin(&reply, call);
	kms_reply_blob(&reply, "Mac", rd_view(r.tag, r.tag_len));
	kms_reply_text(&reply, "MacAlgorithm", r.algorithm.name);
	kms_reply_text(&reply, "KeyId", r.use.key->arn);
	return kms_reply_end(&reply);
}

enum rd_status kms_op_verify_mac(struct kms_call *call)
{
	struct request r RD_CLEANUP(request_finish) = {.key_id = NULL};
	struct kms_reply reply;

	RD_TRY(run(call, "kms:VerifyMac", true, &r));
	if (!rd_equal_constant_time(rd_view(r.tag, r.tag_len), r.mac)) {
		return kms_fail_silently(call, KMS_FAULT_INVALID_MAC);
	}
	kms_reply_begin(&reply, call);
	kms_reply_text(&reply, "KeyId", r.use.key->arn);
	kms_reply_true(&reply, "MacValid");
	kms_reply_text(&reply, "MacAlgorithm", r.algorithm.name);
	return kms_reply_end(&reply);
}
