/* SPDX-License-Identifier: Apache-2.0 */
/* Records: their names on the wire, and what they own. */
#include "kms/model.h"

#include <stdlib.h>
#include <string.h>

static const char *const spec_names[KMS_SPEC_COUNT] = {
#define X(name) #name,
	KMS_SPEC_LIST(X)
#undef X
};

static const char *const usage_names[KMS_USAGE_COUNT] = {
	[KMS_ENCRYPT_DECRYPT] = "ENCRYPT_DECRYPT",
	[KMS_SIGN_VERIFY] = "SIGN_VERIFY",
	[KMS_GENERATE_VERIFY_MAC] = "GENERATE_VERIFY_MAC",
	[KMS_KEY_AGREEMENT] = "KEY_AGREEMENT",
};

static const char *const origin_names[KMS_ORIGIN_COUNT] = {
	[KMS_ORIGIN_AWS_KMS] = "AWS_KMS",
	[KMS_ORIGIN_EXTERNAL] = "EXTERNAL",
};

static const char *const state_names[KMS_STATE_COUNT] = {
	[KMS_STATE_ENABLED] = "Enabled",
	[KMS_STATE_DISABLED] = "Disabled",
	[KMS_STATE_PENDING_DELETION] = "PendingDeletion",
	[KMS_STATE_PENDING_IMPORT] = "PendingImport",
};

const char *kms_spec_name(enum kms_spec spec)
{
	return (unsigned)spec < KMS_SPEC_COUNT ? spec_names[spec] : NULL;
}

const char *kms_usage_name(enum kms_usage usage)
{
	return (unsigned)usage < KMS_USAGE_COUNT ? usage_names[usage] : NULL;
}

const char *kms_origin_name(enum kms_origin origin)
{
	return (unsigned)origin < KMS_ORIGIN_COUNT ? origin_names[origin] : NULL;
}

const char *kms_state_name(enum kms_state state)
{
	return (unsigned)state < KMS_STATE_COUNT ? state_names[state] : NULL;
}

bool kms_spec_of(const char *name, enum kms_spec *ret)
{
	for (size_t i = 0; i < KMS_SPEC_COUNT; i++) {
		if (strcmp(spec_names[i], name) == 0) {
			*ret = (enum kms_spec)i;
			return true;
		}
	}
	return false;
}

bool kms_usage_of(const char *name, enum kms_usage *ret)
{
	for (size_t i = 0; i < KMS_USAGE_COUNT; i++) {
		if (strcmp(usage_names[i], name) == 0) {
			*ret = (enum kms_usage)i;
			return true;
		}
	}
	return false;
}

static void drop(char **text)
{
	free(*text);
	*text = NULL;
}

void kms_key_finish(struct kms_key *key)
{
	drop(&key->description);
	drop(&key->policy);
}

void kms_material_finish(struct kms_material *material)
{
	free(material->wrapped);
	material->wrapped = NULL;
	material->wrapped_len = 0;
}

void kms_grant_finish(struct kms_grant *grant)
{
	drop(&grant->context_equals);
	drop(&grant->context_subset);
}

void kms_principal_finish(struct kms_principal *principal)
{
	drop(&principal->trust_policy);
	drop(&principal->boundary);
}
