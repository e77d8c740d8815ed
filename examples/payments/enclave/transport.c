/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets over vsock and over Unix paths. */
#include "enclave/transport.h"

#include "os/fd.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* One server, and one more that takes its place. */
#define BACKLOG 4

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_vm vm;
};

static enum rd_status address_of(const struct transport *t, uint32_t cid, union address *ret,
	socklen_t *ret_size, struct rd_error *err)
{
	*ret = (union address){0};
	if (t->unix_path == NULL) {
		ret->vm = (struct sockaddr_vm){
			.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = t->port};
		*ret_size = sizeof(ret->vm);
		return RD_OK;
	}
	if (strlen(t->unix_path) >= sizeof(ret->local.sun_path)) {
		return rd_fail(err, RD_USAGE,
			"%.100s…: too long for a socket's path; use a "
			"shorter one",
			t->unix_path);
	}
	ret->local.sun_family = AF_UNIX;
	memcpy(ret->local.sun_path, t->unix_path, strlen(t->unix_path));
	*ret_size = sizeof(ret->local);
	return RD_OK;
}

static int make_socket(const union address *address)
{
	return socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

enum rd_status transport_listen(const struct transport *at, int *ret_fd, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	union address address;
	socklen_t size = 0;

	RD_TRY(address_of(at, VMADDR_CID_ANY, &address, &size, err));
	fd = make_socket(&address);
	if (fd >= 0 && at->unix_path != NULL) {
		(void)unlink(at->unix_path);
	}
	if (fd < 0 || bind(fd, &address.any, size) < 0 || listen(fd, BACKLOG) < 0) {
		return rd_fail_errno(err, errno, "cannot listen at %s (vsock port %u)",
			at->unix_path == NULL ? "vsock" : at->unix_path, at->port);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status transport_accept(int listener, int *ret_fd)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED
			       ? RD_AGAIN
			       : rd_status_from_errno(errno);
	}
	*ret_fd = fd;
	return RD_OK;
}

enum rd_status transport_connect(const struct transport *to, int *ret_fd, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	union address address;
	socklen_t size = 0;

	RD_TRY(address_of(to, TRANSPORT_PARENT_CID, &address, &size, err));
	fd = make_socket(&address);
	if (fd < 0 || (connect(fd, &address.any, size) < 0 && errno != EINPROGRESS)) {
		return rd_fail_errno(err, errno, "cannot connect to %s (vsock port %u)",
			to->unix_path == NULL ? "the parent" : to->unix_path, to->port);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

int transport_outcome(int fd)
{
	socklen_t size = sizeof(int);
	int outcome = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &outcome, &size) < 0 ? errno : outcome;
}
