/* SPDX-License-Identifier: Apache-2.0 */
/* What init tells the world: console lines, the heartbeat, the end report; and the reset. */
#include "init/init.h"

#include "common/stream.h"
#include "os/fd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* run-enclave waits minutes for a heartbeat; what has not answered by then will not. */
#define HEARTBEAT_TIMEOUT_MS 30000

/* The report is worth seconds, not a machine that does not end. */
#define REPORT_TRIES      3
#define REPORT_TIMEOUT_MS 2000
#define REPORT_PAUSE_MS   100

void init_say(const char *fmt, ...)
{
	char line[640] = "init: ";
	size_t used = strlen(line);
	int saved = errno;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line + used, sizeof(line) - used - 1, fmt, ap);
	va_end(ap);
	if (n < 0) {
		return;
	}
	used = strlen(line);
	line[used++] = '\n';
	/* One write a line, so that lines of several processes do not mix. */
	if (write(STDERR_FILENO, line, used) < 0) {
		errno = saved;
	}
	errno = saved;
}

enum rd_status init_heartbeat(struct rd_error *err)
{
	int64_t deadline_ms = guest_now_ms() + HEARTBEAT_TIMEOUT_MS;
	const uint8_t beat = RD_GUEST_HEARTBEAT;
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;
	uint8_t echo = 0;
	size_t n;

	st = guest_stream_connect(RD_CID_PARENT, RD_GUEST_PORT_HEARTBEAT, deadline_ms, &fd, err);
	if (st != RD_OK) {
		return rd_error_wrap(err, st, "cannot send the heartbeat");
	}
	st = guest_stream_send(fd, rd_view(&beat, 1), deadline_ms);
	if (st == RD_OK) {
		st = guest_stream_receive(fd, &echo, 1, deadline_ms, &n);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "the heartbeat was not answered: %s", rd_status_text(st));
	}
	if (echo != RD_GUEST_HEARTBEAT) {
		return rd_fail(err, RD_UNTRUSTED, "the heartbeat was answered with 0x%02x", echo);
	}
	return RD_OK;
}

/* Sent and, as the closing of the other side shows, read. */
static enum rd_status send_report(struct rd_view report)
{
	int64_t deadline_ms = guest_now_ms() + REPORT_TIMEOUT_MS;
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;
	uint8_t byte;
	size_t n;

	RD_TRY(guest_stream_connect(RD_CID_HYPERVISOR, RD_GUEST_PORT_EXIT, deadline_ms, &fd, NULL));
	RD_TRY(guest_stream_send(fd, report, deadline_ms));
	RD_ENSURE(shutdown(fd, SHUT_WR) == 0, RD_IO);
	st = guest_stream_receive(fd, &byte, 1, deadline_ms, &n);
	return st == RD_CLOSED ? RD_OK : st;
}

static void report(const struct rd_guest_end *end)
{
	struct timespec pause = {.tv_nsec = REPORT_PAUSE_MS * 1000000L};
	uint8_t storage[RD_GUEST_END_MAX];
	struct rd_buf out = rd_buf_fixed(storage, sizeof(storage));

	if (rd_guest_end_encode(end, &out) != RD_OK) {
		return;
	}
	for (int i = 0; i < REPORT_TRIES; i++) {
		if (send_report(rd_buf_view(&out)) == RD_OK) {
			return;
		}
		nanosleep(&pause, NULL);
	}
	init_say("warning: the hypervisor did not take the end report");
}

void init_end(const struct rd_guest_end *end)
{
	init_say("%s", end->text);
	report(end);
	/* What the application printed last may still be in the terminal's buffer. */
	tcdrain(STDERR_FILENO);
	reboot(RB_AUTOBOOT);
	/* Only a kernel that cannot reset gets here; its panic is the next best end. */
	_exit(1);
}

void init_fail(const struct rd_error *err)
{
	struct rd_guest_end end = {.kind = RD_GUEST_INIT_FAILED, .value = (uint32_t)err->os_errno};
	size_t len = strnlen(err->text, sizeof(end.text) - 1);

	memcpy(end.text, err->text, len);
	init_end(&end);
}
