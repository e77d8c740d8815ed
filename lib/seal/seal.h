/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed records: what an application inside an enclave gives to somebody outside to keep.
 *
 * Each record has a key of its own, made from a data key (which a KMS wraps) and a random salt, so
 * that GCM's limit on random nonces does not count across records, and is bound to a context: what
 * the record is, for whom. Whoever keeps records can withhold one, or give an older one back; they
 * can neither read it, nor change it, nor pass one off as another.
 *
 *   offset  size
 *        0     4  "RDS1"
 *        4     1  suite 1: HKDF-SHA-256, AES-256-GCM
 *        5     1  p, the length of the purpose: 1 to RD_SEAL_PURPOSE_MAX
 *        6     p  purpose: a-z, 0-9 and '-'; which kind of data key
 *      6+p     4  version of that data key, big-endian, from 1
 *     10+p    32  salt
 *     42+p    32  commitment
 *     74+p     n  ciphertext, then GCM's tag of 16
 *
 *	PRK = HKDF-Extract(salt, data key)
 *	key (32) || nonce (12) || commitment (32) = HKDF-Expand(PRK,
 *		"redoubt seal v1" || all of the header before the salt || context)
 *
 * The whole header and the context are GCM's associated data. GCM does not commit to its key and an
 * outsider's bytes choose which version opens a record; HKDF's collision resistance makes up for
 * it.
 */
#ifndef RD_SEAL_SEAL_H
#define RD_SEAL_SEAL_H

#include "crypto/aead.h"
#include "envelope/context.h"

#define RD_SEAL_KEY_SIZE        32
#define RD_SEAL_SALT_SIZE       32
#define RD_SEAL_COMMITMENT_SIZE 32
/* "card", "session-keys". */
#define RD_SEAL_PURPOSE_MAX 31
/* rd_context_encode's: a few names and ids. */
#define RD_SEAL_CONTEXT_MAX 512
/* What a struct rd_secret holds. */
#define RD_SEAL_PLAINTEXT_MAX RD_SECRET_SIZE_MAX

/* Header and tag. */
#define RD_SEAL_OVERHEAD(purpose_len)                                                              \
	(10 + (purpose_len) + RD_SEAL_SALT_SIZE + RD_SEAL_COMMITMENT_SIZE + RD_AEAD_TAG_SIZE)
#define RD_SEAL_SIZE_MAX (RD_SEAL_PLAINTEXT_MAX + RD_SEAL_OVERHEAD(RD_SEAL_PURPOSE_MAX))

/* A data key and what it is. */
struct rd_seal_key {
	const char *purpose;
	uint32_t version;
	struct rd_view key; /* RD_SEAL_KEY_SIZE bytes */
};

/* A record taken apart; views into the input. Nothing of it is authenticated until rd_seal_open has
 * accepted it. */
struct rd_sealed {
	struct rd_view purpose;
	uint32_t version;
	struct rd_view derived_from; /* the header before the salt */
	struct rd_view header;       /* all of it */
	struct rd_view salt;
	struct rd_view commitment;
	struct rd_view ciphertext; /* and tag */
};

/*
 * Appends a record of plaintext.len + RD_SEAL_OVERHEAD bytes. salt must be fresh for each record;
 * context is rd_context_encode's. RD_USAGE: a key of another size, version 0, or a purpose that is
 * not as above; RD_LIMIT: plaintext of no bytes or of more than RD_SEAL_PLAINTEXT_MAX, or a context
 * of more than RD_SEAL_CONTEXT_MAX; RD_NOSPACE. What was appended before a failure is taken back.
 */
enum rd_status rd_seal(const struct rd_seal_key *key, struct rd_view context,
	struct rd_view plaintext, const uint8_t salt[RD_SEAL_SALT_SIZE], struct rd_buf *out)
	RD_MUST_USE;

/*
 * Takes a record apart, checks nothing cryptographic: which version of the data key it wants.
 * RD_BAD_MAGIC; RD_BAD_ALG: another suite; RD_OUT_OF_RANGE: purpose's length or version;
 * RD_MALFORMED: purpose's characters; RD_TRUNCATED; RD_LIMIT above RD_SEAL_SIZE_MAX.
 */
enum rd_status rd_seal_read(struct rd_view record, struct rd_sealed *ret) RD_MUST_USE;

/*
 * Replaces what out holds by the plaintext. RD_FORBIDDEN: the record names another purpose or
 * version than key has; RD_UNTRUSTED: not sealed under this key with this context, or altered;
 * RD_NOSPACE: out is too small; RD_USAGE, RD_LIMIT as rd_seal. On failure out is cleared.
 */
enum rd_status rd_seal_open(const struct rd_sealed *record, const struct rd_seal_key *key,
	struct rd_view context, struct rd_secret *out) RD_MUST_USE;

#endif
