/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request ids: random UUIDs, version 4 ("3f1c…-…"), of which every answer and record has one.
 *
 * An HTTP thread asks the random generator for many at a time: a question of 16 bytes costs as much
 * as one of a thousand. An id is no secret, and nothing is gained by knowing the next.
 */
#ifndef KMS_REQUEST_ID_H
#define KMS_REQUEST_ID_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

#define KMS_REQUEST_ID_SIZE 37

#define KMS_REQUEST_IDS_KEPT 64

/* All zeros to begin with; of one thread. */
struct kms_request_ids {
	uint8_t bytes[KMS_REQUEST_IDS_KEPT][16];
	size_t left;
};

enum rd_status kms_request_ids_next(struct kms_request_ids *ids, char ret_text[KMS_REQUEST_ID_SIZE])
	RD_MUST_USE;

/* A single one, from any thread. */
enum rd_status kms_request_id(char ret_text[KMS_REQUEST_ID_SIZE]) RD_MUST_USE;

#endif
