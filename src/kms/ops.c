/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of operations: all 56 that clients know, also those that this server refuses (tier 4 of
 * kms.md 2.2: several regions, key stores of others, ML-KEM), because a client that is told
 * UnsupportedOperationException knows more than one that is told UnknownOperationException.
 */
#include "kms/ops.h"

#include "kms/authorize.h"

#include <stdlib.h>
#include <string.h>

/* There is one region, and no key store but our own. */
static enum rd_status unsupported(struct kms_call *call)
{
	return kms_fail(
		call, KMS_FAULT_UNSUPPORTED, "%s is not supported by this server.", call->op->name);
}

static enum rd_status describe_custom_key_stores(struct kms_call *call)
{
	const struct kms_question question = {
		.action = "kms:DescribeCustomKeyStores", .resource = "*"};

	RD_TRY(kms_authorize(call, &question));
	if (json_object_get(call->in, "CustomKeyStoreId") != NULL ||
		json_object_get(call->in, "CustomKeyStoreName") != NULL) {
		return kms_fail(call, KMS_FAULT_STORE_NOT_FOUND, "%s", "");
	}
	call->out = json_pack("{s:[], s:b}", "CustomKeyStores", "Truncated", 0);
	RD_ENSURE(call->out != NULL, RD_NOMEM);
	return RD_OK;
}

/* Sorted by name, for bsearch. */
const struct kms_op kms_ops[] = {
	{"CancelKeyDeletion", kms_op_cancel_key_deletion, KMS_OP_WRITES},
	{"ConnectCustomKeyStore", unsupported, 0},
	{"CreateAlias", kms_op_create_alias, KMS_OP_WRITES},
	{"CreateCustomKeyStore", unsupported, 0},
	{"CreateGrant", kms_op_create_grant, KMS_OP_WRITES},
	{"CreateKey", kms_op_create_key, KMS_OP_WRITES | KMS_OP_SLOW},
	{"Decapsulate", unsupported, 0},
	{"Decrypt", kms_op_decrypt, 0},
	{"DeleteAlias", kms_op_delete_alias, KMS_OP_WRITES},
	{"DeleteCustomKeyStore", unsupported, 0},
	{"DeleteImportedKeyMaterial", kms_op_delete_imported_key_material, KMS_OP_WRITES},
	{"DeriveSharedSecret", kms_op_derive_shared_secret, 0},
	{"DescribeCustomKeyStores", describe_custom_key_stores, 0},
	{"DescribeKey", kms_op_describe_key, 0},
	{"DisableKey", kms_op_disable_key, KMS_OP_WRITES},
	{"DisableKeyRotation", kms_op_disable_key_rotation, KMS_OP_WRITES},
	{"DisconnectCustomKeyStore", unsupported, 0},
	{"EnableKey", kms_op_enable_key, KMS_OP_WRITES},
	{"EnableKeyRotation", kms_op_enable_key_rotation, KMS_OP_WRITES},
	{"Encapsulate", unsupported, 0},
	{"Encrypt", kms_op_encrypt, 0},
	{"GenerateDataKey", kms_op_generate_data_key, 0},
	{"GenerateDataKeyPair", kms_op_generate_data_key_pair, KMS_OP_SLOW},
	{"GenerateDataKeyPairWithoutPlaintext", kms_op_generate_data_key_pair_without_plaintext,
		KMS_OP_SLOW},
	{"GenerateDataKeyWithoutPlaintext", kms_op_generate_data_key_without_plaintext, 0},
	{"GenerateMac", kms_op_generate_mac, 0},
	{"GenerateRandom", kms_op_generate_random, 0},
	{"GetKeyLastUsage", kms_op_get_key_last_usage, 0},
	{"GetKeyPolicy", kms_op_get_key_policy, 0},
	{"GetKeyRotationStatus", kms_op_get_key_rotation_status, 0},
	{"GetParametersForImport", kms_op_get_parameters_for_import, KMS_OP_SLOW},
	{"GetPublicKey", kms_op_get_public_key, 0},
	{"ImportKeyMaterial", kms_op_import_key_material, KMS_OP_WRITES},
	{"ListAliases", kms_op_list_aliases, 0},
	{"ListGrants", kms_op_list_grants, 0},
	{"ListKeyPolicies", kms_op_list_key_policies, 0},
	{"ListKeyRotations", kms_op_list_key_rotations, 0},
	{"ListKeys", kms_op_list_keys, 0},
	{"ListResourceTags", kms_op_list_resource_tags, 0},
	{"ListRetirableGrants", kms_op_list_retirable_grants, 0},
	{"PutKeyPolicy", kms_op_put_key_policy, KMS_OP_WRITES},
	{"ReEncrypt", kms_op_re_encrypt, 0},
	{"ReplicateKey", unsupported, 0},
	{"RetireGrant", kms_op_retire_grant, KMS_OP_WRITES},
	{"RevokeGrant", kms_op_revoke_grant, KMS_OP_WRITES},
	{"RotateKeyOnDemand", kms_op_rotate_key_on_demand, KMS_OP_WRITES},
	{"ScheduleKeyDeletion", kms_op_schedule_key_deletion, KMS_OP_WRITES},
	{"Sign", kms_op_sign, 0},
	{"TagResource", kms_op_tag_resource, KMS_OP_WRITES},
	{"UntagResource", kms_op_untag_resource, KMS_OP_WRITES},
	{"UpdateAlias", kms_op_update_alias, KMS_OP_WRITES},
	{"UpdateCustomKeyStore", unsupported, 0},
	{"UpdateKeyDescription", kms_op_update_key_description, KMS_OP_WRITES},
	{"UpdatePrimaryRegion", unsupported, 0},
	{"Verify", kms_op_verify, 0},
	{"VerifyMac", kms_op_verify_mac, 0},
};
const size_t kms_ops_count = RD_ARRAY_LEN(kms_ops);

static int compare(const void *wanted, const void *element)
{
	const struct rd_view *name = wanted;
	const struct kms_op *op = element;
	size_t len = strlen(op->name);
	int order = memcmp(name->ptr, op->name, name->len < len ? name->len : len);

	return order != 0 ? order : (name->len > len) - (name->len < len);
}

const struct kms_op *kms_op_find(struct rd_view name)
{
	RD_ENSURE(name.ptr != NULL && name.len > 0, NULL);
	return bsearch(&name, kms_ops, kms_ops_count, sizeof(kms_ops[0]), compare);
}
