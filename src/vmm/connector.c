/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connector.
 *
 * Question: id and port, two u32. Answer: id and a status, two u32, and the stream. The child
 * changes into the enclave's directory (as root: makes it its root) and into the owner's ids, gives
 * everything else up, and then knows four system calls.
 */
#include "connector.h"

#include "os/fd.h"
#include "os/msg.h"

#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Both directions. */
struct packet {
	uint32_t id;
	uint32_t value; /* port, or enum rd_status */
};

/* The child's descriptors: 2 for a sanitizer's last words, 3 for us. */
#define CHILD_SOCK 3

/* --- the child --- */

static enum rd_status open_stream(uint32_t port, int *ret_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	snprintf(addr.sun_path, sizeof(addr.sun_path), "vsock.sock_%u", (unsigned)port);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	/* A Unix socket connects at once or not at all, so this never waits for the host's side. */
	RD_ENSURE(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0,
		errno == ECONNREFUSED ? RD_CLOSED : rd_status_from_errno(errno));
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

/* One question; false at the end. */
static bool serve_one(int sock)
{
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct packet packet;
	enum rd_status st;
	size_t len;

	if (rd_msg_recv(sock, &packet, sizeof(packet), &len, &fds) != RD_OK ||
		len != sizeof(packet) || fds.count != 0) {
		return false;
	}
	packet.value = (uint32_t)open_stream(packet.value, &fds.fd[0]);
	fds.count = packet.value == RD_OK ? 1 : 0;
	st = rd_msg_send(sock, rd_view(&packet, sizeof(packet)), &fds);
	if (st != RD_OK && fds.count > 0) {
		/* ETOOMANYREFS: the owner has too many descriptors under way. Not for long. */
		packet.value = RD_LIMIT;
		st = rd_msg_send(sock, rd_view(&packet, sizeof(packet)), NULL);
	}
	return st == RD_OK;
}

/* Nothing of the vmm's but the socket. 2 stays: it is where a sanitizer would complain. */
static int keep_only(int sock)
{
	int null_fd;

	if (dup2(sock, CHILD_SOCK) < 0) {
		return -1;
	}
	if (syscall(SYS_close_range, CHILD_SOCK + 1, ~0u, 0) != 0) {
		return -1;
	}
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(null_fd, 1) < 0) {
		return -1;
	}
	(void)close(null_fd);
	return 0;
}

static _Noreturn void child_main(int sock, int dir_fd, uid_t uid, gid_t gid)
{
	struct rd_error err = {0};

	if (fchdir(dir_fd) != 0 || keep_only(sock) != 0 ||
		rd_fd_set_nonblock(CHILD_SOCK, false) != RD_OK ||
		rd_vmm_isolate_connector(uid, gid, &err) != RD_OK) {
		_exit(1);
	}
	while (serve_one(CHILD_SOCK)) {
	}
	_exit(0);
}

/* --- our side --- */

enum rd_status rd_connector_start(
	struct rd_connector *connector, int dir_fd, uid_t uid, gid_t gid, struct rd_error *err)
{
	int ours RD_CLEANUP(rd_fd_close) = -1, theirs RD_CLEANUP(rd_fd_close) = -1;
	int socks[2];

	if (rd_msg_pair(socks) != RD_OK) {
		return rd_fail_errno(err, errno, "cannot make the connector's socket");
	}
	ours = socks[0];
	theirs = socks[1];
	connector->pid = fork();
	if (connector->pid == 0) {
		child_main(theirs, dir_fd, uid, gid);
	}
	if (connector->pid < 0) {
		return rd_fail_errno(err, errno, "cannot fork the connector");
	}
	connector->sock = rd_steal(&ours, -1);
	return RD_OK;
}

static void on_answer(void *arg, unsigned events)
{
	struct rd_connector *connector = arg;
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	struct packet packet = {0};
	enum rd_status st;
	size_t len;

	(void)events;
	st = rd_msg_recv(connector->sock, &packet, sizeof(packet), &len, &fds);
	if (st == RD_AGAIN) {
		return;
	}
	if (st == RD_LIMIT) {
		/* We have no descriptor left for the stream; the answer itself has arrived. */
		connector->connected(connector->ctx, packet.id, st, -1);
		return;
	}
	if (st != RD_OK || len != sizeof(packet) || (packet.value == RD_OK) != (fds.count == 1)) {
		/* It has died: open questions time out, new ones are refused. */
		rd_watch_free(&connector->watch);
		rd_fd_close(&connector->sock);
		return;
	}
	connector->connected(
		connector->ctx, packet.id, (enum rd_status)packet.value, rd_msg_fds_steal(&fds, 0));
}

enum rd_status rd_connector_attach(struct rd_connector *connector, struct rd_loop *loop,
	void (*connected)(void *ctx, uint32_t id, enum rd_status st, int take_fd), void *ctx)
{
	connector->connected = connected;
	connector->ctx = ctx;
	return rd_loop_watch_fd(
		loop, connector->sock, RD_LOOP_READ, on_answer, connector, &connector->watch);
}

enum rd_status rd_connector_ask(struct rd_connector *connector, uint32_t id, uint32_t port)
{
	struct packet packet = {.id = id, .value = port};

	RD_ENSURE(connector->sock >= 0, RD_CLOSED);
	return rd_msg_send(connector->sock, rd_view(&packet, sizeof(packet)), NULL);
}

void rd_connector_finish(struct rd_connector *connector)
{
	rd_watch_free(&connector->watch);
	rd_fd_close(&connector->sock);
	if (connector->pid > 0) {
		(void)waitpid(connector->pid, NULL, 0);
		connector->pid = -1;
	}
}
