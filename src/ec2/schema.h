/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of redoubt-ec2. */
#ifndef EC2_SCHEMA_H
#define EC2_SCHEMA_H

#include "db/db.h"

extern const struct rd_db_schema ec2_schema;

#endif
