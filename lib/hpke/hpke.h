/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hybrid public key encryption, RFC 9180: base mode, DHKEM(P-256, HKDF-SHA256) (0x0010),
 * HKDF-SHA256 (0x0001), AES-256-GCM (0x0002); WebCrypto has all three.
 *
 * A sender who knows the receiver's point seals to it; the receiver learns nothing of who sent
 * (base mode does not authenticate the sender). The point has to come from where the sender trusts
 * it, an attestation document's public_key say. Either side makes a context out of one exchange:
 *
 *	sender    rd_hpke_sender_init(point, info, ephemeral) -> enc    seal, seal, …
 *	receiver  rd_hpke_receiver_init(key, enc, info)                 open, open, …
 *
 * Messages of a context are opened in the order in which they were sealed. For one message there is
 * rd_hpke_seal_once and rd_hpke_open_once. Points are uncompressed, 04 || X || Y (RFC 9180 7.1.1).
 */
#ifndef RD_HPKE_HPKE_H
#define RD_HPKE_HPKE_H

#include "crypto/ec.h"

#define RD_HPKE_POINT_SIZE 65
#define RD_HPKE_TAG_SIZE   16
/* What a one-message seal adds: enc and tag. */
#define RD_HPKE_OVERHEAD (RD_HPKE_POINT_SIZE + RD_HPKE_TAG_SIZE)
/* Names a protocol and what the exchange is for: ours are short (RFC 9180 7.2.1 allows 2^61). */
#define RD_HPKE_INFO_MAX 1024
/* Of an exporter's context, and of what is exported. */
#define RD_HPKE_EXPORT_MAX 1024

/* One exchange's keys. Zero-initialise. */
struct rd_hpke {
	struct rd_secret keys; /* AEAD key, base nonce, exporter secret */
	uint64_t sequence;     /* of the next message */
	bool is_sender;
};

/* Wipes; accepts an empty one. */
void rd_hpke_finish(struct rd_hpke *hpke);

/*
 * SetupBaseS (5.1.1). ephemeral is a fresh P-256 key pair (rd_ec_key_generate): this exchange's
 * randomness, used once and forgotten. Writes enc, the ephemeral's point. RD_UNTRUSTED: recipient
 * is no point of P-256 in the form above; RD_USAGE: ephemeral is on another curve or has no private
 * half; RD_LIMIT: info. *ret is empty on failure.
 */
enum rd_status rd_hpke_sender_init(struct rd_view recipient, struct rd_view info,
	const struct rd_ec_key *ephemeral, struct rd_hpke *ret, uint8_t ret_enc[RD_HPKE_POINT_SIZE])
	RD_MUST_USE;

/* SetupBaseR (5.1.1). RD_UNTRUSTED: enc is no such point; otherwise as above, of key. */
enum rd_status rd_hpke_receiver_init(const struct rd_ec_key *key, struct rd_view enc,
	struct rd_view info, struct rd_hpke *ret) RD_MUST_USE;

/* ContextS.Seal (5.2): appends plaintext.len + RD_HPKE_TAG_SIZE bytes. RD_USAGE: a receiver's
 * context; RD_LIMIT: size (crypto/aead.h). */
enum rd_status rd_hpke_seal(struct rd_hpke *hpke, struct rd_view aad, struct rd_view plaintext,
	struct rd_buf *out) RD_MUST_USE;

/*
 * ContextR.Open (5.2): replaces what out holds. RD_UNTRUSTED: another key, info, aad or place in
 * the order, or changed bytes, and nothing tells which; the context stays at its place, so that the
 * right message may still come. RD_TRUNCATED: shorter than a tag; RD_NOSPACE; RD_USAGE: a sender's
 * context. On failure out is cleared.
 */
enum rd_status rd_hpke_open(struct rd_hpke *hpke, struct rd_view aad, struct rd_view ciphertext,
	struct rd_secret *out) RD_MUST_USE;

/* Context.Export (5.3): len bytes (RD_LIMIT) that both sides have and nobody else; the caller wipes
 * them. */
enum rd_status rd_hpke_export(const struct rd_hpke *hpke, struct rd_view exporter_context,
	uint8_t *ret_secret, size_t len) RD_MUST_USE;

/* One message (6.1): appends enc || ciphertext, plaintext.len + RD_HPKE_OVERHEAD bytes; nothing on
 * failure. */
enum rd_status rd_hpke_seal_once(struct rd_view recipient, struct rd_view info, struct rd_view aad,
	struct rd_view plaintext, const struct rd_ec_key *ephemeral, struct rd_buf *out)
	RD_MUST_USE;
/* Opens enc || ciphertext. RD_TRUNCATED: shorter than RD_HPKE_OVERHEAD; otherwise as above. */
enum rd_status rd_hpke_open_once(const struct rd_ec_key *key, struct rd_view info,
	struct rd_view aad, struct rd_view message, struct rd_secret *out) RD_MUST_USE;

#endif
