/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key server without its sockets, for tests of operations: SQLite in a temporary directory, a
 * master in a file, real keyring, cache, log and policies. Calls are JSON in, JSON or fault out.
 */
#ifndef RD_TEST_KMS_BENCH_H
#define RD_TEST_KMS_BENCH_H

#include "test.h"

#include "kms/call.h"
#include "kms/ops.h"

#include <jansson.h>

#define BENCH_ACCOUNT "111122223333"
#define BENCH_OTHER   "444455556666"
#define BENCH_REGION  "local-1"
#define BENCH_ROOT    "arn:aws:iam::" BENCH_ACCOUNT ":root"

struct bench {
	char dir[64];
	struct kms kms;
	struct rd_db *db;
	struct rd_ec_key *audit_key;
	int64_t now_ms;
	char account[KMS_ACCOUNT_SIZE]; /* whose root user calls */
	struct kms_call call;           /* the last one, until the next */
};

void bench_open(struct bench *b, int64_t now_ms);
void bench_close(struct bench *b);

/* The recipients that calls are verified with; they become the bench's. */
void bench_recipients(struct bench *b, struct kms_recipients *recipients);

/* Runs an operation; in is consumed. The result is in b->call. */
enum rd_status bench_run(struct bench *b, const char *operation, json_t *in);
/* It succeeds; the answer belongs to b->call. */
json_t *bench_ok(struct bench *b, const char *operation, json_t *in);
/* It fails so. message NULL: any; "": the answer has none. */
void bench_fails(struct bench *b, const char *operation, json_t *in, enum kms_fault_type type,
	const char *message);

/* A key; spec and usage as on the wire, policy NULL for the default. ret_id: the bare id. */
void bench_key(struct bench *b, const char *spec, const char *usage, const char *policy,
	char ret_id[KMS_KEY_ID_SIZE]);
void bench_arn(const char *key_id, char ret_arn[KMS_ARN_SIZE]);

/* Base64, owned by the caller, and back into a buffer that the caller finishes. */
json_t *bench_blob(struct rd_view bytes);
struct rd_buf bench_bytes(json_t *answer, const char *member);

#endif
