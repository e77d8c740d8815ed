/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about a server of one page, over real sockets on the loopback address. */
#include "test.h"

#include "http/page.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PAGE_MAX 20000
/* What page.c allows. */
#define CONNECTIONS 16
#define REQUEST_MAX 8192

static struct rd_http_page *page;
static atomic_size_t length; /* of the page */
static char text[2 * PAGE_MAX];
static int ctx;

static enum rd_status put_page(void *arg, struct rd_buf *out)
{
	assert_ptr_equal(arg, &ctx);
	for (size_t i = 0; i < atomic_load(&length); i++) {
		RD_TRY(rd_buf_put_str(out, "x"));
	}
	return RD_OK;
}

static void refusal(
	void *arg, enum rd_http_refusal what, const char **ret_type, const char **ret_body)
{
	static const char *const bodies[RD_HTTP_REFUSAL_COUNT] = {
		"bad!", "large!", "timeout!", "headers!", "busy!"};

	assert_ptr_equal(arg, &ctx);
	*ret_type = "text/refusal";
	*ret_body = bodies[what];
}

static const struct rd_http_page_config base_config = {
	.address = "127.0.0.1",
	.target = "/page",
	.type = "text/page",
	.other_type = "text/other",
	.page_max = PAGE_MAX,
	.write = put_page,
	.refusal = refusal,
	.ctx = &ctx,
};

static int start(void **state)
{
	struct rd_error err = {0};

	(void)state;
	atomic_store(&length, 3);
	return rd_http_page_new(&base_config, &page, &err) == RD_OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	rd_http_page_free(&page);
	assert_null(page);
	rd_http_page_free(&page);
	return 0;
}

static int dial(void)
{
	const struct timeval patience = {.tv_sec = 20};
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(rd_http_page_port(page)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static void say(int fd, const char *what)
{
	assert_int_equal(send(fd, what, strlen(what), MSG_NOSIGNAL), (ssize_t)strlen(what));
}

/* All that comes until the server closes. */
static void hear(int fd)
{
	size_t used = 0;
	ssize_t n;

	do {
		n = recv(fd, text + used, sizeof(text) - 1 - used, 0);
		assert_true(n >= 0);
		used += (size_t)n;
	} while (n > 0);
	text[used] = '\0';
	(void)close(fd);
}

static void expect(const char *status, const char *type, const char *body)
{
	char want[128];

	snprintf(want, sizeof(want), "HTTP/1.1 %s ", status);
	if (strncmp(text, want, strlen(want)) != 0) {
		fail_msg("wanted %s, got %.200s", status, text);
	}
	snprintf(want, sizeof(want), "\r\nContent-Type: %s\r\n", type);
	assert_non_null(strstr(text, want));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, body);
}

#define REST " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void ask(const char *request)
{
	int fd = dial();

	say(fd, request);
	hear(fd);
}

static void has_one_page_and_writes_it_anew(void **state)
{
	(void)state;
	ask("GET /page" REST "\r\n");
	expect("200", "text/page", "xxx");
	atomic_store(&length, 5);
	ask("GET /page" REST "\r\n");
	expect("200", "text/page", "xxxxx");
	atomic_store(&length, 0);
	ask("GET /page" REST "\r\n");
	expect("200", "text/page", "");
}

static void whatever_else_is_asked_for_is_not_there(void **state)
{
	static const char *const requests[] = {
		"GET /" REST "\r\n",
		"GET /page/" REST "\r\n",
		"GET /page?x" REST "\r\n",
		"POST /page" REST "Content-Length: 0\r\n\r\n",
		"DELETE /page" REST "\r\n",
	};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(requests); i++) {
		ask(requests[i]);
		expect("404", "text/other", "GET /page\n");
	}
}

static void a_page_that_is_too_long_is_no_half_page(void **state)
{
	static char longest[PAGE_MAX + 1];

	(void)state;
	memset(longest, 'x', PAGE_MAX);
	atomic_store(&length, PAGE_MAX);
	ask("GET /page" REST "\r\n");
	expect("200", "text/page", longest);
	atomic_store(&length, PAGE_MAX + 1);
	ask("GET /page" REST "\r\n");
	expect("500", "text/other", "out of memory\n");
}

static void requests_are_small(void **state)
{
	static char long_head[REQUEST_MAX + 200];
	char request[128];

	(void)state;
	snprintf(long_head, sizeof(long_head), "GET /page" REST "X: %0*d\r\n\r\n",
		REQUEST_MAX - 200, 0);
	ask(long_head);
	expect("200", "text/page", "xxx");
	snprintf(long_head, sizeof(long_head), "GET /page" REST "X: %0*d\r\n\r\n", REQUEST_MAX, 0);
	ask(long_head);
	expect("431", "text/refusal", "headers!");
	snprintf(request, sizeof(request), "POST /page" REST "Content-Length: %d\r\n\r\n",
		REQUEST_MAX + 1);
	ask(request);
	expect("413", "text/refusal", "large!");
	ask("nonsense\r\n\r\n");
	expect("400", "text/refusal", "bad!");
}

static void connections_are_few(void **state)
{
	int fds[CONNECTIONS];

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = dial();
	}
	hear(dial());
	assert_string_equal(text, "");
	/* Those that were there first are served. */
	for (int i = 0; i < CONNECTIONS; i++) {
		say(fds[i], "GET /page" REST "\r\n");
		hear(fds[i]);
		expect("200", "text/page", "xxx");
	}
}

static void a_port_that_is_taken_is_named(void **state)
{
	struct rd_http_page_config config = base_config;
	struct rd_http_page *second = NULL;
	struct rd_error err = {0};

	(void)state;
	config.port = rd_http_page_port(page);
	assert_status(rd_http_page_new(&config, &second, &err), RD_EXISTS);
	assert_null(second);
	assert_non_null(strstr(err.text, "127.0.0.1"));
}

#define LIVE(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(has_one_page_and_writes_it_anew),
		LIVE(whatever_else_is_asked_for_is_not_there),
		LIVE(a_page_that_is_too_long_is_no_half_page),
		LIVE(requests_are_small),
		LIVE(connections_are_few),
		LIVE(a_port_that_is_taken_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
