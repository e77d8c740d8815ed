/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators and custodians ask for.
 *
 *	ROTATE   a new "card" key is made (KMS), kept by the server (NEW_KEY), and seals from then
 *	         on; the old ones only open
 *	REWRAP   a record is opened and sealed again under the newest key
 *	EXPORT   a card for whom two custodians name: signatures and nonce, then the record is
 *	         opened and sealed to the recipient, recorded (RECORD), and only then sent
 *	POLICY   a new policy that two custodians of the present one signed
 *
 * A request of custodians that is refused is recorded, too: its ERROR carries the record.
 */
#include "enclave/enclave.h"

#include "cbor/encode.h"
#include "crypto/random.h"
#include "enclave/request.h"
#include "enclave/vault.h"
#include "hpke/hpke.h"

#include <stdio.h>

/* --- attestation --- */

static enum rd_status write_user_data(const struct enclave *e, struct rd_buf *out)
{
	const struct rd_merkle_hash *id = &e->journal.author.id;

	RD_TRY(rd_cbor_put_map(out, 3));
	RD_TRY(rd_cbor_put_str(out, "app"));
	RD_TRY(rd_cbor_put_str(out, "redoubt-payments"));
	RD_TRY(rd_cbor_put_str(out, "version"));
	RD_TRY(rd_cbor_put_uint(out, e->config->version));
	RD_TRY(rd_cbor_put_str(out, "log"));
	return rd_cbor_put_bytes(out, rd_view(id->bytes, sizeof(id->bytes)));
}

bool duties_document(struct enclave *e, struct rd_view nonce, struct rd_buf *out)
{
	const struct documents *documents = &e->around->documents;
	uint8_t data[128];
	struct rd_buf user_data = rd_buf_fixed(data, sizeof(data));

	return write_user_data(e, &user_data) == RD_OK &&
	       documents->make(documents->arg, rd_view(e->channel.point, sizeof(e->channel.point)),
		       rd_buf_view(&user_data), nonce, out) == 0;
}

void duties_attest(struct enclave *e, uint64_t id, const struct pay_attest *attest)
{
	static uint8_t document[PAY_DOCUMENT_MAX];
	struct rd_buf out = rd_buf_fixed(document, sizeof(document));
	struct pay_message m = {.type = PAY_ATTESTED, .id = id};

	if (!duties_document(e, attest->nonce, &out)) {
		enclave_refuse(e, id, PAY_ERROR_DOCUMENT, "the NSM gives no attestation document");
		return;
	}
	m.attested.document = rd_buf_view(&out);
	enclave_send(e, &m);
}

/* --- keys --- */

void duties_rewrap(struct enclave *e, uint64_t id, const struct pay_rewrap *rewrap)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret card = {0};
	uint8_t room[PAY_VAULT_MAX];
	struct rd_buf vault = rd_buf_fixed(room, sizeof(room));
	struct journal_facts facts = {.event = "Rewrap",
		.stage = "done",
		.outcome = "rewrapped",
		.who = "server",
		.merchant = rewrap->merchant,
		.token = rewrap->token};
	struct pay_message m = {.type = PAY_REWRAPPED, .id = id};
	struct journal_entry entry;
	uint32_t version = 0;
	enum rd_status st = vault_open(
		&e->keyring, rewrap->merchant, rewrap->token, rewrap->vault, &card);

	if (st != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_SEALED, "not a record of this token and merchant");
		return;
	}
	st = vault_seal(&e->keyring, rewrap->merchant, rewrap->token, channel_card(&card), &vault,
		&version);
	facts.key_version = version;
	if (st != RD_OK || journal_append(&e->journal, &facts, &entry) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_INTERNAL, "cannot be sealed again");
		return;
	}
	m.rewrapped = (struct pay_rewrapped){
		.vault = rd_buf_view(&vault), .version = version, .logged = entry.logged};
	enclave_send(e, &m);
}

void duties_rotate(struct enclave *e, uint64_t id, const struct pay_rotate *rotate)
{
	const struct keyring_key *newest = keyring_find(&e->keyring, PAY_KEY_CARD, 0);
	struct rd_error err = {.text = ""};
	struct operation *op;

	if (e->kms.running || e->keyring.n == PAY_KEYS_MAX) {
		enclave_refuse(e, id, PAY_ERROR_BUSY,
			e->kms.running ? "a key is being made" : "the keyring is full");
		return;
	}
	if (operation_new(e, PAY_ROTATE, id, &op) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_BUSY, "too many questions are open");
		return;
	}
	(void)snprintf(op->ask.who, sizeof(op->ask.who), "%s", rotate->who);
	(void)snprintf(op->ask.origin, sizeof(op->ask.origin), "%s", rotate->origin);
	kms_clear(&e->kms);
	e->kms.job.n = 1;
	e->kms.job.keys[0].purpose = PAY_KEY_CARD;
	e->kms.job.keys[0].version = newest->version + 1;
	op->stage = OPERATION_KMS;
	if (kms_begin(&e->kms, &err) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_KEYS, "%s", err.text);
		operation_end(op);
	}
}

static struct operation *find_rotation(struct enclave *e)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(e->operations); i++) {
		if (e->operations[i].stage == OPERATION_KMS) {
			return &e->operations[i];
		}
	}
	return NULL;
}

void duties_rotate_done(struct enclave *e)
{
	struct operation *op = find_rotation(e);
	const struct kms_key *key = &e->kms.job.keys[0];
	struct pay_message m = {.type = PAY_NEW_KEY};

	/* Its link may have gone meanwhile. */
	if (op == NULL) {
		kms_clear(&e->kms);
		return;
	}
	if (e->kms.job.status != RD_OK) {
		enclave_refuse(e, op->id, PAY_ERROR_KEYS, "%s", e->kms.job.why);
		operation_end(op);
		kms_clear(&e->kms);
		return;
	}
	m.id = link_next_id(&e->link);
	m.new_key = (struct pay_new_key){.purpose = key->purpose,
		.version = key->version,
		.wrapped = rd_view(key->wrapped, key->wrapped_len)};
	op->stage = OPERATION_KEEPING;
	op->question = m.id;
	enclave_send(e, &m);
}

static void kept(struct enclave *e, struct operation *op)
{
	struct kms_key *key = &e->kms.job.keys[0];
	struct journal_facts facts = {.event = "Rotate",
		.stage = "done",
		.outcome = "rotated",
		.resource = "card key",
		.who = op->ask.who,
		.origin = op->ask.origin,
		.key_version = key->version};
	struct pay_message m = {.type = PAY_ROTATED, .id = op->id, .rotated.version = key->version};
	struct journal_entry entry;

	if (keyring_add(&e->keyring, key->purpose, key->version,
		    rd_view(key->wrapped, key->wrapped_len), &key->key) != RD_OK ||
		journal_append(&e->journal, &facts, &entry) != RD_OK) {
		enclave_refuse(e, op->id, PAY_ERROR_INTERNAL, "the key cannot be kept");
	} else {
		m.rotated.logged = entry.logged;
		enclave_send(e, &m);
	}
	kms_clear(&e->kms);
	operation_end(op);
}

/* --- dual control --- */

void duties_challenge(struct enclave *e, uint64_t id)
{
	struct pay_message m = {.type = PAY_NONCE, .id = id};
	struct nonce *oldest = &e->nonces[0];

	for (size_t i = 1; i < NONCES_MAX; i++) {
		if (e->nonces[i].expires_ms < oldest->expires_ms) {
			oldest = &e->nonces[i];
		}
	}
	if (rd_random_bytes(oldest->bytes, sizeof(oldest->bytes)) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_INTERNAL, "no random bytes");
		return;
	}
	oldest->expires_ms = rd_loop_now_ms() + NONCE_LIFETIME_MS;
	m.nonce.nonce = rd_view(oldest->bytes, sizeof(oldest->bytes));
	enclave_send(e, &m);
}

/* Good once, whatever becomes of the request. */
static bool use_nonce(struct enclave *e, struct rd_view nonce)
{
	for (size_t i = 0; i < NONCES_MAX; i++) {
		struct nonce *n = &e->nonces[i];

		if (n->expires_ms > rd_loop_now_ms() &&
			rd_view_equal(rd_view(n->bytes, sizeof(n->bytes)), nonce)) {
			*n = (struct nonce){0};
			return true;
		}
	}
	return false;
}

/* A refusal that is recorded, since somebody tried. */
static void deny(struct enclave *e, uint64_t id, const struct journal_facts *about,
	enum pay_error_code code, const char *text)
{
	struct pay_message m = {.type = PAY_ERROR, .id = id, .error.code = code};
	struct journal_facts facts = *about;
	struct journal_entry entry;

	facts.stage = "done";
	facts.outcome = "denied";
	facts.failed = true;
	facts.reason = pay_error_name(code);
	(void)snprintf(m.error.text, sizeof(m.error.text), "%s", text);
	if (journal_append(&e->journal, &facts, &entry) == RD_OK) {
		m.error.logged = entry.logged;
	}
	enclave_send(e, &m);
}

/* Form, nonce and signatures. false: denied. signers gets their names. */
static bool check_dual(struct enclave *e, uint64_t id, const struct pay_dual *dual, bool is_export,
	struct journal_facts *facts, struct dual_request *request, char signers[POLICY_SIGNERS_MAX])
{
	enum rd_status st = request_read(dual->request, is_export, request);

	facts->who = "custodians";
	facts->origin = dual->origin;
	if (st != RD_OK) {
		deny(e, id, facts, PAY_ERROR_SIGNATURES,
			"the request is not of the form to be signed");
		return false;
	}
	st = policy_check_signatures(&e->policy, dual->request, &dual->signatures, signers);
	if (st != RD_OK) {
		deny(e, id, facts, PAY_ERROR_SIGNATURES,
			"two different custodians' signatures over this request are wanted");
		return false;
	}
	facts->who = signers;
	if (!use_nonce(e, request->nonce)) {
		deny(e, id, facts, PAY_ERROR_NONCE,
			"the nonce is not of this enclave, was used, or is older than ten minutes");
		return false;
	}
	return true;
}

static void to_text(struct rd_view v, char *dst, size_t size)
{
	size_t n = v.len < size ? v.len : size - 1;

	memcpy(dst, v.ptr, n);
	dst[n] = '\0';
}

static enum rd_status seal_export(struct operation *op, const struct dual_request *request,
	struct rd_view aad, const struct pay_card *card)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret plaintext = {0};
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *ephemeral = NULL;
	struct rd_buf out = rd_buf_fixed(op->sealed, sizeof(op->sealed));
	struct rd_buf plain;

	RD_TRY(rd_secret_init(&plaintext, PAY_CARD_SIZE));
	plain = rd_buf_fixed(plaintext.ptr, plaintext.cap);
	RD_TRY(pay_card_export(card, &plain));
	RD_TRY(rd_ec_key_generate(RD_P256, &ephemeral));
	RD_TRY(rd_hpke_seal_once(request->recipient, rd_view_str(PAY_EXPORT_INFO), aad,
		rd_buf_view(&plain), ephemeral, &out));
	op->sealed_len = out.used;
	return RD_OK;
}

static enum rd_status open_and_seal(struct enclave *e, struct operation *op,
	const struct dual_request *request, const struct pay_dual *dual)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret card = {0};

	RD_TRY(vault_open(&e->keyring, op->ask.merchant, op->ask.token, dual->vault, &card));
	return seal_export(op, request, dual->request, channel_card(&card));
}

void duties_export(struct enclave *e, uint64_t id, const struct pay_dual *dual)
{
	struct journal_facts facts = {.event = "Export", .stage = "done", .outcome = "exported"};
	char signers[POLICY_SIGNERS_MAX], reason[PAY_WORD_MAX + 1];
	struct dual_request request = {0};
	struct operation *op;

	if (!check_dual(e, id, dual, true, &facts, &request, signers)) {
		return;
	}
	if (operation_new(e, PAY_EXPORT, id, &op) != RD_OK) {
		enclave_refuse(e, id, PAY_ERROR_BUSY, "too many questions are open");
		return;
	}
	to_text(request.merchant, op->ask.merchant, sizeof(op->ask.merchant));
	to_text(request.token, op->ask.token, sizeof(op->ask.token));
	to_text(request.reason, reason, sizeof(reason));
	facts.merchant = op->ask.merchant;
	facts.token = op->ask.token;
	facts.detail = reason;
	if (open_and_seal(e, op, &request, dual) != RD_OK) {
		deny(e, id, &facts, PAY_ERROR_SEALED,
			"not a record of this token and merchant, or no point to seal to");
		operation_end(op);
		return;
	}
	(void)operation_record(e, op, &facts);
}

static void exported(struct enclave *e, struct operation *op)
{
	struct pay_message m = {.type = PAY_EXPORTED,
		.id = op->id,
		.exported.sealed = rd_view(op->sealed, op->sealed_len)};

	enclave_send(e, &m);
	operation_end(op);
}

void duties_answer(struct enclave *e, struct operation *op, const struct pay_message *m)
{
	if (op->type == PAY_EXPORT) {
		exported(e, op);
	} else if (m->type == PAY_KEPT) {
		kept(e, op);
	} else {
		link_refuse(&e->link, "NEW_KEY is answered by KEPT");
	}
}

/* Seals it, records it, and puts it in force. */
static bool install(
	struct enclave *e, uint64_t id, struct rd_view json, struct policy *policy, const char *who)
{
	const struct journal_facts facts = {.event = "PolicyChange",
		.stage = "done",
		.outcome = "in force",
		.resource = "policy",
		.who = who};
	static uint8_t room[PAY_POLICY_SEALED_MAX];
	struct rd_buf sealed = rd_buf_fixed(room, sizeof(room));
	struct pay_message m = {.type = PAY_POLICY_SET, .id = id};
	struct journal_entry entry;
	uint32_t old = e->journal.policy_version;

	e->journal.policy_version = policy->version;
	if (keyring_seal_policy(&e->keyring, json, &sealed) != RD_OK ||
		journal_append(&e->journal, &facts, &entry) != RD_OK) {
		e->journal.policy_version = old;
		enclave_refuse(e, id, PAY_ERROR_INTERNAL, "the policy cannot be sealed");
		return false;
	}
	m.policy_set = (struct pay_policy_set){
		.version = policy->version, .sealed = rd_buf_view(&sealed), .logged = entry.logged};
	policy_finish(&e->policy);
	e->policy = rd_steal(policy, (struct policy){0});
	enclave_send(e, &m);
	return true;
}

void duties_policy(struct enclave *e, uint64_t id, const struct pay_dual *dual)
{
	struct journal_facts facts = {.event = "PolicyChange", .resource = "policy"};
	RD_CLEANUP(policy_finish) struct policy policy = {0};
	char signers[POLICY_SIGNERS_MAX];
	struct rd_error err = {.text = ""};
	struct dual_request request = {0};

	if (!check_dual(e, id, dual, false, &facts, &request, signers)) {
		return;
	}
	if (policy_parse(request.policy, &policy, &err) != RD_OK) {
		deny(e, id, &facts, PAY_ERROR_POLICY, err.text);
	} else if (policy.version <= e->policy.version) {
		deny(e, id, &facts, PAY_ERROR_POLICY,
			"its version is not above that of the policy in force");
	} else {
		(void)install(e, id, request.policy, &policy, signers);
	}
}
