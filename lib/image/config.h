/* SPDX-License-Identifier: Apache-2.0 */
/* The image configuration (OCI image-spec v1.1, config.md; Docker's is the same). Parsing only. */
#ifndef RD_IMAGE_CONFIG_H
#define RD_IMAGE_CONFIG_H

#include "image/image.h"

struct rd_image_config {
	char *architecture;
	char *os;
	char *created; /* NULL: absent */
	char *workdir; /* absolute, without ".", ".." or double slashes */
	char *user;    /* "" if absent */
	struct rd_strings args;
	struct rd_strings env;
	struct rd_strings diff_ids; /* "sha256:<64 hex>" each */
};

/*
 * Checks the platform (RD_BAD_ARCH), the diff IDs, that there is something to run (RD_MISSING) and
 * that every ENV is NAME=value.
 */
enum rd_status rd_image_config_parse(
	struct rd_view json, struct rd_image_config *ret_config, struct rd_error *err) RD_MUST_USE;
void rd_image_config_finish(struct rd_image_config *c);

#endif
