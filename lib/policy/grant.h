/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a grant allows (kms.md 2.9): its operations, its encryption-context constraints, and what a
 * grantee may pass on. Grants only ever allow; an explicit Deny of any policy is stronger.
 */
#ifndef RD_POLICY_GRANT_H
#define RD_POLICY_GRANT_H

#include "policy/principal.h"

/* KMS's limit for one constraint. */
#define RD_GRANT_PAIRS_MAX 8u

struct rd_grant_pair {
	struct rd_view key;
	struct rd_view value;
};

struct rd_grant_pairs {
	const struct rd_grant_pair *v;
	size_t n;
};

/* A bit for each grantable operation. */
typedef uint32_t rd_grant_operations;

struct rd_grant {
	struct rd_view grantee; /* an ARN, or the immutable id it was resolved to */
	rd_grant_operations operations;
	bool has_equals; /* EncryptionContextEquals is there, possibly empty */
	struct rd_grant_pairs equals;
	bool has_subset;
	struct rd_grant_pairs subset;
};

/* The operation's bit, by its name without prefix ("Decrypt"); 0 when it cannot be granted. */
rd_grant_operations rd_grant_operation(struct rd_view name);
/* The name of a single bit; NULL for anything else. */
const char *rd_grant_operation_name(rd_grant_operations bit);

/* How a key is used, for what a grant on it may hold (kms.md 2.9, "Validity for the key type"). */
enum rd_grant_key {
	RD_GRANT_KEY_SYMMETRIC,
	RD_GRANT_KEY_ASYMMETRIC_ENCRYPTION,
	RD_GRANT_KEY_SIGNING,
	RD_GRANT_KEY_HMAC,
	RD_GRANT_KEY_AGREEMENT,
};
rd_grant_operations rd_grant_operations_of(enum rd_grant_key key);

/*
 * Whether the grant lets the caller do the operation with that encryption context. Both
 * constraints, where both are there, must hold. They are not asked for DescribeKey and RetireGrant,
 * nor for CreateGrant and the other operations that have no encryption context.
 */
bool rd_grant_allows(const struct rd_grant *grant, const struct rd_policy_caller *caller,
	rd_grant_operations operation, struct rd_grant_pairs context);

/*
 * Whether a grantee of parent may create child: a subset of its operations, equal or stricter
 * constraints (an exact context is kept; a required subset may grow or become an exact context that
 * has it). RD_DENIED otherwise.
 */
enum rd_status rd_grant_check_child(const struct rd_grant *parent, const struct rd_grant *child)
	RD_MUST_USE;

#endif
