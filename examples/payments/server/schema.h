/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of payments-server. */
#ifndef PS_SCHEMA_H
#define PS_SCHEMA_H

#include "db/db.h"

extern const struct rd_db_schema ps_schema;

#endif
