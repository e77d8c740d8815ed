/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers and API keys: random, in base 62. */
#ifndef PS_IDS_H
#define PS_IDS_H

#include "server/model.h"

/* 22 letters are 131 bits. */
#define PS_ID_LETTERS 22
/* "rpk_" and 43 letters: 256 bits, so that a plain SHA-256 of it is enough to keep. */
#define PS_API_KEY_LETTERS 43
#define PS_API_KEY_SIZE    (4 + PS_API_KEY_LETTERS + 1)

/* kind: four letters, "ord_". */
enum rd_status ps_id_new(const char *kind, char ret[PS_ID_SIZE]) RD_MUST_USE;
enum rd_status ps_merchant_id_new(char ret[PS_MERCHANT_ID_SIZE]) RD_MUST_USE;
enum rd_status ps_api_key_new(char ret[PS_API_KEY_SIZE]) RD_MUST_USE;

/* Whether text could be an id of that kind: what comes from outside is looked at before it is
 * looked up. Copies it. RD_MALFORMED. */
enum rd_status ps_id_parse(const char *kind, struct rd_view text, char ret[PS_ID_SIZE]) RD_MUST_USE;

#endif
