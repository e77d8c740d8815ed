/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from keys (HKDF, RFC 5869; SP 800-108 in counter mode) and from pass phrases (scrypt, RFC
 * 7914).
 *
 * HKDF makes long-lived keys of one purpose each from a root; SP 800-108 makes the key of a single
 * message from a backing key and a nonce, as AWS's service does. Outputs are raw memory, so that
 * they may go into a struct rd_secret: the caller wipes.
 */
#ifndef RD_CRYPTO_KDF_H
#define RD_CRYPTO_KDF_H

#include "crypto/digest.h"

/* Writes rd_digest_size(alg) bytes. salt may be empty, ikm not (RD_USAGE). */
enum rd_status rd_hkdf_extract(enum rd_digest_alg alg, struct rd_view salt, struct rd_view ikm,
	uint8_t *ret_prk) RD_MUST_USE;

/* Writes len bytes, at most 255 digests' worth (RD_LIMIT). prk has a digest's size at least
 * (RD_USAGE); info may be empty. */
enum rd_status rd_hkdf_expand(enum rd_digest_alg alg, struct rd_view prk, struct rd_view info,
	uint8_t *ret_key, size_t len) RD_MUST_USE;

/* Neither part of the fixed input, nor the output, is larger in any use of ours. */
#define RD_KBKDF_PART_MAX 1024

/*
 * SP 800-108 (rev. 1) 4.1 with HMAC: K(i) = HMAC(key, [i]32 || label || 00 || context || [bits]32).
 * key is at least 16 bytes, label, context and len at least 1 (RD_USAGE) and at most
 * RD_KBKDF_PART_MAX (RD_LIMIT).
 */
enum rd_status rd_kbkdf_counter(enum rd_digest_alg alg, struct rd_view key, struct rd_view label,
	struct rd_view context, uint8_t *ret_key, size_t len) RD_MUST_USE;

/*
 * What scrypt costs: 2^log2_n blocks of 128 * r bytes, p times. The bounds hold also for parameters
 * that come from a file: below the minimum a pass phrase is cheap to guess, above the maximum
 * (2 GiB) the file is an attack.
 */
#define RD_SCRYPT_LOG2_N_MIN     14
#define RD_SCRYPT_LOG2_N_DEFAULT 17 /* 128 MiB, about a third of a second */
#define RD_SCRYPT_LOG2_N_MAX     21
#define RD_SCRYPT_SALT_MIN       16
#define RD_SCRYPT_KEY_MAX        64

/* r = 8 and p = 1. RD_OUT_OF_RANGE: log2_n; RD_USAGE: empty pass phrase or short salt, len outside
 * 1..RD_SCRYPT_KEY_MAX; RD_NOMEM: not so much memory. */
enum rd_status rd_scrypt(struct rd_view pass_phrase, struct rd_view salt, unsigned log2_n,
	uint8_t *ret_key, size_t len) RD_MUST_USE;

#endif
