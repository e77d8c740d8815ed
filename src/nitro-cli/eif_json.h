/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata section as describe-eif and describe-enclaves show it. */
#ifndef NITRO_CLI_EIF_JSON_H
#define NITRO_CLI_EIF_JSON_H

#include "nitro-cli/json_out.h"

/*
 * Sets ImageName, ImageVersion and Metadata. Metadata holds what BuildMetadata says, DockerInfo,
 * and the members of CustomMetadata; a custom value that is no object, or has a member of one of
 * those names, is kept whole under CustomMetadata instead. What the section lacks is left out.
 * RD_MALFORMED when it is not a JSON object.
 */
enum rd_status cli_json_add_metadata(json_t *object, struct rd_view metadata, struct rd_error *err)
	RD_MUST_USE;

#endif
