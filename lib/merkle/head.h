/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed tree heads: what a log says of itself at one time, in fixed bytes.
 *
 *     0   8  "RDLOGH2" and a zero byte: what was signed, and its version
 *     8  32  log id: SHA-256 of the log key's SubjectPublicKeyInfo (RFC 6962, 3.2)
 *    40   8  time, milliseconds since the epoch, big-endian
 *    48   8  tree size, big-endian
 *    56  32  root
 *    88  64  ECDSA over bytes 0 to 87, P-256 with SHA-256, r || s
 *
 * The magic keeps this signature apart from every other one that the key may ever make. The curve
 * is RFC 6962's (2.1.4): as strong as the tree's SHA-256 is against collisions, and a signature
 * costs a twentieth of one on P-384, of which every batch of records needs one.
 */
#ifndef RD_MERKLE_HEAD_H
#define RD_MERKLE_HEAD_H

#include "crypto/ec.h"
#include "merkle/hash.h"

/* With the zero byte behind it. */
#define RD_MERKLE_HEAD_MAGIC "RDLOGH2"

#define RD_MERKLE_HEAD_BODY_SIZE      88
#define RD_MERKLE_HEAD_SIGNATURE_SIZE 64
#define RD_MERKLE_HEAD_SIZE           (RD_MERKLE_HEAD_BODY_SIZE + RD_MERKLE_HEAD_SIGNATURE_SIZE)

struct rd_merkle_head {
	uint64_t time_ms;
	uint64_t size;
	struct rd_merkle_hash root;
};

/* RD_WRONG_KEY for a key of another curve. */
enum rd_status rd_merkle_log_id(const struct rd_ec_key *key, struct rd_merkle_hash *ret)
	RD_MUST_USE;

/* RD_WRONG_KEY: another curve; RD_USAGE: no private half; RD_LIMIT: size too large. */
enum rd_status rd_merkle_head_sign(const struct rd_ec_key *key, const struct rd_merkle_head *head,
	uint8_t ret_signed[RD_MERKLE_HEAD_SIZE]) RD_MUST_USE;
/* The same for who signs often: id is rd_merkle_log_id's of that key, which costs more than the
 * signature. That it is another key's is not found. */
enum rd_status rd_merkle_head_sign_as(const struct rd_ec_key *key, const struct rd_merkle_hash *id,
	const struct rd_merkle_head *head, uint8_t ret_signed[RD_MERKLE_HEAD_SIZE]) RD_MUST_USE;

/*
 * Reads and verifies. RD_TRUNCATED, RD_TRAILING; RD_BAD_MAGIC; RD_WRONG_KEY: the log id is not this
 * key's, or the curve is wrong; RD_BAD_SIGNATURE; RD_LIMIT: size above RD_MERKLE_SIZE_MAX.
 */
enum rd_status rd_merkle_head_verify(
	const struct rd_ec_key *key, struct rd_view bytes, struct rd_merkle_head *ret) RD_MUST_USE;

/*
 * The same without the signature's verification, whose cost counts when a server reads a long log
 * of its own at start: nothing that it gives may be believed until a later head of the same tree
 * has verified.
 */
enum rd_status rd_merkle_head_read(
	const struct rd_ec_key *key, struct rd_view bytes, struct rd_merkle_head *ret) RD_MUST_USE;

#endif
