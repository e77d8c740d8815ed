/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting an enclave: credentials (a worker, since they may have to be fetched), what the database
 * has for it (the book, behind everything that an earlier link has left there), START; and when
 * STARTED comes: its log key, which is for ever, and its head are looked at before it serves.
 */
#include "server/session.h"

#include "base/secret.h"
#include "crypto/random.h"
#include "merkle/head.h"
#include "os/workers.h"
#include "server/credentials.h"
#include "server/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SPKI of a P-256 key has 91 bytes. */
#define LOG_KEY_MAX RD_EC_SPKI_SIZE_MAX

struct start {
	struct ps_enclave *enclave;
	struct ps_note note;
	struct ps_job job;
	uint64_t generation;
	struct ps_credentials credentials;
	struct pay_message message;
	uint8_t keys[PAY_KEYS_MAX * 2 * PAY_WRAPPED_MAX];
	uint8_t policy[PAY_POLICY_SEALED_MAX];
	uint8_t peaks[PAY_PEAKS_MAX];
	uint8_t head[PAY_HEAD_SIZE];
	uint8_t last[PAY_RECORD_MAX], last_proof[PAY_PROOF_MAX];
	enum rd_status st;
	struct rd_error err;
};

static void start_free(struct start *start)
{
	rd_wipe(&start->credentials, sizeof(start->credentials));
	free(start);
}

/* --- 3: on the enclave's thread --- */

static void send_note(struct ps_enclave *e, struct ps_note *note)
{
	struct start *start = ps_container(note, struct start, note);
	struct ps_session *s = ps_session_find(e, start->generation);

	if (s != NULL && start->st != RD_OK) {
		ps_session_drop(e, s, start->err.text);
	} else if (s != NULL) {
		s->start_id = s->next_id++;
		start->message.id = s->start_id;
		if (ps_link_send(s->link, &start->message) != RD_OK) {
			ps_session_drop(e, s, "START is not of the link's form");
		}
	}
	start_free(start);
}

static void send(struct start *start, enum rd_status st)
{
	start->st = st;
	start->note.run = send_note;
	ps_enclave_note(start->enclave, &start->note);
}

/* --- 2: on the book's --- */

static enum rd_status read_last(struct start *start, struct rd_db *db)
{
	struct rd_buf record = rd_buf_fixed(start->last, sizeof(start->last));
	struct rd_buf path = rd_buf_fixed(start->last_proof, sizeof(start->last_proof));
	struct pay_start *m = &start->message.start;
	struct rd_merkle_proof proof;

	RD_TRY(ps_store_audit_last(db, m->size, &record, &proof));
	RD_TRY(rd_merkle_proof_encode(&proof, &path));
	m->last = rd_buf_view(&record);
	m->last_proof = rd_buf_view(&path);
	return RD_OK;
}

static enum rd_status read_log(struct start *start, struct rd_db *db)
{
	struct pay_start *m = &start->message.start;
	struct rd_merkle_range range;
	uint64_t headed = 0;
	enum rd_status st;
	unsigned n;

	RD_TRY(ps_store_audit_size(db, &m->size));
	st = ps_store_audit_head(db, &headed, start->head);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	RD_ENSURE(headed == m->size, RD_UNTRUSTED);
	if (m->size == 0) {
		return RD_OK;
	}
	RD_TRY(ps_store_audit_range(db, m->size, &range));
	n = rd_merkle_peak_count(m->size);
	for (unsigned i = 0; i < n; i++) {
		memcpy(start->peaks + i * RD_MERKLE_HASH_SIZE, range.peaks[i].bytes,
			RD_MERKLE_HASH_SIZE);
	}
	m->peaks = rd_view(start->peaks, n * RD_MERKLE_HASH_SIZE);
	m->head = rd_view(start->head, sizeof(start->head));
	return read_last(start, db);
}

static enum rd_status read_run(struct ps_job *job, struct rd_db *db)
{
	struct start *start = ps_container(job, struct start, job);
	struct rd_buf keys = rd_buf_fixed(start->keys, sizeof(start->keys));
	struct rd_buf policy = rd_buf_fixed(start->policy, sizeof(start->policy));
	struct pay_start *m = &start->message.start;
	enum rd_status st;

	RD_TRY(ps_store_data_keys(db, &m->keyring, &keys));
	st = ps_store_single_get(db, PS_SINGLE_POLICY, &policy);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	m->policy = st == RD_OK ? rd_buf_view(&policy) : rd_view(NULL, 0);
	return read_log(start, db);
}

static void read_done(struct ps_job *job, enum rd_status st)
{
	struct start *start = ps_container(job, struct start, job);

	if (st != RD_OK) {
		st = rd_fail(&start->err, st, "what it is to be given cannot be read: %s",
			rd_status_text(st));
	}
	send(start, st);
}

/* --- 1: on a worker's --- */

static void credentials_job(void *arg, unsigned worker)
{
	struct start *start = arg;
	struct pay_start *m = &start->message.start;
	const struct ps_credentials *c = &start->credentials;
	enum rd_status st = ps_credentials_get(
		&start->enclave->ps->config, &start->credentials, &start->err);

	(void)worker;
	if (st != RD_OK) {
		send(start, st);
		return;
	}
	m->access_key_id = rd_view_str(c->access_key_id);
	m->secret_access_key = rd_view_str(c->secret_access_key);
	m->session_token = c->session_token[0] == '\0' ? rd_view(NULL, 0)
						       : rd_view_str(c->session_token);
	start->job.run = read_run;
	start->job.done = read_done;
	ps_book_submit(start->enclave->ps->book, &start->job);
}

static void begin(struct ps_enclave *e, struct ps_session *s, bool prepare)
{
	struct start *start = calloc(1, sizeof(*start));

	if (start == NULL) {
		ps_session_drop(e, s, "out of memory");
		return;
	}
	start->enclave = e;
	start->generation = s->generation;
	start->message.type = PAY_START;
	start->message.start.prepare = prepare ? 1 : 0;
	if (rd_workers_submit(e->ps->workers, PS_LANE_CREDENTIALS, credentials_job, start) !=
		RD_OK) {
		start_free(start);
		ps_session_drop(e, s, "too many starts at a time");
	}
}

void ps_start_begin(struct ps_enclave *e, struct ps_session *s)
{
	begin(e, s, false);
}

void ps_start_prepare(struct ps_enclave *e, struct ps_session *s)
{
	begin(e, s, true);
}

/* --- answers --- */

/* True: it is what was asked for. Otherwise the session is ended and the frame freed. */
static bool check_answer(
	struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame, enum pay_type wanted)
{
	const struct pay_message *m = &frame->message;
	char why[PAY_TEXT_MAX + 64];

	if (m->type == wanted) {
		return true;
	}
	snprintf(why, sizeof(why), "it does not start (%s): %s",
		m->type == PAY_ERROR ? pay_error_name(m->error.code) : "protocol",
		m->type == PAY_ERROR ? m->error.text : "another answer came");
	ps_frame_free(&frame);
	ps_session_drop(e, s, why);
	return false;
}

bool ps_start_prepared(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame)
{
	if (!check_answer(e, s, frame, PAY_PREPARED)) {
		return false;
	}
	ps_frame_free(&frame);
	s->start_id = 0;
	return true;
}

/* --- STARTED --- */

struct started {
	struct ps_enclave *enclave;
	struct ps_frame *frame;
	struct ps_job job;
	struct ps_note note;
	uint64_t generation;
	struct rd_ec_key *key;
	const char *why;
	enum rd_status st;
};

/* The first one is kept; every later one is the same, or the log would have two authors. */
static enum rd_status check_key(struct started *started, struct rd_db *db)
{
	const struct pay_started *m = &started->frame->message.started;
	uint8_t bytes[LOG_KEY_MAX];
	struct rd_buf kept = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_merkle_hash id;
	enum rd_status st = ps_store_single_get(db, PS_SINGLE_LOG_KEY, &kept);

	started->why = "its log key is no P-256 key of that log id";
	rd_ec_key_free(&started->key);
	RD_TRY(rd_ec_key_from_spki(m->log_key, &started->key));
	RD_TRY(rd_merkle_log_id(started->key, &id));
	RD_ENSURE(rd_view_equal(m->log_id, rd_view(id.bytes, sizeof(id.bytes))), RD_WRONG_KEY);
	if (st == RD_NOTFOUND) {
		return ps_store_single_put(db, PS_SINGLE_LOG_KEY, m->log_key);
	}
	RD_TRY(st);
	started->why = "its log key is not the one that the log was begun with";
	RD_ENSURE(rd_view_equal(rd_buf_view(&kept), m->log_key), RD_WRONG_KEY);
	return RD_OK;
}

/* All that was recorded before the key was known rests on this head. */
static enum rd_status check_head(struct started *started, struct rd_db *db)
{
	const struct pay_started *m = &started->frame->message.started;
	uint8_t newest[PAY_HEAD_SIZE];
	struct rd_merkle_head head;
	uint64_t size;

	started->why = "its head is not that of the log that is kept here";
	RD_TRY(ps_store_audit_head(db, &size, newest));
	RD_TRY(rd_merkle_head_verify(started->key, rd_view(newest, sizeof(newest)), &head));
	RD_ENSURE(size == m->size, RD_UNTRUSTED);
	return rd_view_equal(m->head, rd_view(newest, sizeof(newest))) ? RD_OK : RD_UNTRUSTED;
}

static enum rd_status started_run(struct ps_job *job, struct rd_db *db)
{
	struct started *started = ps_container(job, struct started, job);

	/* Why it is refused is no failure of the database. */
	started->st = check_key(started, db);
	if (started->st == RD_OK) {
		started->st = check_head(started, db);
	}
	return started->st == RD_OK || started->st == RD_WRONG_KEY || started->st == RD_UNTRUSTED ||
			       started->st == RD_BAD_SIGNATURE
		       ? RD_OK
		       : started->st;
}

static void ready_note(struct ps_enclave *e, struct ps_note *note)
{
	struct started *started = ps_container(note, struct started, note);
	struct ps_session *s = ps_session_find(e, started->generation);
	const struct pay_started *m = &started->frame->message.started;

	if (s != NULL && started->st != RD_OK) {
		ps_session_drop(e, s, started->why);
	} else if (s != NULL) {
		s->state = PS_READY;
		s->image_version = m->image_version;
		s->policy_version = m->policy_version;
		e->retry_ms[s->place] = 0;
		rd_log(RD_LOG_INFO,
			"the enclave serves: image version %llu, policy version %llu, %llu records",
			(unsigned long long)m->image_version, (unsigned long long)m->policy_version,
			(unsigned long long)m->size);
		pthread_mutex_lock(&e->lock);
		e->status.starts++;
		pthread_mutex_unlock(&e->lock);
		ps_enclave_update(e);
		ps_enclave_pump(e);
	}
	ps_frame_free(&started->frame);
	free(started);
}

static void started_done(struct ps_job *job, enum rd_status st)
{
	struct started *started = ps_container(job, struct started, job);

	started->st = st == RD_OK ? started->st : st;
	if (started->st == RD_OK) {
		rd_ec_key_free(&started->enclave->log_key);
		started->enclave->log_key = rd_steal(&started->key, NULL);
	}
	rd_ec_key_free(&started->key);
	started->note.run = ready_note;
	ps_enclave_note(started->enclave, &started->note);
}

void ps_start_finish(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame)
{
	struct started *started;

	if (!check_answer(e, s, frame, PAY_STARTED)) {
		return;
	}
	started = calloc(1, sizeof(*started));
	if (started == NULL) {
		ps_frame_free(&frame);
		ps_session_drop(e, s, "out of memory");
		return;
	}
	started->enclave = e;
	started->frame = frame;
	started->generation = s->generation;
	started->job.run = started_run;
	started->job.done = started_done;
	s->start_id = 0;
	ps_book_submit(e->ps->book, &started->job);
}
