/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the cryptographic operations. */
#include "kms/reply.h"

#include "base/text.h"
#include "crypto/cms.h"
#include "crypto/secret.h"
#include "kms/params.h"
#include "kms/recipient.h"

/* Base64 of the largest secret, 4,096 bytes, and of the largest blob, a public key's 8,192. */
#define SECRET_TEXT_MAX 5464
#define BLOB_TEXT_MAX   10924

void kms_reply_begin(struct kms_reply *reply, struct kms_call *call)
{
	*reply = (struct kms_reply){.call = call, .out = json_object()};
	reply->st = reply->out == NULL ? RD_NOMEM : RD_OK;
}

enum rd_status kms_reply_end(struct kms_reply *reply)
{
	json_t *out = rd_steal(&reply->out, NULL);

	if (reply->st != RD_OK) {
		json_decref(out);
		return kms_settle(reply->call, reply->st);
	}
	reply->call->out = out;
	return RD_OK;
}

void kms_reply_json(struct kms_reply *reply, const char *name, json_t *value)
{
	if (json_object_set_new(reply->out, name, value) != 0 && reply->st == RD_OK) {
		reply->st = RD_NOMEM;
	}
}

void kms_reply_text(struct kms_reply *reply, const char *name, const char *value)
{
	if (value != NULL) {
		kms_reply_json(reply, name, json_string(value));
	}
}

void kms_reply_true(struct kms_reply *reply, const char *name)
{
	kms_reply_json(reply, name, json_true());
}

static void put_base64(
	struct kms_reply *reply, const char *name, struct rd_view bytes, struct rd_buf *text)
{
	enum rd_status st = rd_base64_encode(bytes, text);

	if (st == RD_OK) {
		kms_reply_json(
			reply, name, json_stringn_nocheck((const char *)text->ptr, text->used));
	} else if (reply->st == RD_OK) {
		reply->st = st;
	}
}

void kms_reply_blob(struct kms_reply *reply, const char *name, struct rd_view bytes)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(BLOB_TEXT_MAX);

	put_base64(reply, name, bytes, &text);
}

static enum rd_status seal(struct kms_reply *reply, struct rd_view secret)
{
	uint8_t storage[RD_CMS_SIZE_MAX];
	struct rd_buf cms = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(kms_recipient_seal(&reply->call->attested, secret, &cms));
	kms_reply_blob(reply, "CiphertextForRecipient", rd_buf_view(&cms));
	return RD_OK;
}

static enum rd_status put_plaintext(
	struct kms_reply *reply, const char *name, struct rd_view secret)
{
	struct rd_secret text RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct rd_buf out;

	RD_TRY(rd_secret_init(&text, SECRET_TEXT_MAX));
	out = rd_buf_fixed(text.ptr, text.cap);
	reply->call->out_secret = true;
	put_base64(reply, name, secret, &out);
	return RD_OK;
}

void kms_reply_secret(struct kms_reply *reply, const char *name, struct rd_view secret)
{
	enum rd_status st = reply->call->attested.present ? seal(reply, secret)
							  : put_plaintext(reply, name, secret);

	if (reply->st == RD_OK) {
		reply->st = st;
	}
}
