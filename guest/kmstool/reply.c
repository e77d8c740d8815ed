/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a reply, and what an error says. */
#include "kmstool/reply.h"

#include "aws/json_in.h"
#include "aws/key_ref.h"
#include "aws/uri.h"
#include "base/text.h"

#include <string.h>

#define TYPE_SIZE    64
#define MESSAGE_SIZE 256

/* A string, or absent. */
static enum rd_status get_string(
	const json_t *object, const char *name, struct rd_view *ret, struct rd_error *err)
{
	const json_t *value = json_object_get(object, name);

	*ret = rd_view(NULL, 0);
	if (value == NULL) {
		return RD_OK;
	}
	if (!json_is_string(value)) {
		return rd_fail(err, RD_BAD_TYPE, "its member %s is not a string", name);
	}
	*ret = rd_view(json_string_value(value), json_string_length(value));
	return RD_OK;
}

/* Into storage of RDKMS_CIPHERTEXT_MAX bytes and two more. */
static enum rd_status get_blob(const json_t *object, const char *name, uint8_t *storage,
	size_t *ret_len, struct rd_error *err)
{
	struct rd_buf out = rd_buf_fixed(storage, RDKMS_CIPHERTEXT_MAX + 2);
	struct rd_view text;
	enum rd_status st;

	RD_TRY(get_string(object, name, &text, err));
	*ret_len = 0;
	if (text.ptr == NULL) {
		return RD_OK;
	}
	st = rd_base64_decode(text, &out);
	if (st == RD_NOSPACE || (st == RD_OK && out.used > RDKMS_CIPHERTEXT_MAX)) {
		return rd_fail(err, RD_LIMIT, "its member %s has more than %d bytes", name,
			RDKMS_CIPHERTEXT_MAX);
	}
	if (st != RD_OK || out.used == 0) {
		return rd_fail(err, RD_MALFORMED, "its member %s is not base64", name);
	}
	*ret_len = out.used;
	return RD_OK;
}

/* The key of an ARN or a bare id; false for an alias, which the server alone can resolve. */
static bool names_key(const char *asked, const struct rd_key_ref *got, bool *ret_same)
{
	struct rd_key_ref want;

	if (rd_key_ref_parse(rd_view_str(asked), &want) != RD_OK) {
		/* An id in a form of the server's own: the part behind "key/". */
		*ret_same = rd_view_equal(rd_view_str(asked), got->name);
		return true;
	}
	if (want.kind == RD_KEY_REF_ALIAS || want.kind == RD_KEY_REF_ALIAS_ARN) {
		return false;
	}
	*ret_same = rd_view_equal(want.name, got->name);
	if (want.kind == RD_KEY_REF_ARN) {
		*ret_same = *ret_same && rd_view_equal(want.arn.region, got->arn.region) &&
			    rd_view_equal(want.arn.account, got->arn.account);
	}
	return true;
}

static enum rd_status check_key(const json_t *object, const struct rdkms_request *request,
	struct rdkms_reply *ret, struct rd_error *err)
{
	struct rd_key_ref got;
	struct rd_view arn;
	bool same;

	RD_TRY(get_string(object, "KeyId", &arn, err));
	if (arn.ptr == NULL) {
		return rd_fail(err, RD_MISSING, "it has no KeyId");
	}
	if (arn.len > RDKMS_KEY_ID_MAX || rd_key_ref_parse(arn, &got) != RD_OK ||
		got.kind != RD_KEY_REF_ARN) {
		return rd_fail(err, RD_MALFORMED, "its KeyId is not the ARN of a key");
	}
	if (request->key_id != NULL && names_key(request->key_id, &got, &same) && !same) {
		return rd_fail(err, RD_UNTRUSTED,
			"the server used key %.*s, not %.80s as it was asked to", (int)got.name.len,
			(const char *)got.name.ptr, request->key_id);
	}
	memcpy(ret->key_arn, arn.ptr, arn.len);
	ret->key_arn[arn.len] = '\0';
	return RD_OK;
}

static enum rd_status check_algorithm(
	const json_t *object, const struct rdkms_request *request, struct rd_error *err)
{
	struct rd_view got;

	RD_TRY(get_string(object, "EncryptionAlgorithm", &got, err));
	if (got.ptr == NULL) {
		return RD_OK;
	}
	if (!rd_text_is(got, "SYMMETRIC_DEFAULT") && !rd_text_is(got, "RSAES_OAEP_SHA_1") &&
		!rd_text_is(got, "RSAES_OAEP_SHA_256")) {
		return rd_fail(err, RD_BAD_ALG, "its EncryptionAlgorithm is unknown");
	}
	if (request->algorithm != NULL && !rd_text_is(got, request->algorithm)) {
		return rd_fail(err, RD_UNTRUSTED, "the server used another algorithm than %s",
			request->algorithm);
	}
	return RD_OK;
}

/* AWS's documentation has Plaintext "null or empty" with a recipient; it is absent in fact, and
 * null is what the C SDK refuses. */
static enum rd_status check_recipient(
	const json_t *object, struct rdkms_reply *ret, struct rd_error *err)
{
	struct rd_view plaintext;

	RD_TRY(get_string(object, "Plaintext", &plaintext, err));
	if (plaintext.len > 0) {
		return rd_fail(err, RD_FORBIDDEN,
			"it has the plaintext in the clear: the server ignores Recipient");
	}
	RD_TRY(get_blob(object, "CiphertextForRecipient", ret->envelope, &ret->envelope_len, err));
	return ret->envelope_len > 0 ? RD_OK
				     : rd_fail(err, RD_MISSING, "it has no CiphertextForRecipient");
}

static enum rd_status check(const json_t *object, const struct rdkms_request *request,
	struct rdkms_reply *ret, struct rd_error *err)
{
	enum rdkms_operation operation = request->operation;

	if (operation != RDKMS_ENCRYPT) {
		RD_TRY(check_recipient(object, ret, err));
	}
	if (operation == RDKMS_GENERATE_RANDOM) {
		return RD_OK;
	}
	RD_TRY(check_key(object, request, ret, err));
	RD_TRY(check_algorithm(object, request, err));
	if (operation == RDKMS_DECRYPT) {
		return RD_OK;
	}
	RD_TRY(get_blob(object, "CiphertextBlob", ret->ciphertext, &ret->ciphertext_len, err));
	return ret->ciphertext_len > 0 ? RD_OK
				       : rd_fail(err, RD_MISSING, "it has no CiphertextBlob");
}

enum rd_status rdkms_reply_read(struct rd_view body, const struct rdkms_request *request,
	struct rdkms_reply *ret, struct rd_error *err)
{
	json_t *object RD_CLEANUP(rd_json_in_free) = NULL;
	enum rd_status st = rd_json_in_parse(body, &object);

	ret->key_arn[0] = '\0';
	ret->ciphertext_len = 0;
	ret->envelope_len = 0;
	if (st != RD_OK) {
		return rd_fail(err, st, "its JSON %s", rd_status_text(st));
	}
	return check(object, request, ret, err);
}

static void copy_printable(struct rd_view from, char *ret, size_t size)
{
	size_t n = from.len < size - 1 ? from.len : size - 1;

	for (size_t i = 0; i < n; i++) {
		ret[i] = from.ptr[i] >= ' ' && from.ptr[i] <= '~' ? (char)from.ptr[i] : '?';
	}
	ret[n] = '\0';
}

/* "namespace#Type:uri" in the most elaborate form. */
static struct rd_view bare_type(struct rd_view type)
{
	struct rd_view rest, bare = rd_text_cut(type, '#', &rest);

	return rd_text_cut(rest.ptr == NULL ? bare : rest, ':', &rest);
}

void rdkms_reply_read_error(
	struct rd_view body, char ret_type[TYPE_SIZE], char ret_message[MESSAGE_SIZE])
{
	json_t *object RD_CLEANUP(rd_json_in_free) = NULL;
	struct rd_view type, message;

	ret_type[0] = '\0';
	ret_message[0] = '\0';
	if (rd_json_in_parse(body, &object) != RD_OK) {
		return;
	}
	if (get_string(object, "__type", &type, NULL) == RD_OK) {
		copy_printable(bare_type(type), ret_type, TYPE_SIZE);
	}
	if (get_string(object, "message", &message, NULL) != RD_OK || message.ptr == NULL) {
		(void)get_string(object, "Message", &message, NULL);
	}
	copy_printable(message, ret_message, MESSAGE_SIZE);
}
