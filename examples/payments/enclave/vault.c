/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, blind indexes and sealed cards. */
#include "enclave/vault.h"

#include "card/token.h"
#include "crypto/random.h"

_Static_assert(PAY_TOKEN_MAX + 1 == RD_TOKEN_SIZE, "one token");
_Static_assert(RD_FPE_TOKEN_SIZE - 1 == PAY_PAN_MAX, "one length");

/* What is sealed: struct pay_card as it is, without its CVV. The version of the header names its
 * layout, too: it is this image's, and of all that may open it. */
struct record {
	char pan[20];
	uint8_t month;
	uint8_t year; /* since 2000 */
};

enum rd_status vault_blind(const struct keyring *ring, const char *merchant,
	const struct rd_pan *pan, uint8_t ret_blind[PAY_BLIND_SIZE])
{
	const struct keyring_key *key = keyring_find(ring, PAY_KEY_INDEX, 0);

	RD_ENSURE(key != NULL, RD_NOTFOUND);
	return rd_blind_index(rd_secret_view(&key->key), rd_view_str(merchant), pan, ret_blind);
}

enum rd_status vault_new_token(char ret_token[PAY_TOKEN_MAX + 1])
{
	uint8_t random[RD_TOKEN_RANDOM_SIZE];
	enum rd_status st;

	do {
		RD_TRY(rd_random_bytes(random, sizeof(random)));
		st = rd_token_from_random(random, ret_token);
	} while (st == RD_AGAIN);
	return st;
}

enum rd_status vault_fpe(const struct keyring *ring, const char *merchant, const struct rd_pan *pan,
	char ret_fpe[PAY_PAN_MAX + 1])
{
	const struct keyring_key *key = keyring_find(ring, PAY_KEY_TOKEN, 0);
	struct rd_aes *aes = NULL;
	enum rd_status st;

	RD_ENSURE(key != NULL, RD_NOTFOUND);
	RD_TRY(rd_aes_new(rd_secret_view(&key->key), &aes));
	st = rd_fpe_token_encode(aes, pan, rd_view_str(merchant), ret_fpe);
	rd_aes_free(&aes);
	if (st == RD_OUT_OF_RANGE) {
		ret_fpe[0] = '\0';
		return RD_OK;
	}
	return st;
}

static enum rd_status context_of(const char *merchant, const char *token, struct rd_buf *out)
{
	struct rd_context_pair pairs[] = {
		{rd_view_str("app"), rd_view_str("redoubt-payments")},
		{rd_view_str("merchant"), rd_view_str(merchant)},
		{rd_view_str("record"), rd_view_str(token)},
	};

	return rd_context_encode(pairs, RD_ARRAY_LEN(pairs), out);
}

static enum rd_status seal_record(const struct keyring_key *key, struct rd_view context,
	const struct pay_card *card, struct rd_buf *out)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret plaintext = {0};
	struct rd_seal_key seal_key = keyring_seal_key(key);
	uint8_t salt[RD_SEAL_SALT_SIZE];
	struct record *record;

	RD_TRY(rd_random_bytes(salt, sizeof(salt)));
	RD_TRY(rd_secret_init(&plaintext, sizeof(*record)));
	record = (struct record *)(void *)plaintext.ptr;
	memcpy(record->pan, card->pan, sizeof(record->pan));
	record->month = (uint8_t)card->month;
	record->year = (uint8_t)(card->year - 2000);
	plaintext.len = sizeof(*record);
	return rd_seal(&seal_key, context, rd_secret_view(&plaintext), salt, out);
}

enum rd_status vault_seal(const struct keyring *ring, const char *merchant, const char *token,
	const struct pay_card *card, struct rd_buf *out, uint32_t *ret_version)
{
	const struct keyring_key *key = keyring_find(ring, PAY_KEY_CARD, 0);
	uint8_t room[RD_SEAL_CONTEXT_MAX];
	struct rd_buf context = rd_buf_fixed(room, sizeof(room));

	RD_ENSURE(key != NULL, RD_NOTFOUND);
	RD_TRY(context_of(merchant, token, &context));
	RD_TRY(seal_record(key, rd_buf_view(&context), card, out));
	*ret_version = key->version;
	return RD_OK;
}

static enum rd_status open_record(const struct keyring *ring, struct rd_view context,
	struct rd_view sealed, struct rd_secret *plaintext)
{
	const struct keyring_key *key;
	struct rd_seal_key seal_key;
	struct rd_sealed record;

	RD_TRY(rd_seal_read(sealed, &record));
	RD_ENSURE(rd_view_equal(record.purpose, rd_view_str(pay_purpose_name(PAY_KEY_CARD))),
		RD_FORBIDDEN);
	key = keyring_find(ring, PAY_KEY_CARD, record.version);
	RD_ENSURE(key != NULL, RD_NOTFOUND);
	seal_key = keyring_seal_key(key);
	return rd_seal_open(&record, &seal_key, context, plaintext);
}

enum rd_status vault_open(const struct keyring *ring, const char *merchant, const char *token,
	struct rd_view record, struct rd_secret *ret)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret plaintext = {0};
	RD_CLEANUP(rd_secret_finish) struct rd_secret card = {0};
	uint8_t room[RD_SEAL_CONTEXT_MAX];
	struct rd_buf context = rd_buf_fixed(room, sizeof(room));
	const struct record *opened;
	struct pay_card *to;

	RD_TRY(context_of(merchant, token, &context));
	RD_TRY(rd_secret_init(&plaintext, sizeof(*opened)));
	RD_TRY(rd_secret_init(&card, sizeof(*to)));
	RD_TRY(open_record(ring, rd_buf_view(&context), record, &plaintext));
	RD_ENSURE(plaintext.len == sizeof(*opened), RD_MALFORMED);
	opened = (const struct record *)(const void *)plaintext.ptr;
	to = (struct pay_card *)(void *)card.ptr;
	*to = (struct pay_card){.month = opened->month, .year = 2000u + opened->year};
	memcpy(to->pan, opened->pan, sizeof(to->pan));
	to->pan[sizeof(to->pan) - 1] = '\0';
	card.len = sizeof(*to);
	*ret = rd_steal(&card, (struct rd_secret){0});
	return RD_OK;
}
