/* SPDX-License-Identifier: Apache-2.0 */
/* A request's members: which an operation takes, their limits, and its JSON. */
#include "kmstool/request.h"

#include "aws/json_in.h"
#include "aws/json_out.h"
#include "aws/request_digest.h"

#include <string.h>

enum takes {
	TAKES_KEY = 1,
	NEEDS_KEY = 2,
	TAKES_ALGORITHM = 4,
	NEEDS_SIZE = 8, /* number_of_bytes, or for data keys a key_spec */
	NEEDS_CIPHERTEXT = 16,
	NEEDS_PLAINTEXT = 32,
	TAKES_CONTEXT = 64, /* and grant tokens */
	ATTESTED = 128,
};

static const struct {
	const char *name;
	unsigned takes;
} operations[] = {
	[RDKMS_DECRYPT] = {"Decrypt",
		TAKES_KEY | TAKES_ALGORITHM | NEEDS_CIPHERTEXT | TAKES_CONTEXT | ATTESTED},
	[RDKMS_GENERATE_DATA_KEY] = {"GenerateDataKey",
		TAKES_KEY | NEEDS_KEY | NEEDS_SIZE | TAKES_CONTEXT | ATTESTED},
	[RDKMS_GENERATE_RANDOM] = {"GenerateRandom", NEEDS_SIZE | ATTESTED},
	[RDKMS_ENCRYPT] = {"Encrypt",
		TAKES_KEY | NEEDS_KEY | TAKES_ALGORITHM | NEEDS_PLAINTEXT | TAKES_CONTEXT},
};

static const char *const algorithms[] = {
	"SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", NULL};
static const char *const key_specs[] = {"AES_256", "AES_128", NULL};

const char *rdkms_operation_name(enum rdkms_operation operation)
{
	return operations[operation].name;
}

bool rdkms_operation_is_attested(enum rdkms_operation operation)
{
	return operations[operation].takes & ATTESTED;
}

size_t rdkms_request_length(const struct rdkms_request *request)
{
	if (request->key_spec != NULL) {
		return strcmp(request->key_spec, "AES_128") == 0 ? 16 : 32;
	}
	return request->number_of_bytes;
}

static bool is_visible(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	for (size_t i = 0; i < len; i++) {
		if (text[i] <= ' ' || text[i] > '~') {
			return false;
		}
	}
	return len > 0 && len <= max;
}

static enum rd_status check_text(const char *name, const char *text, size_t max, bool taken,
	bool needed, struct rd_error *err)
{
	if (text == NULL) {
		return needed ? rd_fail(err, RD_USAGE, "%s must be set", name) : RD_OK;
	}
	if (!taken) {
		return rd_fail(err, RD_USAGE, "%s: this operation takes none", name);
	}
	return is_visible(text, max) ? RD_OK
				     : rd_fail(err, RD_USAGE,
					       "%s must have 1 to %zu characters, none of them "
					       "a blank or a control character",
					       name, max);
}

static enum rd_status check_word(const char *name, const char *text, const char *const *words,
	bool taken, struct rd_error *err)
{
	if (text == NULL) {
		return RD_OK;
	}
	for (size_t i = 0; taken && words[i] != NULL; i++) {
		if (strcmp(text, words[i]) == 0) {
			return RD_OK;
		}
	}
	return rd_fail(err, RD_USAGE, "%s cannot be '%.40s' in this operation", name, text);
}

static enum rd_status check_bytes(
	const char *name, struct rdkms_bytes bytes, size_t max, bool needed, struct rd_error *err)
{
	if (!needed) {
		return bytes.ptr == NULL
			       ? RD_OK
			       : rd_fail(err, RD_USAGE, "%s: this operation takes none", name);
	}
	if (bytes.ptr == NULL || bytes.len == 0 || bytes.len > max) {
		return rd_fail(err, RD_USAGE, "%s must have 1 to %zu bytes", name, max);
	}
	return RD_OK;
}

static enum rd_status check_size(const struct rdkms_request *r, struct rd_error *err)
{
	bool is_data_key = r->operation == RDKMS_GENERATE_DATA_KEY;

	if (!(operations[r->operation].takes & NEEDS_SIZE)) {
		return r->key_spec == NULL && r->number_of_bytes == 0
			       ? RD_OK
			       : rd_fail(err, RD_USAGE, "this operation takes no size");
	}
	RD_TRY(check_word("key_spec", r->key_spec, key_specs, is_data_key, err));
	if (r->key_spec != NULL && r->number_of_bytes != 0) {
		return rd_fail(err, RD_USAGE, "key_spec or number_of_bytes, not both");
	}
	if (r->key_spec == NULL &&
		(r->number_of_bytes == 0 || r->number_of_bytes > RDKMS_RANDOM_MAX)) {
		return rd_fail(err, RD_USAGE, "number_of_bytes must be 1 to %d", RDKMS_RANDOM_MAX);
	}
	return RD_OK;
}

static enum rd_status check_context(const struct rdkms_request *r, struct rd_error *err)
{
	size_t size = 0;

	if (r->n_context > RDKMS_CONTEXT_MAX) {
		return rd_fail(err, RD_USAGE, "an encryption context of more than %d pairs",
			RDKMS_CONTEXT_MAX);
	}
	for (size_t i = 0; i < r->n_context; i++) {
		if (r->context[i].name == NULL || r->context[i].name[0] == '\0' ||
			r->context[i].value == NULL) {
			return rd_fail(err, RD_USAGE,
				"pair %zu of the encryption context has no name or no value",
				i + 1);
		}
		size += strnlen(r->context[i].name, RDKMS_CONTEXT_SIZE_MAX + 1) +
			strnlen(r->context[i].value, RDKMS_CONTEXT_SIZE_MAX + 1);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(r->context[k].name, r->context[i].name) == 0) {
				return rd_fail(err, RD_USAGE,
					"the encryption context has '%.80s' twice",
					r->context[i].name);
			}
		}
	}
	if (size > RDKMS_CONTEXT_SIZE_MAX) {
		return rd_fail(err, RD_USAGE, "the encryption context is larger than %d bytes",
			RDKMS_CONTEXT_SIZE_MAX);
	}
	return RD_OK;
}

static enum rd_status check_options(const struct rdkms_request *r, struct rd_error *err)
{
	if (!(operations[r->operation].takes & TAKES_CONTEXT)) {
		return r->n_context == 0 && r->n_grant_tokens == 0
			       ? RD_OK
			       : rd_fail(err, RD_USAGE,
					 "this operation takes no encryption context and no grant "
					 "tokens");
	}
	if (r->n_grant_tokens > RDKMS_GRANT_TOKENS_MAX) {
		return rd_fail(err, RD_USAGE, "more than %d grant tokens", RDKMS_GRANT_TOKENS_MAX);
	}
	for (size_t i = 0; i < r->n_grant_tokens; i++) {
		RD_TRY(check_text(
			"a grant token", r->grant_tokens[i], RDKMS_TOKEN_MAX, true, true, err));
	}
	return check_context(r, err);
}

enum rd_status rdkms_request_check(const struct rdkms_request *r, struct rd_error *err)
{
	unsigned takes;

	if ((size_t)r->operation >= RD_ARRAY_LEN(operations)) {
		return rd_fail(err, RD_USAGE, "no such operation");
	}
	takes = operations[r->operation].takes;
	RD_TRY(check_text(
		"key_id", r->key_id, RDKMS_KEY_ID_MAX, takes & TAKES_KEY, takes & NEEDS_KEY, err));
	RD_TRY(check_word("algorithm", r->algorithm, algorithms, takes & TAKES_ALGORITHM, err));
	RD_TRY(check_bytes(
		"ciphertext", r->ciphertext, RDKMS_CIPHERTEXT_MAX, takes & NEEDS_CIPHERTEXT, err));
	RD_TRY(check_bytes(
		"plaintext", r->plaintext, RDKMS_PLAINTEXT_MAX, takes & NEEDS_PLAINTEXT, err));
	RD_TRY(check_size(r, err));
	return check_options(r, err);
}

static void write_context(struct rd_json_out *j, const struct rdkms_request *r)
{
	if (r->n_context == 0) {
		return;
	}
	rd_json_out_object(j, "EncryptionContext");
	for (size_t i = 0; i < r->n_context; i++) {
		rd_json_out_str(j, r->context[i].name, r->context[i].value);
	}
	rd_json_out_end(j);
}

static void write_grant_tokens(struct rd_json_out *j, const struct rdkms_request *r)
{
	if (r->n_grant_tokens == 0) {
		return;
	}
	rd_json_out_list(j, "GrantTokens");
	for (size_t i = 0; i < r->n_grant_tokens; i++) {
		rd_json_out_str(j, NULL, r->grant_tokens[i]);
	}
	rd_json_out_end(j);
}

static void write_recipient(struct rd_json_out *j, struct rd_view document)
{
	if (document.ptr == NULL) {
		return;
	}
	rd_json_out_object(j, "Recipient");
	rd_json_out_base64(j, "AttestationDocument", document);
	rd_json_out_str(j, "KeyEncryptionAlgorithm", "RSAES_OAEP_SHA_256");
	rd_json_out_end(j);
}

enum rd_status rdkms_request_write(const struct rdkms_request *r, struct rd_view document,
	struct rd_buf *out, struct rd_error *err)
{
	struct rd_json_out j = rd_json_out(out);
	enum rd_status st;

	rd_json_out_object(&j, NULL);
	rd_json_out_base64(&j, "CiphertextBlob", rd_view(r->ciphertext.ptr, r->ciphertext.len));
	rd_json_out_str(&j, "EncryptionAlgorithm", r->algorithm);
	write_context(&j, r);
	write_grant_tokens(&j, r);
	rd_json_out_str(&j, "KeyId", r->key_id);
	rd_json_out_str(&j, "KeySpec", r->key_spec);
	if (r->number_of_bytes != 0) {
		rd_json_out_int(&j, "NumberOfBytes", r->number_of_bytes);
	}
	rd_json_out_base64(&j, "Plaintext", rd_view(r->plaintext.ptr, r->plaintext.len));
	write_recipient(&j, document);
	rd_json_out_end(&j);
	st = rd_json_out_finish(&j);
	if (st == RD_MALFORMED) {
		return rd_fail(err, RD_USAGE, "the encryption context is not UTF-8");
	}
	return st == RD_OK ? RD_OK : rd_fail(err, st, "the request is too large");
}

/* As the server does it: what was written is read, so that how it was written is no matter. */
enum rd_status rdkms_request_digest(
	enum rdkms_operation operation, struct rd_view body, uint8_t ret_digest[RD_SHA256_SIZE])
{
	json_t *request RD_CLEANUP(rd_json_in_free) = NULL;

	RD_TRY(rd_json_in_parse(body, &request));
	return rd_request_digest(rdkms_operation_name(operation), request, ret_digest);
}

enum rd_status rdkms_credentials_check(const struct rdkms_credentials *c, struct rd_error *err)
{
	RD_TRY(check_text("access_key_id", c->access_key_id, RDKMS_AKID_MAX, true, true, err));
	RD_TRY(check_text(
		"secret_access_key", c->secret_access_key, RDKMS_SECRET_MAX, true, true, err));
	return check_text("session_token", c->session_token, RDKMS_TOKEN_MAX, true, false, err);
}
