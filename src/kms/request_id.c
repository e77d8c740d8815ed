/* SPDX-License-Identifier: Apache-2.0 */
/* Request ids. */
#include "kms/request_id.h"

#include "aws/key_ref.h"
#include "crypto/random.h"

static_assert(KMS_REQUEST_ID_SIZE == RD_KEY_ID_SIZE + 1, "both are UUIDs");

enum rd_status kms_request_ids_next(struct kms_request_ids *ids, char ret_text[KMS_REQUEST_ID_SIZE])
{
	if (ids->left == 0) {
		RD_TRY(rd_random_bytes(ids->bytes, sizeof(ids->bytes)));
		ids->left = KMS_REQUEST_IDS_KEPT;
	}
	rd_key_id_make(ids->bytes[--ids->left], false, ret_text);
	return RD_OK;
}

enum rd_status kms_request_id(char ret_text[KMS_REQUEST_ID_SIZE])
{
	uint8_t id[16];

	RD_TRY(rd_random_bytes(id, sizeof(id)));
	rd_key_id_make(id, false, ret_text);
	return RD_OK;
}
