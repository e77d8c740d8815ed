/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the parent, and whole reads. */
#include "common/parent.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PARENT_CID       3
#define CONNECT_PAUSE_NS (100 * 1000 * 1000)

static int connect_once(unsigned port)
{
	struct sockaddr_vm parent = {
		.svm_family = AF_VSOCK, .svm_cid = PARENT_CID, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&parent, sizeof(parent)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

int connect_to_parent(unsigned port, int attempts)
{
	const struct timespec pause = {.tv_nsec = CONNECT_PAUSE_NS};
	int fd = connect_once(port);

	for (int i = 1; fd < 0 && errno == ECONNRESET && i < attempts; i++) {
		nanosleep(&pause, NULL);
		fd = connect_once(port);
	}
	return fd;
}

bool read_all(int fd, void *dst, size_t n)
{
	uint8_t *at = dst;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		if (got > 0) {
			at += got;
			n -= (size_t)got;
		} else if (got == 0 || errno != EINTR) {
			errno = got == 0 ? ECONNRESET : errno;
			return false;
		}
	}
	return true;
}
