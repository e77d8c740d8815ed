/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams with descriptors over SOCK_SEQPACKET Unix sockets, and the sockets themselves.
 *
 * One datagram is one message; a longer one than the receiver's room, or one with more descriptors
 * than RD_MSG_FDS_MAX, is refused whole and what came with it is closed.
 */
#ifndef RD_OS_MSG_H
#define RD_OS_MSG_H

#include "base/bytes.h"
#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

/* No message needs more than EIF and console; four leaves room and bounds what a peer can plant. */
#define RD_MSG_FDS_MAX 4

/* docs/architecture.md, "Control messages". */
#define RD_MSG_BYTES_MAX 65536

/* Descriptors that travel with a message. Initialise with RD_MSG_FDS_INIT, end with finish. */
struct rd_msg_fds {
	int fd[RD_MSG_FDS_MAX];
	size_t count;
};

#define RD_MSG_FDS_INIT                                                                            \
	{                                                                                          \
		.fd = {-1, -1, -1, -1}, .count = 0                                                 \
	}

/* Closes those not stolen; they become -1. */
void rd_msg_fds_finish(struct rd_msg_fds *fds);

/* Takes descriptor i out (the caller owns it now); -1 when there is none. */
int rd_msg_fds_steal(struct rd_msg_fds *fds, size_t i);

/*
 * One datagram. fds NULL means none; they are borrowed. RD_AGAIN when the socket is full,
 * RD_CLOSED when the peer has gone, RD_LIMIT above RD_MSG_BYTES_MAX. Never raises SIGPIPE.
 */
enum rd_status rd_msg_send(int sock, struct rd_view bytes, const struct rd_msg_fds *fds)
	RD_MUST_USE;

/*
 * One datagram into dst (cap bytes), its descriptors, close-on-exec, into *ret_fds. RD_CLOSED at
 * the end, RD_AGAIN when there is none yet, RD_LIMIT for one that is too long or has too many
 * descriptors. An empty datagram cannot be told from the end and counts as such.
 */
enum rd_status rd_msg_recv(
	int sock, void *dst, size_t cap, size_t *ret_len, struct rd_msg_fds *ret_fds) RD_MUST_USE;

/* Who is at the other end (SO_PEERCRED: as it was at connect, listen or socketpair). */
struct rd_msg_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};
enum rd_status rd_msg_peer(int sock, struct rd_msg_peer *ret) RD_MUST_USE;

/* A connected pair of non-blocking SOCK_SEQPACKET sockets. */
enum rd_status rd_msg_pair(int ret_socks[2]) RD_MUST_USE;

/*
 * Listening and connecting Unix sockets (type SOCK_SEQPACKET or SOCK_STREAM), non-blocking.
 * dir_fd: the directory that holds `name`, so that neither a long path nor a swapped component
 * matters; name has no slash. rd_msg_listen_at replaces a socket of that name that is left over,
 * and gives it this mode (through the umask, so: from one thread). rd_msg_connect_at gives
 * RD_NOTFOUND when there is no such socket, RD_CLOSED when nobody listens, RD_AGAIN when the
 * listener's queue is full.
 */
enum rd_status rd_msg_listen_at(int dir_fd, const char *name, int type, mode_t mode, int *ret_fd)
	RD_MUST_USE;
enum rd_status rd_msg_connect_at(int dir_fd, const char *name, int type, int *ret_fd) RD_MUST_USE;

/* The same by path (RD_SOCKET_PATH_MAX applies: the error says how long it was). */
enum rd_status rd_msg_listen(
	const char *path, int type, mode_t mode, int *ret_fd, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_msg_connect(const char *path, int type, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;

/* The next waiting connection, non-blocking; RD_AGAIN when none. */
enum rd_status rd_msg_accept(int listener, int *ret_fd) RD_MUST_USE;

#endif
