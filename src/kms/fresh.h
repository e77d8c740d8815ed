/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fresh random bytes that are no secrets: nonces, which stand in a ciphertext, and request ids, of
 * which every answer and record has one.
 *
 * An HTTP thread asks the random generator for many at a time: a question for 16 bytes costs as
 * much as one for a thousand. Keys and whatever else is secret come from the generator itself.
 */
#ifndef KMS_FRESH_H
#define KMS_FRESH_H

#include "kms/model.h"

#include <stddef.h>
#include <stdint.h>

/* Some 17 calls' worth. */
#define KMS_FRESH_KEPT 1024

/* All zeros to begin with; of one thread. */
struct kms_fresh {
	uint8_t bytes[KMS_FRESH_KEPT];
	size_t left;
};

/* n bytes, at most KMS_FRESH_KEPT, that nobody was given before. fresh NULL: of no thread's. */
enum rd_status kms_fresh_take(struct kms_fresh *fresh, void *dst, size_t n) RD_MUST_USE;

/* A random UUID, version 4: "3f1c…-…". */
enum rd_status kms_request_id(struct kms_fresh *fresh, char ret_text[KMS_REQUEST_ID_SIZE])
	RD_MUST_USE;

#endif
