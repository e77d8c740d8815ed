/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CMS SignedData (RFC 5652, a PKCS #7 message to older readers) with its content inside, as EC2
 * signs instance identity documents; and the self-signed certificate of whoever signs.
 */
#ifndef RD_CRYPTO_CMS_SIGN_H
#define RD_CRYPTO_CMS_SIGN_H

#include "crypto/rsa.h"
#include "crypto/x509.h"

/* An identity document is half a KiB. */
#define RD_CMS_SIGNED_MAX 65536

/*
 * Appends the certificate's DER: version 3, no CA, for signatures, issued by itself under this
 * common name. serial: big-endian, positive, at most 20 bytes. RD_USAGE without a private half.
 */
enum rd_status rd_rsa_certify_self(const struct rd_rsa_key *key, const char *common_name,
	struct rd_view serial, int64_t not_before_s, int64_t not_after_s, struct rd_buf *out)
	RD_MUST_USE;

/*
 * Appends the message's DER: SHA-256 with RSA (PKCS #1), no attributes, no certificate inside, so
 * that the same content gives the same bytes. RD_LIMIT: content above RD_CMS_SIGNED_MAX;
 * RD_WRONG_KEY: the certificate is another key's.
 */
enum rd_status rd_cms_sign(const struct rd_rsa_key *key, const struct rd_cert *cert,
	struct rd_view content, struct rd_buf *out) RD_MUST_USE;

#endif
