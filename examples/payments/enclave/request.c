/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what custodians signed. */
#include "enclave/request.h"

#include "cbor/decode.h"
#include "wire/link.h"

#define EXPORT_LABEL "redoubt-payments export v1"
#define POLICY_LABEL "redoubt-payments policy v1"

static enum rd_status take_text(struct rd_cbor *d, size_t max, struct rd_view *ret)
{
	RD_TRY(rd_cbor_text(d, ret));
	RD_ENSURE(ret->len > 0 && ret->len <= max, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status take_export(struct rd_cbor *d, struct dual_request *ret)
{
	RD_TRY(take_text(d, PAY_MERCHANT_MAX, &ret->merchant));
	RD_TRY(take_text(d, PAY_TOKEN_MAX, &ret->token));
	RD_TRY(rd_cbor_bytes(d, &ret->recipient));
	return take_text(d, PAY_WORD_MAX, &ret->reason);
}

enum rd_status request_read(struct rd_view bytes, bool is_export, struct dual_request *ret)
{
	struct rd_cbor_iter it;
	struct rd_view label;
	struct rd_cbor d;
	bool more = false;

	*ret = (struct dual_request){0};
	rd_cbor_init(&d, bytes, RD_CBOR_STRICT);
	RD_TRY(rd_cbor_array_of(&d, is_export ? 6 : 3, &it));
	RD_TRY(rd_cbor_text(&d, &label));
	RD_ENSURE(rd_view_equal(label, rd_view_str(is_export ? EXPORT_LABEL : POLICY_LABEL)),
		RD_UNSUPPORTED);
	RD_TRY(rd_cbor_bytes(&d, &ret->nonce));
	if (is_export) {
		RD_TRY(take_export(&d, ret));
	} else {
		RD_TRY(rd_cbor_bytes(&d, &ret->policy));
		RD_ENSURE(ret->policy.len <= PAY_POLICY_MAX, RD_LIMIT);
	}
	RD_TRY(rd_cbor_more(&d, &it, &more));
	return rd_cbor_finish(&d);
}
