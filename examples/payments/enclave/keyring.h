/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data keys, unwrapped, in secret memory; and the log's signing key.
 *
 * A purpose has one key, but for "card", which has versions: the highest seals, all open.
 */
#ifndef ENCLAVE_KEYRING_H
#define ENCLAVE_KEYRING_H

#include "crypto/ec.h"
#include "seal/seal.h"
#include "wire/link.h"

#define KEYRING_KEY_SIZE 32

struct keyring_key {
	uint32_t purpose; /* enum pay_purpose */
	uint32_t version;
	uint8_t wrapped[RD_SHA256_SIZE]; /* digest of the form that it came in */
	struct rd_secret key;
};

struct keyring {
	struct keyring_key keys[PAY_KEYS_MAX];
	size_t n;
	struct rd_ec_key *log_key;
};

/* Wipes. */
void keyring_finish(struct keyring *ring);

/* Takes the secret over. RD_DUPLICATE: it is there, or another version of a purpose that has none;
 * RD_LIMIT: full; RD_OUT_OF_RANGE: not KEYRING_KEY_SIZE bytes. */
enum rd_status keyring_add(struct keyring *ring, uint32_t purpose, uint32_t version,
	struct rd_view wrapped, struct rd_secret *key) RD_MUST_USE;

/* Whether from has this very key: then it is moved to ring, and the KMS need not be asked. */
bool keyring_move(struct keyring *from, uint32_t purpose, uint32_t version, struct rd_view wrapped,
	struct keyring *ring);

/* version 0: the newest. NULL when there is none. */
const struct keyring_key *keyring_find(
	const struct keyring *ring, uint32_t purpose, uint32_t version);

/* What a record sealed under it wants: borrowed. */
struct rd_seal_key keyring_seal_key(const struct keyring_key *key);

/* A new signing key, and itself sealed under the "log" key (appended to out), or one that was
 * sealed so. RD_NOTFOUND: no such key; RD_UNTRUSTED, RD_FORBIDDEN and the others of rd_seal_open.
 */
enum rd_status keyring_make_log_key(struct keyring *ring, struct rd_buf *out) RD_MUST_USE;
enum rd_status keyring_open_log_key(struct keyring *ring, struct rd_view sealed) RD_MUST_USE;

/* A policy's JSON sealed under the "policy" key, and back. */
enum rd_status keyring_seal_policy(
	const struct keyring *ring, struct rd_view json, struct rd_buf *out) RD_MUST_USE;
enum rd_status keyring_open_policy(
	const struct keyring *ring, struct rd_view sealed, struct rd_secret *ret) RD_MUST_USE;

#endif
