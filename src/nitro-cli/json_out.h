/* SPDX-License-Identifier: Apache-2.0 */
/* JSON on stdout as the original prints it: two spaces, one element a line, keys as they were set.
 */
#ifndef NITRO_CLI_JSON_OUT_H
#define NITRO_CLI_JSON_OUT_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>

/*
 * Flags for jansson's dump functions: as few digits for reals as bring all of them back. Left to
 * itself it prints 17, and 1.1 as 1.1000000000000001.
 */
size_t cli_json_real_flags(const json_t *json);

/* Prints with a final newline and flushes; RD_IO when stdout is full or closed. */
enum rd_status cli_json_print(const json_t *json, struct rd_error *err) RD_MUST_USE;

/* object[key] = value; value is taken over also on failure. NULL values (out of memory) fail. */
enum rd_status cli_json_set(json_t *object, const char *key, json_t *value) RD_MUST_USE;
enum rd_status cli_json_set_text(json_t *object, const char *key, const char *value) RD_MUST_USE;
enum rd_status cli_json_set_hex(json_t *object, const char *key, struct rd_view bytes) RD_MUST_USE;

/* A copy with the keys of all objects in byte order. */
enum rd_status cli_json_sorted(const json_t *json, json_t **ret_sorted) RD_MUST_USE;

/* For RD_CLEANUP. */
void cli_json_free(json_t **json);

/* The value of HashAlgorithm, see docs/differences.md. */
#define CLI_HASH_ALGORITHM "Sha384 { ... }"

/* {"HashAlgorithm", "PCR0", "PCR1", "PCR2"[, "PCR8"]}; pcr8 may be NULL. 48 bytes each. */
enum rd_status cli_json_measurements(const uint8_t *pcr0, const uint8_t *pcr1, const uint8_t *pcr2,
	const uint8_t *pcr8, json_t **ret_object) RD_MUST_USE;

#endif
