/* SPDX-License-Identifier: Apache-2.0 */
/* What payments-server may still do once it serves. */
#ifndef PS_ISOLATE_H
#define PS_ISOLATE_H

#include "base/error.h"

/* No capabilities, no new privileges, no core files, not to be traced, and only the system calls of
 * the list in isolate.c, in this thread and in all that it starts. */
enum rd_status ps_isolate(struct rd_error *err) RD_MUST_USE;

#endif
