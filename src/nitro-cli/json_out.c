/* SPDX-License-Identifier: Apache-2.0 */
/* JSON on stdout. */
#include "nitro-cli/json_out.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PCR_SIZE 48

/* Digits that give every double back. */
#define REAL_DIGITS_ENOUGH 17
/* Digits that every decimal fraction keeps. */
#define REAL_DIGITS_SAFE 15

static bool comes_back(const json_t *json, size_t flags)
{
	char *text = json_dumps(json, flags | JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *again RD_CLEANUP(
		cli_json_free) = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	free(text);
	return again != NULL && json_equal(json, again) != 0;
}

size_t cli_json_real_flags(const json_t *json)
{
	for (size_t digits = REAL_DIGITS_SAFE; digits < REAL_DIGITS_ENOUGH; digits++) {
		if (comes_back(json, JSON_REAL_PRECISION(digits))) {
			return JSON_REAL_PRECISION(digits);
		}
	}
	return JSON_REAL_PRECISION(REAL_DIGITS_ENOUGH);
}

enum rd_status cli_json_print(const json_t *json, struct rd_error *err)
{
	errno = 0;
	if (json_dumpf(json, stdout, JSON_INDENT(2) | cli_json_real_flags(json)) != 0 ||
		fputc('\n', stdout) == EOF || fflush(stdout) != 0) {
		return rd_fail_errno(
			err, errno != 0 ? errno : EIO, "writing the result to standard output");
	}
	return RD_OK;
}

enum rd_status cli_json_set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) == 0 ? RD_OK : RD_NOMEM;
}

enum rd_status cli_json_set_text(json_t *object, const char *key, const char *value)
{
	return cli_json_set(object, key, json_string(value));
}

enum rd_status cli_json_set_hex(json_t *object, const char *key, struct rd_view bytes)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(2 * bytes.len + 1);

	RD_TRY(rd_hex_encode(bytes, &text));
	return cli_json_set(object, key, json_stringn((const char *)text.ptr, text.used));
}

enum rd_status cli_json_sorted(const json_t *json, json_t **ret_sorted)
{
	char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
	json_t *sorted = text != NULL ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	free(text);
	RD_ENSURE(sorted != NULL, RD_NOMEM);
	*ret_sorted = sorted;
	return RD_OK;
}

void cli_json_free(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

enum rd_status cli_json_measurements(const uint8_t *pcr0, const uint8_t *pcr1, const uint8_t *pcr2,
	const uint8_t *pcr8, json_t **ret_object)
{
	json_t *o RD_CLEANUP(cli_json_free) = json_object();

	RD_ENSURE(o != NULL, RD_NOMEM);
	RD_TRY(cli_json_set_text(o, "HashAlgorithm", CLI_HASH_ALGORITHM));
	RD_TRY(cli_json_set_hex(o, "PCR0", rd_view(pcr0, PCR_SIZE)));
	RD_TRY(cli_json_set_hex(o, "PCR1", rd_view(pcr1, PCR_SIZE)));
	RD_TRY(cli_json_set_hex(o, "PCR2", rd_view(pcr2, PCR_SIZE)));
	if (pcr8 != NULL) {
		RD_TRY(cli_json_set_hex(o, "PCR8", rd_view(pcr8, PCR_SIZE)));
	}
	*ret_object = rd_steal(&o, NULL);
	return RD_OK;
}
