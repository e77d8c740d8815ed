/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes, kept for the next calls. */
#include "kms/fresh.h"

#include "aws/key_ref.h"
#include "base/secret.h"
#include "crypto/random.h"

#include <string.h>

static_assert(KMS_REQUEST_ID_SIZE > RD_KEY_ID_SIZE, "a UUID and its end");

enum rd_status kms_fresh_init(struct kms_fresh *fresh)
{
	return rd_secret_init(&fresh->kept, KMS_FRESH_KEPT);
}

void kms_fresh_finish(struct kms_fresh *fresh)
{
	rd_secret_finish(&fresh->kept);
}

enum rd_status kms_fresh_take(struct kms_fresh *fresh, void *dst, size_t n)
{
	struct rd_secret *kept;

	if (fresh == NULL || n > fresh->kept.cap) {
		return rd_random_bytes(dst, n);
	}
	kept = &fresh->kept;
	if (kept->len < n) {
		RD_TRY(rd_secret_random(kept, kept->cap));
	}
	kept->len -= n;
	memcpy(dst, kept->ptr + kept->len, n);
	/* Nobody can be given them again. */
	rd_wipe(kept->ptr + kept->len, n);
	return RD_OK;
}

enum rd_status kms_fresh_secret(struct kms_fresh *fresh, struct rd_secret *s, size_t n)
{
	rd_secret_clear(s);
	RD_ENSURE(n <= s->cap, RD_NOSPACE);
	RD_TRY(kms_fresh_take(fresh, s->ptr, n));
	s->len = n;
	return RD_OK;
}

enum rd_status kms_request_id(struct kms_fresh *fresh, char ret_text[KMS_REQUEST_ID_SIZE])
{
	uint8_t id[16];

	RD_TRY(kms_fresh_take(fresh, id, sizeof(id)));
	rd_key_id_make(id, false, ret_text);
	return RD_OK;
}
