/* SPDX-License-Identifier: Apache-2.0 */
/* The enclave's thread, and questions from being asked to being done. */
#include "server/session.h"

#include "os/fd.h"
#include "os/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- notes from other threads --- */

static void wake(struct ps_enclave *e)
{
	const uint64_t one = 1;

	/* A counter that is full wakes as well. */
	if (write(e->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
		rd_log(RD_LOG_ERROR, "the enclave's thread cannot be woken");
	}
}

void ps_enclave_note(struct ps_enclave *e, struct ps_note *note)
{
	note->next = NULL;
	pthread_mutex_lock(&e->lock);
	*e->last_note = note;
	e->last_note = &note->next;
	pthread_mutex_unlock(&e->lock);
	wake(e);
}

static void on_wake(void *arg, unsigned events)
{
	struct ps_enclave *e = arg;
	struct ps_note *note;
	uint64_t count;
	bool ending;

	(void)events;
	(void)!read(e->wake_fd, &count, sizeof(count));
	pthread_mutex_lock(&e->lock);
	note = e->notes;
	e->notes = NULL;
	e->last_note = &e->notes;
	ending = e->ending;
	pthread_mutex_unlock(&e->lock);
	while (note != NULL) {
		struct ps_note *next = note->next;

		note->run(e, note);
		note = next;
	}
	if (ending) {
		rd_loop_stop(e->loop);
	}
}

/* --- questions --- */

static enum rd_status commit(struct ps_job *job, struct rd_db *db)
{
	struct ps_ask *ask = ps_container(job, struct ps_ask, job);
	const struct pay_message *m;
	const struct pay_logged *logged;

	if (ask->frame == NULL) {
		return RD_OK;
	}
	m = &ask->frame->message;
	logged = ps_frame_logged(m);
	if (logged != NULL) {
		RD_TRY(ps_question_log(ask->enclave, db, logged));
	}
	return ask->commit == NULL ? RD_OK : ask->commit(ask, db, m);
}

struct drop {
	struct ps_note note;
	uint64_t generation;
};

static void drop_note(struct ps_enclave *e, struct ps_note *note)
{
	struct drop *drop = ps_container(note, struct drop, note);
	struct ps_session *s = ps_session_find(e, drop->generation);

	if (s != NULL) {
		ps_session_drop(e, s, "what it said cannot be recorded");
	}
	free(drop);
}

void ps_enclave_distrust(struct ps_enclave *e, uint64_t generation)
{
	struct drop *drop = calloc(1, sizeof(*drop));

	if (drop == NULL) {
		rd_log(RD_LOG_ERROR, "out of memory: a link whose record failed is kept");
		return;
	}
	drop->note.run = drop_note;
	drop->generation = generation;
	ps_enclave_note(e, &drop->note);
}

static void committed(struct ps_job *job, enum rd_status st)
{
	struct ps_ask *ask = ps_container(job, struct ps_ask, job);
	struct ps_frame *frame = ask->frame;

	if (st != RD_OK) {
		ps_enclave_distrust(ask->enclave, ask->generation);
	} else {
		st = ask->st;
	}
	ask->frame = NULL;
	ask->done(ask, st, st == RD_OK && frame != NULL ? &frame->message : NULL);
	ps_frame_free(&frame);
}

/* By way of the book, behind every record that belongs to it. */
static void finish(struct ps_enclave *e, struct ps_ask *ask, enum rd_status st)
{
	ask->st = st;
	ask->job.run = commit;
	ask->job.done = committed;
	ps_book_submit(e->ps->book, &ask->job);
}

static struct ps_ask *take_open(struct ps_enclave *e, uint64_t id)
{
	for (struct ps_ask **at = &e->open; *at != NULL; at = &(*at)->next) {
		struct ps_ask *ask = *at;

		if (ask->message.id == id) {
			*at = ask->next;
			e->n_open--;
			return ask;
		}
	}
	return NULL;
}

struct ps_ask *ps_enclave_open_ask(struct ps_enclave *e, uint64_t id)
{
	struct ps_ask *ask = e->open;

	while (ask != NULL && ask->message.id != id) {
		ask = ask->next;
	}
	return ask;
}

/* What each question is answered by, ERROR apart. */
static enum pay_type answer_of(enum pay_type question)
{
	switch ((int)question) {
	case PAY_ATTEST:
		return PAY_ATTESTED;
	case PAY_AUTHORISE:
	case PAY_CAPTURE:
	case PAY_REFUND:
	case PAY_REVERSE:
		return PAY_RESULT;
	case PAY_REWRAP:
		return PAY_REWRAPPED;
	case PAY_ROTATE:
		return PAY_ROTATED;
	case PAY_CHALLENGE:
		return PAY_NONCE;
	case PAY_EXPORT:
		return PAY_EXPORTED;
	case PAY_POLICY:
		return PAY_POLICY_SET;
	default:
		return PAY_ERROR;
	}
}

bool ps_enclave_answer(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame)
{
	struct ps_ask *ask = ps_enclave_open_ask(e, frame->message.id);

	if (s->state != PS_READY || ask == NULL ||
		(frame->message.type != PAY_ERROR &&
			frame->message.type != answer_of(ask->message.type))) {
		return false;
	}
	(void)take_open(e, frame->message.id);
	if (frame->message.type == PAY_POLICY_SET) {
		s->policy_version = frame->message.policy_set.version;
		ps_enclave_update(e);
	}
	ask->frame = frame;
	finish(e, ask, RD_OK);
	ps_enclave_pump(e);
	return true;
}

void ps_enclave_lose_open(struct ps_enclave *e)
{
	while (e->open != NULL) {
		struct ps_ask *ask = e->open;

		e->open = ask->next;
		finish(e, ask, RD_UNAVAILABLE);
	}
	e->n_open = 0;
}

/* The first of those that wait; the longest waiting is at the front. */
static struct ps_ask *take_waiting(struct ps_enclave *e)
{
	struct ps_ask *ask = e->waiting;

	if (ask != NULL) {
		e->waiting = ask->next;
		e->last_waiting = e->waiting == NULL ? &e->waiting : e->last_waiting;
		pthread_mutex_lock(&e->lock);
		e->status.waiting--;
		pthread_mutex_unlock(&e->lock);
	}
	return ask;
}

/* Another one takes over as soon as nothing is open. */
static bool is_draining(const struct ps_enclave *e)
{
	return e->candidate != NULL && e->candidate->state == PS_IDLE;
}

void ps_enclave_pump(struct ps_enclave *e)
{
	struct ps_session *s = e->active;
	struct ps_ask *ask;
	enum rd_status st;

	while (s != NULL && s->state == PS_READY && !is_draining(e) &&
		e->n_open < e->ps->config.max_in_flight && (ask = take_waiting(e)) != NULL) {
		ask->message.id = s->next_id++;
		ask->generation = s->generation;
		ask->since_ms = rd_loop_now_ms();
		st = ps_link_send(s->link, &ask->message);
		if (st == RD_USAGE) {
			rd_log(RD_LOG_ERROR, "a question was not of the link's form");
			finish(e, ask, RD_INTERNAL);
			continue;
		}
		ask->next = e->open;
		e->open = ask;
		e->n_open++;
		if (st != RD_OK) {
			ps_session_drop(e, s, "it does not take what is sent");
			return;
		}
	}
}

static void ask_note(struct ps_enclave *e, struct ps_note *note)
{
	struct ps_ask *ask = ps_container(note, struct ps_ask, note);

	ask->next = NULL;
	ask->since_ms = rd_loop_now_ms();
	*e->last_waiting = ask;
	e->last_waiting = &ask->next;
	ps_enclave_pump(e);
}

enum rd_status ps_enclave_ask(struct ps_enclave *e, struct ps_ask *ask)
{
	bool full;

	pthread_mutex_lock(&e->lock);
	full = e->status.waiting >= PS_ASKS_WAITING_MAX || e->ending;
	e->status.waiting += full ? 0 : 1;
	pthread_mutex_unlock(&e->lock);
	RD_ENSURE(!full, RD_LIMIT);
	ask->enclave = e;
	ask->frame = NULL;
	ask->generation = 0;
	ask->note.run = ask_note;
	ps_enclave_note(e, &ask->note);
	return RD_OK;
}

/* --- time --- */

static bool hurried(struct ps_enclave *e, uint64_t now_ms)
{
	bool hurried;

	pthread_mutex_lock(&e->lock);
	hurried = e->hurry_at_ms != 0 && now_ms >= e->hurry_at_ms;
	pthread_mutex_unlock(&e->lock);
	return hurried;
}

static bool any_open_since(const struct ps_enclave *e, uint64_t ms)
{
	for (const struct ps_ask *ask = e->open; ask != NULL; ask = ask->next) {
		if (ask->since_ms < ms) {
			return true;
		}
	}
	return false;
}

static void on_tick(void *arg)
{
	struct ps_enclave *e = arg;
	const uint64_t now = rd_loop_now_ms();
	const bool hurry = hurried(e, now);

	while (e->waiting != NULL && (hurry || e->waiting->since_ms + PS_ASK_WAIT_MS < now)) {
		finish(e, take_waiting(e), RD_UNAVAILABLE);
	}
	if (e->active != NULL && now > PS_ASK_ANSWER_MS &&
		any_open_since(e, now - PS_ASK_ANSWER_MS)) {
		ps_session_drop(e, e->active, "it does not answer");
	}
	if (hurry) {
		ps_enclave_lose_open(e);
	}
	ps_session_tick(e, now);
	ps_enclave_pump(e);
	ps_enclave_update(e);
	if (rd_watch_arm(e->tick, PS_TICK_MS) != RD_OK) {
		rd_log(RD_LOG_ERROR, "the enclave's timer cannot be set");
	}
}

/* --- status --- */

void ps_enclave_update(struct ps_enclave *e)
{
	const struct ps_session *s = e->active;
	const bool ready = s != NULL && s->state == PS_READY;

	pthread_mutex_lock(&e->lock);
	e->status.ready = ready;
	e->status.open = e->n_open;
	if (ready) {
		e->status.image_version = s->image_version;
		e->status.policy_version = s->policy_version;
		e->status.place = e->places[s->place];
	}
	pthread_mutex_unlock(&e->lock);
}

void ps_enclave_status(struct ps_enclave *e, struct ps_enclave_status *ret)
{
	pthread_mutex_lock(&e->lock);
	*ret = e->status;
	pthread_mutex_unlock(&e->lock);
}

/* --- places --- */

struct new_places {
	struct ps_note note;
	struct ps_place places[PS_ENCLAVES_MAX];
	size_t n;
};

static void places_note(struct ps_enclave *e, struct ps_note *note)
{
	struct new_places *p = ps_container(note, struct new_places, note);

	ps_session_move(e, p->places, p->n);
	free(p);
}

void ps_enclave_places(struct ps_enclave *e, const struct ps_place *places, size_t n)
{
	struct new_places *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		rd_log(RD_LOG_ERROR, "out of memory: the list of enclaves stays as it was");
		return;
	}
	p->note.run = places_note;
	p->n = n;
	memcpy(p->places, places, n * sizeof(*places));
	ps_enclave_note(e, &p->note);
}

/* --- start and end --- */

static void *run(void *arg)
{
	struct ps_enclave *e = arg;

	if (rd_loop_run(e->loop) != RD_OK) {
		rd_log(RD_LOG_ERROR, "the enclave's event loop failed");
	}
	return NULL;
}

static enum rd_status make_loop(struct ps_enclave *e)
{
	e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	RD_ENSURE(e->wake_fd >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_loop_new(&e->loop));
	RD_TRY(rd_loop_watch_fd(e->loop, e->wake_fd, RD_LOOP_READ, on_wake, e, &e->wake));
	RD_TRY(rd_loop_timer(e->loop, on_tick, e, &e->tick));
	return rd_watch_arm(e->tick, 0);
}

enum rd_status ps_enclave_new(struct ps *ps, struct ps_enclave **ret, struct rd_error *err)
{
	struct ps_enclave *e = calloc(1, sizeof(*e));
	enum rd_status st;

	if (e == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	e->ps = ps;
	e->last_note = &e->notes;
	e->last_waiting = &e->waiting;
	e->n_places = ps->config.n_enclaves;
	memcpy(e->places, ps->config.enclaves, sizeof(ps->config.enclaves));
	pthread_mutex_init(&e->lock, NULL);
	st = make_loop(e);
	if (st != RD_OK) {
		st = rd_fail(err, st, "the enclave's event loop cannot be made");
	} else {
		st = rd_thread_start(&e->thread, "pay-enclave", run, e, err);
	}
	e->running = st == RD_OK;
	if (st != RD_OK) {
		ps_enclave_free(&e);
		return st;
	}
	*ret = e;
	return RD_OK;
}

void ps_enclave_hurry(struct ps_enclave *e, unsigned grace_ms)
{
	pthread_mutex_lock(&e->lock);
	e->hurry_at_ms = rd_loop_now_ms() + grace_ms;
	pthread_mutex_unlock(&e->lock);
}

void ps_enclave_stop(struct ps_enclave *e)
{
	if (!e->running) {
		return;
	}
	pthread_mutex_lock(&e->lock);
	e->ending = true;
	pthread_mutex_unlock(&e->lock);
	wake(e);
	pthread_join(e->thread, NULL);
	e->running = false;
	ps_session_end(&e->candidate);
	ps_session_end(&e->active);
	ps_enclave_lose_open(e);
	while (e->waiting != NULL) {
		finish(e, take_waiting(e), RD_UNAVAILABLE);
	}
}

/* What the book still had has left notes, which belong to nobody now but free themselves. */
static void drain_notes(struct ps_enclave *e)
{
	while (e->notes != NULL) {
		struct ps_note *note = e->notes;

		e->notes = note->next;
		note->run(e, note);
	}
}

void ps_enclave_free(struct ps_enclave **enclave)
{
	struct ps_enclave *e = *enclave;

	if (e == NULL) {
		return;
	}
	ps_enclave_stop(e);
	drain_notes(e);
	rd_watch_free(&e->wake);
	rd_watch_free(&e->tick);
	rd_loop_free(&e->loop);
	rd_fd_close(&e->wake_fd);
	pthread_mutex_destroy(&e->lock);
	rd_ec_key_free(&e->log_key);
	free(e);
	*enclave = NULL;
}
