/* SPDX-License-Identifier: Apache-2.0 */
/* The door to the network. */
#ifndef PS_HTTP_H
#define PS_HTTP_H

#include "base/error.h"
#include "server/ps.h"

enum rd_status ps_http_start(struct ps *ps, struct rd_error *err) RD_MUST_USE;
/* Every call has been answered when this returns. */
void ps_http_stop(struct ps *ps);
/* Certificate and key again. */
enum rd_status ps_http_reload(struct ps *ps, struct rd_error *err) RD_MUST_USE;

#endif
