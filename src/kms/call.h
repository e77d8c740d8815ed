/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One API call, from its HTTP request to its answer.
 *
 *	http thread   size and form → SigV4 → operation found
 *	  │ operations that write or are slow go to a worker; the others run here, and begin anew
 *	  │ on a worker when they would have to wait for the database
 *	  ▼
 *	handler       parameters → key → authorisation → state → work       (ops_*.c)
 *	  ▼
 *	audit         the record of the call is made durable
 *	  ▼
 *	answer        only now; when the record could not be written, KMSInternalException instead
 *
 * A handler returns RD_OK with call->out or call->answer filled, or sets call->fault (kms_fail) and
 * returns its status. Whatever secret a handler holds lives in struct rd_secret or is wiped by it.
 */
#ifndef KMS_CALL_H
#define KMS_CALL_H

#include "kms/fresh.h"
#include "kms/identity.h"
#include "kms/kms.h"
#include "kms/recipient.h"

#include <jansson.h>

/* X(name, "type on the wire", has a message) */
#define KMS_FAULT_LIST(X)                                                                          \
	X(ACCESS_DENIED, "AccessDeniedException")                                                  \
	X(ALREADY_EXISTS, "AlreadyExistsException")                                                \
	X(CONFLICT, "ConflictException")                                                           \
	X(DEPENDENCY_TIMEOUT, "DependencyTimeoutException")                                        \
	X(DISABLED, "DisabledException")                                                           \
	X(DRY_RUN, "DryRunOperationException")                                                     \
	X(EXPIRED_IMPORT_TOKEN, "ExpiredImportTokenException")                                     \
	X(EXPIRED_TOKEN, "ExpiredTokenException")                                                  \
	X(INCOMPLETE_SIGNATURE, "IncompleteSignatureException")                                    \
	X(INCORRECT_KEY, "IncorrectKeyException")                                                  \
	X(INCORRECT_KEY_MATERIAL, "IncorrectKeyMaterialException")                                 \
	X(INVALID_ALIAS_NAME, "InvalidAliasNameException")                                         \
	X(INVALID_ARN, "InvalidArnException")                                                      \
	X(INVALID_CIPHERTEXT, "InvalidCiphertextException")                                        \
	X(INVALID_GRANT_ID, "InvalidGrantIdException")                                             \
	X(INVALID_GRANT_TOKEN, "InvalidGrantTokenException")                                       \
	X(INVALID_IMPORT_TOKEN, "InvalidImportTokenException")                                     \
	X(INVALID_KEY_USAGE, "InvalidKeyUsageException")                                           \
	X(INVALID_MARKER, "InvalidMarkerException")                                                \
	X(INVALID_SIGNATURE, "InvalidSignatureException")                                          \
	X(KEY_UNAVAILABLE, "KeyUnavailableException")                                              \
	X(INTERNAL, "KMSInternalException")                                                        \
	X(INVALID_MAC, "KMSInvalidMacException")                                                   \
	X(INVALID_KMS_SIGNATURE, "KMSInvalidSignatureException")                                   \
	X(INVALID_STATE, "KMSInvalidStateException")                                               \
	X(LIMIT_EXCEEDED, "LimitExceededException")                                                \
	X(MALFORMED_POLICY, "MalformedPolicyDocumentException")                                    \
	X(MISSING_TOKEN, "MissingAuthenticationTokenException")                                    \
	X(NOT_AUTHORIZED, "NotAuthorizedException")                                                \
	X(NOT_FOUND, "NotFoundException")                                                          \
	X(SERIALIZATION, "SerializationException")                                                 \
	X(STORE_NOT_FOUND, "CustomKeyStoreNotFoundException")                                      \
	X(TAG, "TagException")                                                                     \
	X(THROTTLING, "ThrottlingException")                                                       \
	X(UNKNOWN_OPERATION, "UnknownOperationException")                                          \
	X(UNRECOGNIZED_CLIENT, "UnrecognizedClientException")                                      \
	X(UNAVAILABLE, "ServiceUnavailableException")                                              \
	X(UNSUPPORTED, "UnsupportedOperationException")                                            \
	X(VALIDATION, "ValidationException")

enum kms_fault_type {
	KMS_FAULT_NONE,
#define X(name, wire) KMS_FAULT_##name,
	KMS_FAULT_LIST(X)
#undef X
		KMS_FAULT_COUNT
};

/* The longest message holds two ARNs. */
#define KMS_MESSAGE_SIZE 4608

struct kms_fault {
	enum kms_fault_type type;
	char message[KMS_MESSAGE_SIZE]; /* "": the answer has no message member */
};

const char *kms_fault_name(enum kms_fault_type type);
/* 400, 500 or 503. */
int kms_fault_http(enum kms_fault_type type);

/* Why the last authorisation of a call came out as it did; for the answer and the audit record. */
struct kms_decision {
	bool made;
	bool allowed;
	char action[64];
	char resource[KMS_ARN_SIZE];
	char by[256]; /* "key policy, statement 2 (EnclaveUse)", "grant 1f…", "no statement" */
};

struct kms_op;

struct kms_call {
	struct kms *kms;
	struct rd_db *db;        /* the thread's */
	struct kms_fresh *fresh; /* the HTTP thread's; NULL elsewhere */
	const struct kms_op *op;
	const char *action; /* of IAM and STS, whose calls have no op; NULL before it is known */
	char request_id[KMS_REQUEST_ID_SIZE];
	int64_t now_ms;
	char peer[64];
	char user_agent[256];
	bool tls;
	struct rd_view body; /* as received: its hash is what request-bound documents hold */
	json_t *in;
	struct kms_identity who;
	struct kms_attested attested;
	char attested_why[64]; /* the verifier's verdict when a document was refused */
	struct kms_decision decision;
	/* Keys that a cryptographic operation uses: ReEncrypt has two. */
	char used[2][KMS_KEY_ID_SIZE];
	size_t n_used;
	char key_arn[KMS_ARN_SIZE]; /* the key that it was about, once known; for the record */
	json_t *facts; /* request parameters that the record shows: never a secret, never a blob */
	struct kms_fault fault;
	json_t *out;          /* answer, or NULL for an empty body */
	struct rd_buf answer; /* the same as text, wiped: of kms_reply, which needs no tree */
};

/* Sets the fault and returns the status that a handler passes on. */
enum rd_status kms_fail(struct kms_call *call, enum kms_fault_type type, const char *message, ...)
	RD_PRINTF(3, 4);

typedef enum rd_status kms_handler(struct kms_call *call);

enum kms_op_flags {
	KMS_OP_WRITES = 1, /* runs on a worker: it may wait for the disk */
	KMS_OP_SLOW = 2,   /* runs on a worker: makes RSA keys */
};

struct kms_op {
	const char *name; /* "Decrypt" */
	kms_handler *handler;
	unsigned flags;
};

/* NULL for an unknown one. ops.c has the table. */
const struct kms_op *kms_op_find(struct rd_view name);

#endif
