/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a JSON request: every getter over a few members, and findings that can be answered.
 */
#include "aws/error.h"
#include "aws/json_in.h"
#include "aws/key_ref.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void read_key_ref(struct rd_view text)
{
	struct rd_key_ref ref;
	struct rd_principal principal;

	if (rd_key_ref_parse(text, &ref) == RD_OK) {
		require(ref.name.len > 0 && ref.name.ptr >= text.ptr);
	}
	if (rd_principal_parse(text, &principal) == RD_OK) {
		struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_ARN_SIZE_MAX);

		require(rd_principal_put(&principal, &out) == RD_OK);
		require(rd_view_equal(rd_buf_view(&out), text));
	}
}

static enum rd_status read_scalars(const struct rd_json_in *in)
{
	static const struct rd_json_string_rule key_id = {.required = true, .min = 1, .max = 2048};
	static const struct rd_json_blob_rule plaintext = {.min = 1, .max = 64};
	static const struct rd_json_int_rule number = {.min = 1, .max = 1024};
	static const char *const specs[] = {"AES_256", "AES_128"};
	uint8_t storage[66];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct rd_view text;
	uint64_t ms;
	int64_t value;
	bool flag;
	int index;

	RD_TRY(rd_json_in_string(in, "KeyId", &key_id, &text));
	if (text.ptr != NULL) {
		read_key_ref(text);
	}
	RD_TRY(rd_json_in_blob(in, "Plaintext", &plaintext, &out, &text));
	require(text.len <= plaintext.max);
	RD_TRY(rd_json_in_int(in, "NumberOfBytes", &number, &flag, &value));
	require(!flag || (value >= number.min && value <= number.max));
	RD_TRY(rd_json_in_enum(in, "KeySpec", false, specs, 2, &index));
	require(index >= -1 && index < 2);
	RD_TRY(rd_json_in_bool(in, "DryRun", false, &flag));
	return rd_json_in_time(in, "ValidTo", &flag, &ms);
}

static enum rd_status read_groups(const struct rd_json_in *in)
{
	static const struct rd_json_string_rule tag_key = {.required = true, .min = 1, .max = 128};
	static const struct rd_json_list_rule tags = {.max = 50};
	struct rd_json_pair pairs[16];
	struct rd_json_list list;
	struct rd_json_in child;
	struct rd_view text;
	size_t n;

	RD_TRY(rd_json_in_map(in, "EncryptionContext", pairs, 16, &n));
	require(n <= 16);
	RD_TRY(rd_json_in_list(in, "Tags", &tags, &list));
	for (size_t i = 0; i < list.n; i++) {
		RD_TRY(rd_json_list_object(in, &list, i, &child));
		RD_TRY(rd_json_in_string(&child, "TagKey", &tag_key, &text));
	}
	RD_TRY(rd_json_in_object(in, "Recipient", false, &child));
	return child.object == NULL ? RD_OK : read_scalars(&child);
}

/* jansson is the judge of what our reader takes and refuses: only limits and lists are ours. */
static void compare_with_jansson(struct rd_view text, enum rd_status st, const json_t *json)
{
	json_error_t why;
	json_t *theirs RD_CLEANUP(rd_json_in_free) = json_loadb(
		(const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &why);

	if (st == RD_OK) {
		require(text.len == 0 || (theirs != NULL && json_equal(json, theirs) == 1));
	} else if (st == RD_DUPLICATE) {
		require(theirs == NULL && json_error_code(&why) == json_error_duplicate_key);
	} else {
		require(theirs == NULL || st == RD_LIMIT || st == RD_TOO_DEEP ||
			(st == RD_BAD_TYPE && json_is_array(theirs)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_buf message RD_CLEANUP(rd_buf_finish) = rd_buf_growable(16384);
	struct rd_buf body RD_CLEANUP(rd_buf_finish) = rd_buf_growable(131072);
	json_t *json RD_CLEANUP(rd_json_in_free) = NULL;
	struct rd_validation v = {0};
	struct rd_json_in in;
	enum rd_status st = rd_json_in_parse(rd_view(data, size), &json);

	compare_with_jansson(rd_view(data, size), st, json);
	if (st != RD_OK) {
		return 0;
	}
	in = rd_json_in(json, &v);
	if (read_scalars(&in) != RD_OK || read_groups(&in) != RD_OK || !v.failed) {
		return 0;
	}
	require(v.count > 0);
	require(rd_validation_message(&v, &message) == RD_OK);
	require(rd_aws_error_json("ValidationException", rd_buf_view(&message), &body) == RD_OK);
	/* What we answer is JSON by our own rules. */
	rd_json_in_free(&json);
	require(rd_json_in_parse(rd_buf_view(&body), &json) == RD_OK);
	return 0;
}
