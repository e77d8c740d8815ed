/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The witness of an audit log: remembers the newest signed tree head (merkle/head.h) that it was
 * shown, so that whoever keeps the log for its author cannot take anything back.
 *
 * A head that is smaller than the last one, or as large with another root, is refused. That a
 * larger one continues the last one is for the author to prove to itself (it gets the last one in
 * the answer) and for an auditor, who has all of them: each is a line of <state>/witness.log,
 *
 *	TIME LOG-ID SIZE ROOT HEAD
 *
 * RFC 3339, hex, decimal, hex, base64 of the signed head.
 */
#ifndef GATEWAY_WITNESS_H
#define GATEWAY_WITNESS_H

#include "card/gateway_message.h"
#include "db/db.h"
#include "merkle/head.h"

/* Logs that one gateway looks after; a log id is a hash of its key, so anybody can make new ones.
 */
#define GW_LOGS_MAX 64

struct gw_witness {
	struct rd_db *db;
	int log_fd;
	struct rd_ec_key *only; /* the one log that is witnessed; NULL: any, by its first key */
};

/* key_path: a P-256 public key in PEM form, or NULL. */
enum rd_status gw_witness_open(struct rd_db *db, int state_dir, const char *key_path,
	struct gw_witness *ret, struct rd_error *err) RD_MUST_USE;
/* Whether such a key could be used. */
enum rd_status gw_witness_check_key(const char *key_path, struct rd_error *err) RD_MUST_USE;
/* Accepts what gw_witness_open has not filled in but for log_fd, which is -1. */
void gw_witness_close(struct gw_witness *witness);

/*
 * Within the caller's transaction: takes the head of a sign-on, and fills in the answer's response,
 * reason, and the last head before it. A refused head changes nothing. Failures are the database's
 * or the log file's: roll back. A line that was written before is then there for nothing, but true.
 */
enum rd_status gw_witness_sign_on(struct gw_witness *witness,
	const struct pay_gateway_request *request, int64_t now_ms,
	struct pay_gateway_answer *answer) RD_MUST_USE;

#endif
