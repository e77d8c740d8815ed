/* SPDX-License-Identifier: Apache-2.0 */
/* Releasing OpenSSL's objects by RD_CLEANUP, and emptying its memory BIOs. */
#include "crypto/internal.h"

void rd_crypto_pkey_free(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

void rd_crypto_pkey_ctx_free(EVP_PKEY_CTX **p)
{
	EVP_PKEY_CTX_free(*p);
}

void rd_crypto_cipher_ctx_free(EVP_CIPHER_CTX **p)
{
	EVP_CIPHER_CTX_free(*p);
}

void rd_crypto_bio_free(BIO **p)
{
	BIO_free_all(*p);
}

void rd_crypto_x509_free(X509 **p)
{
	X509_free(*p);
}

enum rd_status rd_crypto_bio_drain(BIO *bio, struct rd_buf *out)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);

	RD_ENSURE(len >= 0, RD_INTERNAL);
	return rd_buf_put(out, text, (size_t)len);
}
