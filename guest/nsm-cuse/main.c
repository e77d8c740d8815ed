/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nsm-cuse: /dev/nsm for guests whose hypervisor offers the NSM on a vsock port and not as a
 * device.
 *
 * One thread, two descriptors: the kernel's CUSE channel and the stream to the NSM. Ioctls wait in
 * a queue for the one that is under way, as callers of the kernel's driver wait for its mutex;
 * opening and closing the device never wait. When the queue is full the channel is left unread, and
 * the kernel keeps the callers.
 */
#include "common/stream.h"
#include "nsm-cuse/cuse_request.h"
#include "nsm-cuse/isolate.h"
#include "nsm-cuse/port.h"
#include "vsock/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANNEL "/dev/cuse"

/* Callers beyond this many wait in the kernel instead; each entry costs a request's size. */
#define QUEUE_MAX 16

/* The kernel sends the first message when the channel is opened. */
#define INIT_TIMEOUT_MS 10000

/* The hypervisor answers in microseconds, a slow emulated boot needs no more than this. */
#define CONNECT_TIMEOUT_MS 20000

struct pending {
	struct cuse_call call;
	size_t len;
	uint8_t request[RD_NSM_REQUEST_MAX];
};

struct server {
	int channel;
	struct port port;
	size_t head; /* the request under way, when count > 0 */
	size_t count;
	struct pending queue[QUEUE_MAX];
	uint8_t message[CUSE_MESSAGE_MAX];
	uint8_t reply[CUSE_REPLY_MAX];
};

static void say(const char *fmt, ...) RD_PRINTF(1, 2);

static void say(const char *fmt, ...)
{
	char line[640] = "nsm-cuse: ";
	size_t used = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	va_end(ap);
	used = strlen(line);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0) {
		/* Nobody else to tell. */
		return;
	}
}

static int start_stream(void)
{
	return guest_stream_start(RD_CID_HYPERVISOR, RD_GUEST_PORT_NSM);
}

/* ENOENT: the caller has gone meanwhile, and nobody waits for the reply. */
static enum rd_status write_reply(const struct server *s, const struct rd_buf *reply)
{
	ssize_t n = write(s->channel, reply->ptr, reply->used);

	RD_ENSURE(n >= 0 || errno == ENOENT, RD_IO);
	return RD_OK;
}

static enum rd_status enqueue(
	struct server *s, const struct cuse_call *call, struct rd_view request)
{
	struct pending *p = &s->queue[(s->head + s->count) % QUEUE_MAX];
	struct rd_buf copy = rd_buf_fixed(p->request, sizeof(p->request));

	RD_ENSURE(s->count < QUEUE_MAX, RD_INTERNAL);
	RD_TRY(rd_buf_put_view(&copy, request));
	p->call = *call;
	p->len = copy.used;
	s->count++;
	return RD_OK;
}

/* Reads and handles one message. RD_AGAIN: there was none. */
static enum rd_status serve_message(struct server *s)
{
	struct rd_buf reply = rd_buf_fixed(s->reply, sizeof(s->reply));
	ssize_t n = read(s->channel, s->message, sizeof(s->message));
	struct cuse_call call;
	struct rd_view request;
	enum cuse_next next;

	if (n < 0) {
		/* ENOENT: the request was withdrawn while we were reading it. */
		return errno == EAGAIN || errno == EINTR || errno == ENOENT
			       ? RD_AGAIN
			       : rd_status_from_errno(errno);
	}
	RD_TRY(cuse_handle(rd_view(s->message, (size_t)n), &reply, &next, &call, &request));
	switch (next) {
	case CUSE_REPLY:
		return write_reply(s, &reply);
	case CUSE_FORWARD:
		return enqueue(s, &call, request);
	case CUSE_SILENT:
		break;
	}
	return RD_OK;
}

/* Replies to the request under way and starts on the next. */
static enum rd_status finish_request(
	struct server *s, enum port_result result, struct rd_view response, int os_errno)
{
	struct rd_buf reply = rd_buf_fixed(s->reply, sizeof(s->reply));
	const struct pending *p = &s->queue[s->head];

	if (result == PORT_DONE) {
		RD_TRY(cuse_finish(&p->call, response, &reply));
	} else {
		say("the NSM did not answer: %s",
			os_errno == ETIMEDOUT ? "timed out" : "stream broken");
		RD_TRY(cuse_error(p->call.unique, os_errno, &reply));
	}
	s->head = (s->head + 1) % QUEUE_MAX;
	s->count--;
	return write_reply(s, &reply);
}

static enum rd_status serve_port(struct server *s)
{
	while (s->count > 0) {
		const struct pending *p = &s->queue[s->head];
		int64_t now_ms = guest_now_ms();
		struct rd_view response = {0};
		enum port_result result;
		int os_errno = 0;

		if (s->port.state == PORT_IDLE) {
			RD_TRY(port_submit(&s->port, rd_view(p->request, p->len), now_ms));
		}
		result = port_step(&s->port, now_ms, &response, &os_errno);
		if (result == PORT_PENDING) {
			return RD_OK;
		}
		RD_TRY(finish_request(s, result, response, os_errno));
	}
	return RD_OK;
}

static int time_left_ms(const struct server *s)
{
	int64_t left = s->port.deadline_ms - guest_now_ms();

	if (s->port.state == PORT_IDLE) {
		return -1;
	}
	return left < 0 ? 0 : (int)left;
}

static enum rd_status serve_once(struct server *s)
{
	struct pollfd fds[] = {
		{.fd = s->count < QUEUE_MAX ? s->channel : -1, .events = POLLIN},
		{.fd = s->port.fd, .events = port_events(&s->port)},
	};
	enum rd_status st;

	if (poll(fds, RD_ARRAY_LEN(fds), time_left_ms(s)) < 0) {
		return errno == EINTR ? RD_OK : RD_IO;
	}
	if (s->port.state == PORT_IDLE && fds[1].revents != 0) {
		port_drop(&s->port);
	}
	if (fds[0].revents != 0) {
		st = serve_message(s);
		RD_ENSURE(st == RD_OK || st == RD_AGAIN, st);
	}
	return serve_port(s);
}

/* The device's node appears while our reply to the kernel's first message is being written. */
static enum rd_status create_device(struct server *s, struct rd_error *err)
{
	struct pollfd p = {.events = POLLIN};
	enum rd_status st;

	s->channel = open(CHANNEL, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (s->channel < 0) {
		return rd_fail_errno(err, errno,
			"cannot open " CHANNEL ": the kernel needs CONFIG_CUSE or its module");
	}
	p.fd = s->channel;
	if (poll(&p, 1, INIT_TIMEOUT_MS) <= 0) {
		return rd_fail(err, RD_TIMEOUT, "the kernel sent nothing on " CHANNEL);
	}
	st = serve_message(s);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot create " RD_NSM_DEVICE ": %s", rd_status_text(st));
	}
	/* As the kernel's driver makes it: for everyone. init waits for this mode. */
	if (chmod(RD_NSM_DEVICE, 0666) < 0) {
		return rd_fail_errno(err, errno, "cannot open up " RD_NSM_DEVICE);
	}
	return RD_OK;
}

int main(void)
{
	static struct server server;
	struct rd_error err;
	enum rd_status st;

	port_init(&server.port, start_stream);
	/*
	 * Now, before there is an application: the hypervisor serves a few streams only, and one
	 * that we hold no process of the guest can take.
	 */
	if (port_connect(&server.port, CONNECT_TIMEOUT_MS) != RD_OK) {
		say("cannot reach the NSM");
		return 1;
	}
	if (create_device(&server, &err) != RD_OK || isolate(&err) != RD_OK) {
		say("%s", err.text);
		return 1;
	}
	do {
		st = serve_once(&server);
	} while (st == RD_OK);
	say("giving up: %s", rd_status_text(st));
	return 1;
}
