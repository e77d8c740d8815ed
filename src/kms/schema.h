/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of redoubt-kms. */
#ifndef KMS_SCHEMA_H
#define KMS_SCHEMA_H

#include "kms/db.h"

extern const struct kms_db_schema kms_schema;

#endif
