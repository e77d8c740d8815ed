/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams with descriptors, and Unix sockets by directory. */
#include "os/msg.h"

#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Waiting connections; more than that are told to come again. */
#define BACKLOG 32

/* Room for descriptors in one control message, aligned for struct cmsghdr. */
union fd_control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(int) * RD_MSG_FDS_MAX)];
};

static enum rd_status from_errno(void)
{
	return rd_status_from_errno(errno);
}

void rd_msg_fds_finish(struct rd_msg_fds *fds)
{
	size_t i;

	for (i = 0; i < RD_MSG_FDS_MAX; i++) {
		rd_fd_close(&fds->fd[i]);
	}
	fds->count = 0;
}

int rd_msg_fds_steal(struct rd_msg_fds *fds, size_t i)
{
	if (i >= fds->count) {
		return -1;
	}
	return rd_steal(&fds->fd[i], -1);
}

enum rd_status rd_msg_send(int sock, struct rd_view bytes, const struct rd_msg_fds *fds)
{
	union fd_control control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.ptr, .iov_len = bytes.len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *head;
	ssize_t n;

	RD_ENSURE(bytes.len > 0 && bytes.len <= RD_MSG_BYTES_MAX, RD_LIMIT);
	if (fds != NULL && fds->count > 0) {
		RD_ENSURE(fds->count <= RD_MSG_FDS_MAX, RD_LIMIT);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds->count);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * fds->count);
		memcpy(CMSG_DATA(head), fds->fd, sizeof(int) * fds->count);
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	RD_ENSURE(n >= 0, from_errno());
	RD_ENSURE((size_t)n == bytes.len, RD_IO);
	return RD_OK;
}

/* Takes every descriptor out of the control part; those that find no room are closed. */
static bool take_fds(struct msghdr *msg, struct rd_msg_fds *fds)
{
	struct cmsghdr *head;
	bool fit = true;
	size_t i, n;
	int fd;

	for (head = CMSG_FIRSTHDR(msg); head != NULL; head = CMSG_NXTHDR(msg, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
			if (fds->count < RD_MSG_FDS_MAX) {
				fds->fd[fds->count++] = fd;
			} else {
				rd_fd_close(&fd);
				fit = false;
			}
		}
	}
	return fit && (msg->msg_flags & MSG_CTRUNC) == 0;
}

enum rd_status rd_msg_recv(
	int sock, void *dst, size_t cap, size_t *ret_len, struct rd_msg_fds *ret_fds)
{
	struct rd_msg_fds fds RD_CLEANUP(rd_msg_fds_finish) = RD_MSG_FDS_INIT;
	union fd_control control = {0};
	struct iovec iov = {.iov_base = dst, .iov_len = cap};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	RD_ENSURE(n >= 0, from_errno());
	RD_ENSURE(take_fds(&msg, &fds), RD_LIMIT);
	RD_ENSURE(n > 0, RD_CLOSED);
	RD_ENSURE((msg.msg_flags & MSG_TRUNC) == 0, RD_LIMIT);
	*ret_len = (size_t)n;
	*ret_fds = fds;
	fds = (struct rd_msg_fds)RD_MSG_FDS_INIT;
	return RD_OK;
}

enum rd_status rd_msg_peer(int sock, struct rd_msg_peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	RD_ENSURE(getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0, from_errno());
	*ret = (struct rd_msg_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};
	return RD_OK;
}

enum rd_status rd_msg_pair(int ret_socks[2])
{
	RD_ENSURE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			  ret_socks) == 0,
		from_errno());
	return RD_OK;
}

/*
 * The address of `name` in an open directory. Through /proc/self/fd it is short whatever the
 * directory's own path, and the directory is the one that was checked.
 */
static enum rd_status address_at(int dir_fd, const char *name, struct sockaddr_un *ret)
{
	int n;

	RD_ENSURE(strchr(name, '/') == NULL && name[0] != '\0', RD_BAD_PATH);
	ret->sun_family = AF_UNIX;
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd, name);
	RD_ENSURE(n > 0 && (size_t)n < sizeof(ret->sun_path), RD_LIMIT);
	return RD_OK;
}

/* Makes room: a socket is removed, anything else of that name is somebody's and stays. */
static enum rd_status remove_stale(int dir_fd, const char *name)
{
	struct stat sb;

	if (fstatat(dir_fd, name, &sb, AT_SYMLINK_NOFOLLOW) != 0) {
		RD_ENSURE(errno == ENOENT, from_errno());
		return RD_OK;
	}
	RD_ENSURE(S_ISSOCK(sb.st_mode), RD_EXISTS);
	RD_ENSURE(unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT, from_errno());
	return RD_OK;
}

enum rd_status rd_msg_listen_at(int dir_fd, const char *name, int type, mode_t mode, int *ret_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct sockaddr_un addr = {0};
	mode_t old;
	int rc;

	RD_TRY(address_at(dir_fd, name, &addr));
	RD_TRY(remove_stale(dir_fd, name));
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	RD_ENSURE(fd >= 0, from_errno());
	/*
	 * The mode through the umask, not by a chmod afterwards: the directory may be its owner's,
	 * who could put a link to something else in the socket's place meanwhile.
	 */
	old = umask(0777 & ~mode);
	rc = bind(fd, (struct sockaddr *)&addr, sizeof(addr));
	(void)umask(old);
	RD_ENSURE(rc == 0, from_errno());
	RD_ENSURE(listen(fd, BACKLOG) == 0, from_errno());
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status rd_msg_connect_at(int dir_fd, const char *name, int type, int *ret_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct sockaddr_un addr = {0};

	RD_TRY(address_at(dir_fd, name, &addr));
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	RD_ENSURE(fd >= 0, from_errno());
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		return errno == ECONNREFUSED ? RD_CLOSED : from_errno();
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

/* Opens a path's directory and points at its last component. */
static enum rd_status split(
	const char *path, int *ret_dir_fd, const char **ret_name, struct rd_error *err)
{
	char dir[RD_PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);

	if (strlen(path) >= RD_SOCKET_PATH_MAX) {
		return rd_fail(err, RD_LIMIT,
			"socket path %s: %zu bytes, the system's maximum is %d: use a shorter directory",
			path, strlen(path), RD_SOCKET_PATH_MAX - 1);
	}
	if (slash == NULL) {
		snprintf(dir, sizeof(dir), ".");
	} else {
		snprintf(dir, sizeof(dir), "%.*s", len == 0 ? 1 : (int)len, path);
	}
	*ret_dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*ret_dir_fd < 0) {
		return rd_fail_errno(err, errno, "cannot open directory %s", dir);
	}
	*ret_name = slash == NULL ? path : slash + 1;
	return RD_OK;
}

enum rd_status rd_msg_listen(
	const char *path, int type, mode_t mode, int *ret_fd, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = -1;
	const char *name;
	enum rd_status st;

	RD_TRY(split(path, &dir_fd, &name, err));
	st = rd_msg_listen_at(dir_fd, name, type, mode, ret_fd);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot listen on %s: %s", path, rd_status_text(st));
	}
	return RD_OK;
}

enum rd_status rd_msg_connect(const char *path, int type, int *ret_fd, struct rd_error *err)
{
	int dir_fd RD_CLEANUP(rd_fd_close) = -1;
	const char *name;
	enum rd_status st;

	RD_TRY(split(path, &dir_fd, &name, err));
	st = rd_msg_connect_at(dir_fd, name, type, ret_fd);
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot connect to %s: %s", path, rd_status_text(st));
	}
	return RD_OK;
}

enum rd_status rd_msg_accept(int listener, int *ret_fd)
{
	int fd;

	do {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	RD_ENSURE(fd >= 0, from_errno());
	*ret_fd = fd;
	return RD_OK;
}
