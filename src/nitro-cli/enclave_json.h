/* SPDX-License-Identifier: Apache-2.0 */
/* An enclave as run-enclave and describe-enclaves print it. */
#ifndef NITRO_CLI_ENCLAVE_JSON_H
#define NITRO_CLI_ENCLAVE_JSON_H

#include "ctl/message.h"
#include "nitro-cli/json_out.h"

/* EnclaveName to MemoryMiB: what both commands print. *ret_object is the caller's. */
enum rd_status cli_enclave_json(const struct rd_ctl_enclave *e, json_t **ret_object) RD_MUST_USE;

/* State, Flags and, if they were told, Measurements: what describe-enclaves adds. */
enum rd_status cli_enclave_json_state(json_t *object, const struct rd_ctl_enclave *e) RD_MUST_USE;

/* How and when it ended: what describe-enclaves --ended adds. */
enum rd_status cli_enclave_json_end(json_t *object, const struct rd_ctl_enclave *e) RD_MUST_USE;

#endif
