/* SPDX-License-Identifier: Apache-2.0 */
/* After a restart: the enclaves of the daemon before us. */
#ifndef RD_REDOUBTD_ADOPT_H
#define RD_REDOUBTD_ADOPT_H

#include "redoubtd/daemon.h"

/*
 * Goes through run/records: enclaves whose vmm lives are taken over (their resources first, so that
 * nobody else gets them), the others become ended records. Directories without a record are
 * removed.
 */
enum rd_status rd_adopt(struct rd_daemon *d, struct rd_error *err) RD_MUST_USE;

/*
 * Connects to control.sock in the directory `name` below dir_fd, which must be served by that very
 * process: RD_DENIED when it is another's. A vmm that has just been launched is waited for.
 */
enum rd_status rd_adopt_connect(
	int dir_fd, const char *name, pid_t pid, const char *id, int *ret_sock) RD_MUST_USE;

#endif
