/* SPDX-License-Identifier: Apache-2.0 */
/* What redoubt-kms gives up once its master key has been asked and before it has threads. */
#ifndef KMS_ISOLATE_H
#define KMS_ISOLATE_H

#include "base/error.h"

#include <stdbool.h>

/*
 * No capabilities, no new privileges, no core files, not to be traced, and only the system calls of
 * the list in isolate.c, in this thread and in all that it starts. clients: may also connect to
 * others, for PostgreSQL or a token that is reached through a socket.
 */
enum rd_status kms_isolate(bool clients, struct rd_error *err) RD_MUST_USE;

#endif
