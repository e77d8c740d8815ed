/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ciphertext blob of a symmetric KMS key.
 *
 *   offset  size
 *        0     2  magic "RK"; AWS's blobs start with 01 02
 *        2     1  version 1
 *        3     1  suite 1: SP 800-108 with HMAC-SHA-256, AES-256-GCM
 *        4     8  installation: blobs of another server are refused early
 *       12    16  key id (the UUID's bytes)
 *       28    32  key material id: which rotation of the key
 *       60    32  nonce of the derivation
 *       92    12  GCM nonce
 *      104    32  commitment
 *      136     n  ciphertext, then GCM's tag of 16
 *
 * From the backing key and a fresh nonce come 64 bytes, K(1) || K(2), over all of the header before
 * the GCM nonce: a key for this message alone, so that GCM's limit on random nonces does not count
 * across messages, and a commitment. GCM does not commit to its key and an outsider's bytes choose
 * which key opens a blob; HMAC's collision resistance makes up for it. The whole header and the
 * encoded encryption context are GCM's associated data.
 */
#ifndef RD_ENVELOPE_ENVELOPE_H
#define RD_ENVELOPE_ENVELOPE_H

#include "crypto/aead.h"
#include "envelope/context.h"

#define RD_ENVELOPE_INSTALLATION_SIZE 8
#define RD_ENVELOPE_KEY_ID_SIZE       16
#define RD_ENVELOPE_MATERIAL_ID_SIZE  32
#define RD_ENVELOPE_NONCE_SIZE        32
#define RD_ENVELOPE_COMMITMENT_SIZE   32
#define RD_ENVELOPE_HEADER_SIZE       136
#define RD_ENVELOPE_OVERHEAD          (RD_ENVELOPE_HEADER_SIZE + RD_AEAD_TAG_SIZE)
#define RD_ENVELOPE_BACKING_KEY_SIZE  32
/* The service's limit on a call's plaintext; with the overhead far below its 6,144 for a blob. */
#define RD_ENVELOPE_PLAINTEXT_MAX 4096
#define RD_ENVELOPE_SIZE_MAX      (RD_ENVELOPE_PLAINTEXT_MAX + RD_ENVELOPE_OVERHEAD)

/* Which key a blob names. Not authenticated until rd_envelope_open has accepted it. */
struct rd_envelope_id {
	uint8_t installation[RD_ENVELOPE_INSTALLATION_SIZE];
	uint8_t key_id[RD_ENVELOPE_KEY_ID_SIZE];
	uint8_t material_id[RD_ENVELOPE_MATERIAL_ID_SIZE];
};

/* A blob taken apart; views into the input. */
struct rd_envelope {
	struct rd_envelope_id id;
	struct rd_view derived_from; /* the header up to the GCM nonce */
	struct rd_view header;
	struct rd_view gcm_nonce;
	struct rd_view commitment;
	struct rd_view sealed; /* ciphertext and tag */
};

/* What must be fresh for each blob. */
struct rd_envelope_random {
	uint8_t nonce[RD_ENVELOPE_NONCE_SIZE];
	uint8_t gcm_nonce[RD_AEAD_NONCE_SIZE];
};

/*
 * Takes a blob apart, checks nothing cryptographic. RD_BAD_MAGIC: not ours (AWS's, say);
 * RD_BAD_VERSION, RD_BAD_ALG: another version or suite; RD_TRUNCATED: shorter than its overhead and
 * one byte; RD_LIMIT: longer than RD_ENVELOPE_SIZE_MAX.
 */
enum rd_status rd_envelope_parse(struct rd_view blob, struct rd_envelope *ret) RD_MUST_USE;

/*
 * Appends a blob of plaintext.len + RD_ENVELOPE_OVERHEAD bytes. context is rd_context_encode's.
 * RD_LIMIT: a plaintext of no bytes or of more than RD_ENVELOPE_PLAINTEXT_MAX; RD_NOSPACE. What was
 * appended before a failure is taken back.
 */
enum rd_status rd_envelope_seal(const struct rd_envelope_id *id,
	const uint8_t backing_key[RD_ENVELOPE_BACKING_KEY_SIZE], struct rd_view context,
	struct rd_view plaintext, const struct rd_envelope_random *random, struct rd_buf *out)
	RD_MUST_USE;

/*
 * Replaces what out holds by the plaintext. Authorise on envelope->id first. RD_UNTRUSTED: not
 * sealed under this key with this context, or altered; RD_NOSPACE: out is too small.
 */
enum rd_status rd_envelope_open(const struct rd_envelope *envelope,
	const uint8_t backing_key[RD_ENVELOPE_BACKING_KEY_SIZE], struct rd_view context,
	struct rd_secret *out) RD_MUST_USE;

#endif
