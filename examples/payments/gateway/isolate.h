/* SPDX-License-Identifier: Apache-2.0 */
/* What a gateway that serves gives up. */
#ifndef GATEWAY_ISOLATE_H
#define GATEWAY_ISOLATE_H

#include "base/error.h"

/* No capabilities, no new privileges, no core dump, only the system calls that serving takes. */
enum rd_status gw_isolate(struct rd_error *err) RD_MUST_USE;

#endif
