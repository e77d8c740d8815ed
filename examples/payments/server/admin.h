/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does at the command line, beside a server that may be running. */
#ifndef PS_ADMIN_H
#define PS_ADMIN_H

#include "base/error.h"
#include "server/config.h"
#include "server/model.h"

#include <stdio.h>

/* Prints the new merchant's id. RD_EXISTS: the name is taken. */
enum rd_status ps_admin_add_merchant(const struct ps_config *config, const char *name, FILE *to,
	struct rd_error *err) RD_MUST_USE;

/* Prints the new key, which is nowhere else. merchant: for PS_MERCHANT alone, else NULL. */
enum rd_status ps_admin_add_key(const struct ps_config *config, const char *role, const char *name,
	const char *merchant, FILE *to, struct rd_error *err) RD_MUST_USE;

#endif
