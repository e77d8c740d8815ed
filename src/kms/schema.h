/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of redoubt-kms. */
#ifndef KMS_SCHEMA_H
#define KMS_SCHEMA_H

#include "db/db.h"

extern const struct rd_db_schema kms_schema;

#endif
