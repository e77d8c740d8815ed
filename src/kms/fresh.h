/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh random bytes: nonces, request ids, data keys.
 *
 * An HTTP thread asks the random generator for many at a time: a question for 16 bytes costs as
 * much as one for a thousand. Some will be keys, so they wait in locked memory, and are wiped there
 * as they are given. Keys that stay, those of the database, come from the generator itself.
 */
#ifndef KMS_FRESH_H
#define KMS_FRESH_H

#include "crypto/secret.h"
#include "kms/model.h"

/* Some 12 calls' worth. */
#define KMS_FRESH_KEPT 1024

/* Of one thread. All zeros keeps nothing: each question is one to the generator. */
struct kms_fresh {
	struct rd_secret kept; /* len: how many are left, the first ones */
};

/* RD_NOMEM: no memory for secrets is left. */
enum rd_status kms_fresh_init(struct kms_fresh *fresh) RD_MUST_USE;
void kms_fresh_finish(struct kms_fresh *fresh);

/* n bytes that nobody was given before. fresh NULL: of no thread's. */
enum rd_status kms_fresh_take(struct kms_fresh *fresh, void *dst, size_t n) RD_MUST_USE;

/* The first n bytes of s are random; RD_NOSPACE if it has no room. */
enum rd_status kms_fresh_secret(struct kms_fresh *fresh, struct rd_secret *s, size_t n) RD_MUST_USE;

/* A random UUID, version 4: "3f1c…-…". */
enum rd_status kms_request_id(struct kms_fresh *fresh, char ret_text[KMS_REQUEST_ID_SIZE])
	RD_MUST_USE;

#endif
