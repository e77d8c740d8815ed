/* SPDX-License-Identifier: Apache-2.0 */
/* Key ids, alias names, and the four ways in which a request names a key (kms.md 2.1). */
#ifndef RD_AWS_KEY_REF_H
#define RD_AWS_KEY_REF_H

#include "aws/arn.h"

/* "1234abcd-12ab-34cd-56ef-1234567890ab", and "mrk-" with 32 hex digits: both 36. */
#define RD_KEY_ID_SIZE      36
#define RD_ALIAS_NAME_MAX   256
#define RD_ALIAS_PREFIX     "alias/"
#define RD_ALIAS_AWS_PREFIX "alias/aws/"

enum rd_key_ref_kind { RD_KEY_REF_ID, RD_KEY_REF_ARN, RD_KEY_REF_ALIAS, RD_KEY_REF_ALIAS_ARN };

struct rd_key_ref {
	enum rd_key_ref_kind kind;
	struct rd_view name; /* the key id, or the whole alias name */
	struct rd_arn arn;   /* for the two ARN kinds */
};

/*
 * RD_NOTFOUND: neither an id nor an alias nor an ARN, answered NotFoundException "Invalid keyId
 * '…'"; RD_MALFORMED: starts as an ARN and is none of a key or alias, answered InvalidArnException
 * where the operation has it. Region and account are the caller's to compare.
 */
enum rd_status rd_key_ref_parse(struct rd_view text, struct rd_key_ref *ret) RD_MUST_USE;

/* Hex of either case has the form; ids of ours are lower case, so others are simply not there. */
bool rd_key_id_is_valid(struct rd_view id);

/* The 16 bytes as the text of a UUID; NUL-terminated. */
void rd_key_id_string(const uint8_t bytes[16], char ret_id[RD_KEY_ID_SIZE + 1]);

/* 16 random bytes as a version 4 UUID, or as a multi-Region id; NUL-terminated. */
void rd_key_id_make(const uint8_t random[16], bool multi_region, char ret_id[RD_KEY_ID_SIZE + 1]);

/* What CreateAlias and UpdateAlias take. */
enum rd_alias_verdict {
	RD_ALIAS_OK,
	RD_ALIAS_NO_PREFIX, /* ValidationException */
	RD_ALIAS_RESERVED,  /* alias/aws/…: NotAuthorizedException */
	RD_ALIAS_BAD_NAME,  /* ValidationException: length or characters */
};
enum rd_alias_verdict rd_alias_check(struct rd_view alias_name);

#endif
