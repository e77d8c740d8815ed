/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubt-net: the network of one parent instance, for the vmm that starts it.
 *
 *	fd 3  QEMU (-netdev stream): the guest's frames
 *	fd 4  SOCK_SEQPACKET to the vmm: lines (settings.h), each datagram answered by "ok\n" or
 *	      "error …\n"
 *
 * It ends when either of them does.
 */
#include "log/log.h"
#include "net/isolate.h"
#include "net/stack.h"
#include "os/fd.h"
#include "os/msg.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QEMU_FD    3
#define CONTROL_FD 4
#define OWN_POLLS  2
#define EXIT_USAGE 2

/* All settings and forwards in one datagram. */
#define LINES_MAX 8192

enum state { WAITING, STARTING, RUNNING };

struct net {
	enum state state;
	struct rd_net_settings settings;
	struct rd_net_stack *stack; /* NULL before the start */
	struct rd_net_link link;
};

/*
 * A socket that is a link into a directory beside it ("i-….d/imds.sock") shows the sandbox nothing
 * else. Any other link is refused: whoever made it is nobody whom root should follow. A socket that
 * is not there yet is as it was said.
 */
static enum rd_status follow_link(struct rd_net_settings *s, struct rd_error *err)
{
	char target[RD_SOCKET_PATH_MAX] = "";
	const ssize_t n = s->imds[0] != '\0' ? readlink(s->imds, target, sizeof(target) - 1) : -1;
	const char *slash = strchr(target, '/');
	char *name = strrchr(s->imds, '/');

	if (n < 0) {
		return RD_OK;
	}
	if (slash == NULL || slash == target || target[0] == '.' ||
		strchr(slash + 1, '/') != NULL) {
		return rd_fail(err, RD_UNTRUSTED, "%s is a link to somewhere else", s->imds);
	}
	if ((size_t)(name + 1 - s->imds) + (size_t)n >= RD_SOCKET_PATH_MAX) {
		return rd_fail(err, RD_LIMIT, "%s: its path is too long for a socket", s->imds);
	}
	memcpy(name + 1, target, (size_t)n + 1);
	return RD_OK;
}

static enum rd_status start(struct net *net, struct rd_error *err)
{
	struct rd_net_settings *s = &net->settings;

	RD_TRY(rd_net_settings_check(s, err));
	net->state = STARTING;
	RD_TRY(follow_link(s, err));
	RD_TRY(rd_net_stack_new(s, &net->link, &net->stack, err));
	/* Ports below 1,024 are the root user's. */
	for (size_t i = 0; i < s->n_forwards; i++) {
		RD_TRY(rd_net_stack_forward(net->stack, &s->forwards[i], err));
	}
	RD_TRY(rd_net_isolate(s, err));
	net->state = RUNNING;
	return RD_OK;
}

static enum rd_status add_forward(
	struct net *net, const struct rd_net_forward *f, struct rd_error *err)
{
	enum rd_status st;

	RD_TRY(rd_net_forward_add(&net->settings, f, err));
	if (net->stack == NULL) {
		return RD_OK;
	}
	st = rd_net_stack_forward(net->stack, f, err);
	if (st != RD_OK) {
		net->settings.n_forwards--;
		return st;
	}
	return RD_OK;
}

static enum rd_status remove_forward(
	struct net *net, const struct rd_net_forward *f, struct rd_error *err)
{
	RD_TRY(rd_net_forward_remove(&net->settings, f, err));
	if (net->stack != NULL) {
		rd_net_stack_unforward(net->stack, f);
	}
	return RD_OK;
}

static enum rd_status obey(struct net *net, const char *line, struct rd_error *err)
{
	struct rd_net_settings next = net->settings;
	enum rd_net_command command;
	struct rd_net_forward forward;

	RD_TRY(rd_net_line(line, &next, &command, &forward, err));
	switch (command) {
	case RD_NET_FORWARD:
		return add_forward(net, &forward, err);
	case RD_NET_UNFORWARD:
		return remove_forward(net, &forward, err);
	case RD_NET_HOPS:
		net->settings = next;
		if (net->stack != NULL) {
			rd_net_stack_update(net->stack, &net->settings);
		}
		return RD_OK;
	case RD_NET_START:
	case RD_NET_SET:
	default:
		break;
	}
	if (net->stack != NULL) {
		return rd_fail(err, RD_USAGE, "it has started: only forwards and hops change now");
	}
	net->settings = next;
	return command == RD_NET_START ? start(net, err) : RD_OK;
}

static enum rd_status answer(enum rd_status st, const struct rd_error *err)
{
	char text[sizeof(err->text) + sizeof("error \n")];
	int n = st == RD_OK ? snprintf(text, sizeof(text), "ok\n")
			    : snprintf(text, sizeof(text), "error %s\n", err->text);

	return rd_msg_send(CONTROL_FD, rd_view(text, (size_t)n), NULL);
}

/* One datagram: lines up to the first that is wrong. */
static enum rd_status control(struct net *net)
{
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;
	struct rd_error err = {.text = ""};
	char text[LINES_MAX + 1];
	char *at = text, *line;
	enum rd_status st = RD_OK;
	size_t n = 0;

	RD_TRY(rd_msg_recv(CONTROL_FD, text, sizeof(text) - 1, &n, &fds));
	rd_msg_fds_finish(&fds);
	text[n] = '\0';
	while (st == RD_OK && (line = strsep(&at, "\n")) != NULL) {
		if (line[0] != '\0') {
			st = obey(net, line, &err);
		}
	}
	RD_TRY(answer(st, &err));
	/* Who failed to start is not asked again. */
	return st == RD_OK || net->state != STARTING ? RD_OK : st;
}

static void on_frame(void *arg, uint8_t *frame, size_t len)
{
	struct net *net = arg;

	rd_net_stack_input(net->stack, frame, len);
}

static enum rd_status turn(struct net *net, struct pollfd *polls)
{
	size_t n = OWN_POLLS;
	int timeout_ms = -1, rc;

	polls[0] = (struct pollfd){.fd = CONTROL_FD, .events = POLLIN};
	polls[1] = (struct pollfd){.fd = net->stack != NULL ? QEMU_FD : -1, .events = POLLIN};
	if (net->stack != NULL) {
		polls[1].events |= rd_net_link_wants_write(&net->link) ? POLLOUT : 0;
		rd_net_stack_wait(
			net->stack, polls, OWN_POLLS + RD_NET_SOCKETS_MAX, &n, &timeout_ms);
	}
	rc = poll(polls, n, timeout_ms);
	if (rc < 0 && errno != EINTR) {
		return RD_IO;
	}
	if (net->stack != NULL) {
		rd_net_stack_run(net->stack, rc);
	}
	if (rc > 0 && (polls[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
		RD_TRY(rd_net_link_read(&net->link, on_frame, net));
		rd_net_stack_send(net->stack);
	}
	if (rc > 0 && polls[0].revents != 0) {
		RD_TRY(control(net));
	}
	return net->stack != NULL ? rd_net_link_flush(&net->link) : RD_OK;
}

static enum rd_status run(struct net *net)
{
	struct pollfd *polls = calloc(OWN_POLLS + RD_NET_SOCKETS_MAX, sizeof(*polls));
	enum rd_status st = polls != NULL ? RD_OK : RD_NOMEM;

	while (st == RD_OK || st == RD_AGAIN) {
		st = turn(net, polls);
	}
	free(polls);
	return st;
}

/* -1: go on; otherwise the exit code. */
static int read_arguments(int argc, char **argv)
{
	/* An instance's id is for whoever reads a list of processes. */
	if (argc == 1 || (argc == 2 && argv[1][0] != '-')) {
		return -1;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("redoubt-net " RD_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		puts("Usage: redoubt-net [INSTANCE-ID|--help|--version]\n\nThe network of one parent "
		     "instance. redoubt-vmm starts it, with QEMU's card on descriptor 3\n"
		     "and a control socket on descriptor 4.");
		return EXIT_SUCCESS;
	}
	fprintf(stderr, "redoubt-net: unexpected argument \"%s\": see --help\n", argv[1]);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct net *net;
	const int code = read_arguments(argc, argv);
	struct sigaction ignore_signal = {.sa_handler = SIG_IGN};
	enum rd_status st;

	if (code >= 0) {
		return code;
	}
	net = calloc(1, sizeof(*net));
	(void)sigaction(SIGPIPE, &ignore_signal, NULL);
	rd_log_set_level(getenv("RUST_LOG"), RD_LOG_WARNING);
	if (net == NULL || rd_fd_set_nonblock(QEMU_FD, true) != RD_OK ||
		rd_fd_set_nonblock(CONTROL_FD, true) != RD_OK) {
		fprintf(stderr, "redoubt-net: started by redoubt-vmm, with QEMU on descriptor 3 "
				"and itself on 4\n");
		free(net);
		return EXIT_FAILURE;
	}
	net->link.fd = QEMU_FD;
	st = run(net);
	if (st != RD_CLOSED) {
		rd_log(RD_LOG_ERROR, "ended: %s", rd_status_text(st));
	}
	rd_net_stack_free(&net->stack);
	free(net);
	return st == RD_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}
