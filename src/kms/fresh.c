/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces and request ids. */
#include "kms/fresh.h"

#include "aws/key_ref.h"
#include "base/secret.h"
#include "crypto/random.h"

#include <string.h>

static_assert(KMS_REQUEST_ID_SIZE > RD_KEY_ID_SIZE, "a UUID and its end");

enum rd_status kms_fresh_take(struct kms_fresh *fresh, void *dst, size_t n)
{
	if (fresh == NULL) {
		return rd_random_bytes(dst, n);
	}
	RD_ENSURE(n <= sizeof(fresh->bytes), RD_USAGE);
	if (fresh->left < n) {
		fresh->left = 0;
		RD_TRY(rd_random_bytes(fresh->bytes, sizeof(fresh->bytes)));
		fresh->left = sizeof(fresh->bytes);
	}
	fresh->left -= n;
	memcpy(dst, fresh->bytes + fresh->left, n);
	/* Nobody can be given them again. */
	rd_wipe(fresh->bytes + fresh->left, n);
	return RD_OK;
}

enum rd_status kms_request_id(struct kms_fresh *fresh, char ret_text[KMS_REQUEST_ID_SIZE])
{
	uint8_t id[16];

	RD_TRY(kms_fresh_take(fresh, id, sizeof(id)));
	rd_key_id_make(id, false, ret_text);
	return RD_OK;
}
