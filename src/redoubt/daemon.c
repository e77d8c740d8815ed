/* SPDX-License-Identifier: Apache-2.0 */
/* Asking redoubtd over its socket. */
#include "redoubt/daemon.h"

#include "os/fd.h"
#include "os/msg.h"
#include "os/paths.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum rd_status daemon_open(struct daemon *d, struct rd_error *err)
{
	struct rd_paths paths;
	char path[RD_PATH_MAX];

	RD_TRY(rd_paths_init(&paths, err));
	RD_TRY(rd_paths_join(path, paths.run, "redoubtd.sock", NULL));
	if (rd_msg_connect(path, SOCK_SEQPACKET, &d->sock, err) != RD_OK) {
		return rd_error_wrap(err, RD_NOTFOUND, "redoubtd does not answer: start it first");
	}
	return RD_OK;
}

enum rd_status daemon_ask(struct daemon *d, const struct rd_ctl_message *m, struct rd_error *err)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_CTL_MESSAGE_MAX);
	enum rd_status st = rd_ctl_encode(m, &buf);

	st = st == RD_OK ? rd_msg_send(d->sock, rd_buf_view(&buf), NULL) : st;
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "redoubtd cannot be asked: %s", rd_status_text(st));
}

static enum rd_status wait_for(int sock)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	int rc;

	do {
		rc = poll(&p, 1, DAEMON_ANSWER_MS);
	} while (rc < 0 && errno == EINTR);
	RD_ENSURE(rc >= 0, rd_status_from_errno(errno));
	return rc > 0 ? RD_OK : RD_TIMEOUT;
}

static enum rd_status receive(struct daemon *d)
{
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	size_t len = 0;

	RD_TRY(wait_for(d->sock));
	RD_TRY(rd_msg_recv(d->sock, d->storage, sizeof(d->storage), &len, &fds));
	return rd_ctl_decode(
		rd_view(d->storage, len), fds.count, RD_CTL_DAEMON_TO_CLIENT, &d->answer);
}

enum rd_status daemon_answer(struct daemon *d, struct rd_error *err)
{
	enum rd_status st = receive(d);

	if (st != RD_OK) {
		return rd_fail(err, st, "redoubtd's answer: %s", rd_status_text(st));
	}
	if (d->answer.type == RD_CTL_ERROR) {
		return rd_fail(err, RD_DENIED, "redoubtd: %s", d->answer.error.text);
	}
	return RD_OK;
}

void daemon_close(struct daemon *d)
{
	rd_fd_close(&d->sock);
}
