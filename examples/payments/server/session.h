/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what is between enclave.c (questions of ours), session.c (links, starting, handing
 * over) and question.c (the enclave's questions). All of it is the enclave thread's, but for what
 * says otherwise. */
#ifndef PS_SESSION_H
#define PS_SESSION_H

#include "crypto/ec.h"
#include "log/log.h"
#include "server/enclave.h"

#include <pthread.h>

/* For KMS to unwrap a keyring, and the gateway to witness a head, through an emulated machine. */
#define PS_START_MS 120000
/* Before a place is tried again: at first, and at most. */
#define PS_RETRY_MIN_MS 100
#define PS_RETRY_MAX_MS 5000
/* After a start that failed, where there is another place: whoever serves there is not interrupted
 * again and again for one that cannot. */
#define PS_RETRY_START_MS 15000
/* For open questions when another enclave takes over: the gateway's time-out and some. */
#define PS_DRAIN_MS 30000
#define PS_TICK_MS  100
/* Questions of one enclave that the book has not answered: two for each of ours, and room. */
#define PS_QUESTIONS_MAX (4 * PAY_OPEN_MAX)

enum ps_session_state { PS_CONNECTING, PS_PREPARING, PS_IDLE, PS_STARTING, PS_READY };

struct ps_session {
	struct ps_enclave *enclave;
	struct ps_link *link;
	enum ps_session_state state;
	size_t place;        /* index in places */
	uint64_t generation; /* so that what comes late is known to be another's */
	uint64_t next_id, start_id;
	uint64_t since_ms; /* in this state */
	uint64_t image_version, policy_version;
	unsigned questions; /* of the enclave, not answered yet */
};

struct ps_enclave {
	struct ps *ps;
	struct rd_loop *loop;
	struct rd_watch *wake, *tick;
	int wake_fd;
	pthread_t thread;
	bool running;
	/* The lock's: what other threads leave here, and what they look at. */
	pthread_mutex_t lock;
	struct ps_note *notes, **last_note;
	struct ps_enclave_status status;
	uint64_t hurry_at_ms; /* 0: never */
	bool ending;
	/* The thread's. */
	/* One more than can be named: that of an enclave that serves and is named no more. */
	struct ps_place places[PS_ENCLAVES_MAX + 1];
	size_t n_places;
	uint64_t retry_at_ms[PS_ENCLAVES_MAX + 1];
	uint64_t retry_ms[PS_ENCLAVES_MAX + 1];
	struct ps_session *active, *candidate;
	uint64_t generations;
	struct ps_ask *waiting, **last_waiting, *open;
	size_t n_open;
	struct rd_log_brake brake;
	/* The book thread's: whose heads the log has. */
	struct rd_ec_key *log_key;
};

/* --- enclave.c --- */

/* From any thread: note->run is called on the enclave's. */
void ps_enclave_note(struct ps_enclave *e, struct ps_note *note);
/* Sends what waits, if there is somebody to send it to. */
void ps_enclave_pump(struct ps_enclave *e);
/* All open questions of a session end without an answer. */
void ps_enclave_lose_open(struct ps_enclave *e);
/* An answer that came. False: it answers nothing that was asked. */
bool ps_enclave_answer(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame);
struct ps_ask *ps_enclave_open_ask(struct ps_enclave *e, uint64_t id);
/* From any thread: what that session says cannot be recorded, so it is ended. */
void ps_enclave_distrust(struct ps_enclave *e, uint64_t generation);
void ps_enclave_update(struct ps_enclave *e);

/* --- session.c --- */

void ps_session_tick(struct ps_enclave *e, uint64_t now_ms);
/* Ends a session, with a line in the log; what was open on it is lost. */
void ps_session_drop(struct ps_enclave *e, struct ps_session *s, const char *why);
/* The session of that generation, if it is still there. */
struct ps_session *ps_session_find(struct ps_enclave *e, uint64_t generation);
/* Other places: sessions at places that are no longer named are ended once others serve. */
void ps_session_move(struct ps_enclave *e, const struct ps_place *places, size_t n);
/* Without a word. Accepts NULL. */
void ps_session_end(struct ps_session **s);

/* --- start.c --- */

/* START, and what comes of it. */
void ps_start_begin(struct ps_enclave *e, struct ps_session *s);
/* The same for one that is to take over: its keys are opened, and it waits for START. */
void ps_start_prepare(struct ps_enclave *e, struct ps_session *s);
/* PREPARED or ERROR; takes the frame. False: the session has been ended. */
bool ps_start_prepared(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame);
/* STARTED or ERROR; takes the frame. */
void ps_start_finish(struct ps_enclave *e, struct ps_session *s, struct ps_frame *frame);

/* --- question.c --- */

/* What an answer or a RECORD adds to the log; NULL: nothing. */
const struct pay_logged *ps_frame_logged(const struct pay_message *message);
/* A question of the enclave's; takes the frame. ask: the question of ours that it belongs to. */
void ps_question_take(
	struct ps_enclave *e, struct ps_session *s, struct ps_ask *ask, struct ps_frame *frame);
/* On the book's thread: a record joins the log, if its head is good. */
enum rd_status ps_question_log(
	struct ps_enclave *e, struct rd_db *db, const struct pay_logged *logged) RD_MUST_USE;

#endif
