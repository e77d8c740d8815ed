/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs name a key by the bytes of its id, and the material by those of its. */
#include "kms/blob.h"

#include "aws/key_ref.h"
#include "base/text.h"
#include "kms/keys.h"

#include <string.h>

static_assert(sizeof(((struct kms *)0)->installation) == RD_ENVELOPE_INSTALLATION_SIZE,
	"a blob has room for the installation");

/* The 16 bytes of a UUID's text. */
static enum rd_status key_id_bytes(const char *id, uint8_t ret[RD_ENVELOPE_KEY_ID_SIZE])
{
	char digits[2 * RD_ENVELOPE_KEY_ID_SIZE];
	struct rd_buf bytes = rd_buf_fixed(ret, RD_ENVELOPE_KEY_ID_SIZE);
	size_t n = 0;

	for (; *id != '\0'; id++) {
		if (*id != '-') {
			RD_ENSURE(n < sizeof(digits), RD_MALFORMED);
			digits[n++] = *id;
		}
	}
	RD_ENSURE(n == sizeof(digits), RD_MALFORMED);
	return rd_hex_decode(rd_view(digits, n), &bytes);
}

static enum rd_status material_id_bytes(const char *id, uint8_t ret[RD_ENVELOPE_MATERIAL_ID_SIZE])
{
	struct rd_buf bytes = rd_buf_fixed(ret, RD_ENVELOPE_MATERIAL_ID_SIZE);

	RD_TRY(rd_hex_decode(rd_view_str(id), &bytes));
	RD_ENSURE(bytes.used == RD_ENVELOPE_MATERIAL_ID_SIZE, RD_MALFORMED);
	return RD_OK;
}

enum rd_status kms_blob_seal(const struct kms_call *call, const struct kms_cached_key *key,
	struct rd_view context, struct rd_view plaintext, struct rd_buf *out)
{
	const struct kms_cached_material *material = kms_key_current(key);
	struct rd_envelope_random random;
	struct rd_envelope_id id;

	RD_ENSURE(material != NULL && material->secret.ptr != NULL, RD_NOTFOUND);
	RD_ENSURE(material->secret.len == RD_ENVELOPE_BACKING_KEY_SIZE, RD_INTERNAL);
	memcpy(id.installation, call->kms->installation, sizeof(id.installation));
	RD_TRY(key_id_bytes(key->record.id, id.key_id));
	RD_TRY(material_id_bytes(material->record.id, id.material_id));
	RD_TRY(kms_fresh_take(call->fresh, &random, sizeof(random)));
	return rd_envelope_seal(&id, material->secret.ptr, context, plaintext, &random, out);
}

enum rd_status kms_blob_key_id(
	const struct kms *kms, const struct rd_envelope *envelope, char ret_id[KMS_KEY_ID_SIZE])
{
	RD_ENSURE(memcmp(envelope->id.installation, kms->installation,
			  RD_ENVELOPE_INSTALLATION_SIZE) == 0,
		RD_NOTFOUND);
	rd_key_id_string(envelope->id.key_id, ret_id);
	return RD_OK;
}

const struct kms_cached_material *kms_blob_material(
	const struct kms_cached_key *key, const struct rd_envelope *envelope)
{
	char hex[KMS_MATERIAL_ID_SIZE];

	rd_hex_string(rd_view(envelope->id.material_id, sizeof(envelope->id.material_id)), hex);
	for (size_t i = 0; i < key->n_materials; i++) {
		if (strcmp(key->materials[i].record.id, hex) == 0) {
			return &key->materials[i];
		}
	}
	return NULL;
}
