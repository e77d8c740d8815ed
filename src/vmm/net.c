/* SPDX-License-Identifier: Apache-2.0 */
/* Starting redoubt-net and speaking to it. */
#include "net.h"

#include "base/text.h"
#include "os/fd.h"
#include "os/msg.h"
#include "os/paths.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NET_FRAMES_FD  3
#define NET_CONTROL_FD 4
/* "imds " and a path of RD_CTL_PATH_MAX is the longest line; an error may quote it. */
#define LINE_MAX_BYTES 256
/* It binds sockets and opens nothing slow. */
#define ANSWER_MS 10000
/* AWS's default subnets. */
#define DEFAULT_PREFIX 20
#define PREFIX_MIN     8
#define PREFIX_MAX     29

/* --- lines --- */

enum rd_status rd_net_ip_line(const char *address, char *ret_line, size_t cap)
{
	char text[RD_CTL_WORD_MAX + 1];
	char gateway[INET_ADDRSTRLEN];
	struct in_addr ip, first;
	uint64_t prefix = DEFAULT_PREFIX;
	char *slash;
	int n;

	RD_ENSURE(strlen(address) < sizeof(text), RD_LIMIT);
	memcpy(text, address, strlen(address) + 1);
	slash = strchr(text, '/');
	if (slash != NULL) {
		*slash = '\0';
		RD_ENSURE(rd_parse_u64(slash + 1, PREFIX_MIN, PREFIX_MAX, &prefix) == RD_OK,
			RD_MALFORMED);
	}
	RD_ENSURE(inet_pton(AF_INET, text, &ip) == 1, RD_MALFORMED);
	/* The subnet's first address, as in a VPC. */
	first.s_addr = htonl((ntohl(ip.s_addr) & ~(UINT32_MAX >> prefix)) + 1);
	RD_ENSURE(first.s_addr != ip.s_addr, RD_MALFORMED);
	RD_ENSURE(inet_ntop(AF_INET, &first, gateway, sizeof(gateway)) != NULL, RD_INTERNAL);
	n = snprintf(ret_line, cap, "ip %s/%u gateway %s\n", text, (unsigned)prefix, gateway);
	return n > 0 && (size_t)n < cap ? RD_OK : RD_LIMIT;
}

static enum rd_status check_port(const char *text)
{
	uint64_t port;

	RD_ENSURE(rd_parse_u64(text, 1, UINT16_MAX, &port) == RD_OK, RD_MALFORMED);
	return RD_OK;
}

enum rd_status rd_net_forward_line(const char *forward, bool opens, char *ret_line, size_t cap)
{
	char text[RD_CTL_FORWARD_MAX + 1];
	char *part[4];
	struct in_addr ip;
	int n;

	RD_ENSURE(strlen(forward) < sizeof(text), RD_LIMIT);
	memcpy(text, forward, strlen(forward) + 1);
	part[0] = text;
	for (size_t i = 1; i < RD_ARRAY_LEN(part); i++) {
		part[i] = strchr(part[i - 1], ':');
		RD_ENSURE(part[i] != NULL, RD_MALFORMED);
		*part[i]++ = '\0';
	}
	RD_ENSURE(strcmp(part[0], "tcp") == 0 || strcmp(part[0], "udp") == 0, RD_MALFORMED);
	RD_ENSURE(inet_pton(AF_INET, part[1], &ip) == 1, RD_MALFORMED);
	RD_TRY(check_port(part[2]));
	RD_TRY(check_port(part[3]));
	/* What is closed is named by the host's side alone. */
	n = opens ? snprintf(ret_line, cap, "forward %s %s:%s %s\n", part[0], part[1], part[2],
			    part[3])
		  : snprintf(ret_line, cap, "unforward %s %s:%s\n", part[0], part[1], part[2]);
	return n > 0 && (size_t)n < cap ? RD_OK : RD_LIMIT;
}

/* --- before isolation --- */

/* An answer's text, without its line end. RD_OK when it is "ok". */
static enum rd_status receive_answer(int sock, char ret_text[LINE_MAX_BYTES])
{
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	size_t len = 0;

	ret_text[0] = '\0';
	RD_TRY(rd_msg_recv(sock, ret_text, LINE_MAX_BYTES - 1, &len, &fds));
	ret_text[len] = '\0';
	ret_text[strcspn(ret_text, "\n")] = '\0';
	return strcmp(ret_text, "ok") == 0 ? RD_OK : RD_DENIED;
}

static enum rd_status ask(int sock, const char *line, struct rd_error *err)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	char text[LINE_MAX_BYTES];
	enum rd_status st = rd_msg_send(sock, rd_view_str(line), NULL);
	int n;

	do {
		n = st == RD_OK ? poll(&p, 1, ANSWER_MS) : -1;
	} while (n < 0 && st == RD_OK && errno == EINTR);
	st = st == RD_OK && n <= 0 ? RD_TIMEOUT : st;
	st = st == RD_OK ? receive_answer(sock, text) : st;
	if (st != RD_OK) {
		return rd_fail(err, st, "redoubt-net: \"%.*s\": %s", (int)strcspn(line, "\n"), line,
			st == RD_DENIED ? text : rd_status_text(st));
	}
	return RD_OK;
}

static enum rd_status ask_value(int sock, const char *word, const char *value, struct rd_error *err)
{
	char line[LINE_MAX_BYTES];

	if (value[0] == '\0') {
		return RD_OK;
	}
	snprintf(line, sizeof(line), "%s %s\n", word, value);
	return ask(sock, line, err);
}

static void hops_line(uint64_t hops, char ret_line[LINE_MAX_BYTES])
{
	snprintf(ret_line, LINE_MAX_BYTES, "hops %u\n", (unsigned)hops);
}

static enum rd_status configure(
	struct rd_net *net, const struct rd_ctl_parent *config, struct rd_error *err)
{
	char line[LINE_MAX_BYTES];

	RD_TRY(ask_value(net->control, "mac", config->mac, err));
	if (rd_net_ip_line(config->private_ip, line, sizeof(line)) != RD_OK) {
		return rd_fail(err, RD_MALFORMED, "\"%s\" is not an address with a prefix",
			config->private_ip);
	}
	RD_TRY(ask(net->control, line, err));
	RD_TRY(ask_value(net->control, "hostname", config->hostname, err));
	RD_TRY(ask_value(net->control, "imds", config->imds, err));
	if (config->hops != 0) {
		hops_line(config->hops, line);
		RD_TRY(ask(net->control, line, err));
	}
	for (size_t i = 0; i < config->forwards.count; i++) {
		if (rd_net_forward_line(config->forwards.items[i], true, line, sizeof(line)) !=
			RD_OK) {
			return rd_fail(err, RD_MALFORMED, "\"%s\" is not a forwarded port",
				config->forwards.items[i]);
		}
		RD_TRY(ask(net->control, line, err));
	}
	net->forwards = config->forwards;
	return ask(net->control, "start\n", err);
}

static enum rd_status spawn(struct rd_net *net, const struct rd_ctl_parent *config, int frames,
	int control, struct rd_error *err)
{
	char path[RD_PATH_MAX];
	const char *argv[] = {"redoubt-net", config->instance_id, NULL};
	struct rd_spawn_fd fds[] = {
		{.from = STDERR_FILENO, .to = STDERR_FILENO},
		{.from = frames, .to = NET_FRAMES_FD},
		{.from = control, .to = NET_CONTROL_FD},
	};
	struct rd_spawn how = {
		.path = path,
		.argv = argv,
		.fds = fds,
		.fd_count = RD_ARRAY_LEN(fds),
		.death_signal = SIGKILL,
		.new_session = true,
	};

	RD_TRY(rd_paths_libexec("redoubt-net", path, err));
	return rd_spawn(&how, &net->child, err);
}

enum rd_status rd_net_start(struct rd_net *net, const struct rd_ctl_parent *config,
	int *ret_qemu_fd, struct rd_error *err)
{
	int qemu RD_CLEANUP(rd_fd_close) = -1, frames RD_CLEANUP(rd_fd_close) = -1;
	int theirs RD_CLEANUP(rd_fd_close) = -1;
	int stream[2], control[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) != 0) {
		return rd_fail_errno(err, errno, "no socket for the network");
	}
	qemu = stream[0];
	frames = stream[1];
	if (rd_msg_pair(control) != RD_OK) {
		return rd_fail_errno(err, errno, "no socket for the network");
	}
	net->control = control[0];
	theirs = control[1];
	RD_TRY(spawn(net, config, frames, theirs, err));
	RD_TRY(configure(net, config, err));
	*ret_qemu_fd = rd_steal(&qemu, -1);
	return RD_OK;
}

/* --- in the loop --- */

static void on_answer(void *arg, unsigned events)
{
	struct rd_net *net = arg;
	char text[LINE_MAX_BYTES];
	enum rd_status st = receive_answer(net->control, text);

	(void)events;
	if (st == RD_DENIED) {
		fprintf(stderr, "redoubt-vmm: redoubt-net: %s\n", text);
	} else if (st != RD_OK && st != RD_AGAIN) {
		rd_watch_free(&net->control_watch); /* it is ending */
	}
}

static void on_child(void *arg, unsigned events)
{
	struct rd_net *net = arg;
	struct rd_exit how;

	(void)events;
	if (rd_child_reap(&net->child, false, &how) != RD_OK) {
		return;
	}
	rd_watch_free(&net->child_watch);
	fprintf(stderr, "redoubt-vmm: redoubt-net ended (%s %d)\n",
		how.signalled ? "signal" : "exit status", how.code);
	net->ended(net->ctx);
}

enum rd_status rd_net_attach(
	struct rd_net *net, struct rd_loop *loop, void (*ended)(void *ctx), void *ctx)
{
	if (net->control < 0) {
		return RD_OK;
	}
	net->ended = ended;
	net->ctx = ctx;
	RD_TRY(rd_loop_watch_fd(
		loop, net->control, RD_LOOP_READ, on_answer, net, &net->control_watch));
	return rd_loop_watch_fd(
		loop, net->child.pidfd, RD_LOOP_READ, on_child, net, &net->child_watch);
}

static bool has(const struct rd_ctl_texts *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->items[i], text) == 0) {
			return true;
		}
	}
	return false;
}

/* What is in `list` and not in `other`. */
static enum rd_status tell(struct rd_net *net, bool opens, const struct rd_ctl_texts *list,
	const struct rd_ctl_texts *other)
{
	char line[LINE_MAX_BYTES];

	for (size_t i = 0; i < list->count; i++) {
		if (!has(other, list->items[i])) {
			RD_TRY(rd_net_forward_line(list->items[i], opens, line, sizeof(line)));
			RD_TRY(rd_msg_send(net->control, rd_view_str(line), NULL));
		}
	}
	return RD_OK;
}

enum rd_status rd_net_change(struct rd_net *net, const struct rd_ctl_vmm_forwards *change)
{
	char line[LINE_MAX_BYTES];

	RD_ENSURE(net->control >= 0, RD_NOTFOUND);
	if (change->hops != 0) {
		hops_line(change->hops, line);
		RD_TRY(rd_msg_send(net->control, rd_view_str(line), NULL));
	}
	RD_TRY(tell(net, false, &net->forwards, &change->forwards));
	RD_TRY(tell(net, true, &change->forwards, &net->forwards));
	net->forwards = change->forwards;
	return RD_OK;
}

void rd_net_finish(struct rd_net *net)
{
	rd_watch_free(&net->control_watch);
	rd_watch_free(&net->child_watch);
	rd_fd_close(&net->control);
	rd_child_finish(&net->child);
}
