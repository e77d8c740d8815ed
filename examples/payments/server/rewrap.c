/* SPDX-License-Identifier: Apache-2.0 */
/* One card under the newest key. */
#include "server/rewrap.h"

#include "base/text.h"
#include "log/log.h"
#include "server/enclave.h"
#include "server/store.h"

#include <stdlib.h>

struct rewrap {
	struct ps_ask ask;
	uint8_t vault[PAY_VAULT_MAX];
	ps_rewrap_done *done;
	void *arg;
};

static enum rd_status commit(struct ps_ask *ask, struct rd_db *db, const struct pay_message *answer)
{
	const struct pay_rewrap *m = &ask->message.rewrap;

	if (answer->type != PAY_REWRAPPED) {
		return RD_OK;
	}
	return ps_store_vault_rewrap(db, m->merchant, m->token, answer->rewrapped.vault,
		(int64_t)answer->rewrapped.version);
}

static void answered(struct ps_ask *ask, enum rd_status st, const struct pay_message *answer)
{
	struct rewrap *r = ps_container(ask, struct rewrap, ask);

	if (st == RD_OK && answer->type == PAY_ERROR) {
		rd_log(RD_LOG_WARNING, "a card could not be sealed anew: %s: %s",
			pay_error_name(answer->error.code), answer->error.text);
	}
	r->done(r->arg, st == RD_OK && answer->type == PAY_REWRAPPED);
	free(r);
}

/* The one that has waited longest. */
static enum rd_status find(struct rewrap *r, struct rd_db *db)
{
	struct pay_rewrap *m = &r->ask.message.rewrap;
	struct rd_buf vault = rd_buf_fixed(r->vault, sizeof(r->vault));
	int64_t newest;

	RD_TRY(ps_store_data_key_newest(db, PAY_KEY_CARD, &newest));
	RD_TRY(ps_store_vault_older(db, newest, m->merchant, m->token));
	RD_TRY(ps_store_vault_get(db, m->merchant, m->token, &vault));
	m->vault = rd_buf_view(&vault);
	return RD_OK;
}

bool ps_rewrap_one(struct ps *ps, struct rd_db *db, ps_rewrap_done *done, void *arg)
{
	struct rewrap *r = calloc(1, sizeof(*r));

	if (r == NULL || find(r, db) != RD_OK) {
		free(r);
		return false;
	}
	r->ask.message.type = PAY_REWRAP;
	r->ask.commit = commit;
	r->ask.done = answered;
	r->done = done;
	r->arg = arg;
	if (ps_enclave_ask(ps->enclave, &r->ask) != RD_OK) {
		free(r);
		return false;
	}
	return true;
}
