/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway's books: one row for each RRN, with what was asked, the first answer, and what became
 * of it. No PAN, no CVV, no expiry: a card is an HMAC and its last four digits.
 *
 * The rules are those of card/gateway_message.h. A row whose response is empty is of an
 * authorisation that was reversed before it came; when it comes it is declined.
 */
#ifndef GATEWAY_LEDGER_H
#define GATEWAY_LEDGER_H

#include "card/gateway_message.h"
#include "db/db.h"
#include "gateway/secrets.h"

/* "<state>/gateway.sqlite", with all of the gateway's tables. */
enum rd_status gw_ledger_open(const char *state, struct rd_db **ret, struct rd_error *err)
	RD_MUST_USE;

struct gw_ledger {
	struct rd_db *db;
	struct gw_secrets secrets;
};

/*
 * Within the caller's transaction: does what is asked, if it may be, and appends the answer, which
 * may be sent once that is committed. response: field 39 for what is allowed; what is not approved
 * is recorded and changes no sum. *ret_first: there was no answer to this yet.
 * Failures are the database's (db/db.h): roll back.
 */
enum rd_status gw_ledger_operate(struct gw_ledger *ledger,
	const struct pay_gateway_request *request, const char *response, int64_t now_ms,
	struct rd_buf *out, bool *ret_first) RD_MUST_USE;

#endif
