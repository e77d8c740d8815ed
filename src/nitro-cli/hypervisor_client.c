/* SPDX-License-Identifier: Apache-2.0 */
/* Speaking to the hypervisor over vsock. */
#include "nitro-cli/hypervisor_client.h"

#include "base/byteorder.h"
#include "ctl/stream.h"
#include "os/fd.h"
#include "os/loop.h"
#include "vsock/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* As the vmm writes it (src/vmm/qemu_parent_args.c). */
#define VENDOR_FILE "/sys/class/dmi/id/sys_vendor"
static const char vendor[] = "Redoubt\n";

/* A piece of an image. */
#define STEP 65536

static bool has_vendor(void)
{
	char text[sizeof(vendor)] = "";
	size_t n = 0;
	int fd RD_CLEANUP(rd_fd_close) = open(VENDOR_FILE, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && rd_fd_read(fd, text, sizeof(text), &n) == RD_OK &&
	       n == sizeof(vendor) - 1 && memcmp(text, vendor, n) == 0;
}

bool cli_hypervisor_here(void)
{
	unsigned cid = 0;
	int fd RD_CLEANUP(rd_fd_close) = open("/dev/vsock", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) == 0 &&
	       cid == RD_CID_PARENT && has_vendor();
}

/* From the top, as the C library's bindresvport does. */
static enum rd_status bind_privileged(int sock)
{
	struct sockaddr_vm self = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};

	for (unsigned port = RD_GUEST_PORT_PRIVILEGED_MAX; port > 0; port--) {
		self.svm_port = port;
		if (bind(sock, (struct sockaddr *)&self, sizeof(self)) == 0) {
			return RD_OK;
		}
		if (errno != EADDRINUSE) {
			break;
		}
	}
	return rd_status_from_errno(errno);
}

enum rd_status cli_hypervisor_connect(int *ret_sock, struct rd_error *err)
{
	struct sockaddr_vm peer = {.svm_family = AF_VSOCK,
		.svm_cid = RD_CID_HYPERVISOR,
		.svm_port = RD_GUEST_PORT_CONTROL};
	int sock RD_CLEANUP(rd_fd_close) = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum rd_status st = sock < 0 ? rd_status_from_errno(errno) : bind_privileged(sock);

	if (st == RD_DENIED) {
		return rd_fail(err, st,
			"this user may not run enclaves: use sudo, or let the administrator give "
			"nitro-cli the capability cap_net_bind_service");
	}
	if (st != RD_OK || connect(sock, (struct sockaddr *)&peer, sizeof(peer)) != 0) {
		return rd_fail(err, RD_CLOSED,
			"the hypervisor does not answer (%s): was the instance started with "
			"--enclave-options Enabled=true?",
			st != RD_OK ? rd_status_text(st) : strerror(errno));
	}
	*ret_sock = rd_steal(&sock, -1);
	return RD_OK;
}

static enum rd_status send_image(int sock, int image)
{
	static uint8_t step[STEP];
	uint8_t head[RD_CTL_STREAM_IMAGE];
	uint64_t size = 0;

	RD_TRY(rd_fd_size(image, &size));
	rd_put_le64(head, size);
	RD_TRY(rd_fd_write_full(sock, rd_view(head, sizeof(head))));
	for (uint64_t at = 0; at < size;) {
		size_t n = size - at < sizeof(step) ? (size_t)(size - at) : sizeof(step);

		RD_TRY(rd_fd_pread_full(image, step, n, at));
		RD_TRY(rd_fd_write_full(sock, rd_view(step, n)));
		at += n;
	}
	return RD_OK;
}

enum rd_status cli_hypervisor_send(int sock, const struct rd_ctl_message *m, int image)
{
	struct rd_buf buf RD_CLEANUP(rd_buf_finish) = rd_buf_growable(
		RD_CTL_STREAM_HEAD + RD_CTL_MESSAGE_MAX);

	RD_TRY(rd_ctl_stream_put(m, &buf));
	RD_TRY(rd_fd_write_full(sock, rd_buf_view(&buf)));
	return image < 0 ? RD_OK : send_image(sock, image);
}

/* Exactly len bytes, until the deadline. */
static enum rd_status receive_full(
	int sock, bool has_deadline, uint64_t deadline_ms, uint8_t *dst, size_t len)
{
	for (size_t got = 0; got < len;) {
		struct pollfd p = {.fd = sock, .events = POLLIN};
		uint64_t now = rd_loop_now_ms();
		size_t n = 0;
		int rc;

		RD_ENSURE(!has_deadline || now < deadline_ms, RD_TIMEOUT);
		rc = poll(&p, 1, has_deadline ? (int)(deadline_ms - now) : -1);
		if (rc < 0 && errno == EINTR) {
			continue;
		}
		RD_ENSURE(rc >= 0, rd_status_from_errno(errno));
		RD_ENSURE(rc > 0, RD_TIMEOUT);
		RD_TRY(rd_fd_read(sock, dst + got, len - got, &n));
		RD_ENSURE(n > 0, RD_CLOSED);
		got += n;
	}
	return RD_OK;
}

enum rd_status cli_hypervisor_receive(int sock, int timeout_ms, uint8_t *storage, size_t *ret_len)
{
	uint64_t deadline_ms = rd_loop_now_ms() + (timeout_ms < 0 ? 0 : (uint64_t)timeout_ms);
	uint8_t head[RD_CTL_STREAM_HEAD];
	uint32_t len;

	RD_TRY(receive_full(sock, timeout_ms >= 0, deadline_ms, head, sizeof(head)));
	len = rd_get_le32(head);
	RD_ENSURE(len > 0 && len <= RD_CTL_MESSAGE_MAX, RD_LIMIT);
	RD_TRY(receive_full(sock, timeout_ms >= 0, deadline_ms, storage, len));
	*ret_len = len;
	return RD_OK;
}

enum rd_status cli_hypervisor_receive_file(int sock, int timeout_ms, uint64_t size, int *ret_fd)
{
	static uint8_t step[STEP];
	uint64_t deadline_ms = rd_loop_now_ms() + (timeout_ms < 0 ? 0 : (uint64_t)timeout_ms);
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_TRY(rd_fd_memfd("metadata", 0, &fd));
	for (uint64_t left = size; left > 0;) {
		size_t n = left < sizeof(step) ? (size_t)left : sizeof(step);

		RD_TRY(receive_full(sock, timeout_ms >= 0, deadline_ms, step, n));
		RD_TRY(rd_fd_write_full(fd, rd_view(step, n)));
		left -= n;
	}
	RD_ENSURE(lseek(fd, 0, SEEK_SET) == 0, rd_status_from_errno(errno));
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}
