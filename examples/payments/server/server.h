/* SPDX-License-Identifier: Apache-2.0 */
/* Start and stop of the whole server. */
#ifndef PS_SERVER_H
#define PS_SERVER_H

#include "base/error.h"
#include "server/ps.h"

/* config is set. RD_EXISTS: another server has the same folder. What was started before a failure,
 * stop ends. */
enum rd_status ps_server_start(struct ps *ps, struct rd_error *err) RD_MUST_USE;
void ps_server_stop(struct ps *ps);

/* The folder's lock: two servers would be two keepers of one log. */
enum rd_status ps_server_lock(const struct ps_config *config, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;

#endif
