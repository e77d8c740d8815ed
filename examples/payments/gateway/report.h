/* SPDX-License-Identifier: Apache-2.0 */
/* What the books say, as JSON: for people, and for tests that look for a double charge. */
#ifndef GATEWAY_REPORT_H
#define GATEWAY_REPORT_H

#include "db/db.h"

#include <stdio.h>

/*
 * One object:
 *
 *	cards       one for each card and currency: card (hex of an HMAC), last4, currency,
 *	            approved and reversed (numbers of authorisations), and, in minor units, held
 *	            (approved and not reversed), captured, refunded
 *	operations  one for each RRN: rrn, kind, stan, amount, currency, terminal, merchant, last4,
 *	            original, response ("" for an authorisation that was reversed before it came),
 *	            captured, refunded, reversed, time
 *	heads       one for each log that is witnessed: log, size, root, head (base64), time
 */
enum rd_status gw_report_print(struct rd_db *db, FILE *out, struct rd_error *err) RD_MUST_USE;

#endif
