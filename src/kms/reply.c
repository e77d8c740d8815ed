/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the cryptographic operations. */
#include "kms/reply.h"

#include "crypto/cms.h"
#include "kms/params.h"
#include "kms/recipient.h"

#include <stdlib.h>

/* A private key with its blob and its public half, RSA-4096, comes to some 8 KiB. */
#define ANSWER_MAX 65536
/* Most answers; a larger one is written into larger memory, and this is wiped. */
#define ANSWER_USUAL 1024

void kms_reply_begin(struct kms_reply *reply, struct kms_call *call)
{
	rd_buf_finish(&call->answer);
	call->answer = rd_buf_wiping(ANSWER_MAX);
	*reply = (struct kms_reply){.call = call, .out = rd_json_out(&call->answer)};
	reply->out.st = rd_buf_make_room(&call->answer, ANSWER_USUAL);
	rd_json_out_object(&reply->out, NULL);
}

enum rd_status kms_reply_end(struct kms_reply *reply)
{
	enum rd_status st;

	rd_json_out_end(&reply->out);
	st = rd_json_out_finish(&reply->out);
	if (st != RD_OK) {
		rd_buf_finish(&reply->call->answer);
	}
	return kms_settle(reply->call, st);
}

void kms_reply_json(struct kms_reply *reply, const char *name, json_t *value)
{
	char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (text != NULL) {
		rd_json_out_json(&reply->out, name, rd_view_str(text));
	} else if (reply->out.st == RD_OK) {
		reply->out.st = RD_NOMEM;
	}
	free(text);
	json_decref(value);
}

void kms_reply_text(struct kms_reply *reply, const char *name, const char *value)
{
	rd_json_out_str(&reply->out, name, value);
}

void kms_reply_true(struct kms_reply *reply, const char *name)
{
	rd_json_out_bool(&reply->out, name, true);
}

void kms_reply_blob(struct kms_reply *reply, const char *name, struct rd_view bytes)
{
	rd_json_out_base64(&reply->out, name, bytes);
}

static enum rd_status seal(struct kms_reply *reply, struct rd_view secret)
{
	uint8_t storage[RD_CMS_SIZE_MAX];
	struct rd_buf cms = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(kms_recipient_seal(&reply->call->attested, secret, &cms));
	kms_reply_blob(reply, "CiphertextForRecipient", rd_buf_view(&cms));
	return RD_OK;
}

void kms_reply_secret(struct kms_reply *reply, const char *name, struct rd_view secret)
{
	enum rd_status st = RD_OK;

	if (reply->call->attested.present) {
		st = seal(reply, secret);
	} else {
		kms_reply_blob(reply, name, secret);
	}
	if (reply->out.st == RD_OK) {
		reply->out.st = st;
	}
}
