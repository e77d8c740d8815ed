/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 9180: DHKEM (4.1), the key schedule (5.1) and the labeled HKDF (4) under both.
 *
 * Everything goes through HKDF with a label and the suite's name, so that no value of one place can
 * be one of another. HKDF-Extract is HMAC(salt, ikm) (RFC 5869 2.2), which takes its input in
 * parts.
 */
#include "hpke/schedule-internal.h"

#include "base/byteorder.h"
#include "crypto/hmac.h"
#include "crypto/kdf.h"

#define MODE_BASE     0x00
#define HASH_SIZE     RD_SHA256_SIZE
#define CONTEXT_SIZE  (1 + 2 * HASH_SIZE)
#define SHARED_SIZE   32 /* Nsecret and Ndh of P-256 (7.1) */
#define VERSION_LABEL "HPKE-v1"
/* I2OSP(L, 2), version, suite and label: none of the labels below has more than 13 bytes. */
#define LABELED_HEAD_MAX 64

static const uint8_t kem_suite[] = {'K', 'E', 'M', 0x00, 0x10};
static const uint8_t hpke_suite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x02};

#define KEM_SUITE  rd_view(kem_suite, sizeof(kem_suite))
#define HPKE_SUITE rd_view(hpke_suite, sizeof(hpke_suite))
#define NOTHING    rd_view("", 0)

static enum rd_status labeled_extract(struct rd_view suite, struct rd_view salt, const char *label,
	struct rd_view ikm, uint8_t ret_prk[HASH_SIZE])
{
	const struct rd_view views[] = {
		rd_view_str(VERSION_LABEL),
		suite,
		rd_view_str(label),
		ikm,
	};

	return rd_hmac_views(RD_HMAC_SHA256, salt, views, RD_ARRAY_LEN(views), ret_prk);
}

/* What is derived, and from what: LabeledExpand's arguments. */
struct expand {
	struct rd_view suite;
	const char *label;
	struct rd_view info;
};

static enum rd_status labeled_expand(
	struct rd_view prk, struct expand what, uint8_t *ret_key, size_t len)
{
	uint8_t storage[LABELED_HEAD_MAX + RD_HPKE_EXPORT_MAX];
	struct rd_buf info = rd_buf_fixed(storage, sizeof(storage));

	RD_TRY(rd_buf_be16(&info, (uint16_t)len));
	RD_TRY(rd_buf_put_str(&info, VERSION_LABEL));
	RD_TRY(rd_buf_put_view(&info, what.suite));
	RD_TRY(rd_buf_put_str(&info, what.label));
	RD_TRY(rd_buf_put_view(&info, what.info));
	return rd_hkdf_expand(RD_SHA256, prk, rd_buf_view(&info), ret_key, len);
}

/* DH, and ExtractAndExpand over it: the KEM's shared secret (4.1). */
static enum rd_status shared_secret(const struct rd_hpke_exchange *exchange, struct rd_secret *ret)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret dh = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret prk = {0};
	uint8_t storage[2 * RD_HPKE_POINT_SIZE];
	struct rd_buf kem_context = rd_buf_fixed(storage, sizeof(storage));
	struct expand what = {.suite = KEM_SUITE, .label = "shared_secret"};

	RD_TRY(rd_secret_init(&dh, SHARED_SIZE));
	RD_TRY(rd_secret_init(&prk, HASH_SIZE));
	RD_TRY(rd_ec_derive(exchange->own, exchange->peer, &dh));
	RD_TRY(rd_buf_put_view(&kem_context, exchange->enc));
	RD_TRY(rd_buf_put_view(&kem_context, exchange->recipient));
	what.info = rd_buf_view(&kem_context);
	RD_TRY(labeled_extract(KEM_SUITE, NOTHING, "eae_prk", rd_secret_view(&dh), prk.ptr));
	prk.len = HASH_SIZE;
	RD_TRY(labeled_expand(rd_secret_view(&prk), what, ret->ptr, SHARED_SIZE));
	ret->len = SHARED_SIZE;
	return RD_OK;
}

/* key_schedule_context: the mode, no PSK's id, and info. */
static enum rd_status schedule_context(struct rd_view info, uint8_t ret_context[CONTEXT_SIZE])
{
	ret_context[0] = MODE_BASE;
	RD_TRY(labeled_extract(HPKE_SUITE, NOTHING, "psk_id_hash", NOTHING, ret_context + 1));
	return labeled_extract(HPKE_SUITE, NOTHING, "info_hash", info, ret_context + 1 + HASH_SIZE);
}

enum rd_status rd_hpke_schedule(const struct rd_hpke_exchange *exchange, struct rd_secret *keys)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret shared = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret secret = {0};
	uint8_t context[CONTEXT_SIZE];
	struct rd_view info = rd_view(context, sizeof(context));

	RD_ENSURE(exchange->info.len <= RD_HPKE_INFO_MAX, RD_LIMIT);
	RD_TRY(rd_secret_init(&shared, SHARED_SIZE));
	RD_TRY(rd_secret_init(&secret, HASH_SIZE));
	RD_TRY(shared_secret(exchange, &shared));
	RD_TRY(schedule_context(exchange->info, context));
	RD_TRY(labeled_extract(HPKE_SUITE, rd_secret_view(&shared), "secret", NOTHING, secret.ptr));
	secret.len = HASH_SIZE;
	RD_TRY(labeled_expand(rd_secret_view(&secret), (struct expand){HPKE_SUITE, "key", info},
		keys->ptr + RD_HPKE_KEY_OFFSET, RD_AEAD_KEY_SIZE));
	RD_TRY(labeled_expand(rd_secret_view(&secret),
		(struct expand){HPKE_SUITE, "base_nonce", info}, keys->ptr + RD_HPKE_NONCE_OFFSET,
		RD_AEAD_NONCE_SIZE));
	RD_TRY(labeled_expand(rd_secret_view(&secret), (struct expand){HPKE_SUITE, "exp", info},
		keys->ptr + RD_HPKE_EXPORTER_OFFSET, RD_HPKE_EXPORTER_SIZE));
	keys->len = RD_HPKE_KEYS_SIZE;
	return RD_OK;
}

enum rd_status rd_hpke_export_secret(
	struct rd_view exporter_secret, struct rd_view context, uint8_t *ret_secret, size_t len)
{
	RD_ENSURE(context.len <= RD_HPKE_EXPORT_MAX && len <= RD_HPKE_EXPORT_MAX, RD_LIMIT);
	return labeled_expand(
		exporter_secret, (struct expand){HPKE_SUITE, "sec", context}, ret_secret, len);
}
