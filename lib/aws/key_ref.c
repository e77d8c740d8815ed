/* SPDX-License-Identifier: Apache-2.0 */
/* Key references. */
#include "aws/key_ref.h"

#include "aws/uri.h"
#include "base/text.h"

#include <string.h>

static bool is_hex(struct rd_view v)
{
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) {
			return false;
		}
	}
	return true;
}

static bool is_uuid(struct rd_view id)
{
	static const size_t lengths[] = {8, 4, 4, 4, 12};
	struct rd_view rest = id;

	for (size_t i = 0; i < RD_ARRAY_LEN(lengths); i++) {
		struct rd_view part = rd_text_cut(rest, '-', &rest);

		if (part.len != lengths[i] || !is_hex(part)) {
			return false;
		}
	}
	return rest.ptr == NULL;
}

bool rd_key_id_is_valid(struct rd_view id)
{
	if (id.len != RD_KEY_ID_SIZE) {
		return false;
	}
	return rd_text_has_prefix(id, "mrk-") ? is_hex(rd_text_from(id, 4)) : is_uuid(id);
}

static bool is_alias_char(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '/' || c == '_' || c == '-';
}

enum rd_alias_verdict rd_alias_check(struct rd_view name)
{
	size_t prefix = strlen(RD_ALIAS_PREFIX);

	if (!rd_text_has_prefix(name, RD_ALIAS_PREFIX)) {
		return RD_ALIAS_NO_PREFIX;
	}
	if (rd_text_has_prefix(name, RD_ALIAS_AWS_PREFIX)) {
		return RD_ALIAS_RESERVED;
	}
	if (name.len == prefix || name.len > RD_ALIAS_NAME_MAX) {
		return RD_ALIAS_BAD_NAME;
	}
	for (size_t i = prefix; i < name.len; i++) {
		if (!is_alias_char(name.ptr[i])) {
			return RD_ALIAS_BAD_NAME;
		}
	}
	return RD_ALIAS_OK;
}

/* Also reserved ones: a reference to alias/aws/kms is well-formed, and simply finds nothing. */
static bool is_alias_name(struct rd_view name)
{
	enum rd_alias_verdict verdict = rd_alias_check(name);

	return verdict == RD_ALIAS_OK ||
	       (verdict == RD_ALIAS_RESERVED && name.len <= RD_ALIAS_NAME_MAX);
}

static enum rd_status parse_arn(struct rd_view text, struct rd_key_ref *ret)
{
	struct rd_key_ref ref = {0};

	RD_TRY(rd_arn_parse(text, &ref.arn));
	RD_ENSURE(rd_text_is(ref.arn.service, "kms"), RD_MALFORMED);
	RD_ENSURE(ref.arn.region.len > 0 && ref.arn.account.len > 0, RD_MALFORMED);
	if (rd_text_has_prefix(ref.arn.resource, "key/")) {
		ref.kind = RD_KEY_REF_ARN;
		ref.name = rd_text_from(ref.arn.resource, 4);
		RD_ENSURE(rd_key_id_is_valid(ref.name), RD_MALFORMED);
	} else {
		ref.kind = RD_KEY_REF_ALIAS_ARN;
		ref.name = ref.arn.resource;
		RD_ENSURE(is_alias_name(ref.name), RD_MALFORMED);
	}
	*ret = ref;
	return RD_OK;
}

enum rd_status rd_key_ref_parse(struct rd_view text, struct rd_key_ref *ret)
{
	struct rd_key_ref ref = {.kind = RD_KEY_REF_ID, .name = text};

	if (rd_text_has_prefix(text, "arn:")) {
		return parse_arn(text, ret);
	}
	if (is_alias_name(text)) {
		ref.kind = RD_KEY_REF_ALIAS;
	} else {
		RD_ENSURE(rd_key_id_is_valid(text), RD_NOTFOUND);
	}
	*ret = ref;
	return RD_OK;
}

void rd_key_id_string(const uint8_t bytes[16], char ret_id[RD_KEY_ID_SIZE + 1])
{
	static const size_t groups[] = {4, 2, 2, 2, 6};
	char *at = ret_id;
	size_t from = 0;

	for (size_t i = 0; i < RD_ARRAY_LEN(groups); i++) {
		if (i > 0) {
			*at++ = '-';
		}
		rd_hex_string(rd_view(bytes + from, groups[i]), at);
		at += 2 * groups[i];
		from += groups[i];
	}
}

void rd_key_id_make(const uint8_t random[16], bool multi_region, char ret_id[RD_KEY_ID_SIZE + 1])
{
	uint8_t bytes[16];

	memcpy(bytes, random, sizeof(bytes));
	if (multi_region) {
		memcpy(ret_id, "mrk-", 4);
		rd_hex_string(rd_view(bytes, sizeof(bytes)), ret_id + 4);
		return;
	}
	/* RFC 9562, 5.4: version 4, variant 10. */
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	rd_key_id_string(bytes, ret_id);
}
