/* SPDX-License-Identifier: Apache-2.0 */
/* Pagination markers. */
#include "kms/marker.h"

#include "base/secret.h"
#include "base/text.h"

#include <string.h>

#define MAC_SIZE 32
/* Four texts with their lengths; the account and the operation's name are short. */
#define MESSAGE_MAX (KMS_PRINCIPAL_SIZE + KMS_ARN_SIZE + KMS_MARKER_LAST_SIZE)

static enum rd_status mac_of(
	struct kms_call *call, const char *subject, struct rd_view last, uint8_t ret_mac[MAC_SIZE])
{
	uint8_t storage[MESSAGE_MAX];
	struct rd_buf message = rd_buf_fixed(storage, sizeof(storage));
	const struct rd_view parts[] = {rd_view_str(call->op->name), rd_view_str(call->who.account),
		rd_view_str(subject), last};

	for (size_t i = 0; i < RD_ARRAY_LEN(parts); i++) {
		RD_TRY(rd_buf_be32(&message, (uint32_t)parts[i].len));
		RD_TRY(rd_buf_put_view(&message, parts[i]));
	}
	return kms_keyed_hash(
		call->kms->keyring, KMS_PURPOSE_MARKER, rd_buf_view(&message), ret_mac);
}

enum rd_status kms_marker_make(struct kms_call *call, const char *subject, const char *last,
	char ret_marker[KMS_MARKER_SIZE])
{
	uint8_t bytes[MAC_SIZE + KMS_MARKER_LAST_SIZE];
	struct rd_buf raw = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_buf text = rd_buf_fixed(ret_marker, KMS_MARKER_SIZE);
	uint8_t mac[MAC_SIZE];

	RD_TRY(mac_of(call, subject, rd_view_str(last), mac));
	RD_TRY(rd_buf_put(&raw, mac, sizeof(mac)));
	RD_TRY(rd_buf_put_str(&raw, last));
	RD_TRY(rd_base64_encode(rd_buf_view(&raw), &text));
	return rd_buf_u8(&text, 0);
}

/* RD_MALFORMED for every marker that is not ours. */
static enum rd_status open_marker(struct kms_call *call, const char *subject, struct rd_view text,
	char ret_last[KMS_MARKER_LAST_SIZE])
{
	uint8_t bytes[MAC_SIZE + KMS_MARKER_LAST_SIZE];
	struct rd_buf raw = rd_buf_fixed(bytes, sizeof(bytes));
	uint8_t mac[MAC_SIZE];
	struct rd_cur cur;
	struct rd_view got, last;

	RD_ENSURE(rd_base64_decode(text, &raw) == RD_OK, RD_MALFORMED);
	cur = rd_cur(rd_buf_view(&raw));
	RD_ENSURE(rd_cur_take(&cur, MAC_SIZE, &got) == RD_OK, RD_MALFORMED);
	RD_ENSURE(cur.left < KMS_MARKER_LAST_SIZE, RD_MALFORMED);
	last = rd_view(cur.ptr, cur.left);
	RD_TRY(mac_of(call, subject, last, mac));
	RD_ENSURE(rd_equal_constant_time(got, rd_view(mac, sizeof(mac))), RD_MALFORMED);
	memcpy(ret_last, last.ptr, last.len);
	ret_last[last.len] = '\0';
	return RD_OK;
}

enum rd_status kms_marker_read(struct kms_call *call, const char *subject, const char *marker,
	char ret_last[KMS_MARKER_LAST_SIZE])
{
	enum rd_status st;

	ret_last[0] = '\0';
	if (marker == NULL) {
		return RD_OK;
	}
	st = open_marker(call, subject, rd_view_str(marker), ret_last);
	if (st == RD_MALFORMED) {
		return kms_fail(call, KMS_FAULT_INVALID_MARKER,
			"The marker is not one that this list has given.");
	}
	return kms_settle(call, st);
}

enum rd_status kms_listing_begin(
	struct kms_call *call, const char *subject, struct kms_page page, struct kms_listing *ret)
{
	*ret = (struct kms_listing){.call = call, .limit = page.limit};
	RD_TRY(kms_marker_read(call, subject, page.marker, ret->last));
	ret->items = json_array();
	return kms_settle(call, ret->items == NULL ? RD_NOMEM : RD_OK);
}

void kms_listing_finish(struct kms_listing *listing)
{
	json_decref(listing->items);
	listing->items = NULL;
}

bool kms_listing_is_full(struct kms_listing *listing)
{
	if (json_array_size(listing->items) < listing->limit) {
		return false;
	}
	listing->truncated = true;
	return true;
}

enum rd_status kms_listing_add(struct kms_listing *listing, json_t *item, const char *last)
{
	size_t len = strlen(last);

	RD_ENSURE(json_array_append_new(listing->items, item) == 0, RD_NOMEM);
	RD_ENSURE(len < sizeof(listing->last), RD_LIMIT);
	memcpy(listing->last, last, len + 1);
	return RD_OK;
}

static enum rd_status put_end(struct kms_listing *listing, json_t *out, const char *subject)
{
	char marker[KMS_MARKER_SIZE];

	RD_ENSURE(json_object_set_new(out, "Truncated", json_boolean(listing->truncated)) == 0,
		RD_NOMEM);
	if (!listing->truncated) {
		return RD_OK;
	}
	RD_TRY(kms_marker_make(listing->call, subject, listing->last, marker));
	RD_ENSURE(json_object_set_new(out, "NextMarker", json_string(marker)) == 0, RD_NOMEM);
	return RD_OK;
}

enum rd_status kms_listing_answer(
	struct kms_listing *listing, enum rd_status st, const char *member, const char *subject)
{
	struct kms_call *call = listing->call;
	json_t *out;

	RD_TRY(kms_settle(call, st));
	out = json_pack("{s:O}", member, listing->items);
	if (out == NULL) {
		return kms_settle(call, RD_NOMEM);
	}
	st = put_end(listing, out, subject);
	if (st != RD_OK) {
		json_decref(out);
		return kms_settle(call, st);
	}
	call->out = out;
	return RD_OK;
}
