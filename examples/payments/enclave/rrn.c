/* SPDX-License-Identifier: Apache-2.0 */
/* Deriving names of operations. */
#include "enclave/rrn.h"

#include "base/byteorder.h"
#include "cbor/encode.h"
#include "crypto/hmac.h"

#include <stdio.h>

/* Heads of 2 and three ids. */
#define INPUT_MAX (32 + 3 * (2 + PAY_ID_MAX))

static enum rd_status write_input(const char *kind, const char *order, const char *payment,
	const char *operation, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_array(out, 4));
	RD_TRY(rd_cbor_put_str(out, kind));
	RD_TRY(rd_cbor_put_str(out, order));
	RD_TRY(rd_cbor_put_str(out, payment));
	return rd_cbor_put_str(out, operation);
}

enum rd_status rrn_derive(const struct keyring *ring, const char *kind, const char *order,
	const char *payment, const char *operation, struct rrn *ret)
{
	static const char characters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const struct keyring_key *key = keyring_find(ring, PAY_KEY_RRN, 0);
	uint8_t room[INPUT_MAX], tag[RD_HMAC_SIZE_MAX];
	struct rd_buf input = rd_buf_fixed(room, sizeof(room));

	RD_ENSURE(key != NULL, RD_NOTFOUND);
	RD_TRY(write_input(kind, order, payment, operation, &input));
	RD_TRY(rd_hmac(RD_HMAC_SHA256, rd_secret_view(&key->key), rd_buf_view(&input), tag));
	for (size_t i = 0; i < PAY_RRN_MAX; i++) {
		ret->rrn[i] = characters[rd_get_be16(tag + 2 * i) % (sizeof(characters) - 1)];
	}
	ret->rrn[PAY_RRN_MAX] = '\0';
	(void)snprintf(
		ret->stan, sizeof(ret->stan), "%06u", rd_get_be32(tag + 2 * PAY_RRN_MAX) % 1000000);
	return RD_OK;
}
