/* SPDX-License-Identifier: Apache-2.0 */
/* What redoubt-ec2 gives up once its database is open and before it has threads. */
#ifndef EC2_ISOLATE_H
#define EC2_ISOLATE_H

#include "base/error.h"

/* No capabilities, no new privileges, no core files, not to be traced, and only the system calls of
 * the list in isolate.c. */
enum rd_status ec2_isolate(struct rd_error *err) RD_MUST_USE;

#endif
