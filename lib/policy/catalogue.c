/* SPDX-License-Identifier: Apache-2.0 */
/* The actions and condition keys that exist. */
#include "policy/catalogue.h"

#include "policy/attested.h"
#include "policy/match.h"

#include <string.h>

const struct rd_catalogue_action RD_CATALOGUE_ACTIONS[] = {
	{"kms:CancelKeyDeletion", RD_ACTION_KEY},
	{"kms:ConnectCustomKeyStore", RD_ACTION_ACCOUNT},
	{"kms:CreateAlias", RD_ACTION_KEY},
	{"kms:CreateCustomKeyStore", RD_ACTION_ACCOUNT},
	{"kms:CreateGrant", RD_ACTION_KEY},
	{"kms:CreateKey", RD_ACTION_ACCOUNT},
	{"kms:Decapsulate", RD_ACTION_KEY},
	{"kms:Decrypt", RD_ACTION_PLAINTEXT},
	{"kms:DeleteAlias", RD_ACTION_KEY},
	{"kms:DeleteCustomKeyStore", RD_ACTION_ACCOUNT},
	{"kms:DeleteImportedKeyMaterial", RD_ACTION_KEY},
	{"kms:DeriveSharedSecret", RD_ACTION_PLAINTEXT},
	{"kms:DescribeCustomKeyStores", RD_ACTION_ACCOUNT},
	{"kms:DescribeKey", RD_ACTION_KEY},
	{"kms:DisableKey", RD_ACTION_KEY},
	{"kms:DisableKeyRotation", RD_ACTION_KEY},
	{"kms:DisconnectCustomKeyStore", RD_ACTION_ACCOUNT},
	{"kms:EnableKey", RD_ACTION_KEY},
	{"kms:EnableKeyRotation", RD_ACTION_KEY},
	{"kms:Encapsulate", RD_ACTION_KEY},
	{"kms:Encrypt", RD_ACTION_KEY},
	{"kms:GenerateDataKey", RD_ACTION_PLAINTEXT},
	{"kms:GenerateDataKeyPair", RD_ACTION_PLAINTEXT},
	{"kms:GenerateDataKeyPairWithoutPlaintext", RD_ACTION_KEY},
	{"kms:GenerateDataKeyWithoutPlaintext", RD_ACTION_KEY},
	{"kms:GenerateMac", RD_ACTION_KEY},
	{"kms:GenerateRandom", RD_ACTION_ACCOUNT},
	{"kms:GetKeyLastUsage", RD_ACTION_KEY},
	{"kms:GetKeyPolicy", RD_ACTION_KEY},
	{"kms:GetKeyRotationStatus", RD_ACTION_KEY},
	{"kms:GetParametersForImport", RD_ACTION_KEY},
	{"kms:GetPublicKey", RD_ACTION_KEY},
	{"kms:ImportKeyMaterial", RD_ACTION_KEY},
	{"kms:ListAliases", RD_ACTION_ACCOUNT},
	{"kms:ListGrants", RD_ACTION_KEY},
	{"kms:ListKeyPolicies", RD_ACTION_KEY},
	{"kms:ListKeyRotations", RD_ACTION_KEY},
	{"kms:ListKeys", RD_ACTION_ACCOUNT},
	{"kms:ListResourceTags", RD_ACTION_KEY},
	{"kms:ListRetirableGrants", RD_ACTION_ACCOUNT},
	{"kms:PutKeyPolicy", RD_ACTION_KEY},
	{"kms:ReEncryptFrom", RD_ACTION_KEY},
	{"kms:ReEncryptTo", RD_ACTION_KEY},
	{"kms:ReplicateKey", RD_ACTION_KEY},
	{"kms:RetireGrant", RD_ACTION_KEY},
	{"kms:RevokeGrant", RD_ACTION_KEY},
	{"kms:RotateKeyOnDemand", RD_ACTION_KEY},
	{"kms:ScheduleKeyDeletion", RD_ACTION_KEY},
	{"kms:Sign", RD_ACTION_KEY},
	{"kms:SynchronizeMultiRegionKey", RD_ACTION_KEY},
	{"kms:TagResource", RD_ACTION_KEY},
	{"kms:UntagResource", RD_ACTION_KEY},
	{"kms:UpdateAlias", RD_ACTION_KEY},
	{"kms:UpdateCustomKeyStore", RD_ACTION_ACCOUNT},
	{"kms:UpdateKeyDescription", RD_ACTION_KEY},
	{"kms:UpdatePrimaryRegion", RD_ACTION_KEY},
	{"kms:Verify", RD_ACTION_KEY},
	{"kms:VerifyMac", RD_ACTION_KEY},
};
const size_t RD_CATALOGUE_ACTION_COUNT = RD_ARRAY_LEN(RD_CATALOGUE_ACTIONS);

/* A name that ends with ":" or "/" stands for every key that begins so. */
static const struct {
	const char *name;
	enum rd_key_class class;
} KEYS[] = {
	{"aws:CurrentTime", RD_KEY_SINGLE},
	{"aws:EpochTime", RD_KEY_SINGLE},
	{"aws:MultiFactorAuthPresent", RD_KEY_SINGLE},
	{"aws:PrincipalAccount", RD_KEY_SINGLE},
	{"aws:PrincipalArn", RD_KEY_SINGLE},
	{"aws:PrincipalOrgID", RD_KEY_NEVER},
	{"aws:PrincipalTag/", RD_KEY_SINGLE},
	{"aws:PrincipalType", RD_KEY_SINGLE},
	{"aws:RequestTag/", RD_KEY_SINGLE},
	{"aws:RequestedRegion", RD_KEY_SINGLE},
	{"aws:ResourceAccount", RD_KEY_SINGLE},
	{"aws:ResourceTag/", RD_KEY_SINGLE},
	{"aws:SecureTransport", RD_KEY_SINGLE},
	{"aws:SourceIp", RD_KEY_SINGLE},
	{"aws:SourceVpce", RD_KEY_NEVER},
	{"aws:TagKeys", RD_KEY_MULTI},
	{"aws:TokenIssueTime", RD_KEY_SINGLE},
	{"aws:UserAgent", RD_KEY_SINGLE},
	{"aws:userid", RD_KEY_SINGLE},
	{"aws:username", RD_KEY_SINGLE},
	{"kms:BypassPolicyLockoutSafetyCheck", RD_KEY_SINGLE},
	{"kms:CallerAccount", RD_KEY_SINGLE},
	{"kms:CustomerMasterKeySpec", RD_KEY_SINGLE},
	{"kms:CustomerMasterKeyUsage", RD_KEY_SINGLE},
	{"kms:DataKeyPairSpec", RD_KEY_SINGLE},
	{"kms:EncryptionAlgorithm", RD_KEY_SINGLE},
	{"kms:EncryptionContext:", RD_KEY_SINGLE},
	{"kms:EncryptionContextKeys", RD_KEY_MULTI},
	{"kms:ExpirationModel", RD_KEY_SINGLE},
	{"kms:GrantConstraintType", RD_KEY_SINGLE},
	{"kms:GrantIsForAWSResource", RD_KEY_SINGLE},
	{"kms:GrantOperations", RD_KEY_MULTI},
	{"kms:GranteePrincipal", RD_KEY_SINGLE},
	{"kms:KeyAgreementAlgorithm", RD_KEY_SINGLE},
	{"kms:KeyOrigin", RD_KEY_SINGLE},
	{"kms:KeySpec", RD_KEY_SINGLE},
	{"kms:KeyUsage", RD_KEY_SINGLE},
	{"kms:MacAlgorithm", RD_KEY_SINGLE},
	{"kms:MessageType", RD_KEY_SINGLE},
	{"kms:MultiRegion", RD_KEY_SINGLE},
	{"kms:MultiRegionKeyType", RD_KEY_SINGLE},
	{"kms:PrimaryRegion", RD_KEY_SINGLE},
	{"kms:ReEncryptOnSameKey", RD_KEY_SINGLE},
	{"kms:ReplicaRegion", RD_KEY_SINGLE},
	{"kms:RequestAlias", RD_KEY_SINGLE},
	{"kms:ResourceAliases", RD_KEY_MULTI},
	{"kms:RetiringPrincipal", RD_KEY_SINGLE},
	{"kms:RotationPeriodInDays", RD_KEY_SINGLE},
	{"kms:ScheduleKeyDeletionPendingWindowInDays", RD_KEY_SINGLE},
	{"kms:SigningAlgorithm", RD_KEY_SINGLE},
	{"kms:ValidTo", RD_KEY_SINGLE},
	{"kms:ViaService", RD_KEY_NEVER},
	{"kms:WrappingAlgorithm", RD_KEY_SINGLE},
	{"kms:WrappingKeySpec", RD_KEY_SINGLE},
	/* Ours: docs/kms-attestation.md. RecipientAttested: kms/authorize.h. */
	{"redoubt:AttestationRoot", RD_KEY_SINGLE},
	{"redoubt:RecipientAttested", RD_KEY_SINGLE},
	{"redoubt:RequestBound", RD_KEY_SINGLE},
};

enum rd_key_class rd_catalogue_key(struct rd_view name)
{
	struct rd_attested_key attested = {0};

	if (rd_attested_key_parse(name, &attested) == RD_OK) {
		return RD_KEY_ATTESTED;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(KEYS); i++) {
		size_t n = strlen(KEYS[i].name);
		bool family = strchr(":/", KEYS[i].name[n - 1]) != NULL;

		if (family ? name.len > n && rd_view_starts_folded(name, KEYS[i].name)
			   : rd_view_equal_folded(name, rd_view_str(KEYS[i].name))) {
			return KEYS[i].class;
		}
	}
	return RD_KEY_UNKNOWN;
}
