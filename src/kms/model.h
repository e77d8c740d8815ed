/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What redoubt-kms keeps, as records: keys, their material, aliases, grants, tags, principals and
 * their credentials and policies. Plain data with fixed sizes; texts without a small maximum are on
 * the heap and belong to the record.
 *
 * Source of names, sizes and states: the AWS KMS API's shapes (operation reference) and IAM's.
 */
#ifndef KMS_MODEL_H
#define KMS_MODEL_H

#include "base/bytes.h"

#define KMS_ACCOUNT_SIZE     (12 + 1)
#define KMS_KEY_ID_SIZE      (36 + 1) /* UUID text, or "mrk-" and 32 hex digits */
#define KMS_ARN_SIZE         (2048 + 1)
#define KMS_ALIAS_SIZE       (256 + 1) /* "alias/…" */
#define KMS_DESCRIPTION_SIZE (8192 + 1)
#define KMS_POLICY_MAX       32768
#define KMS_MATERIAL_ID_SIZE (64 + 1)
#define KMS_GRANT_ID_SIZE    (64 + 1)
#define KMS_GRANT_NAME_SIZE  (256 + 1)
#define KMS_PRINCIPAL_SIZE   (256 + 1)     /* an ARN as grants take it */
#define KMS_TAG_KEY_SIZE     (4 * 128 + 1) /* 128 characters of UTF-8 */
#define KMS_TAG_VALUE_SIZE   (4 * 256 + 1)
#define KMS_REGION_SIZE      (32 + 1)
#define KMS_AKID_SIZE        (128 + 1)
#define KMS_UID_SIZE         (21 + 1) /* AIDA…, AROA… */
#define KMS_NAME_SIZE        (64 + 1) /* user and role names */
#define KMS_PATH_SIZE        (512 + 1)
#define KMS_REQUEST_ID_SIZE  (36 + 1)
#define KMS_OPERATION_SIZE   (40 + 1)

#define KMS_DAY_MS INT64_C(86400000)

/* Quotas of the original's account and region. */
#define KMS_ALIASES_PER_KEY   50
#define KMS_GRANTS_PER_KEY    50000
#define KMS_TAGS_PER_KEY      50
#define KMS_ROTATIONS_PER_KEY 25
#define KMS_KEYS_PER_ACCOUNT  10000000
#define KMS_MATERIALS_PER_KEY 256
#define KMS_CONTEXT_PAIRS_MAX 8 /* of a grant's constraint */
#define KMS_CONTEXT_BYTES_MAX 8192

/* X(wire name), stored by number: append only; the table of what each may do is in spec.c. */
#define KMS_SPEC_LIST(X)                                                                           \
	X(SYMMETRIC_DEFAULT)                                                                       \
	X(RSA_2048)                                                                                \
	X(RSA_3072)                                                                                \
	X(RSA_4096)                                                                                \
	X(ECC_NIST_P256)                                                                           \
	X(ECC_NIST_P384)                                                                           \
	X(ECC_NIST_P521)                                                                           \
	X(ECC_SECG_P256K1)                                                                         \
	X(ECC_NIST_EDWARDS25519)                                                                   \
	X(HMAC_224)                                                                                \
	X(HMAC_256)                                                                                \
	X(HMAC_384)                                                                                \
	X(HMAC_512)

enum kms_spec {
#define X(name) KMS_SPEC_##name,
	KMS_SPEC_LIST(X)
#undef X
		KMS_SPEC_COUNT
};

/* The numbers of these enumerations are stored: append only. */
enum kms_usage {
	KMS_ENCRYPT_DECRYPT,
	KMS_SIGN_VERIFY,
	KMS_GENERATE_VERIFY_MAC,
	KMS_KEY_AGREEMENT,
	KMS_USAGE_COUNT
};

enum kms_origin { KMS_ORIGIN_AWS_KMS, KMS_ORIGIN_EXTERNAL, KMS_ORIGIN_COUNT };

enum kms_state {
	KMS_STATE_ENABLED,
	KMS_STATE_DISABLED,
	KMS_STATE_PENDING_DELETION,
	KMS_STATE_PENDING_IMPORT,
	KMS_STATE_COUNT
};

/* Wire names, by number and back. NULL, or false, for what is none. */
const char *kms_spec_name(enum kms_spec spec);
const char *kms_usage_name(enum kms_usage usage);
const char *kms_origin_name(enum kms_origin origin);
const char *kms_state_name(enum kms_state state);
bool kms_spec_of(const char *name, enum kms_spec *ret);
bool kms_usage_of(const char *name, enum kms_usage *ret);

struct kms_key {
	char account[KMS_ACCOUNT_SIZE];
	char id[KMS_KEY_ID_SIZE];
	enum kms_spec spec;
	enum kms_usage usage;
	enum kms_origin origin;
	enum kms_state state;
	char *description;
	char *policy; /* the text as it was put */
	int64_t created_ms;
	int64_t deletion_ms; /* 0: none */
	uint32_t pending_days;
	uint32_t rotation_days; /* 0: automatic rotation is off */
	int64_t next_rotation_ms;
	uint32_t on_demand_rotations;
	bool expires; /* imported material: KEY_MATERIAL_EXPIRES */
	bool was_imported;
	int64_t valid_to_ms;
	int64_t version; /* raised by every update; updates compare it */
};
void kms_key_finish(struct kms_key *key);

enum kms_material_state {
	KMS_MATERIAL_CURRENT,
	KMS_MATERIAL_NON_CURRENT,
	KMS_MATERIAL_PENDING_ROTATION,
	KMS_MATERIAL_STATE_COUNT
};

enum kms_rotation_type { KMS_ROTATION_NONE, KMS_ROTATION_AUTOMATIC, KMS_ROTATION_ON_DEMAND };

/* One backing key. Symmetric and HMAC: the bytes; asymmetric: PKCS#8 DER. */
struct kms_material {
	char key_id[KMS_KEY_ID_SIZE];
	uint32_t generation; /* 1 is the first; goes into ciphertexts */
	char id[KMS_MATERIAL_ID_SIZE];
	enum kms_material_state state;
	enum kms_rotation_type rotation;
	bool present;     /* false: deleted, expired or not imported again yet */
	uint8_t *wrapped; /* NULL when not present */
	size_t wrapped_len;
	char description[256 + 1];
	bool expires;
	int64_t valid_to_ms;
	int64_t created_ms;
	int64_t rotated_ms; /* when it became current; 0 for the first */
};
void kms_material_finish(struct kms_material *material);

/* The last time that a key was used; the request's id is that of its audit record as well. */
struct kms_last_use {
	char key_id[KMS_KEY_ID_SIZE];
	char operation[KMS_OPERATION_SIZE];
	int64_t used_ms;
	char request_id[KMS_REQUEST_ID_SIZE];
};

struct kms_alias {
	char account[KMS_ACCOUNT_SIZE];
	char name[KMS_ALIAS_SIZE];
	char key_id[KMS_KEY_ID_SIZE];
	int64_t created_ms;
	int64_t updated_ms;
};

struct kms_tag {
	char key[KMS_TAG_KEY_SIZE];
	char value[KMS_TAG_VALUE_SIZE];
};

/* Bit n: GrantOperation number n in the order of kms_grant_operation_name. */
struct kms_grant {
	char key_id[KMS_KEY_ID_SIZE];
	char account[KMS_ACCOUNT_SIZE]; /* the key's */
	char id[KMS_GRANT_ID_SIZE];
	char name[KMS_GRANT_NAME_SIZE];
	char grantee[KMS_PRINCIPAL_SIZE];
	char retiring[KMS_PRINCIPAL_SIZE]; /* "" for none */
	char issuer[KMS_PRINCIPAL_SIZE];
	uint32_t operations;
	char *context_equals; /* canonical JSON object, or NULL */
	char *context_subset;
	int64_t created_ms;
};
void kms_grant_finish(struct kms_grant *grant);

enum kms_principal_kind { KMS_ROOT, KMS_USER, KMS_ROLE };

/* A user or role that exists. uid is never used again, so a namesake inherits nothing. */
struct kms_principal {
	char uid[KMS_UID_SIZE];
	char account[KMS_ACCOUNT_SIZE];
	enum kms_principal_kind kind;
	char path[KMS_PATH_SIZE];
	char name[KMS_NAME_SIZE];
	char *trust_policy; /* roles */
	char *boundary;     /* permissions boundary's ARN, or NULL */
	uint32_t max_session_s;
	int64_t created_ms;
};
void kms_principal_finish(struct kms_principal *principal);

/* An instance profile: the name under which an instance is given its role. */
#define KMS_PROFILE_NAME_SIZE (128 + 1)
struct kms_profile {
	char uid[KMS_UID_SIZE]; /* AIPA… */
	char account[KMS_ACCOUNT_SIZE];
	char path[KMS_PATH_SIZE];
	char name[KMS_PROFILE_NAME_SIZE];
	char role_uid[KMS_UID_SIZE]; /* "": none */
	int64_t created_ms;
};

#endif
