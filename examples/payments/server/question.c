/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enclave's questions, answered by way of the book: what is to be committed is, in the order in
 * which it came, and only then the enclave hears of it.
 */
#include "server/session.h"

#include "merkle/head.h"
#include "server/store.h"

#include <stdlib.h>

struct question {
	struct ps_enclave *enclave;
	struct ps_frame *frame;
	struct ps_ask *ask; /* what it belongs to; is done later than this, by the book's order */
	struct ps_job job;
	struct ps_note note;
	uint64_t generation;
	struct pay_message reply;
	uint8_t bytes[PAY_PROOF_MAX]; /* the longest that a reply's view points to */
	enum rd_status st;
};

const struct pay_logged *ps_frame_logged(const struct pay_message *m)
{
	const struct pay_logged *logged = NULL;

	switch ((int)m->type) {
	case PAY_RECORD:
		logged = &m->record.logged;
		break;
	case PAY_RESULT:
		logged = &m->result.logged;
		break;
	case PAY_REWRAPPED:
		logged = &m->rewrapped.logged;
		break;
	case PAY_ROTATED:
		logged = &m->rotated.logged;
		break;
	case PAY_POLICY_SET:
		logged = &m->policy_set.logged;
		break;
	case PAY_ERROR:
		logged = &m->error.logged;
		break;
	default:
		break;
	}
	return logged != NULL && logged->record.ptr != NULL ? logged : NULL;
}

/* The key of an earlier run. */
static enum rd_status load_key(struct ps_enclave *e, struct rd_db *db)
{
	uint8_t bytes[RD_EC_SPKI_SIZE_MAX];
	struct rd_buf spki = rd_buf_fixed(bytes, sizeof(bytes));
	enum rd_status st = ps_store_single_get(db, PS_SINGLE_LOG_KEY, &spki);

	RD_ENSURE(st != RD_NOTFOUND, RD_OK);
	RD_TRY(st);
	return rd_ec_key_from_spki(rd_buf_view(&spki), &e->log_key);
}

/* Before a log's first STARTED there is no key: that one's head is then checked, and covers this.
 */
enum rd_status ps_question_log(
	struct ps_enclave *e, struct rd_db *db, const struct pay_logged *logged)
{
	struct rd_merkle_head head;

	if (e->log_key == NULL) {
		RD_TRY(load_key(e, db));
	}
	if (e->log_key != NULL) {
		RD_TRY(rd_merkle_head_verify(e->log_key, logged->head, &head));
	}
	return ps_store_audit_append(db, logged, ps_now_ms());
}

static enum rd_status record(struct question *q, struct rd_db *db)
{
	const struct pay_record *m = &q->frame->message.record;

	RD_TRY(ps_question_log(q->enclave, db, &m->logged));
	if (m->document.len > 0) {
		RD_TRY(ps_store_document_keep(db, m->document, ps_now_ms()));
	}
	q->reply.type = PAY_RECORDED;
	q->reply.recorded.size = m->logged.index + 1;
	if (q->ask != NULL && q->ask->record != NULL) {
		RD_TRY(q->ask->record(q->ask, db, m));
	}
	return RD_OK;
}

static enum rd_status lookup(struct question *q, struct rd_db *db)
{
	const struct pay_lookup *m = &q->frame->message.lookup;
	struct rd_buf vault = rd_buf_fixed(q->bytes, sizeof(q->bytes));
	struct pay_found *found = &q->reply.found;
	enum rd_status st = ps_store_vault_find(db, m->merchant, m->blind, found->token, &vault);

	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	q->reply.type = PAY_FOUND;
	found->vault = st == RD_OK ? rd_buf_view(&vault) : rd_view(NULL, 0);
	if (st == RD_NOTFOUND) {
		found->token[0] = '\0';
	}
	return RD_OK;
}

static enum rd_status prove(struct question *q, struct rd_db *db)
{
	const struct pay_proof *m = &q->frame->message.proof;
	struct rd_buf bytes = rd_buf_fixed(q->bytes, sizeof(q->bytes));
	struct rd_merkle_proof proof;

	RD_TRY(ps_store_audit_proof(db, m->old_size, m->size, &proof));
	RD_TRY(rd_merkle_proof_encode(&proof, &bytes));
	q->reply.type = PAY_PROVED;
	q->reply.proved.proof = rd_buf_view(&bytes);
	return RD_OK;
}

static enum rd_status keep(struct question *q, struct rd_db *db)
{
	const struct pay_new_key *m = &q->frame->message.new_key;
	const struct pay_key key = {.purpose = m->purpose,
		.version = m->version,
		.wrapped = m->wrapped,
		.sealed = m->sealed};

	q->reply.type = PAY_KEPT;
	return ps_store_data_key_add(db, &key, ps_now_ms());
}

static enum rd_status run(struct ps_job *job, struct rd_db *db)
{
	struct question *q = ps_container(job, struct question, job);

	switch ((int)q->frame->message.type) {
	case PAY_RECORD:
		return record(q, db);
	case PAY_LOOKUP:
		return lookup(q, db);
	case PAY_PROOF:
		return prove(q, db);
	case PAY_NEW_KEY:
		return keep(q, db);
	default:
		return RD_INTERNAL;
	}
}

static void reply_note(struct ps_enclave *e, struct ps_note *note)
{
	struct question *q = ps_container(note, struct question, note);
	struct ps_session *s = ps_session_find(e, q->generation);

	if (s != NULL) {
		s->questions--;
		if (q->st != RD_OK) {
			ps_session_drop(e, s, "what it asks to record cannot be recorded");
		} else if (ps_link_send(s->link, &q->reply) != RD_OK) {
			ps_session_drop(e, s, "it does not take what is sent");
		}
	}
	ps_frame_free(&q->frame);
	free(q);
}

static void done(struct ps_job *job, enum rd_status st)
{
	struct question *q = ps_container(job, struct question, job);

	q->st = st;
	q->note.run = reply_note;
	ps_enclave_note(q->enclave, &q->note);
}

void ps_question_take(
	struct ps_enclave *e, struct ps_session *s, struct ps_ask *ask, struct ps_frame *frame)
{
	struct question *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		ps_frame_free(&frame);
		ps_session_drop(e, s, "out of memory");
		return;
	}
	q->enclave = e;
	q->frame = frame;
	q->ask = ask;
	q->generation = s->generation;
	q->reply.id = frame->message.id;
	q->job.run = run;
	q->job.done = done;
	s->questions++;
	ps_book_submit(e->ps->book, &q->job);
}
