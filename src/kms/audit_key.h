/* SPDX-License-Identifier: Apache-2.0 */
/* The key that signs the audit log's tree heads: P-256, in the database, wrapped by the key ring.
 */
#ifndef KMS_AUDIT_KEY_H
#define KMS_AUDIT_KEY_H

#include "crypto/ec.h"
#include "kms/keyring.h"

/* Reads it, or makes it the first time; of two servers that start at once one makes it. */
enum rd_status kms_audit_key_open(struct kms_keyring *keyring, struct rd_db *db,
	struct rd_ec_key **ret, struct rd_error *err) RD_MUST_USE;

#endif
