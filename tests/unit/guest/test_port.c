/* SPDX-License-Identifier: Apache-2.0 */
/* The stream to the NSM, with this test at its other end: dribbles, breaks, silence, stray bytes.
 */
#include "test.h"

#include "nsm-cuse/port.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static struct port port;
static int peer = -1;
static int starts;
static bool refuse;

/* A new stream each time; the end before is closed. */
static int start(void)
{
	int ends[2];

	starts++;
	if (refuse) {
		errno = ECONNREFUSED;
		return -1;
	}
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	rd_fd_close(&peer);
	peer = ends[0];
	return ends[1];
}

static int set_up(void **state)
{
	(void)state;
	starts = 0;
	refuse = false;
	port_init(&port, start);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	port_drop(&port);
	rd_fd_close(&peer);
	return 0;
}

static void submit(const char *request)
{
	assert_ok(port_submit(&port, rd_view_str(request), 1000));
}

static enum port_result step(int64_t now_ms, struct rd_view *ret_response, int *ret_errno)
{
	return port_step(&port, now_ms, ret_response, ret_errno);
}

static void expect_pending(int64_t now_ms)
{
	struct rd_view response;
	int os_errno;

	assert_int_equal(step(now_ms, &response, &os_errno), PORT_PENDING);
}

static void expect_failure(int64_t now_ms, int want)
{
	struct rd_view response;
	int os_errno = 0;

	assert_int_equal(step(now_ms, &response, &os_errno), PORT_FAILED);
	assert_int_equal(os_errno, want);
	assert_int_equal(port.state, PORT_IDLE);
	assert_int_equal(port.fd, -1);
}

static void expect_answer(const char *want)
{
	struct rd_view response = {0};
	int os_errno;

	assert_int_equal(step(1001, &response, &os_errno), PORT_DONE);
	assert_true(rd_view_equal(response, rd_view_str(want)));
	assert_int_equal(port.state, PORT_IDLE);
}

static void expect_at_peer(const void *bytes, size_t len)
{
	uint8_t got[64];

	assert_int_equal(read(peer, got, sizeof(got)), len);
	assert_memory_equal(got, bytes, len);
}

static void say(const void *bytes, size_t len)
{
	assert_int_equal(write(peer, bytes, len), len);
}

static void a_request_is_framed_and_its_answer_returned(void **state)
{
	(void)state;
	assert_int_equal(port_events(&port), 0);
	submit("hello");
	expect_pending(1000);
	assert_int_equal(port_events(&port), POLLIN);
	expect_at_peer("\5\0\0\0hello", 9);
	say("\3\0\0\0yes", 7);
	expect_answer("yes");
	submit("again");
	expect_pending(1000);
	expect_at_peer("\5\0\0\0again", 9);
	say("\0\0\0\0", 4);
	expect_answer("");
	assert_int_equal(starts, 1);
}

static void an_answer_may_dribble(void **state)
{
	(void)state;
	submit("x");
	expect_pending(1000);
	for (int i = 0; i < 6; i++) {
		say(&"\3\0\0\0yes"[i], 1);
		expect_pending(1000);
	}
	say("s", 1);
	expect_answer("yes");
}

static void one_at_a_time(void **state)
{
	(void)state;
	submit("x");
	assert_status(port_submit(&port, rd_view_str("y"), 1000), RD_USAGE);
}

static void a_broken_stream_costs_one_request(void **state)
{
	(void)state;
	submit("x");
	expect_pending(1000);
	rd_fd_close(&peer);
	expect_failure(1001, EIO);
	submit("y");
	expect_pending(1000);
	assert_int_equal(starts, 2);
	say("\1\0\0\0z", 5);
	expect_answer("z");
}

static void silence_is_a_time_out_and_its_stream_is_given_up(void **state)
{
	(void)state;
	submit("x");
	expect_pending(1000 + PORT_TIMEOUT_MS - 1);
	expect_failure(1000 + PORT_TIMEOUT_MS, ETIMEDOUT);
	submit("y");
	expect_pending(1000);
	assert_int_equal(starts, 2);
}

static void no_stream_is_an_error_each_time(void **state)
{
	(void)state;
	refuse = true;
	submit("x");
	expect_failure(1000, EIO);
	submit("x");
	expect_failure(1000, EIO);
	assert_int_equal(starts, 2);
}

static void answers_too_long_or_with_a_tail_break_the_stream(void **state)
{
	(void)state;
	submit("x");
	expect_pending(1000);
	say("\1\x30\0\0", 4); /* 0x3001 */
	expect_failure(1001, EIO);
	submit("x");
	expect_pending(1000);
	say("\1\0\0\0zz", 6);
	expect_failure(1001, EIO);
}

static void bytes_that_nobody_asked_for_drop_the_stream(void **state)
{
	struct pollfd p;

	(void)state;
	submit("x");
	expect_pending(1000);
	say("\1\0\0\0z", 5);
	expect_answer("z");
	say("late", 4);
	p = (struct pollfd){.fd = port.fd, .events = port_events(&port)};
	assert_int_equal(poll(&p, 1, 0), 1);
	port_drop(&port);
	submit("y");
	expect_pending(1000);
	assert_int_equal(starts, 2);
}

/* A peer that does not read: the rest goes when it does. */
static void a_request_is_sent_in_pieces(void **state)
{
	static uint8_t request[RD_NSM_REQUEST_MAX], sink[RD_NSM_REQUEST_MAX];
	struct rd_view response;
	size_t total = 0;
	int os_errno;
	int size = 1; /* the kernel makes it its minimum, about 4.5 KB */

	(void)state;
	submit("x");
	expect_pending(1000);
	say("\1\0\0\0z", 5);
	expect_answer("z");
	expect_at_peer("\1\0\0\0x", 5);
	assert_int_equal(setsockopt(port.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	while (send(port.fd, sink, 512, MSG_DONTWAIT) > 0) {
		total += 512;
	}
	assert_ok(port_submit(&port, rd_view(request, sizeof(request)), 1000));
	expect_pending(1000);
	assert_int_equal(port.state, PORT_SENDING);
	assert_int_equal(port_events(&port), POLLOUT);
	total += sizeof(request) + 4;
	while (total > 0) {
		ssize_t n = read(peer, sink, sizeof(sink));

		if (n > 0) {
			total -= (size_t)n;
		}
		assert_int_equal(step(1001, &response, &os_errno), PORT_PENDING);
	}
	say("\1\0\0\0z", 5);
	expect_answer("z");
}

static void a_stream_made_early_is_the_one_that_is_used(void **state)
{
	(void)state;
	assert_ok(port_connect(&port, 1000));
	submit("request");
	expect_pending(0);
	assert_int_equal(port.state, PORT_RECEIVING);
	assert_int_equal(starts, 1);
}

static void an_early_stream_that_fails_leaves_none(void **state)
{
	(void)state;
	refuse = true;
	assert_status(port_connect(&port, 1000), RD_IO);
	assert_int_equal(port.fd, -1);
	refuse = false;
	submit("request");
	expect_pending(0);
	assert_int_equal(starts, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_request_is_framed_and_its_answer_returned),
		T(an_answer_may_dribble),
		T(one_at_a_time),
		T(a_broken_stream_costs_one_request),
		T(silence_is_a_time_out_and_its_stream_is_given_up),
		T(no_stream_is_an_error_each_time),
		T(answers_too_long_or_with_a_tail_break_the_stream),
		T(bytes_that_nobody_asked_for_drop_the_stream),
		T(a_request_is_sent_in_pieces),
		T(a_stream_made_early_is_the_one_that_is_used),
		T(an_early_stream_that_fails_leaves_none),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
