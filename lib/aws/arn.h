/* SPDX-License-Identifier: Apache-2.0 */
/* ARNs of KMS, IAM and STS: taken apart and put together (kms.md 1.5, 2.1, 4.4). */
#ifndef RD_AWS_ARN_H
#define RD_AWS_ARN_H

#include "base/bytes.h"

/* The model's limit on key references, and longer than every ARN that IAM makes. */
#define RD_ARN_SIZE_MAX 2048
#define RD_ACCOUNT_SIZE 12
#define RD_REGION_MAX   32
/* IAM: user names up to 64, session names 2 to 64, paths up to 512 characters. */
#define RD_IAM_NAME_MAX    64
#define RD_IAM_SESSION_MIN 2
#define RD_IAM_PATH_MAX    512

/* arn:partition:service:region:account:resource. Region and account may be empty. */
struct rd_arn {
	struct rd_view partition;
	struct rd_view service;
	struct rd_view region;
	struct rd_view account;  /* 12 digits, or empty */
	struct rd_view resource; /* not empty; may have colons and slashes */
};

/* RD_MALFORMED unless it has that form; says nothing about what the resource is. */
enum rd_status rd_arn_parse(struct rd_view text, struct rd_arn *ret) RD_MUST_USE;

/* "aws-cn", "aws-us-gov" or "aws". */
const char *rd_aws_partition(struct rd_view region);
/* 12 digits. */
bool rd_aws_account_is_valid(struct rd_view account);
/* Lower-case letters, digits and dashes, from a letter on. */
bool rd_aws_region_is_valid(struct rd_view region);

/* arn:…:kms:region:account:key/<id>, and …:alias/<name> from the whole alias name. */
enum rd_status rd_arn_put_key(struct rd_view region, struct rd_view account, struct rd_view key_id,
	struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_arn_put_alias(struct rd_view region, struct rd_view account,
	struct rd_view alias_name, struct rd_buf *out) RD_MUST_USE;

enum rd_principal_kind {
	RD_PRINCIPAL_ROOT,
	RD_PRINCIPAL_USER,
	RD_PRINCIPAL_ROLE,
	RD_PRINCIPAL_ASSUMED_ROLE,
	RD_PRINCIPAL_FEDERATED_USER,
	RD_PRINCIPAL_KIND_COUNT
};

/* Who an IAM or STS ARN names. */
struct rd_principal {
	enum rd_principal_kind kind;
	struct rd_view partition;
	struct rd_view account;
	struct rd_view path;    /* "/" or "/a/b/"; users and roles only, else absent */
	struct rd_view name;    /* user, role or federated user; absent for root */
	struct rd_view session; /* assumed roles only, else absent */
};

/*
 * From an ARN. RD_UNSUPPORTED: a well-formed ARN that names no principal (a group, a wildcard, a
 * KMS key); RD_MALFORMED: no ARN.
 */
enum rd_status rd_principal_parse(struct rd_view arn, struct rd_principal *ret) RD_MUST_USE;
/* The reverse; RD_MALFORMED for parts that cannot be in one. */
enum rd_status rd_principal_put(const struct rd_principal *p, struct rd_buf *out) RD_MUST_USE;

/* Characters of IAM names: letters, digits and _+=,.@- */
bool rd_iam_name_is_valid(struct rd_view name);
/* "/" or "/…/" of printable ASCII, without "//". */
bool rd_iam_path_is_valid(struct rd_view path);

#endif
