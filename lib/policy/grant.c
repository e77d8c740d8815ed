/* SPDX-License-Identifier: Apache-2.0 */
/* What a grant allows. */
#include "policy/grant.h"

#define GRANTABLE(X)                                                                               \
	X(Decrypt)                                                                                 \
	X(Encrypt)                                                                                 \
	X(GenerateDataKey)                                                                         \
	X(GenerateDataKeyWithoutPlaintext)                                                         \
	X(ReEncryptFrom)                                                                           \
	X(ReEncryptTo)                                                                             \
	X(Sign)                                                                                    \
	X(Verify)                                                                                  \
	X(GetPublicKey)                                                                            \
	X(CreateGrant)                                                                             \
	X(RetireGrant)                                                                             \
	X(DescribeKey)                                                                             \
	X(GenerateDataKeyPair)                                                                     \
	X(GenerateDataKeyPairWithoutPlaintext)                                                     \
	X(GenerateMac)                                                                             \
	X(VerifyMac)                                                                               \
	X(DeriveSharedSecret)

enum {
#define X(name) POSITION_##name,
	GRANTABLE(X)
#undef X
};

enum {
#define X(name) OP_##name = 1 << POSITION_##name,
	GRANTABLE(X)
#undef X
};

static const char *const NAMES[] = {
#define X(name) #name,
	GRANTABLE(X)
#undef X
};

#define EVERY_KEY (OP_CreateGrant | OP_RetireGrant | OP_DescribeKey)
/* Those whose request has an encryption context to compare with. */
#define WITH_CONTEXT                                                                               \
	(OP_Decrypt | OP_Encrypt | OP_GenerateDataKey | OP_GenerateDataKeyWithoutPlaintext |       \
		OP_ReEncryptFrom | OP_ReEncryptTo | OP_GenerateDataKeyPair |                       \
		OP_GenerateDataKeyPairWithoutPlaintext)

rd_grant_operations rd_grant_operation(struct rd_view name)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(NAMES); i++) {
		if (rd_view_equal(name, rd_view_str(NAMES[i]))) {
			return (rd_grant_operations)1 << i;
		}
	}
	return 0;
}

const char *rd_grant_operation_name(rd_grant_operations bit)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(NAMES); i++) {
		if (bit == (rd_grant_operations)1 << i) {
			return NAMES[i];
		}
	}
	return NULL;
}

rd_grant_operations rd_grant_operations_of(enum rd_grant_key key)
{
	switch (key) {
	case RD_GRANT_KEY_SYMMETRIC:
		return WITH_CONTEXT | EVERY_KEY;
	case RD_GRANT_KEY_ASYMMETRIC_ENCRYPTION:
		return OP_Decrypt | OP_Encrypt | OP_ReEncryptFrom | OP_ReEncryptTo |
		       OP_GetPublicKey | EVERY_KEY;
	case RD_GRANT_KEY_SIGNING:
		return OP_Sign | OP_Verify | OP_GetPublicKey | EVERY_KEY;
	case RD_GRANT_KEY_HMAC:
		return OP_GenerateMac | OP_VerifyMac | EVERY_KEY;
	case RD_GRANT_KEY_AGREEMENT:
		return OP_DeriveSharedSecret | OP_GetPublicKey | EVERY_KEY;
	default:
		return 0;
	}
}

/* Every pair of a is in b; keys and values byte for byte. */
static bool is_subset(struct rd_grant_pairs a, struct rd_grant_pairs b)
{
	for (size_t i = 0; i < a.n; i++) {
		bool found = false;

		for (size_t k = 0; !found && k < b.n; k++) {
			found = rd_view_equal(a.v[i].key, b.v[k].key) &&
				rd_view_equal(a.v[i].value, b.v[k].value);
		}
		if (!found) {
			return false;
		}
	}
	return true;
}

/* Keys are distinct on both sides. */
static bool is_equal(struct rd_grant_pairs a, struct rd_grant_pairs b)
{
	return a.n == b.n && is_subset(a, b);
}

static bool is_grantee(struct rd_view grantee, const struct rd_policy_caller *caller)
{
	const struct rd_view names[] = {caller->arn, caller->role_arn, caller->id};

	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		if (names[i].len > 0 && rd_view_equal(names[i], grantee)) {
			return true;
		}
	}
	return false;
}

bool rd_grant_allows(const struct rd_grant *grant, const struct rd_policy_caller *caller,
	rd_grant_operations operation, struct rd_grant_pairs context)
{
	if ((grant->operations & operation) == 0 || !is_grantee(grant->grantee, caller)) {
		return false;
	}
	if ((operation & WITH_CONTEXT) == 0) {
		return true;
	}
	return (!grant->has_equals || is_equal(grant->equals, context)) &&
	       (!grant->has_subset || is_subset(grant->subset, context));
}

/* What the child's constraints let through is let through by the parent's exact context. */
static bool keeps_equals(const struct rd_grant *parent, const struct rd_grant *child)
{
	return child->has_equals && is_equal(parent->equals, child->equals);
}

static bool keeps_subset(const struct rd_grant *parent, const struct rd_grant *child)
{
	return (child->has_equals && is_subset(parent->subset, child->equals)) ||
	       (child->has_subset && is_subset(parent->subset, child->subset));
}

enum rd_status rd_grant_check_child(const struct rd_grant *parent, const struct rd_grant *child)
{
	RD_ENSURE((parent->operations & OP_CreateGrant) != 0, RD_DENIED);
	RD_ENSURE((child->operations & ~parent->operations) == 0, RD_DENIED);
	RD_ENSURE(!parent->has_equals || keeps_equals(parent, child), RD_DENIED);
	RD_ENSURE(!parent->has_subset || keeps_subset(parent, child), RD_DENIED);
	return RD_OK;
}
