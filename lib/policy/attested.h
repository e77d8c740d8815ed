/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition keys that an attestation document gives (kms.md 3.7):
 * kms:RecipientAttestation:ImageSha384, :PCR<n> and :NitroTPMPCR<n>.
 *
 * They exist only in a request whose document verified. A value is the register in lowercase
 * hexadecimal without prefix. A register that the document lacks has no key; one that it has as
 * zeros has a key of zeros (whether a debug enclave is served at all is the server's decision,
 * taken before any policy). An enclave gives no NitroTPM keys, and an instance no PCR and
 * ImageSha384 keys. There is no bare kms:RecipientAttestation.
 */
#ifndef RD_POLICY_ATTESTED_H
#define RD_POLICY_ATTESTED_H

#include "policy/context.h"

/* PCR0 … PCR31. */
#define RD_ATTESTED_REGISTERS 32u
/* SHA-512, the longest bank. */
#define RD_ATTESTED_REGISTER_SIZE 64u
/* The value of an enclave's register, SHA-384, in hexadecimal. */
#define RD_ATTESTED_HEX 96u

enum rd_attested_source {
	RD_ATTESTED_ENCLAVE,
	RD_ATTESTED_NITROTPM,
};

enum rd_attested_key_kind {
	RD_ATTESTED_KEY_IMAGE,
	RD_ATTESTED_KEY_PCR,
	RD_ATTESTED_KEY_NITROTPM,
};

struct rd_attested_key {
	enum rd_attested_key_kind kind;
	unsigned index; /* 0 for IMAGE, which is PCR0 */
};

/* The caller's storage; values point into it, so it stays where it is until the evaluation ends. */
struct rd_attested {
	enum rd_attested_source source;
	struct rd_view values[RD_ATTESTED_REGISTERS]; /* hexadecimal; ptr NULL: absent */
	char hex[RD_ATTESTED_REGISTERS][2 * RD_ATTESTED_REGISTER_SIZE + 1];
};

/* A name of the three forms, in any case; "PCR08" and "PCR32" are none. RD_NOTFOUND otherwise. */
enum rd_status rd_attested_key_parse(struct rd_view name, struct rd_attested_key *ret) RD_MUST_USE;

/*
 * registers are the document's values, ptr NULL where it has none. RD_OUT_OF_RANGE for a length
 * that is no digest's (1 to RD_ATTESTED_REGISTER_SIZE bytes are taken).
 */
enum rd_status rd_attested_init(struct rd_attested *a, enum rd_attested_source source,
	const struct rd_view registers[RD_ATTESTED_REGISTERS]) RD_MUST_USE;

/* For struct rd_policy_context; ctx is the struct rd_attested. */
bool rd_attested_lookup(
	const void *attested, struct rd_view key, struct rd_policy_values *ret_values);

#endif
