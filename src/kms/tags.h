/* SPDX-License-Identifier: Apache-2.0 */
/* Tags as requests bring them, checked. Source: the KMS reference, 2.12 (TagException). */
#ifndef KMS_TAGS_H
#define KMS_TAGS_H

#include "kms/authorize.h"
#include "kms/params.h"

struct kms_tags {
	struct kms_tag *list;
	size_t n;
	size_t asked;        /* in the request; more than there may be are not kept */
	const char **values; /* of the facts below: n values, then n keys */
	char (*names)[sizeof("aws:RequestTag/") + KMS_TAG_KEY_SIZE];
};

/* Reads the parameter Tags. */
void kms_param_tags(struct kms_params *p, bool required, struct kms_tags *ret);
/* For RD_CLEANUP. */
void kms_tags_finish(struct kms_tags *tags);

/* Fault TagException: too many, the same key twice, or a reserved one. */
enum rd_status kms_tags_check(struct kms_call *call, const struct kms_tags *tags) RD_MUST_USE;
/* aws:RequestTag/… and aws:TagKeys, borrowed from tags. RD_NOMEM. */
enum rd_status kms_tags_facts(struct kms_tags *tags, struct kms_question *question) RD_MUST_USE;

#endif
