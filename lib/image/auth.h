/* SPDX-License-Identifier: Apache-2.0 */
/* Registry credentials from Docker's config.json, for the engine to pull with. */
#ifndef RD_IMAGE_AUTH_H
#define RD_IMAGE_AUTH_H

#include "base/bytes.h"
#include "base/error.h"

/*
 * The value of X-Registry-Auth for a registry, from $DOCKER_CONFIG (a directory, as Docker has it,
 * or the file itself, as AWS's nitro-cli has it), else ~/.docker/config.json. *ret_value is NULL if
 * there are none; free it with rd_auth_free, which wipes it.
 */
enum rd_status rd_auth_find(const char *domain, char **ret_value, struct rd_error *err) RD_MUST_USE;
void rd_auth_free(char **value);

/* The same from the file's text. A key of "auths" has to name exactly that host. */
enum rd_status rd_auth_from_text(struct rd_view config, const char *domain, char **ret_value,
	struct rd_error *err) RD_MUST_USE;

#endif
