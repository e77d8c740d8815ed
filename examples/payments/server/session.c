/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: which enclave is connected to, which one serves, and how one takes over from another.
 *
 *	CONNECTING ──► STARTING ──► READY                        who is alone
 *	CONNECTING ──► PREPARING ──► IDLE ──► STARTING ──► READY   who takes over
 *
 * active is the one that serves, or is to; candidate is a better one that is to take over. It is
 * asked for its keys first, which takes long or fails, while active goes on. From then on (IDLE)
 * nothing new is sent: active drains, then is ended, and the candidate becomes active and is
 * started.
 */
#include "server/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void place_text(const struct ps_place *place, char *ret, size_t size)
{
	if (place->transport == PS_UNIX) {
		snprintf(ret, size, "unix:%.200s", place->path);
	} else {
		snprintf(ret, size, "vsock:%u", place->cid);
	}
}

void ps_session_end(struct ps_session **s)
{
	if (*s != NULL) {
		ps_link_free(&(*s)->link);
		free(*s);
		*s = NULL;
	}
}

struct ps_session *ps_session_find(struct ps_enclave *e, uint64_t generation)
{
	if (e->active != NULL && e->active->generation == generation) {
		return e->active;
	}
	return e->candidate != NULL && e->candidate->generation == generation ? e->candidate : NULL;
}

/* Twice as long after each failure, and from the beginning after a success. */
static void put_off(struct ps_enclave *e, size_t place)
{
	uint64_t ms = e->retry_ms[place];

	ms = ms == 0 ? PS_RETRY_MIN_MS : 2 * ms;
	e->retry_ms[place] = ms > PS_RETRY_MAX_MS ? PS_RETRY_MAX_MS : ms;
	e->retry_at_ms[place] = rd_loop_now_ms() + e->retry_ms[place];
}

static void log_failure(struct ps_enclave *e, const struct ps_session *s, const char *why)
{
	unsigned skipped = 0;
	char place[256];

	if (rd_log_may(&e->brake, rd_loop_now_ms(), &skipped)) {
		place_text(&e->places[s->place], place, sizeof(place));
		rd_log(RD_LOG_WARNING, "no enclave at %s: %s", place, why);
	}
}

void ps_session_drop(struct ps_enclave *e, struct ps_session *s, const char *why)
{
	char place[256];

	if (s->state == PS_READY) {
		place_text(&e->places[s->place], place, sizeof(place));
		rd_log(RD_LOG_WARNING, "the enclave at %s is given up: %s", place, why);
		e->retry_ms[s->place] = 0;
		pthread_mutex_lock(&e->lock);
		e->status.breaks++;
		pthread_mutex_unlock(&e->lock);
	} else {
		log_failure(e, s, why);
	}
	put_off(e, s->place);
	if ((s->state == PS_STARTING || s->state == PS_PREPARING) && e->n_places > 1) {
		e->retry_at_ms[s->place] = rd_loop_now_ms() + PS_RETRY_START_MS;
	}
	if (s == e->candidate) {
		ps_session_end(&e->candidate);
	} else {
		ps_session_end(&e->active);
		ps_enclave_lose_open(e);
	}
	ps_enclave_update(e);
}

/* --- events of a link --- */

static void set_state(struct ps_session *s, enum ps_session_state state)
{
	s->state = state;
	s->since_ms = rd_loop_now_ms();
}

static void on_opened(void *ctx)
{
	struct ps_session *s = ctx;

	if (s == s->enclave->active) {
		set_state(s, PS_STARTING);
		ps_start_begin(s->enclave, s);
	} else {
		set_state(s, PS_PREPARING);
		ps_start_prepare(s->enclave, s);
	}
}

static void on_prepared(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame)
{
	if (!ps_start_prepared(e, s, frame)) {
		return;
	}
	set_state(s, PS_IDLE);
	/* The other one has gone away meanwhile. */
	if (s == e->active) {
		set_state(s, PS_STARTING);
		ps_start_begin(e, s);
	}
}

static void on_closed(void *ctx, const char *why)
{
	struct ps_session *s = ctx;

	ps_session_drop(s->enclave, s, why);
}

static bool is_question(const struct pay_message *m)
{
	return m->type == PAY_RECORD || m->type == PAY_LOOKUP || m->type == PAY_PROOF ||
	       m->type == PAY_NEW_KEY;
}

static void on_frame(void *ctx, struct ps_frame *frame)
{
	struct ps_session *s = ctx;
	struct ps_enclave *e = s->enclave;
	const struct pay_message *m = &frame->message;
	char why[PAY_TEXT_MAX + 32];

	if (m->type == PAY_ERROR && m->id == 0) {
		snprintf(why, sizeof(why), "it says: %s", m->error.text);
		ps_frame_free(&frame);
		ps_session_drop(e, s, why);
	} else if (is_question(m) && s->state >= PS_STARTING && s->questions < PS_QUESTIONS_MAX) {
		struct ps_ask *ask = m->type == PAY_RECORD
					     ? ps_enclave_open_ask(e, m->record.request)
					     : NULL;

		ps_question_take(e, s, ask, frame);
	} else if (!is_question(m) && s->state == PS_STARTING && m->id == s->start_id) {
		ps_start_finish(e, s, frame);
	} else if (s->state == PS_PREPARING && m->id == s->start_id) {
		on_prepared(e, s, frame);
	} else if (is_question(m) || !ps_enclave_answer(e, s, frame)) {
		snprintf(why, sizeof(why), "it says what nobody asked (message %u, id %llu)",
			(unsigned)m->type, (unsigned long long)m->id);
		ps_frame_free(&frame);
		ps_session_drop(e, s, why);
	}
}

/* --- connecting --- */

static struct ps_session *connect_to(struct ps_enclave *e, size_t place)
{
	struct ps_session *s = calloc(1, sizeof(*s));
	const struct ps_link_events events = {
		.opened = on_opened, .frame = on_frame, .closed = on_closed, .ctx = s};
	struct rd_error err = {.text = "internal error"};

	if (s == NULL) {
		return NULL;
	}
	s->enclave = e;
	s->place = place;
	s->generation = ++e->generations;
	s->next_id = 1;
	set_state(s, PS_CONNECTING);
	if (ps_link_open(e->loop, &e->places[place], &events, &s->link, &err) != RD_OK) {
		log_failure(e, s, err.text);
		put_off(e, place);
		ps_session_end(&s);
	}
	return s;
}

/* The best place before `end` whose time has come; end: none. */
static size_t next_place(const struct ps_enclave *e, size_t end, uint64_t now_ms)
{
	for (size_t i = 0; i < end; i++) {
		if (e->retry_at_ms[i] <= now_ms) {
			return i;
		}
	}
	return end;
}

static void look_for_better(struct ps_enclave *e, uint64_t now_ms)
{
	size_t place = next_place(e, e->active->place, now_ms);

	if (place < e->active->place) {
		e->candidate = connect_to(e, place);
	}
}

/* The better one is there: the other has nothing open any more, or has had its time. */
static void hand_over(struct ps_enclave *e)
{
	char place[256];

	place_text(&e->places[e->candidate->place], place, sizeof(place));
	rd_log(RD_LOG_INFO, "the enclave at %s takes over", place);
	ps_session_end(&e->active);
	ps_enclave_lose_open(e);
	e->active = rd_steal(&e->candidate, NULL);
	set_state(e->active, PS_STARTING);
	ps_start_begin(e, e->active);
}

static void tick_active(struct ps_enclave *e, uint64_t now_ms)
{
	struct ps_session *s = e->active;

	if (s->state == PS_STARTING && s->since_ms + PS_START_MS < now_ms) {
		ps_session_drop(e, s, "it did not start in time");
		return;
	}
	if (s->state != PS_READY) {
		return;
	}
	if (e->candidate == NULL) {
		look_for_better(e, now_ms);
	} else if (e->candidate->state == PS_PREPARING &&
		   e->candidate->since_ms + PS_START_MS < now_ms) {
		ps_session_drop(e, e->candidate, "it did not open its keys in time");
	} else if (e->candidate->state == PS_IDLE &&
		   ((e->n_open == 0 && s->questions == 0) ||
			   e->candidate->since_ms + PS_DRAIN_MS < now_ms)) {
		hand_over(e);
	}
}

void ps_session_tick(struct ps_enclave *e, uint64_t now_ms)
{
	size_t place;

	if (e->active == NULL && e->candidate != NULL) {
		/* The old one went away by itself. */
		e->active = rd_steal(&e->candidate, NULL);
		if (e->active->state == PS_IDLE) {
			set_state(e->active, PS_STARTING);
			ps_start_begin(e, e->active);
		}
	}
	if (e->active != NULL) {
		tick_active(e, now_ms);
		return;
	}
	place = next_place(e, e->n_places, now_ms);
	if (place < e->n_places) {
		e->active = connect_to(e, place);
	}
}

/* --- other places --- */

static bool same_place(const struct ps_place *a, const struct ps_place *b)
{
	return a->transport == b->transport && a->cid == b->cid && strcmp(a->path, b->path) == 0;
}

/* n + 1 places at most: one that serves and is named no more stays, as the last choice, until
 * another has taken over. */
void ps_session_move(struct ps_enclave *e, const struct ps_place *places, size_t n)
{
	struct ps_place serving = {0};
	const bool any = e->active != NULL;
	size_t at = n;

	ps_session_end(&e->candidate);
	if (any) {
		serving = e->places[e->active->place];
	}
	memcpy(e->places, places, n * sizeof(*places));
	e->n_places = n;
	memset(e->retry_at_ms, 0, sizeof(e->retry_at_ms));
	memset(e->retry_ms, 0, sizeof(e->retry_ms));
	for (size_t i = 0; any && i < n; i++) {
		at = same_place(&places[i], &serving) ? i : at;
	}
	if (any) {
		if (at == n) {
			e->places[n] = serving;
		}
		e->active->place = at;
	}
}
