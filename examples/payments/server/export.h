/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as a folder of lib/audit's format, for whoever checks it. */
#ifndef PS_EXPORT_H
#define PS_EXPORT_H

#include "base/error.h"
#include "server/config.h"

#include <stdio.h>

/*
 * Makes DIR, which must not be there (RD_EXISTS), with one segment, all signed heads, the kept
 * documents and key.pem; a line about it is printed. Of one moment, also while a server writes on
 * SQLite; what fails leaves no folder. RD_NOTFOUND: the log is empty.
 */
enum rd_status ps_export_log(const struct ps_config *config, const char *dir, FILE *to,
	struct rd_error *err) RD_MUST_USE;

#endif
