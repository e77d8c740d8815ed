/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a payment. Four operations, one engine:
 *
 *	AUTHORISE   card opened and checked → LOOKING → RECORDING → ASKING → RESULT
 *	                                                              └─ REVERSING → RESULT
 *	CAPTURE, REFUND, REVERSE                        RECORDING → ASKING → RESULT
 *
 *	LOOKING     the server says which token the card has (LOOKUP)
 *	RECORDING   the server commits the record of what is about to be done, a new card with it
 *	            (RECORD). Without its word nothing goes to the gateway
 *	ASKING      the gateway has been asked, or will be once it is there
 *	REVERSING   an authorisation of which nothing was heard in time, whose connection broke, or
 *	            of which the gateway says that it knows nothing: 0400 until that is acknowledged
 *
 * A capture, refund or reversal of which nothing is heard is repeated, which the gateway recognises
 * by its RRN. When even that leads to nothing in GIVE_UP_MS the server is told (ERROR GATEWAY) and
 * may ask again: the same ids give the same RRN (rrn.h). What is known of the outcome is recorded
 * with the RESULT.
 *
 * Number and CVV are in secret memory from the page's message to the gateway's, and wiped there.
 */
#include "enclave/enclave.h"

#include "enclave/egress.h"
#include "enclave/rrn.h"
#include "enclave/vault.h"

#include <stdio.h>

/* A merchant's customer has gone by then. */
#define GIVE_UP_MS 60000

enum rd_status operation_new(
	struct enclave *e, enum pay_type type, uint64_t id, struct operation **ret)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		struct operation *op = &e->operations[i];

		if (op->stage == OPERATION_FREE) {
			*op = (struct operation){.type = type, .id = id};
			*ret = op;
			return RD_OK;
		}
	}
	return RD_LIMIT;
}

void operation_end(struct operation *op)
{
	rd_secret_finish(&op->card);
	*op = (struct operation){.stage = OPERATION_FREE};
}

void operation_end_all(struct enclave *e)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		operation_end(&e->operations[i]);
	}
}

struct operation *operation_of_question(struct enclave *e, uint64_t question)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		struct operation *op = &e->operations[i];

		if (op->stage != OPERATION_FREE && op->question == question) {
			return op;
		}
	}
	return NULL;
}

static void refuse(
	struct enclave *e, struct operation *op, enum pay_error_code code, const char *text)
{
	enclave_refuse(e, op->id, code, "%s", text);
	operation_end(op);
}

/* --- records and results --- */

static const char *event_of(const struct operation *op)
{
	return op->type == PAY_AUTHORISE ? "Authorise"
	       : op->type == PAY_CAPTURE ? "Capture"
	       : op->type == PAY_REFUND  ? "Refund"
					 : "Reverse";
}

static struct journal_facts facts_of(const struct operation *op, const char *stage)
{
	const struct pay_follow *ask = &op->ask;

	return (struct journal_facts){.event = event_of(op),
		.stage = stage,
		.who = ask->who,
		.origin = ask->origin,
		.merchant = ask->merchant,
		.order = ask->order,
		.payment = ask->payment,
		.operation = ask->operation,
		.amount = ask->amount,
		.currency = ask->currency,
		.token = ask->token,
		.masked = ask->masked,
		.rrn = op->rrn};
}

static void copy(char *dst, size_t size, const char *src)
{
	(void)snprintf(dst, size, "%s", src);
}

#define COPY(array, text) copy(array, sizeof(array), text)

/* What became of it, recorded, and the end of the operation. answer may be NULL. */
static void finish(struct enclave *e, struct operation *op, enum pay_state state,
	const struct pay_gateway_answer *answer, const char *reason)
{
	struct journal_facts facts = facts_of(op, "done");
	struct pay_message m = {.type = PAY_RESULT, .id = op->id, .result.state = state};
	struct pay_result *r = &m.result;
	struct journal_entry entry;

	COPY(r->token, op->ask.token);
	COPY(r->masked, op->ask.masked);
	COPY(r->fpe, op->fpe);
	COPY(r->brand, op->brand);
	COPY(r->reason, reason);
	if (answer != NULL) {
		COPY(r->response, answer->response);
		COPY(r->approval, answer->auth_code);
	}
	if (op->stage == OPERATION_ASKING || op->stage == OPERATION_REVERSING) {
		COPY(r->rrn, op->rrn);
	} else {
		facts.rrn = "";
	}
	facts.outcome = pay_state_name(state);
	/* An authorisation that was undone has failed; a reversal has not. */
	facts.failed = state == PAY_DECLINED || state == PAY_INVALID ||
		       (state == PAY_REVERSED && op->type == PAY_AUTHORISE);
	facts.reason = r->reason;
	facts.response = r->response;
	if (journal_append(&e->journal, &facts, &entry) != RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, "the outcome cannot be recorded");
		return;
	}
	r->logged = entry.logged;
	enclave_send(e, &m);
	operation_end(op);
}

bool operation_record(struct enclave *e, struct operation *op, const struct journal_facts *facts)
{
	struct journal_entry entry;
	struct pay_message m = {
		.type = PAY_RECORD, .id = link_next_id(&e->link), .record = {.request = op->id}};

	if (journal_append(&e->journal, facts, &entry) != RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, "what is asked for cannot be recorded");
		return false;
	}
	m.record.logged = entry.logged;
	if (op->type == PAY_AUTHORISE) {
		COPY(m.record.token, op->ask.token);
		COPY(m.record.fpe, op->fpe);
		m.record.blind = rd_view(op->blind, sizeof(op->blind));
		m.record.vault = rd_view(op->vault, op->vault_len);
		m.record.version = op->key_version;
	}
	op->stage = OPERATION_RECORDING;
	op->question = m.id;
	op->recorded_size = entry.logged.index + 1;
	memcpy(op->recorded_head, entry.head, sizeof(op->recorded_head));
	enclave_send(e, &m);
	return true;
}

/* --- the gateway --- */

/* ISO 4217's numbers, which DE 49 has; NULL: not one of ours. */
static const char *number_of_currency(const char *letters)
{
	static const char *const currencies[][2] = {{"EUR", "978"}, {"GBP", "826"}, {"USD", "840"}};

	for (size_t i = 0; i < RD_ARRAY_LEN(currencies); i++) {
		if (strcmp(currencies[i][0], letters) == 0) {
			return currencies[i][1];
		}
	}
	return NULL;
}

static enum pay_gateway_kind kind_of(const struct operation *op)
{
	if (op->stage == OPERATION_REVERSING || op->type == PAY_REVERSE) {
		return PAY_GATEWAY_REVERSE;
	}
	return op->type == PAY_AUTHORISE ? PAY_GATEWAY_AUTHORISE
	       : op->type == PAY_CAPTURE ? PAY_GATEWAY_CAPTURE
					 : PAY_GATEWAY_REFUND;
}

/* All but what only an AUTHORISE has. */
static void write_request(
	const struct enclave *e, const struct operation *op, struct pay_gateway_request *r)
{
	*r = (struct pay_gateway_request){.kind = kind_of(op), .op.amount = op->ask.amount};
	pay_gateway_time((int64_t)(journal_now_ms() / 1000), r->stamp.sent);
	COPY(r->stamp.stan, op->stan);
	COPY(r->op.rrn, op->rrn);
	COPY(r->op.currency, number_of_currency(op->ask.currency));
	COPY(r->op.terminal, e->config->gateway.terminal);
	COPY(r->op.merchant, op->ask.merchant);
	COPY(r->original_rrn, op->original_rrn);
	COPY(r->original_stan, op->original_stan);
}

static enum rd_status send_authorise(struct enclave *e, struct operation *op)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret memory = {0};
	const struct pay_card *card = channel_card(&op->card);
	struct pay_gateway_request *r;

	RD_TRY(rd_secret_init(&memory, sizeof(*r)));
	r = (struct pay_gateway_request *)(void *)memory.ptr;
	write_request(e, op, r);
	COPY(r->pan, card->pan);
	COPY(r->cvv, card->cvv);
	COPY(r->entry, "812");
	(void)snprintf(
		r->expiry, sizeof(r->expiry), "%02u%02u", card->year % 100, card->month % 100);
	return gateway_send(&e->gateway, r);
}

static enum rd_status send_follow(struct enclave *e, struct operation *op)
{
	struct pay_gateway_request r;

	write_request(e, op, &r);
	return gateway_send(&e->gateway, &r);
}

/* Now, if the gateway is there and has seen the log; otherwise when it has. */
static void send_now(struct enclave *e, struct operation *op)
{
	bool is_authorise = op->type == PAY_AUTHORISE && op->stage == OPERATION_ASKING;
	enum rd_status st;

	if (e->witness.stage != WITNESS_GOOD) {
		return;
	}
	st = is_authorise ? send_authorise(e, op) : send_follow(e, op);
	if (st == RD_UNAVAILABLE) {
		return;
	}
	if (st != RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, rd_status_text(st));
		return;
	}
	rd_secret_finish(&op->card);
	op->sent = true;
	op->deadline_ms = rd_loop_now_ms() + e->config->gateway.timeout_ms;
}

static void reverse(struct enclave *e, struct operation *op, const char *reason)
{
	struct rrn names;

	/* An authorisation's RRN stays; its reversal has a STAN of its own. */
	if (rrn_derive(&e->keyring, "reverse", op->ask.order, op->ask.payment, "", &names) !=
		RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, "no key for reference numbers");
		return;
	}
	COPY(op->original_stan, op->stan);
	COPY(op->stan, names.stan);
	op->stage = OPERATION_REVERSING;
	op->reason = reason;
	op->sent = false;
	op->give_up_ms = rd_loop_now_ms() + GIVE_UP_MS;
	send_now(e, op);
}

static bool is(const struct pay_gateway_answer *answer, const char *response)
{
	return strcmp(answer->response, response) == 0;
}

static void take_authorise(
	struct enclave *e, struct operation *op, const struct pay_gateway_answer *answer)
{
	if (is(answer, PAY_GATEWAY_APPROVED)) {
		finish(e, op, PAY_AUTHORISED, answer, "");
	} else if (is(answer, PAY_GATEWAY_ERROR)) {
		reverse(e, op, "unknown");
	} else if (is(answer, PAY_GATEWAY_CONFLICT)) {
		/* Something else was authorised under this payment key: nobody shall be charged. */
		reverse(e, op, "conflict");
	} else {
		finish(e, op, PAY_DECLINED, answer, "");
	}
}

static void take_follow(
	struct enclave *e, struct operation *op, const struct pay_gateway_answer *answer)
{
	enum pay_state state = op->stage == OPERATION_REVERSING || op->type == PAY_REVERSE
				       ? PAY_REVERSED
			       : op->type == PAY_CAPTURE ? PAY_CAPTURED
							 : PAY_REFUNDED;

	if (is(answer, PAY_GATEWAY_APPROVED)) {
		finish(e, op, state, answer, op->reason == NULL ? "" : op->reason);
	} else if (op->stage == OPERATION_REVERSING && is(answer, PAY_GATEWAY_CONFLICT)) {
		/* What the gateway has under this RRN is not this payment, so this one is not. */
		finish(e, op, PAY_DECLINED, answer, op->reason);
	} else if (!is(answer, PAY_GATEWAY_ERROR) && op->stage == OPERATION_ASKING) {
		finish(e, op, PAY_DECLINED, answer, "");
	}
	/* Otherwise it is asked again when its time is up. */
}

static struct operation *find_asking(struct enclave *e, const struct pay_gateway_answer *answer)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		struct operation *op = &e->operations[i];
		struct pay_gateway_request r;

		if (!op->sent || strcmp(op->rrn, answer->op.rrn) != 0) {
			continue;
		}
		write_request(e, op, &r);
		if (pay_gateway_answers(&r, answer)) {
			return op;
		}
	}
	return NULL;
}

void operation_gateway(struct enclave *e, const struct pay_gateway_answer *answer)
{
	struct operation *op = find_asking(e, answer);

	/* Too late, a second time, or of nothing that was asked: it changes nothing. */
	if (op == NULL) {
		return;
	}
	if (op->type == PAY_AUTHORISE && op->stage == OPERATION_ASKING) {
		take_authorise(e, op, answer);
	} else {
		take_follow(e, op, answer);
	}
}

void operation_gateway_up(struct enclave *e)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		struct operation *op = &e->operations[i];

		if ((op->stage == OPERATION_ASKING || op->stage == OPERATION_REVERSING) &&
			!op->sent) {
			send_now(e, op);
		}
	}
}

void operation_gateway_down(struct enclave *e)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		struct operation *op = &e->operations[i];

		if (!op->sent) {
			continue;
		}
		if (op->type == PAY_AUTHORISE && op->stage == OPERATION_ASKING) {
			reverse(e, op, "timeout");
		}
		op->sent = false;
	}
}

static void tick(struct enclave *e, struct operation *op, uint64_t now_ms)
{
	if (now_ms >= op->give_up_ms) {
		refuse(e, op, PAY_ERROR_GATEWAY,
			op->sent ? "the gateway does not answer" : e->gateway.why);
	} else if (op->sent && now_ms >= op->deadline_ms) {
		if (op->type == PAY_AUTHORISE && op->stage == OPERATION_ASKING) {
			reverse(e, op, "timeout");
		} else {
			send_now(e, op);
		}
	}
}

void operation_tick(struct enclave *e, uint64_t now_ms)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		struct operation *op = &e->operations[i];

		if (op->stage == OPERATION_ASKING || op->stage == OPERATION_REVERSING) {
			tick(e, op, now_ms);
		}
	}
}

/* --- the server's questions --- */

/* What would be recorded or kept must not be a number in disguise. */
static bool has_pan(const struct pay_follow *ask)
{
	const char *const texts[] = {ask->order, ask->payment, ask->operation, ask->masked,
		ask->who, ask->origin, ask->merchant, ask->token};

	for (size_t i = 0; i < RD_ARRAY_LEN(texts); i++) {
		if (egress_has_pan(rd_view_str(texts[i]))) {
			return true;
		}
	}
	return false;
}

static bool is_under_way(const struct enclave *e, const struct operation *op)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		const struct operation *other = &e->operations[i];

		if (other != op && other->stage != OPERATION_FREE &&
			strcmp(other->rrn, op->rrn) == 0) {
			return true;
		}
	}
	return false;
}

static enum rd_status name(const struct enclave *e, struct operation *op)
{
	const struct pay_follow *ask = &op->ask;
	struct rrn original, own;

	RD_TRY(rrn_derive(&e->keyring, "authorise", ask->order, ask->payment, "", &original));
	COPY(op->original_rrn, original.rrn);
	COPY(op->original_stan, original.stan);
	own = original;
	if (op->type == PAY_REVERSE) {
		RD_TRY(rrn_derive(&e->keyring, "reverse", ask->order, ask->payment, "", &own));
		COPY(own.rrn, original.rrn);
	} else if (op->type != PAY_AUTHORISE) {
		RD_TRY(rrn_derive(&e->keyring, op->type == PAY_CAPTURE ? "capture" : "refund",
			ask->order, ask->payment, ask->operation, &own));
	}
	COPY(op->rrn, own.rrn);
	COPY(op->stan, own.stan);
	return RD_OK;
}

/* Whether it may begin at all; otherwise it has been refused. */
static bool admit(struct enclave *e, struct operation *op)
{
	if (e->witness.stage != WITNESS_GOOD) {
		refuse(e, op, PAY_ERROR_GATEWAY, e->gateway.why);
	} else if (has_pan(&op->ask)) {
		refuse(e, op, PAY_ERROR_POLICY,
			"an id or text looks like a card number: it is not recorded");
	} else if (number_of_currency(op->ask.currency) == NULL) {
		refuse(e, op, PAY_ERROR_POLICY, "currencies are EUR, GBP and USD");
	} else if (name(e, op) != RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, "no key for reference numbers");
	} else if (is_under_way(e, op)) {
		refuse(e, op, PAY_ERROR_BUSY, "this operation is under way");
	} else {
		return true;
	}
	return false;
}

static void look_up(struct enclave *e, struct operation *op)
{
	struct pay_message m = {.type = PAY_LOOKUP, .id = link_next_id(&e->link)};

	COPY(m.lookup.merchant, op->ask.merchant);
	m.lookup.blind = rd_view(op->blind, sizeof(op->blind));
	op->stage = OPERATION_LOOKING;
	op->question = m.id;
	enclave_send(e, &m);
}

/* Everything that is made of the number but its sealed record. */
static enum rd_status describe(struct enclave *e, struct operation *op, const struct rd_pan *pan)
{
	rd_pan_mask(pan, op->ask.masked);
	COPY(op->brand, rd_card_brand_name(pan->brand));
	RD_TRY(vault_fpe(&e->keyring, op->ask.merchant, pan, op->fpe));
	return vault_blind(&e->keyring, op->ask.merchant, pan, op->blind);
}

static void judge_payment(struct enclave *e, struct operation *op)
{
	const struct pay_follow *ask = &op->ask;
	const char *refusal = policy_refuses(&e->policy, ask->amount, ask->currency);

	if (refusal == NULL &&
		!velocity_allows(&e->velocity, op->blind, ask->payment, e->policy.velocity_count,
			e->policy.velocity_window_s, rd_loop_now_ms())) {
		refusal = "velocity";
	}
	if (refusal != NULL) {
		finish(e, op, PAY_DECLINED, NULL, refusal);
	} else {
		look_up(e, op);
	}
}

static void check_card(struct enclave *e, struct operation *op)
{
	static const char *const reasons[RD_CARD_PART_COUNT] = {
		[RD_CARD_NUMBER] = "number", [RD_CARD_EXPIRY] = "expiry", [RD_CARD_CVV] = "cvv"};
	const struct pay_card *card = channel_card(&op->card);
	const struct rd_card_input input = {.number = rd_view_str(card->pan),
		.month = card->month,
		.year = card->year,
		.cvv = rd_view_str(card->cvv)};
	RD_CLEANUP(rd_pan_finish) struct rd_pan pan = {0};
	enum rd_card_part part;
	enum rd_status st = rd_card_check(&input, (int64_t)(journal_now_ms() / 1000), &pan, &part);

	if (st == RD_NOMEM || st == RD_USAGE) {
		refuse(e, op, PAY_ERROR_INTERNAL, "no secret memory");
	} else if (st != RD_OK) {
		finish(e, op, PAY_INVALID, NULL, reasons[part]);
	} else if (describe(e, op, &pan) != RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, "the card cannot be tokenised");
	} else {
		judge_payment(e, op);
	}
}

void operation_authorise(struct enclave *e, uint64_t id, const struct pay_authorise *ask)
{
	struct operation *op;
	enum rd_status st;

	if (operation_new(e, PAY_AUTHORISE, id, &op) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_BUSY, "too many questions are open");
		return;
	}
	COPY(op->ask.merchant, ask->merchant);
	COPY(op->ask.order, ask->order);
	COPY(op->ask.payment, ask->payment);
	COPY(op->ask.currency, ask->currency);
	COPY(op->ask.who, ask->who);
	COPY(op->ask.origin, ask->origin);
	op->ask.amount = ask->amount;
	if (!admit(e, op)) {
		return;
	}
	st = channel_open(&e->channel, ask, &op->card);
	if (st == RD_UNTRUSTED) {
		refuse(e, op, PAY_ERROR_CHANNEL,
			"the card is not sealed to this enclave's key for this payment");
	} else if (st == RD_NOMEM || st == RD_USAGE) {
		refuse(e, op, PAY_ERROR_INTERNAL, "no secret memory");
	} else if (st != RD_OK) {
		refuse(e, op, PAY_ERROR_CARD, "what was sealed is no card message");
	} else {
		check_card(e, op);
	}
}

void operation_follow(
	struct enclave *e, enum pay_type type, uint64_t id, const struct pay_follow *ask)
{
	struct journal_facts facts;
	struct operation *op;

	if (operation_new(e, type, id, &op) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_BUSY, "too many questions are open");
		return;
	}
	op->ask = *ask;
	if (admit(e, op)) {
		facts = facts_of(op, "requested");
		(void)operation_record(e, op, &facts);
	}
}

/* --- the server's answers --- */

/* Another payment of the same new card, whose token and record are on their way to the server. */
static const struct operation *find_twin(const struct enclave *e, const struct operation *op)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		const struct operation *other = &e->operations[i];

		if (other != op && other->stage != OPERATION_FREE && other->vault_len > 0 &&
			memcmp(other->blind, op->blind, sizeof(op->blind)) == 0) {
			return other;
		}
	}
	return NULL;
}

static enum rd_status make_token(struct enclave *e, struct operation *op)
{
	const struct operation *twin = find_twin(e, op);
	struct rd_buf vault = rd_buf_fixed(op->vault, sizeof(op->vault));

	if (twin != NULL) {
		COPY(op->ask.token, twin->ask.token);
		memcpy(op->vault, twin->vault, twin->vault_len);
		op->vault_len = twin->vault_len;
		op->key_version = twin->key_version;
		return RD_OK;
	}
	RD_TRY(vault_new_token(op->ask.token));
	RD_TRY(vault_seal(&e->keyring, op->ask.merchant, op->ask.token, channel_card(&op->card),
		&vault, &op->key_version));
	op->vault_len = vault.used;
	return RD_OK;
}

static void found(struct enclave *e, struct operation *op, const struct pay_message *m)
{
	struct journal_facts facts;

	if (m->type != PAY_FOUND) {
		link_refuse(&e->link, "LOOKUP is answered by FOUND");
		return;
	}
	COPY(op->ask.token, m->found.token);
	if (op->ask.token[0] == '\0' && make_token(e, op) != RD_OK) {
		refuse(e, op, PAY_ERROR_INTERNAL, "the card cannot be sealed");
		return;
	}
	facts = facts_of(op, "requested");
	(void)operation_record(e, op, &facts);
}

static void recorded(struct enclave *e, struct operation *op)
{
	op->stage = OPERATION_ASKING;
	op->give_up_ms = rd_loop_now_ms() + GIVE_UP_MS;
	send_now(e, op);
}

void operation_answer(struct enclave *e, struct operation *op, const struct pay_message *m)
{
	op->question = 0;
	if (op->stage == OPERATION_LOOKING) {
		found(e, op, m);
		return;
	}
	if (op->stage == OPERATION_RECORDING) {
		if (m->type != PAY_RECORDED || m->recorded.size < op->recorded_size) {
			link_refuse(&e->link, "RECORD is answered by RECORDED with the log's size");
			return;
		}
		enclave_acknowledge(e, op->recorded_size, op->recorded_head);
	}
	if (op->type == PAY_EXPORT || op->type == PAY_ROTATE) {
		duties_answer(e, op, m);
	} else {
		recorded(e, op);
	}
}
