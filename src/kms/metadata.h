/* SPDX-License-Identifier: Apache-2.0 */
/* KeyMetadata, the answer of CreateKey and DescribeKey, and pieces that other answers share.
 * Source: the KMS reference, 2.2.2. */
#ifndef KMS_METADATA_H
#define KMS_METADATA_H

#include "kms/call.h"
#include "kms/spec.h"

/* Seconds since the epoch, a JSON number. NULL when out of memory. */
json_t *kms_json_time(int64_t ms);

/* Base64 text. NULL when out of memory. */
json_t *kms_json_base64(struct rd_view bytes);

/* Names of the algorithms of a usage that keys of the spec have. NULL when out of memory. */
json_t *kms_json_algorithms(enum kms_spec spec, enum kms_usage usage);
/* "EncryptionAlgorithms" and its siblings: the list's name for that usage. */
const char *kms_algorithms_member(enum kms_usage usage);

/* material_id: of the current material, or NULL. RD_NOMEM. */
enum rd_status kms_json_metadata(const struct kms_key *key, const char *arn,
	const char *material_id, json_t **ret) RD_MUST_USE;

#endif
