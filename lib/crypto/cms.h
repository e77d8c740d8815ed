/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMS EnvelopedData as KMS sends it to an enclave (CiphertextForRecipient): one recipient, named by
 * SHA-256 of its SubjectPublicKeyInfo, RSAES-OAEP with SHA-256, content in AES-256-CBC.
 *
 * The encoding is neither DER nor any sane BER: ContentInfo, its [0], EnvelopedData and
 * EncryptedContentInfo have indefinite lengths, the content too, all else is DER. AWS's C SDK takes
 * nothing else, so it is written byte for byte, and read by the same rules.
 *
 * CBC has no integrity: whoever can change the bytes can flip bits of the first block (by the IV)
 * unnoticed. What protects it is the TLS in which it comes.
 */
#ifndef RD_CRYPTO_CMS_H
#define RD_CRYPTO_CMS_H

#include "crypto/rsa.h"

/* CiphertextBlob's and CiphertextForRecipient's limit in the service's model. */
#define RD_CMS_SIZE_MAX      6144
#define RD_CMS_PLAINTEXT_MAX 4096
#define RD_CMS_KEY_SIZE      32
#define RD_CMS_IV_SIZE       16

/* What varies. Views into the input, but for ciphertext, see rd_cms_read. */
struct rd_cms {
	struct rd_view
		key_id; /* SubjectKeyIdentifier; absent when the recipient is named otherwise */
	struct rd_view encrypted_key;
	struct rd_view iv;
	struct rd_view ciphertext;
};

/* Appends the encoding of parts that exist already. RD_USAGE: a key id that is not 32 bytes, an IV
 * that is not 16; RD_LIMIT: more than RD_CMS_SIZE_MAX in all. */
enum rd_status rd_cms_write(const struct rd_cms *cms, struct rd_buf *out) RD_MUST_USE;

/*
 * Takes what the C SDK's reader takes: the form above, its content in one primitive [0] or in any
 * number of OCTET STRINGs, a recipient named in any way (nobody checks it), any further recipients
 * ignored, and anything or nothing after the content. Gathers the content in ciphertext_storage, to
 * which ret->ciphertext then points.
 *
 * RD_LIMIT: more than RD_CMS_SIZE_MAX. RD_TRUNCATED: an element reaches beyond the end.
 * RD_BAD_VERSION, RD_BAD_ALG: valid, but another version, content type or cipher. RD_NONCANONICAL:
 * a length in the form that this place does not have. RD_BAD_TYPE: another element than belongs
 * here. RD_OUT_OF_RANGE: an IV that is not 16 bytes. RD_MISSING: no content.
 */
enum rd_status rd_cms_read(struct rd_view ber, uint8_t ciphertext_storage[RD_CMS_SIZE_MAX],
	struct rd_cms *ret) RD_MUST_USE;

/* What must be fresh for each message. */
struct rd_cms_random {
	uint8_t content_key[RD_CMS_KEY_SIZE];
	uint8_t iv[RD_CMS_IV_SIZE];
};

/*
 * Seals plaintext for the owner of recipient_spki and appends the encoding. Errors of
 * rd_rsa_key_from_spki; RD_LIMIT: plaintext longer than RD_CMS_PLAINTEXT_MAX. The second form takes
 * the content key and the IV from its caller (OAEP's seed is always OpenSSL's).
 */
enum rd_status rd_cms_seal(
	struct rd_view recipient_spki, struct rd_view plaintext, struct rd_buf *out) RD_MUST_USE;
enum rd_status rd_cms_seal_with(const struct rd_cms_random *random, struct rd_view recipient_spki,
	struct rd_view plaintext, struct rd_buf *out) RD_MUST_USE;

/*
 * Reads and decrypts; replaces what out holds, whose capacity is RD_CMS_SIZE_MAX at least
 * (RD_USAGE). Errors of rd_cms_read for the structure; whatever is wrong in the encrypted parts is
 * RD_UNTRUSTED.
 */
enum rd_status rd_cms_open(const struct rd_rsa_key *key, struct rd_view ber, struct rd_secret *out)
	RD_MUST_USE;

#endif
