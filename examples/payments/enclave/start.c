/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing the enclave up for a new link:
 *
 *	START → KEYS      wrapped keys are opened by the KMS, attested
 *	        KEEPING   what is missing of an empty keyring is made, and kept by the server first
 *	        PROVING   the log is held against the one that this process remembers
 *	        GATEWAY   … and against the one that the gateway has witnessed (witness.c)
 *	        RECORD    the start itself is recorded, with a document that says what started
 *	        DONE      STARTED
 *
 * Whatever fails is said (ERROR) and leaves the enclave as it was before START, which may come
 * again on the same link. Keys are made only for an empty log: a server that hides its keyring
 * cannot get a new one for an old log, since the log's key is one of it.
 */
#include "enclave/enclave.h"

#include <stdarg.h>
#include <stdio.h>

/* For each stage: a server that commits, a gateway that is being started. The KMS's calls have
 * time-outs of their own. */
#define STAGE_MS 60000

static void enter(struct enclave *e, enum start_stage stage)
{
	e->start.stage = stage;
	e->start.deadline_ms = rd_loop_now_ms() + STAGE_MS;
}

void start_reset(struct enclave *e)
{
	bool stale = e->kms.running && (e->start.stage == START_KEYS || e->start.stale);

	e->start = (struct start){.stage = START_NONE, .stale = stale};
	e->journal.open = false;
}

static void fail(struct enclave *e, enum pay_error_code code, const char *fmt, ...) RD_PRINTF(3, 4);

static void fail(struct enclave *e, enum pay_error_code code, const char *fmt, ...)
{
	char text[PAY_TEXT_MAX + 1];
	uint64_t id = e->start.id;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	start_reset(e);
	enclave_refuse(e, id, code, "%s", text);
}

/* --- the start's own record --- */

static void record(struct enclave *e)
{
	static uint8_t room[PAY_DOCUMENT_MAX];
	struct rd_buf document = rd_buf_fixed(room, sizeof(room));
	char detail[128];
	struct journal_facts facts = {.event = "EnclaveStarted",
		.stage = "done",
		.who = "enclave",
		.resource = "log",
		.detail = detail};
	struct pay_message m = {.type = PAY_RECORD,
		.id = link_next_id(&e->link),
		.record = {.request = e->start.id}};
	struct journal_entry entry;

	(void)snprintf(detail, sizeof(detail), "log of %llu records, witnessed by the gateway",
		(unsigned long long)e->journal.author.head.size);
	if (!duties_document(e, rd_view(NULL, 0), &document)) {
		fail(e, PAY_ERROR_DOCUMENT, "the NSM gives no attestation document");
		return;
	}
	facts.document = rd_buf_view(&document);
	if (journal_append(&e->journal, &facts, &entry) != RD_OK) {
		fail(e, PAY_ERROR_INTERNAL, "the start cannot be recorded");
		return;
	}
	m.record.logged = entry.logged;
	m.record.document = facts.document;
	enter(e, START_RECORD);
	e->start.question = m.id;
	enclave_send(e, &m);
}

static void recorded(struct enclave *e, const struct pay_message *m)
{
	uint8_t room[RD_EC_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(room, sizeof(room));
	const struct rd_audit_author *author = &e->journal.author;
	struct pay_message answer = {.type = PAY_STARTED, .id = e->start.id};

	if (m->type != PAY_RECORDED || m->recorded.size < author->head.size) {
		link_refuse(&e->link, "RECORD is answered by RECORDED with the log's size");
		return;
	}
	if (rd_ec_key_to_spki(e->keyring.log_key, &spki) != RD_OK) {
		fail(e, PAY_ERROR_INTERNAL, "the log's key cannot be written");
		return;
	}
	enclave_acknowledge(e, author->head.size, author->head_bytes);
	answer.started = (struct pay_started){.size = author->head.size,
		.head = rd_view(author->head_bytes, sizeof(author->head_bytes)),
		.log_id = rd_view(author->id.bytes, sizeof(author->id.bytes)),
		.log_key = rd_buf_view(&spki),
		.image_version = e->config->version,
		.policy_version = e->policy.version};
	enter(e, START_DONE);
	enclave_send(e, &answer);
}

/* --- the log --- */

void start_witnessed(struct enclave *e)
{
	if (e->start.stage != START_GATEWAY) {
		return;
	}
	if (e->witness.stage == WITNESS_GOOD) {
		record(e);
	} else if (e->witness.stage == WITNESS_BAD) {
		fail(e, PAY_ERROR_WITNESS, "%s", e->witness.why);
	}
}

/* The log is the one that we know, as far as we know it. */
static void accept_log(struct enclave *e)
{
	const struct rd_audit_author *author = &e->journal.author;

	e->journal.open = true;
	e->journal.image_version = e->config->version;
	e->journal.policy_version = e->policy.version;
	e->acknowledged_size = 0;
	enclave_acknowledge(e, author->head.size, author->head_bytes);
	enter(e, START_GATEWAY);
	witness_reset(e);
	witness_begin(e);
}

static void compare_log(struct enclave *e, struct rd_view proof)
{
	uint64_t old_size = 0;
	enum rd_status st = RD_OK;

	if (e->has_acknowledged) {
		st = rd_audit_author_continues(&e->journal.author,
			rd_view(e->acknowledged, sizeof(e->acknowledged)), proof, &old_size);
	}
	if (st == RD_OK) {
		accept_log(e);
	} else if (st == RD_MISSING) {
		struct pay_message m = {.type = PAY_PROOF,
			.id = link_next_id(&e->link),
			.proof = {.old_size = old_size, .size = e->journal.author.head.size}};

		enter(e, START_PROVING);
		e->start.question = m.id;
		enclave_send(e, &m);
	} else if (st == RD_EXPIRED) {
		fail(e, PAY_ERROR_WITNESS,
			"the log was rolled back: %llu records were committed before",
			(unsigned long long)e->acknowledged_size);
	} else {
		fail(e, PAY_ERROR_WITNESS,
			"the log does not begin with the one that was committed before");
	}
}

/* The policy is none that a later one has replaced. */
static bool check_policy(struct enclave *e)
{
	const struct start *s = &e->start;
	uint32_t version = 0;
	enum rd_status st;

	if (s->size == 0) {
		return true;
	}
	st = journal_last_policy(&e->journal.author, rd_view(s->last, s->last_len),
		rd_view(s->last_proof, s->last_proof_len), &version);
	if (st != RD_OK) {
		fail(e, PAY_ERROR_LOG, "the log's last record is wanted, with its proof: %s",
			rd_status_text(st));
		return false;
	}
	if (version > e->policy.version) {
		fail(e, PAY_ERROR_POLICY, "policy %u is in force: it has to be given", version);
		return false;
	}
	return true;
}

static void restore_log(struct enclave *e)
{
	struct start *s = &e->start;
	const struct rd_ec_key *key = e->keyring.log_key;
	enum rd_status st;

	if (s->size == 0 && !s->has_head) {
		st = rd_audit_author_init(key, journal_now_ms(), &e->journal.author);
	} else {
		st = rd_audit_author_restore(key, s->size, rd_view(s->peaks, s->peaks_len),
			rd_view(s->head, s->has_head ? sizeof(s->head) : 0), &e->journal.author);
	}
	if (st != RD_OK) {
		fail(e, PAY_ERROR_LOG, "peaks and head are not of one log of this key: %s",
			rd_status_text(st));
		return;
	}
	if (check_policy(e)) {
		compare_log(e, rd_view(NULL, 0));
	}
}

/* --- the policy --- */

static enum rd_status open_policy(struct enclave *e, struct policy *ret, struct rd_error *err)
{
	RD_CLEANUP(rd_secret_finish) struct rd_secret json = {0};
	enum rd_status st = rd_secret_init(&json, PAY_POLICY_MAX);

	if (st == RD_OK) {
		st = keyring_open_policy(
			&e->keyring, rd_view(e->start.policy, e->start.policy_len), &json);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "the policy is not one that was sealed here: %s",
			rd_status_text(st));
	}
	return policy_parse(rd_secret_view(&json), ret, err);
}

static bool restore_policy(struct enclave *e)
{
	struct rd_error err = {.text = ""};
	struct policy policy = {0};

	if (e->start.policy_len == 0) {
		if (e->policy.version > e->image_policy_version) {
			fail(e, PAY_ERROR_POLICY, "policy %u is in force: it has to be given",
				e->policy.version);
			return false;
		}
		return true;
	}
	if (open_policy(e, &policy, &err) != RD_OK) {
		fail(e, PAY_ERROR_POLICY, "%s", err.text);
		return false;
	}
	if (policy.version < e->policy.version) {
		policy_finish(&policy);
		fail(e, PAY_ERROR_POLICY, "the policy is older than %u, which is in force",
			e->policy.version);
		return false;
	}
	policy_finish(&e->policy);
	e->policy = policy;
	return true;
}

/* --- keys --- */

static void keys_complete(struct enclave *e)
{
	enum rd_status st;

	if (e->keyring.log_key == NULL) {
		st = keyring_open_log_key(
			&e->keyring, rd_view(e->start.sealed_log, e->start.sealed_log_len));
		if (st != RD_OK) {
			fail(e, PAY_ERROR_KEYS, "the log's key cannot be opened: %s",
				rd_status_text(st));
			return;
		}
	}
	if (restore_policy(e)) {
		restore_log(e);
	}
}

static void begin_job(struct enclave *e)
{
	struct rd_error err = {.text = ""};

	enter(e, START_KEYS);
	if (kms_begin(&e->kms, &err) != RD_OK) {
		fail(e, PAY_ERROR_KEYS, "%s", err.text);
	}
}

static uint32_t missing_purpose(const struct enclave *e)
{
	uint32_t purpose = PAY_KEY_CARD;

	while (purpose < PAY_PURPOSE_END && keyring_find(&e->keyring, purpose, 0) != NULL) {
		purpose++;
	}
	return purpose;
}

/* The keys stay for the START that follows, on this link or another. */
static void prepared(struct enclave *e)
{
	const struct pay_message m = {.type = PAY_PREPARED, .id = e->start.id};

	start_reset(e);
	enclave_send(e, &m);
}

static void next_key(struct enclave *e)
{
	uint32_t purpose = missing_purpose(e);

	if (e->start.preparing) {
		prepared(e);
	} else if (purpose == PAY_PURPOSE_END) {
		keys_complete(e);
	} else if (e->start.size > 0) {
		fail(e, PAY_ERROR_KEYS,
			"the keyring lacks the key \"%s\", and the log is not empty",
			pay_purpose_name(purpose));
	} else {
		kms_clear(&e->kms);
		e->kms.job.n = 1;
		e->kms.job.keys[0].purpose = purpose;
		e->kms.job.keys[0].version = 1;
		e->start.making = true;
		begin_job(e);
	}
}

/* A new key is the server's to keep before anything is sealed under it. */
static void give_key(struct enclave *e, const struct kms_key *key)
{
	uint8_t room[PAY_WRAPPED_MAX];
	struct rd_buf sealed = rd_buf_fixed(room, sizeof(room));
	struct pay_message m = {.type = PAY_NEW_KEY, .id = link_next_id(&e->link)};

	if (key->purpose == PAY_KEY_LOG && keyring_make_log_key(&e->keyring, &sealed) != RD_OK) {
		fail(e, PAY_ERROR_INTERNAL, "the log's key cannot be made");
		return;
	}
	m.new_key = (struct pay_new_key){.purpose = key->purpose,
		.version = key->version,
		.wrapped = rd_view(key->wrapped, key->wrapped_len),
		.sealed = rd_buf_view(&sealed)};
	enter(e, START_KEEPING);
	e->start.question = m.id;
	enclave_send(e, &m);
}

static enum rd_status take_keys(struct enclave *e)
{
	for (size_t i = 0; i < e->kms.job.n; i++) {
		struct kms_key *key = &e->kms.job.keys[i];

		RD_TRY(keyring_add(&e->keyring, key->purpose, key->version,
			rd_view(key->wrapped, key->wrapped_len), &key->key));
	}
	return RD_OK;
}

void start_keys_done(struct enclave *e)
{
	struct kms_job *job = &e->kms.job;
	enum rd_status st;

	if (e->start.stale || e->start.stage != START_KEYS) {
		e->start.stale = false;
		kms_clear(&e->kms);
		return;
	}
	if (job->status != RD_OK) {
		fail(e, PAY_ERROR_KEYS, "%s", job->why);
		kms_clear(&e->kms);
		return;
	}
	st = take_keys(e);
	if (st != RD_OK) {
		fail(e, PAY_ERROR_KEYS, "the keyring: %s", rd_status_text(st));
	} else if (e->start.making) {
		give_key(e, &job->keys[0]);
	} else {
		next_key(e);
	}
	if (!e->kms.running) {
		kms_clear(&e->kms);
	}
}

/* --- START and its answers --- */

static void add_to_job(struct kms_job *job, const struct pay_key *key)
{
	struct kms_key *to = &job->keys[job->n++];

	to->purpose = (uint32_t)key->purpose;
	to->version = (uint32_t)key->version;
	to->wrapped_len = key->wrapped.len;
	memcpy(to->wrapped, key->wrapped.ptr, key->wrapped.len);
}

/* What this process has from an earlier link stays; the rest is for the KMS. true: there is any. */
static bool keep_keyring(struct enclave *e, const struct pay_keys *keyring)
{
	struct keyring old = rd_steal(&e->keyring, (struct keyring){0});

	kms_clear(&e->kms);
	for (size_t i = 0; i < keyring->n; i++) {
		const struct pay_key *key = &keyring->items[i];

		if (!keyring_move(&old, (uint32_t)key->purpose, (uint32_t)key->version,
			    key->wrapped, &e->keyring)) {
			add_to_job(&e->kms.job, key);
		}
		if (key->purpose == PAY_KEY_LOG) {
			e->start.sealed_log_len = key->sealed.len;
			memcpy(e->start.sealed_log, key->sealed.ptr, key->sealed.len);
		}
	}
	keyring_finish(&old);
	return e->kms.job.n > 0;
}

static void keep(uint8_t *dst, size_t *ret_len, struct rd_view v)
{
	*ret_len = v.len;
	if (v.len > 0) {
		memcpy(dst, v.ptr, v.len);
	}
}

static void keep_state(struct start *s, const struct pay_start *start)
{
	size_t head_len;

	s->size = start->size;
	keep(s->peaks, &s->peaks_len, start->peaks);
	keep(s->policy, &s->policy_len, start->policy);
	keep(s->last, &s->last_len, start->last);
	keep(s->last_proof, &s->last_proof_len, start->last_proof);
	keep(s->head, &head_len, start->head);
	s->has_head = head_len > 0;
}

void start_begin(struct enclave *e, uint64_t id, const struct pay_start *start)
{
	struct rd_error err = {.text = ""};

	if (e->start.stage != START_NONE) {
		link_refuse(&e->link, "START comes once on a link");
		return;
	}
	e->start.id = id;
	if (kms_set_credentials(&e->kms, start, &err) != RD_OK) {
		fail(e, PAY_ERROR_KEYS, "%s", err.text);
		return;
	}
	e->start.preparing = start->prepare == 1;
	keep_state(&e->start, start);
	if (keep_keyring(e, &start->keyring)) {
		begin_job(e);
	} else {
		next_key(e);
	}
}

void start_answer(struct enclave *e, const struct pay_message *m)
{
	e->start.question = 0;
	if (e->start.stage == START_KEEPING && m->type == PAY_KEPT) {
		next_key(e);
	} else if (e->start.stage == START_PROVING && m->type == PAY_PROVED) {
		compare_log(e, m->proved.proof);
	} else if (e->start.stage == START_RECORD) {
		recorded(e, m);
	} else {
		link_refuse(&e->link, "an answer of another type than its question's");
	}
}

void start_tick(struct enclave *e, uint64_t now_ms)
{
	if (e->start.stage == START_NONE || e->start.stage == START_DONE ||
		e->start.stage == START_KEYS || now_ms < e->start.deadline_ms) {
		return;
	}
	if (e->start.stage == START_GATEWAY) {
		fail(e, PAY_ERROR_GATEWAY, "the gateway: %s", e->gateway.why);
	} else {
		fail(e, PAY_ERROR_INTERNAL, "the server did not answer in time");
	}
}
