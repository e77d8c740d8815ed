/* SPDX-License-Identifier: Apache-2.0 */
/* The QMP client. */
#include "qmp.h"

#include "base/bytes.h"
#include "os/fd.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The longest that we send is the balloon's. */
#define COMMAND_MAX 160
/* The negotiation's own id; the others count from there. */
#define FIRST_ID 1

struct rd_qmp {
	int sock;
	struct rd_watch *watch;
	rd_qmp_fn *fn;
	void *ctx;
	bool ready;
	bool closed;
	uint64_t next_id;
	uint64_t balloon_id; /* of the query that is under way; 0: none */
	size_t used;
	char line[RD_QMP_LINE_MAX];
};

static void release(json_t **o)
{
	json_decref(*o);
}

enum rd_status rd_qmp_new(int sock, struct rd_qmp **ret)
{
	struct rd_qmp *qmp = calloc(1, sizeof(*qmp));

	RD_ENSURE(qmp != NULL, RD_NOMEM);
	json_object_seed(0);
	qmp->sock = sock;
	qmp->next_id = FIRST_ID;
	*ret = qmp;
	return RD_OK;
}

void rd_qmp_free(struct rd_qmp **qmp)
{
	if (*qmp != NULL) {
		rd_watch_free(&(*qmp)->watch);
		free(*qmp);
		*qmp = NULL;
	}
}

/* --- commands --- */

static enum rd_status send(struct rd_qmp *qmp, const char *name, const char *arguments)
{
	char text[COMMAND_MAX];
	size_t put = 0;
	int n = snprintf(text, sizeof(text), "{\"execute\": \"%s\"%s%s, \"id\": %" PRIu64 "}\n",
		name,
		arguments == NULL ? "" : ", \"arguments\": ", arguments == NULL ? "" : arguments,
		qmp->next_id);

	RD_ENSURE(n > 0 && (size_t)n < sizeof(text), RD_INTERNAL);
	RD_ENSURE(!qmp->closed, RD_CLOSED);
	/* The buffer holds hundreds of commands: a QEMU that lets it fill is lost. */
	RD_ENSURE(
		rd_fd_write(qmp->sock, rd_view(text, (size_t)n), &put) == RD_OK && put == (size_t)n,
		RD_CLOSED);
	qmp->next_id++;
	return RD_OK;
}

static enum rd_status command(struct rd_qmp *qmp, const char *name, const char *arguments)
{
	RD_ENSURE(qmp->ready, RD_AGAIN);
	return send(qmp, name, arguments);
}

enum rd_status rd_qmp_powerdown(struct rd_qmp *qmp)
{
	return command(qmp, "system_powerdown", NULL);
}

enum rd_status rd_qmp_reset(struct rd_qmp *qmp)
{
	return command(qmp, "system_reset", NULL);
}

enum rd_status rd_qmp_continue(struct rd_qmp *qmp)
{
	return command(qmp, "cont", NULL);
}

enum rd_status rd_qmp_quit(struct rd_qmp *qmp)
{
	return command(qmp, "quit", NULL);
}

enum rd_status rd_qmp_balloon(struct rd_qmp *qmp, uint64_t guest_bytes)
{
	char arguments[48];

	snprintf(arguments, sizeof(arguments), "{\"value\": %" PRIu64 "}", guest_bytes);
	return command(qmp, "balloon", arguments);
}

enum rd_status rd_qmp_query_balloon(struct rd_qmp *qmp)
{
	uint64_t id = qmp->next_id;

	RD_TRY(command(qmp, "query-balloon", NULL));
	qmp->balloon_id = id;
	return RD_OK;
}

/* --- what QEMU says --- */

static enum rd_status read_event(const char *name, const json_t *data, struct rd_qmp_news *ret)
{
	static const struct {
		const char *name;
		enum rd_qmp_event event;
	} known[] = {
		{"SHUTDOWN", RD_QMP_SHUTDOWN},
		{"RESET", RD_QMP_RESET},
		{"BLOCK_IO_ERROR", RD_QMP_DISK},
	};

	for (size_t i = 0; i < RD_ARRAY_LEN(known); i++) {
		if (strcmp(name, known[i].name) == 0) {
			*ret = (struct rd_qmp_news){.event = known[i].event,
				.by_guest = json_is_true(json_object_get(data, "guest"))};
			return RD_OK;
		}
	}
	return RD_NOTFOUND;
}

static enum rd_status read_return(
	const json_t *value, uint64_t id, uint64_t balloon_id, struct rd_qmp_news *ret)
{
	const json_t *actual = json_object_get(value, "actual");

	if (id == FIRST_ID) {
		*ret = (struct rd_qmp_news){.event = RD_QMP_READY};
		return RD_OK;
	}
	RD_ENSURE(balloon_id != 0 && id == balloon_id, RD_NOTFOUND);
	RD_ENSURE(json_is_integer(actual) && json_integer_value(actual) >= 0, RD_MALFORMED);
	*ret = (struct rd_qmp_news){
		.event = RD_QMP_BALLOON, .bytes = (uint64_t)json_integer_value(actual)};
	return RD_OK;
}

enum rd_status rd_qmp_read_line(
	const char *line, size_t len, uint64_t balloon_id, struct rd_qmp_news *ret)
{
	json_t *o RD_CLEANUP(release) = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *event = json_string_value(json_object_get(o, "event"));
	const json_t *id = json_object_get(o, "id");

	RD_ENSURE(json_is_object(o), RD_MALFORMED);
	if (event != NULL) {
		return read_event(event, json_object_get(o, "data"), ret);
	}
	if (json_is_object(json_object_get(o, "return")) && json_is_integer(id) &&
		json_integer_value(id) > 0) {
		return read_return(json_object_get(o, "return"), (uint64_t)json_integer_value(id),
			balloon_id, ret);
	}
	/* The greeting and a command that was refused: a guest without a balloon driver's, say. */
	RD_ENSURE(json_is_object(json_object_get(o, "QMP")) ||
			  json_is_object(json_object_get(o, "error")),
		RD_MALFORMED);
	return RD_NOTFOUND;
}

static void end(struct rd_qmp *qmp)
{
	const struct rd_qmp_news news = {.event = RD_QMP_CLOSED};

	qmp->closed = true;
	rd_watch_free(&qmp->watch);
	qmp->fn(qmp->ctx, &news);
}

/* False when it was no QMP. */
static bool take_line(struct rd_qmp *qmp, const char *line, size_t len)
{
	struct rd_qmp_news news;
	enum rd_status st = rd_qmp_read_line(line, len, qmp->balloon_id, &news);

	if (st != RD_OK) {
		return st == RD_NOTFOUND;
	}
	if (news.event == RD_QMP_READY) {
		qmp->ready = true;
	} else if (news.event == RD_QMP_BALLOON) {
		qmp->balloon_id = 0;
	}
	qmp->fn(qmp->ctx, &news);
	return true;
}

/* The whole lines among what has been read. */
static bool take_lines(struct rd_qmp *qmp)
{
	size_t done = 0;
	char *newline;

	while (!qmp->closed &&
		(newline = memchr(qmp->line + done, '\n', qmp->used - done)) != NULL) {
		size_t len = (size_t)(newline - (qmp->line + done));

		if (!take_line(qmp, qmp->line + done, len)) {
			return false;
		}
		done += len + 1;
	}
	memmove(qmp->line, qmp->line + done, qmp->used - done);
	qmp->used -= done;
	return qmp->used < sizeof(qmp->line);
}

static void on_readable(void *arg, unsigned events)
{
	struct rd_qmp *qmp = arg;
	size_t n = 0;
	enum rd_status st = rd_fd_read(
		qmp->sock, qmp->line + qmp->used, sizeof(qmp->line) - qmp->used, &n);

	(void)events;
	if (st == RD_AGAIN) {
		return;
	}
	qmp->used += n;
	if (st != RD_OK || n == 0 || !take_lines(qmp)) {
		end(qmp);
	}
}

enum rd_status rd_qmp_attach(struct rd_qmp *qmp, struct rd_loop *loop, rd_qmp_fn *fn, void *ctx)
{
	qmp->fn = fn;
	qmp->ctx = ctx;
	RD_TRY(send(qmp, "qmp_capabilities", NULL));
	return rd_loop_watch_fd(loop, qmp->sock, RD_LOOP_READ, on_readable, qmp, &qmp->watch);
}
