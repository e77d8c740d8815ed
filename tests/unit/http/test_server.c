/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the server, with real sockets on the loopback address. */
#include "test.h"

#include "crypto/tls.h"
#include "http/server.h"
#include "os/fd.h"
#include "os/msg.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_MAX 4096

static struct rd_http_server *server;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rd_http_call *kept; /* /later: answered by the test */
static atomic_uint handled;

static void answer(struct rd_http_call *call, struct rd_view body)
{
	rd_http_answer_typed(call, 200, "text/plain", body);
}

static void handle(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	(void)ctx;
	(void)thread;
	atomic_fetch_add(&handled, 1);
	assert(strcmp(request->peer, "127.0.0.1") == 0);
	if (rd_view_equal(request->target, rd_view_str("/later"))) {
		(void)pthread_mutex_lock(&lock);
		kept = call;
		(void)pthread_mutex_unlock(&lock);
		return;
	}
	answer(call, request->body);
}

static void refusal(
	void *ctx, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	static const char *const bodies[RD_HTTP_REFUSAL_COUNT] = {"{\"bad\":1}", "{\"large\":1}",
		"{\"timeout\":1}", "{\"headers\":1}", "{\"busy\":1}"};

	(void)ctx;
	*ret_type = "application/json";
	*ret_body = bodies[what];
}

static const struct rd_http_config base_config = {
	.address = "127.0.0.1",
	.threads = 2,
	.limits =
		{
			.body_max = BODY_MAX,
			.headers_max = 2048,
			.header_ms = 300,
			.body_ms = 300,
			.idle_ms = 5000,
			.write_ms = 2000,
			.connections = 64,
			.per_peer = 0,
		},
	.handle = handle,
	.refusal = refusal,
};

static void start(const struct rd_http_config *config)
{
	struct rd_error err = {0};

	atomic_store(&handled, 0);
	if (rd_http_server_new(config, &server, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
}

static int start_plain(void **state)
{
	(void)state;
	start(&base_config);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	rd_http_server_free(&server, 0);
	return 0;
}

static int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(rd_http_server_port(server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Reads until `needle` has come, the other side closes, or two seconds have passed. */
static const char *hear(int fd, const char *needle, bool *ret_closed)
{
	static char text[65536];
	size_t used = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	*ret_closed = false;
	text[0] = '\0';
	while ((needle == NULL || strstr(text, needle) == NULL) && poll(&p, 1, 4000) == 1) {
		n = recv(fd, text + used, sizeof(text) - 1 - used, 0);
		if (n <= 0) {
			*ret_closed = true;
			break;
		}
		used += (size_t)n;
		text[used] = '\0';
	}
	return text;
}

#define HEAD(target, extra) "POST " target " HTTP/1.1\r\nHost: x\r\n" extra

static void expect_closed(int fd, const char *status, const char *body)
{
	bool closed;
	const char *text = hear(fd, NULL, &closed);

	assert_true(closed);
	if (strstr(text, status) == NULL || strstr(text, body) == NULL) {
		fail_msg("wanted %s and %s, got: %s", status, body, text);
	}
	assert_non_null(strstr(text, "Connection: close"));
	(void)close(fd);
}

static void answers_many_requests_on_one_connection(void **state)
{
	const char *text;
	bool closed;
	int fd = dial();

	(void)state;
	for (int i = 0; i < 20; i++) {
		say(fd, HEAD("/", "Content-Length: 5\r\n\r\nhello"));
		text = hear(fd, "\r\n\r\nhello", &closed);
		assert_non_null(strstr(text, "HTTP/1.1 200"));
		assert_non_null(strstr(text, "\r\nContent-Type: text/plain\r\n"));
		assert_false(closed);
	}
	assert_int_equal(atomic_load(&handled), 20);
	(void)close(fd);
}

static void answers_pipelined_requests_in_order(void **state)
{
	bool closed;
	int fd = dial();
	const char *text;

	(void)state;
	say(fd, HEAD("/", "Content-Length: 3\r\n\r\none") HEAD("/", "Content-Length: 3\r\n\r\ntwo")
			HEAD("/", "Content-Length: 5\r\n\r\nthr"));
	text = hear(fd, "two", &closed);
	assert_true(strstr(text, "one") < strstr(text, "two"));
	say(fd, "ee");
	assert_non_null(strstr(hear(fd, "three", &closed), "three"));
	(void)close(fd);
}

static struct rd_http_call *keep_one(int fd)
{
	struct rd_http_call *call = NULL;

	say(fd, HEAD("/later", "\r\n"));
	while (call == NULL) {
		(void)usleep(1000);
		(void)pthread_mutex_lock(&lock);
		call = rd_steal(&kept, NULL);
		(void)pthread_mutex_unlock(&lock);
	}
	return call;
}

static void an_answer_may_come_later_from_another_thread(void **state)
{
	struct rd_http_call *call;
	bool closed;
	int fd = dial();

	(void)state;
	call = keep_one(fd);
	answer(call, rd_view_str("late"));
	assert_non_null(strstr(hear(fd, "late", &closed), "200"));
	(void)close(fd);
}

static void resume(void *arg)
{
	answer(arg, rd_view_str("resumed"));
}

static void a_batch_of_calls_is_resumed_on_their_threads(void **state)
{
	struct rd_http_batch batch = {NULL};
	int fds[8];
	bool closed;

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(fds); i++) {
		struct rd_http_call *call;

		fds[i] = dial();
		call = keep_one(fds[i]);
		rd_http_batch_add(&batch, call, resume, call);
	}
	rd_http_batch_send(&batch);
	assert_null(batch.first);
	rd_http_batch_send(&batch);
	for (size_t i = 0; i < RD_ARRAY_LEN(fds); i++) {
		assert_non_null(strstr(hear(fds[i], "resumed", &closed), "200"));
		say(fds[i], HEAD("/", "Content-Length: 2\r\n\r\nok"));
		assert_non_null(strstr(hear(fds[i], "ok", &closed), "200"));
		(void)close(fds[i]);
	}
}

/* A client like any other is served. */
static void serves_on(void)
{
	bool closed;
	int fd = dial();

	say(fd, HEAD("/", "Content-Length: 2\r\n\r\nok"));
	assert_non_null(strstr(hear(fd, "ok", &closed), "200"));
	(void)close(fd);
}

static void a_client_that_went_takes_nobody_along(void **state)
{
	struct rd_http_call *call;
	struct linger reset = {.l_onoff = 1};
	int fd = dial();

	(void)state;
	call = keep_one(fd);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	(void)close(fd);
	(void)usleep(50000);
	answer(call, rd_view_str("late"));
	serves_on();
}

static void a_half_closed_client_gets_its_answer(void **state)
{
	bool closed;
	int fd = dial();

	(void)state;
	say(fd, HEAD("/", "Content-Length: 4\r\n\r\nhalf"));
	(void)shutdown(fd, SHUT_WR);
	assert_non_null(strstr(hear(fd, NULL, &closed), "half"));
	assert_true(closed);
	(void)close(fd);
}

static void requests_before_a_half_close_are_all_answered(void **state)
{
	bool closed;
	const char *text;
	int fd = dial();

	(void)state;
	say(fd, HEAD("/", "Content-Length: 3\r\n\r\none") HEAD("/", "Content-Length: 3\r\n\r\ntwo")
			HEAD("/", "Content-Length: 9\r\n\r\ncut"));
	(void)shutdown(fd, SHUT_WR);
	text = hear(fd, NULL, &closed);
	assert_true(closed);
	assert_non_null(strstr(text, "one"));
	assert_non_null(strstr(text, "two"));
	assert_null(strstr(text, "cut"));
	(void)close(fd);
}

/* header_ms, not the five seconds of idle_ms: hear waits for four. */
static void who_connects_and_says_nothing_is_let_go(void **state)
{
	bool closed;
	int fd = dial();

	(void)state;
	assert_string_equal(hear(fd, NULL, &closed), "");
	assert_true(closed);
	(void)close(fd);
}

static void refuses_and_says_why(void **state)
{
	static char large[4096];
	int fd = dial();

	(void)state;
	say(fd, "nonsense\r\n\r\n");
	expect_closed(fd, "HTTP/1.1 400", "{\"bad\":1}");
	fd = dial();
	say(fd, HEAD("/", "Content-Length: 4097\r\n\r\n"));
	expect_closed(fd, "HTTP/1.1 413", "{\"large\":1}");
	fd = dial();
	memset(large, 'a', sizeof(large) - 1);
	say(fd, HEAD("/", "A: "));
	say(fd, large);
	expect_closed(fd, "HTTP/1.1 431", "{\"headers\":1}");
	assert_int_equal(atomic_load(&handled), 0);
}

/* The client goes on sending a body that is refused, and still reads why. */
static void a_large_body_is_refused_without_a_reset(void **state)
{
	static char piece[65536];
	int fd = dial();
	ssize_t n = 1;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	say(fd, HEAD("/", "Content-Length: 2097152\r\n\r\n"));
	for (int i = 0; i < 32 && n > 0; i++) {
		n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL);
	}
	expect_closed(fd, "HTTP/1.1 413", "{\"large\":1}");
}

static void slow_clients_are_let_go(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST / HTTP/1.1\r\n");
	expect_closed(fd, "HTTP/1.1 408", "{\"timeout\":1}");
	fd = dial();
	say(fd, HEAD("/", "Content-Length: 10\r\n\r\nslow"));
	expect_closed(fd, "HTTP/1.1 408", "{\"timeout\":1}");
	assert_int_equal(atomic_load(&handled), 0);
}

/* What is announced has no room yet: letting go of it must not touch what is behind the head. */
static void a_body_that_never_comes_harms_nothing(void **state)
{
	bool closed;
	int fd;

	(void)state;
	for (int i = 0; i < 20; i++) {
		fd = dial();
		say(fd, HEAD("/", "Content-Length: 4096\r\n\r\n"));
		if (i % 2 == 0) {
			(void)shutdown(fd, SHUT_WR);
			(void)hear(fd, NULL, &closed);
		}
		(void)close(fd);
	}
	fd = dial();
	say(fd, HEAD("/", "Content-Length: 4096\r\n\r\nslow"));
	expect_closed(fd, "HTTP/1.1 408", "{\"timeout\":1}");
	serves_on();
}

static void a_body_that_is_announced_may_be_waited_for(void **state)
{
	bool closed;
	int fd = dial();

	(void)state;
	say(fd, HEAD("/", "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
	assert_non_null(strstr(hear(fd, "\r\n\r\n", &closed), "100 Continue"));
	say(fd, "body");
	assert_non_null(strstr(hear(fd, "body", &closed), "200"));
	(void)close(fd);
}

static void connections_are_bounded(void **state)
{
	struct rd_http_config config = base_config;
	struct rd_http_stats stats;
	bool closed;
	int fds[3];

	(void)state;
	rd_http_server_free(&server, 0);
	config.limits.per_peer = 2;
	start(&config);
	for (int i = 0; i < 3; i++) {
		fds[i] = dial();
		if (i < 2) {
			say(fds[i], HEAD("/", "Content-Length: 2\r\n\r\nok"));
			assert_non_null(strstr(hear(fds[i], "ok", &closed), "200"));
		}
	}
	(void)hear(fds[2], NULL, &closed);
	assert_true(closed);
	rd_http_server_stats(server, &stats);
	assert_int_equal(stats.connections, 2);
	assert_int_equal(stats.refusals[RD_HTTP_OVERLOADED], 1);
	for (int i = 0; i < 3; i++) {
		(void)close(fds[i]);
	}
	/* Their places are free again. */
	for (int i = 0; i < 200 && stats.connections > 0; i++) {
		(void)usleep(10000);
		rd_http_server_stats(server, &stats);
	}
	serves_on();
}

static void a_port_that_is_taken_is_named(void **state)
{
	struct rd_http_config config = base_config;
	struct rd_http_server *second = NULL;
	struct rd_error err = {0};

	(void)state;
	config.port = rd_http_server_port(server);
	assert_int_not_equal(rd_http_server_new(&config, &second, &err), RD_OK);
	assert_null(second);
	assert_non_null(strstr(err.text, "127.0.0.1"));
}

/* At a Unix socket there is no address, and the kernel says who it is. */
static void handle_local(void *ctx, unsigned thread, const struct rd_http_request *request,
	struct rd_http_call *call)
{
	(void)ctx;
	(void)thread;
	assert(request->peer[0] == '\0');
	assert(request->has_uid);
	assert(request->uid == geteuid());
	rd_http_answer(call, 404, NULL, 0, rd_view_str("here"));
}

static void serves_a_unix_socket_that_it_is_given(void **state)
{
	char dir[] = "/tmp/redoubt-http-XXXXXX", path[64];
	struct rd_http_config config = base_config;
	struct rd_error err = {0};
	int listener = -1, fd = -1;
	const char *text;
	bool closed;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	assert_status(rd_msg_listen(path, SOCK_STREAM, 0600, &listener, &err), RD_OK);
	config.listener = listener;
	config.handle = handle_local;
	start(&config);
	assert_int_equal(rd_http_server_port(server), 0);
	rd_fd_close(&listener);
	assert_status(rd_msg_connect(path, SOCK_STREAM, &fd, &err), RD_OK);
	say(fd, HEAD("/", "Content-Length: 0\r\n\r\n"));
	text = hear(fd, "here", &closed);
	assert_non_null(strstr(text, "HTTP/1.1 404 Not Found\r\n"));
	assert_non_null(strstr(text, "\r\n\r\nhere"));
	(void)close(fd);
	rd_http_server_free(&server, 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void garbage_is_no_certificate(void **state)
{
	struct rd_tls_server *tls = NULL;
	struct rd_error err = {0};

	(void)state;
	assert_status(
		rd_tls_server_new(rd_view_str("x"), rd_view_str("y"), &tls, &err), RD_MALFORMED);
	assert_null(tls);
}

#define LIVE(fn) cmocka_unit_test_setup_teardown(fn, start_plain, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(answers_many_requests_on_one_connection),
		LIVE(answers_pipelined_requests_in_order),
		LIVE(an_answer_may_come_later_from_another_thread),
		LIVE(a_batch_of_calls_is_resumed_on_their_threads),
		LIVE(a_client_that_went_takes_nobody_along),
		LIVE(a_half_closed_client_gets_its_answer),
		LIVE(requests_before_a_half_close_are_all_answered),
		LIVE(who_connects_and_says_nothing_is_let_go),
		LIVE(a_body_that_never_comes_harms_nothing),
		LIVE(refuses_and_says_why),
		LIVE(a_large_body_is_refused_without_a_reset),
		LIVE(slow_clients_are_let_go),
		LIVE(a_body_that_is_announced_may_be_waited_for),
		LIVE(connections_are_bounded),
		LIVE(a_port_that_is_taken_is_named),
		cmocka_unit_test(serves_a_unix_socket_that_it_is_given),
		cmocka_unit_test(garbage_is_no_certificate),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
