/* SPDX-License-Identifier: Apache-2.0 */
/* ECDH (SP 800-56A, cofactor 1). */
#include "base/secret.h"
#include "crypto/ec.h"
#include "crypto/internal.h"

#include <openssl/err.h>

enum rd_status rd_ec_derive(
	const struct rd_ec_key *key, const struct rd_ec_key *peer, struct rd_secret *out)
{
	RD_CLEANUP(rd_crypto_pkey_ctx_free) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->pkey, NULL);
	size_t len = rd_ec_signature_size(key->curve) / 2;
	size_t got = len;
	int ok;

	rd_secret_clear(out);
	RD_ENSURE(ctx != NULL, RD_NOMEM);
	RD_ENSURE(key->has_private, RD_USAGE);
	RD_ENSURE(key->curve == peer->curve, RD_WRONG_KEY);
	RD_ENSURE(len <= out->cap, RD_NOSPACE);
	RD_ENSURE(EVP_PKEY_derive_init(ctx) == 1, RD_INTERNAL);
	/* Validates: on the curve, not infinity, of the group's order. */
	ok = EVP_PKEY_derive_set_peer_ex(ctx, peer->pkey, 1);
	ERR_clear_error();
	RD_ENSURE(ok == 1, RD_WRONG_KEY);
	RD_ENSURE(EVP_PKEY_derive(ctx, out->ptr, &got) == 1 && got == len, RD_INTERNAL);
	out->len = len;
	return RD_OK;
}
