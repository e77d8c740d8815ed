/* SPDX-License-Identifier: Apache-2.0 */
/* Uses of keys. */
#include "kms/use.h"

#include "kms/blob.h"
#include "kms/keys.h"

void kms_use_finish(struct kms_use *use)
{
	if (use->call != NULL) {
		kms_cache_put(use->call->kms->cache, rd_steal(&use->key, NULL));
	}
}

enum rd_status kms_use_find(struct kms_call *call, const char *key_id, struct kms_use *ret)
{
	*ret = (struct kms_use){.call = call};
	return kms_key_resolve(call, key_id, KMS_KEY_BY_ANYTHING, &ret->key, ret->alias);
}

enum rd_status kms_use_authorize(const struct kms_use *use, struct kms_ask *ask,
	const struct kms_encryption_context *context, json_t *grant_tokens)
{
	if (context != NULL && use->key->record.spec == KMS_SPEC_SYMMETRIC_DEFAULT) {
		ask->question.context = context->json;
	}
	ask->question.alias = use->alias;
	ask->question.grant_tokens = grant_tokens;
	return kms_ask(use->call, ask);
}

enum rd_status kms_use_check(const struct kms_use *use, enum kms_usage usage,
	const struct kms_algorithm_param *algorithm)
{
	RD_TRY(kms_key_needs_usage(use->call, use->key, usage));
	RD_TRY(kms_algorithm_check(use->call, use->key, algorithm));
	RD_TRY(kms_key_needs_state(use->call, use->key, KMS_IN_ENABLED));
	kms_key_used(use->call, use->key);
	return RD_OK;
}

enum rd_status kms_use_material(const struct kms_use *use, const struct kms_cached_material **ret)
{
	*ret = kms_key_current(use->key);
	if (*ret == NULL || (*ret)->secret.ptr == NULL) {
		return kms_settle(use->call, RD_INTERNAL);
	}
	return RD_OK;
}

enum rd_status kms_use_seal(const struct kms_use *use, const struct kms_encryption_context *context,
	struct rd_view plaintext, struct rd_buf *out)
{
	return kms_settle(use->call,
		kms_blob_seal(use->call, use->key, rd_buf_view(&context->encoded), plaintext, out));
}

const char *kms_use_material_id(const struct kms_use *use)
{
	const struct kms_cached_material *material = use->key->record.spec ==
								     KMS_SPEC_SYMMETRIC_DEFAULT
							     ? kms_key_current(use->key)
							     : NULL;

	return material != NULL ? material->record.id : NULL;
}
