/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of requests, and how their answers are delivered: well, or as the script says. */
#include "gateway/desk.h"

#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What no message of ours starts with. */
#define GARBAGE_SIZE 64
#define GARBAGE_BYTE 0xa5

struct item {
	struct gw_connection *connection; /* NULL: has gone */
	struct pay_gateway_request request;
	struct gw_play play;
	bool first;
	uint8_t answer[PAY_ISO_MESSAGE_MAX];
	size_t answer_len;
};

struct late {
	struct late *next; /* in the order of due_ms */
	struct gw_connection *connection;
	uint64_t due_ms;
	size_t len;
	uint8_t message[]; /* of len bytes */
};

struct gw_desk {
	struct gw_books *books;
	struct gw_desk_out out;
	struct rd_watch *work;
	struct rd_watch *clock;
	struct late *late;
	size_t n_late;
	size_t n_items;
	struct item items[GW_BATCH_MAX];
};

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- answers that are late --- */

static void set_clock(struct gw_desk *desk)
{
	const uint64_t now = rd_loop_now_ms();

	if (desk->late == NULL) {
		rd_watch_disarm(desk->clock);
	} else if (rd_watch_arm(desk->clock,
			   desk->late->due_ms > now ? desk->late->due_ms - now : 0) != RD_OK) {
		fprintf(stderr, "payments-gateway: no timer: late answers are not sent\n");
	}
}

static void on_clock(void *arg)
{
	struct gw_desk *desk = arg;

	while (desk->late != NULL && desk->late->due_ms <= rd_loop_now_ms()) {
		struct late *late = desk->late;

		desk->late = late->next;
		desk->n_late--;
		if (late->connection != NULL) {
			desk->out.send(late->connection, rd_view(late->message, late->len));
		}
		free(late);
	}
	set_clock(desk);
}

static void keep_back(struct gw_desk *desk, const struct item *item)
{
	struct late **at = &desk->late;
	struct late *late;

	late = desk->n_late < GW_LATE_MAX ? malloc(sizeof(*late) + item->answer_len) : NULL;
	if (late == NULL) {
		return; /* so late that it never comes */
	}
	late->connection = item->connection;
	late->due_ms = rd_loop_now_ms() + item->play.late_ms;
	late->len = item->answer_len;
	memcpy(late->message, item->answer, late->len);
	while (*at != NULL && (*at)->due_ms <= late->due_ms) {
		at = &(*at)->next;
	}
	late->next = *at;
	*at = late;
	desk->n_late++;
	set_clock(desk);
}

/* --- delivery --- */

static void send_answer(struct gw_desk *desk, const struct item *item)
{
	desk->out.send(item->connection, rd_view(item->answer, item->answer_len));
}

/* Somebody else's answer. */
static void send_wrong(struct gw_desk *desk, const struct item *item)
{
	uint8_t storage[PAY_ISO_MESSAGE_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));
	struct pay_gateway_answer answer;

	if (pay_gateway_answer_decode(rd_view(item->answer, item->answer_len), &answer) == RD_OK) {
		answer.op.rrn[11] = answer.op.rrn[11] == '0' ? '1' : '0';
		if (pay_gateway_answer_encode(&answer, &out) == RD_OK) {
			desk->out.send(item->connection, rd_buf_view(&out));
		}
	}
}

static void send_garbage(struct gw_desk *desk, const struct item *item)
{
	uint8_t bytes[GARBAGE_SIZE];

	memset(bytes, GARBAGE_BYTE, sizeof(bytes));
	desk->out.send(item->connection, rd_view(bytes, sizeof(bytes)));
}

static void deliver(struct gw_desk *desk, const struct item *item)
{
	switch (item->first ? item->play.delivery : GW_ANSWER) {
	case GW_NO_ANSWER:
	case GW_LOST:
		return;
	case GW_LATE:
		keep_back(desk, item);
		return;
	case GW_CLOSE:
	case GW_DROP:
		desk->out.end(item->connection);
		return;
	case GW_WRONG_RRN:
		send_wrong(desk, item);
		return;
	case GW_GARBAGE:
		send_garbage(desk, item);
		return;
	case GW_TWICE:
		send_answer(desk, item);
		break;
	case GW_ANSWER:
	default:
		break;
	}
	if (item->connection != NULL) {
		send_answer(desk, item);
	}
}

/* --- work --- */

static enum rd_status answer_network(
	struct gw_desk *desk, const struct item *item, struct rd_buf *out)
{
	struct pay_gateway_answer answer = {.kind = item->request.kind,
		.stamp = item->request.stamp,
		.response = PAY_GATEWAY_APPROVED};

	if (strcmp(item->play.response, PAY_GATEWAY_APPROVED) != 0) {
		memcpy(answer.response, item->play.response, sizeof(answer.response));
	} else if (item->request.kind == PAY_GATEWAY_SIGN_ON) {
		RD_TRY(gw_witness_sign_on(
			&desk->books->witness, &item->request, now_ms(), &answer));
	}
	return pay_gateway_answer_encode(&answer, out);
}

static enum rd_status work_on(struct gw_desk *desk, struct item *item)
{
	struct rd_buf out = rd_buf_fixed(item->answer, sizeof(item->answer));

	item->play = gw_script_choose(&desk->books->script, &item->request);
	item->first = true;
	item->answer_len = 0;
	if (item->play.delivery == GW_LOST || item->play.delivery == GW_DROP) {
		return RD_OK;
	}
	if (item->request.kind >= PAY_GATEWAY_SIGN_ON) {
		RD_TRY(answer_network(desk, item, &out));
	} else {
		RD_TRY(gw_ledger_operate(&desk->books->ledger, &item->request, item->play.response,
			now_ms(), &out, &item->first));
	}
	item->answer_len = out.used;
	return RD_OK;
}

static enum rd_status work_on_all(struct gw_desk *desk)
{
	RD_TRY(rd_db_begin(desk->books->ledger.db));
	for (size_t i = 0; i < desk->n_items; i++) {
		RD_TRY(work_on(desk, &desk->items[i]));
	}
	return rd_db_commit(desk->books->ledger.db);
}

/* None of it has happened, or nobody knows. */
static void answer_error(struct item *item)
{
	struct rd_buf out = rd_buf_fixed(item->answer, sizeof(item->answer));
	struct pay_gateway_answer answer = {.kind = item->request.kind,
		.stamp = item->request.stamp,
		.op = item->request.op,
		.response = PAY_GATEWAY_ERROR};

	item->play = (struct gw_play){.delivery = GW_ANSWER};
	/* What was read can be written. */
	item->answer_len = pay_gateway_answer_encode(&answer, &out) == RD_OK ? out.used : 0;
}

static void on_work(void *arg)
{
	struct gw_desk *desk = arg;
	enum rd_status st = work_on_all(desk);

	if (st != RD_OK) {
		fprintf(stderr, "payments-gateway: nothing of %zu requests is recorded: %s\n",
			desk->n_items, rd_status_text(st));
		rd_db_rollback(desk->books->ledger.db);
	}
	for (size_t i = 0; i < desk->n_items; i++) {
		struct item *item = &desk->items[i];

		if (st != RD_OK) {
			answer_error(item);
		}
		if (item->connection != NULL) {
			desk->out.done(item->connection);
		}
		if (item->connection != NULL) {
			deliver(desk, item);
		}
	}
	rd_wipe(desk->items, desk->n_items * sizeof(desk->items[0]));
	desk->n_items = 0;
	desk->out.room(desk->out.arg);
}

enum rd_status gw_desk_new(struct rd_loop *loop, struct gw_books *books,
	const struct gw_desk_out *out, struct gw_desk **ret)
{
	struct gw_desk *desk = calloc(1, sizeof(*desk));
	enum rd_status st;

	RD_ENSURE(desk != NULL, RD_NOMEM);
	desk->books = books;
	desk->out = *out;
	st = rd_loop_timer(loop, on_work, desk, &desk->work);
	st = st == RD_OK ? rd_loop_timer(loop, on_clock, desk, &desk->clock) : st;
	if (st != RD_OK) {
		gw_desk_free(&desk);
		return st;
	}
	*ret = desk;
	return RD_OK;
}

void gw_desk_free(struct gw_desk **desk)
{
	if (*desk == NULL) {
		return;
	}
	rd_watch_free(&(*desk)->work);
	rd_watch_free(&(*desk)->clock);
	while ((*desk)->late != NULL) {
		struct late *late = (*desk)->late;

		(*desk)->late = late->next;
		free(late);
	}
	rd_wipe((*desk)->items, sizeof((*desk)->items));
	free(rd_steal(desk, NULL));
}

enum rd_status gw_desk_take(struct gw_desk *desk, struct gw_connection *connection,
	const struct pay_gateway_request *request)
{
	struct item *item = &desk->items[desk->n_items];

	RD_ENSURE(desk->n_items < GW_BATCH_MAX, RD_AGAIN);
	/* At once, but after whatever else is readable in this turn. */
	RD_TRY(desk->n_items == 0 ? rd_watch_arm(desk->work, 0) : RD_OK);
	item->connection = connection;
	item->request = *request;
	desk->n_items++;
	return RD_OK;
}

void gw_desk_forget(struct gw_desk *desk, const struct gw_connection *connection)
{
	for (size_t i = 0; i < desk->n_items; i++) {
		if (desk->items[i].connection == connection) {
			desk->items[i].connection = NULL;
		}
	}
	for (struct late *late = desk->late; late != NULL; late = late->next) {
		if (late->connection == connection) {
			late->connection = NULL;
		}
	}
}
