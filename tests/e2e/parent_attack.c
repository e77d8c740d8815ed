/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the root of a parent instance may try against the hypervisor, over vsock. Each command says
 * in one line what came of it.
 *
 *	reach CID PORT    a connection, from a privileged port
 *	plain CID PORT    the same from an ordinary one
 *	send HEX          bytes to the control port, then what it answers
 *	stuff N           a RUN that announces N MiB of image, then garbage in its place
 *	flood N           N connections to the control port, one after the other
 *	hold N SECONDS    N connections to it at a time, with half a request each
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CONTROL_PORT 0x4e434c49
#define HELD_MAX     64

static int dial(unsigned cid, unsigned port, int privileged)
{
	struct sockaddr_vm self = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
	struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (self.svm_port = 1023; privileged && self.svm_port > 512; self.svm_port--) {
		if (bind(fd, (struct sockaddr *)&self, sizeof(self)) == 0) {
			break;
		}
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void reach(unsigned cid, unsigned port, int privileged)
{
	int fd = dial(cid, port, privileged);

	printf("attack: %s %u:%u: %s\n", privileged ? "reach" : "plain", cid, port,
		fd < 0 ? strerror(errno) : "connected");
	close(fd);
}

static void put_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t put = write(fd, at, n);

		if (put <= 0) {
			return;
		}
		at += put;
		n -= (size_t)put;
	}
}

/* Whatever is text in the answer. */
static void print_answer(const char *what, int fd)
{
	char bytes[4096];
	size_t used = 0;
	ssize_t n;

	while (used < sizeof(bytes) && (n = read(fd, bytes + used, sizeof(bytes) - used)) > 0) {
		used += (size_t)n;
	}
	printf("attack: %s: ", what);
	for (size_t i = 0; i < used; i++) {
		putchar(bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '.');
	}
	printf(" (%zu bytes)\n", used);
}

static void send_hex(const char *hex)
{
	uint8_t bytes[8192];
	size_t n = 0;
	unsigned byte;
	int fd = dial(0, CONTROL_PORT, 1);

	for (; sscanf(hex, "%2x", &byte) == 1 && n < sizeof(bytes); hex += 2) {
		bytes[n++] = (uint8_t)byte;
	}
	put_all(fd, bytes, n);
	shutdown(fd, SHUT_WR);
	print_answer("send", fd);
	close(fd);
}

/* [1, {"name": "x", "memory_mib": N, "cpu_count": 1}], then the size of the image. */
static void stuff(unsigned mib)
{
	static const uint8_t head[] = "\x82\x01\xa3\x64name\x61x\x6amemory_mib";
	static const uint8_t tail[] = "\x69"
				      "cpu_count\x01";
	static char garbage[65536];
	uint8_t message[128];
	uint64_t size = (uint64_t)mib << 20;
	/* In the shortest form: a byte, or 1, 2 or 4 behind a byte that says so. */
	unsigned bytes = mib < 24 ? 0 : mib < 256 ? 1 : mib < 65536 ? 2 : 4;
	uint32_t len = sizeof(head) - 1;
	int fd = dial(0, CONTROL_PORT, 1);

	memcpy(message, head, len);
	message[len++] = (uint8_t)(bytes == 0 ? mib : 0x17 + bytes - (bytes == 4));
	for (unsigned i = bytes; i > 0; i--) {
		message[len++] = (uint8_t)(mib >> (8 * (i - 1)));
	}
	memcpy(message + len, tail, sizeof(tail) - 1);
	len += sizeof(tail) - 1;
	put_all(fd, &len, 4);
	put_all(fd, message, len);
	put_all(fd, &size, 8);
	memset(garbage, 0x5a, sizeof(garbage));
	for (uint64_t put = 0; put < size && put < (16u << 20); put += sizeof(garbage)) {
		put_all(fd, garbage, sizeof(garbage));
	}
	shutdown(fd, SHUT_WR);
	print_answer("stuff", fd);
	close(fd);
}

static void flood(unsigned count)
{
	unsigned taken = 0;

	for (unsigned i = 0; i < count; i++) {
		int fd = dial(0, CONTROL_PORT, 1);

		taken += fd >= 0;
		close(fd);
	}
	printf("attack: flood: %u of %u taken\n", taken, count);
}

static void hold(unsigned count, unsigned seconds)
{
	int fds[HELD_MAX];
	unsigned held = 0;

	for (unsigned i = 0; i < count && i < HELD_MAX; i++) {
		fds[held] = dial(0, CONTROL_PORT, 1);
		if (fds[held] >= 0) {
			put_all(fds[held++], "\x10", 1);
		}
	}
	printf("attack: hold: %u of %u\n", held, count);
	fflush(stdout);
	sleep(seconds);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && strcmp(argv[1], "reach") == 0) {
		reach((unsigned)strtoul(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0), 1);
	} else if (argc == 4 && strcmp(argv[1], "plain") == 0) {
		reach((unsigned)strtoul(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0), 0);
	} else if (argc == 3 && strcmp(argv[1], "send") == 0) {
		send_hex(argv[2]);
	} else if (argc == 3 && strcmp(argv[1], "stuff") == 0) {
		stuff((unsigned)strtoul(argv[2], NULL, 0));
	} else if (argc == 3 && strcmp(argv[1], "flood") == 0) {
		flood((unsigned)strtoul(argv[2], NULL, 0));
	} else if (argc == 4 && strcmp(argv[1], "hold") == 0) {
		hold((unsigned)strtoul(argv[2], NULL, 0), (unsigned)strtoul(argv[3], NULL, 0));
	} else {
		return 64;
	}
	return 0;
}
