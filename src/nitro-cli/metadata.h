/* SPDX-License-Identifier: Apache-2.0 */
/* Making the metadata section: the same input gives the same text, whenever and wherever it is
 * built. */
#ifndef NITRO_CLI_METADATA_H
#define NITRO_CLI_METADATA_H

#include "image/image.h"
#include "nitro-cli/blobs.h"
#include "nitro-cli/json_out.h"

/* The original's limit for the file of --metadata. */
#define CLI_CUSTOM_METADATA_MAX 4096

/* Any JSON value, in a regular file of at most CLI_CUSTOM_METADATA_MAX bytes. */
enum rd_status cli_metadata_read_custom(const char *path, json_t **ret_value, struct rd_error *err)
	RD_MUST_USE;

struct cli_metadata {
	const char *source;   /* --docker-uri */
	const char *name;     /* --name, or NULL */
	const char *version;  /* --version, or NULL */
	const json_t *custom; /* or NULL */
	const struct cli_blobs *blobs;
	const struct rd_image *image;
};

/*
 * Appends the section's compact JSON. BuildTime is $SOURCE_DATE_EPOCH, else when the image was
 * created; RD_USAGE for a SOURCE_DATE_EPOCH that is no number.
 */
enum rd_status cli_metadata_make(
	const struct cli_metadata *what, struct rd_buf *out, struct rd_error *err) RD_MUST_USE;

#endif
