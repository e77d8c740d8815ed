/* SPDX-License-Identifier: Apache-2.0 */
/* Asking redoubtd. */
#include "ec2/host.h"

#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A new disk of 64 TiB is a sparse file; what takes longer is stuck. */
#define ANSWER_MS 30000

struct ec2_host_client {
	char path[RD_PATH_MAX];
	struct ec2_host host;
};

/* A message is some KiB of texts: not on every stack. */
struct exchange {
	struct rd_ctl_message m;
	uint8_t datagram[RD_CTL_MESSAGE_MAX];
};

static enum rd_status away(struct ec2_refusal *why, const char *what)
{
	why->code = 0;
	snprintf(why->text, sizeof(why->text), "redoubtd cannot be asked: %.400s", what);
	return RD_UNAVAILABLE;
}

static enum rd_status wait_for(int sock, short events, int timeout_ms)
{
	struct pollfd p = {.fd = sock, .events = events};
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	RD_ENSURE(n >= 0, RD_IO);
	return n == 0 ? RD_TIMEOUT : RD_OK;
}

static enum rd_status send_message(
	int sock, const struct rd_ctl_message *m, int fd, struct exchange *x)
{
	struct rd_buf out = rd_buf_fixed(x->datagram, sizeof(x->datagram));
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;

	if (fd >= 0) {
		fds.fd[0] = fd;
		fds.count = 1;
	}
	RD_TRY(rd_ctl_encode(m, &out));
	RD_TRY(wait_for(sock, POLLOUT, ANSWER_MS));
	return rd_msg_send(sock, rd_buf_view(&out), fd >= 0 ? &fds : NULL);
}

static enum rd_status receive(int sock, int timeout_ms, struct exchange *x, struct rd_msg_fds *fds)
{
	size_t len = 0;

	RD_TRY(wait_for(sock, POLLIN, timeout_ms));
	RD_TRY(rd_msg_recv(sock, x->datagram, sizeof(x->datagram), &len, fds));
	return rd_ctl_decode(rd_view(x->datagram, len), fds->count, RD_CTL_DAEMON_TO_CLIENT, &x->m);
}

/* RD_AGAIN: there is more to come. */
static enum rd_status take(struct exchange *x, struct rd_msg_fds *fds, ec2_host_fn *each, void *arg,
	struct ec2_refusal *why)
{
	enum rd_ctl_type type = x->m.type;

	if (type == RD_CTL_DONE) {
		return RD_OK;
	}
	if (type == RD_CTL_ERROR) {
		why->code = x->m.error.code;
		snprintf(why->text, sizeof(why->text), "%s", x->m.error.text);
		return RD_FORBIDDEN;
	}
	if (each != NULL && (type == RD_CTL_INSTANCE || type == RD_CTL_CONSOLE_FD)) {
		RD_TRY(each(arg, &x->m, fds));
	}
	return type == RD_CTL_CONSOLE_FD ? RD_OK : RD_AGAIN;
}

static enum rd_status converse(int sock, const struct rd_ctl_message *m, int fd, ec2_host_fn *each,
	void *arg, struct exchange *x, struct ec2_refusal *why)
{
	enum rd_status st = send_message(sock, m, fd, x);

	if (st == RD_USAGE) {
		return RD_INTERNAL;
	}
	if (st != RD_OK) {
		return away(why, rd_status_text(st));
	}
	do {
		struct rd_msg_fds fds = RD_MSG_FDS_INIT;

		st = receive(sock, ANSWER_MS, x, &fds);
		if (st != RD_OK) {
			rd_msg_fds_finish(&fds);
			return away(why, rd_status_text(st));
		}
		st = take(x, &fds, each, arg, why);
		rd_msg_fds_finish(&fds);
	} while (st == RD_AGAIN);
	return st;
}

static enum rd_status ask(void *ctx, const struct rd_ctl_message *m, int fd, ec2_host_fn *each,
	void *arg, struct ec2_refusal *ret_why)
{
	const struct ec2_host_client *client = ctx;
	int sock RD_CLEANUP(rd_fd_close) = -1;
	struct rd_error err = {.text = ""};
	struct exchange *x;
	enum rd_status st;

	if (rd_msg_connect(client->path, SOCK_SEQPACKET, &sock, &err) != RD_OK) {
		return away(ret_why, err.text);
	}
	x = calloc(1, sizeof(*x));
	RD_ENSURE(x != NULL, RD_NOMEM);
	st = converse(sock, m, fd, each, arg, x, ret_why);
	free(x);
	return st;
}

enum rd_status ec2_host_new(const char *path, struct ec2_host_client **ret, struct rd_error *err)
{
	struct ec2_host_client *client = calloc(1, sizeof(*client));

	RD_ENSURE(client != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	snprintf(client->path, sizeof(client->path), "%s", path);
	client->host = (struct ec2_host){.ctx = client, .ask = ask};
	*ret = client;
	return RD_OK;
}

void ec2_host_free(struct ec2_host_client **client)
{
	free(rd_steal(client, NULL));
}

const struct ec2_host *ec2_host_of(struct ec2_host_client *client)
{
	return &client->host;
}

enum rd_status ec2_host_watch(const char *path, int *ret_sock, struct rd_error *err)
{
	const struct rd_ctl_message m = {.type = RD_CTL_INSTANCE_WATCH};
	int sock RD_CLEANUP(rd_fd_close) = -1;
	struct exchange *x;
	enum rd_status st;

	RD_TRY(rd_msg_connect(path, SOCK_SEQPACKET, &sock, err));
	x = calloc(1, sizeof(*x));
	RD_ENSURE(x != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	st = send_message(sock, &m, -1, x);
	free(x);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot ask redoubtd: %s", rd_status_text(st));
	}
	*ret_sock = rd_steal(&sock, -1);
	return RD_OK;
}

enum rd_status ec2_host_next(int sock, int timeout_ms, struct rd_ctl_message *ret)
{
	struct rd_msg_fds fds = RD_MSG_FDS_INIT;
	struct exchange *x = calloc(1, sizeof(*x));
	enum rd_status st;

	RD_ENSURE(x != NULL, RD_NOMEM);
	st = receive(sock, timeout_ms, x, &fds);
	rd_msg_fds_finish(&fds);
	if (st == RD_OK) {
		*ret = x->m;
	}
	free(x);
	return st;
}

enum rd_status ec2_host_target(const struct ec2_host *host, enum rd_ctl_type type, const char *id,
	bool hard, struct ec2_refusal *ret_why)
{
	struct rd_ctl_message *m = calloc(1, sizeof(*m));
	enum rd_status st;

	RD_ENSURE(m != NULL, RD_NOMEM);
	m->type = type;
	snprintf(m->instance_target.instance_id, sizeof(m->instance_target.instance_id), "%s", id);
	m->instance_target.hard = hard;
	st = host->ask(host->ctx, m, -1, NULL, NULL, ret_why);
	free(m);
	return st;
}
