/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of `redoubt kms`: policies examined without a server. */
#ifndef RD_REDOUBT_KMS_H
#define RD_REDOUBT_KMS_H

#include "base/error.h"
#include "policy/evaluate.h"

/* Exit codes beside redoubt.h's. */
enum {
	KMS_EXIT_FINDINGS = 10, /* lint-policy: there are some; explain: no statement allows it */
	KMS_EXIT_DENIED = 11,   /* explain: a statement denies it */
	KMS_EXIT_INVALID = 12,  /* a policy is not valid */
};

/* An identity has this many policies at most; the service allows 20 and inline ones. */
#define KMS_IDENTITY_POLICIES_MAX 32

struct kms_args {
	bool explain; /* else lint-policy */
	bool help;
	enum rd_policy_kind kind;
	const char *file; /* lint-policy; "-" for standard input */
	const char *policy, *request;
	const char *identity[KMS_IDENTITY_POLICIES_MAX];
	size_t n_identity;
};

int kms_lint_policy(const struct kms_args *args);
int kms_explain(const struct kms_args *args);

/* A policy file, read and validated; the exit code when that fails, and then it has been said. */
int kms_read_policy(const char *path, enum rd_policy_kind kind, struct rd_policy **ret);
enum rd_status kms_read_file(const char *path, struct rd_buf *out, struct rd_error *err)
	RD_MUST_USE;

#endif
