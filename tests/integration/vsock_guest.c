/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of the vsock test's guest: loads the driver, drives every service of the host, reports,
 * resets. */
#define RD_TEST_VSOCK_GUEST
#include "vsock_services.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define CID_HOST 3u
#define BULK     (256u * 1024 * 1024)

static uint8_t pattern[2 * PATTERN_PERIOD];
static int report = -1;

static void say(const char *text)
{
	if (write(report, text, strlen(text)) < 0 || write(report, "\n", 1) < 0) {
		puts(text);
	}
}

static void end(void)
{
	char byte;

	shutdown(report, SHUT_WR);
	while (read(report, &byte, 1) > 0) {
	}
	reboot(RB_AUTOBOOT);
	for (;;) {
		pause();
	}
}

static void fail(const char *what)
{
	char text[200];

	snprintf(text, sizeof(text), "FAIL %s (errno %d)", what, errno);
	say(text);
	end();
}

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fail(#cond);                                                               \
		}                                                                                  \
	} while (0)

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0) {
		perror(path);
	}
	close(fd);
}

static void boot(void)
{
	struct dirent **names;
	int n;

	mkdir("/dev", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	n = scandir("/modules", &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char path[300];

		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "/modules/%s", names[i]->d_name);
			load(path);
		}
	}
}

static int dial(unsigned cid, unsigned port)
{
	struct sockaddr_vm a = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void send_all(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		CHECK(sent > 0);
		p += sent;
		n -= (size_t)sent;
	}
}

static void recv_all(int fd, void *bytes, size_t n)
{
	char *p = bytes;

	while (n > 0) {
		ssize_t got = recv(fd, p, n, 0);

		CHECK(got > 0);
		p += got;
		n -= (size_t)got;
	}
}

static void expect_end(int fd)
{
	char byte;

	CHECK(recv(fd, &byte, 1, 0) == 0);
	close(fd);
}

static void small_echo(int fd)
{
	char in[6];

	send_all(fd, "hello", 6);
	recv_all(fd, in, 6);
	CHECK(strcmp(in, "hello") == 0);
}

/* Sends and checks at the same time: both directions are full all the while. */
static void big_echo(int fd, uint64_t total)
{
	static uint8_t in[65536];
	uint64_t sent = 0;
	uint64_t got = 0;

	while (got < total) {
		struct pollfd p = {fd, (short)(POLLIN | (sent < total ? POLLOUT : 0)), 0};
		ssize_t n;

		CHECK(poll(&p, 1, 10000) == 1);
		if (p.revents & POLLOUT) {
			size_t part = total - sent < 60000 ? (size_t)(total - sent) : 60000;

			n = send(fd, pattern_at(pattern, sent), part, MSG_DONTWAIT | MSG_NOSIGNAL);
			CHECK(n > 0 || errno == EAGAIN);
			sent += n > 0 ? (uint64_t)n : 0;
			if (sent == total) {
				shutdown(fd, SHUT_WR);
			}
		}
		if (p.revents & POLLIN) {
			n = recv(fd, in, 60000, MSG_DONTWAIT);
			CHECK(n > 0);
			CHECK(memcmp(in, pattern_at(pattern, got), (size_t)n) == 0);
			got += (uint64_t)n;
		}
	}
}

static void test_echo(void)
{
	int fd = dial(CID_HOST, PORT_ECHO);

	CHECK(fd >= 0);
	small_echo(fd);
	close(fd);
	fd = dial(CID_HOST, PORT_ECHO);
	CHECK(fd >= 0);
	big_echo(fd, 16u * 1024 * 1024);
	expect_end(fd);
	fd = dial(CID_HOST, PORT_LATE);
	CHECK(fd >= 0);
	small_echo(fd);
	shutdown(fd, SHUT_WR);
	expect_end(fd);
	say("echo, half-close, late accept: ok");
}

static void test_sink(void)
{
	uint64_t answer[2];
	int fd = dial(CID_HOST, PORT_SINK);

	CHECK(fd >= 0);
	for (uint64_t sent = 0; sent < BULK;) {
		size_t part = BULK - sent < 65000 ? (size_t)(BULK - sent) : 65000;

		send_all(fd, pattern_at(pattern, sent), part);
		sent += part;
	}
	CHECK(shutdown(fd, SHUT_WR) == 0);
	recv_all(fd, answer, sizeof(answer));
	CHECK(answer[0] == BULK && answer[1] == 0);
	expect_end(fd);
	say("sink: ok");
}

static void test_source(void)
{
	static uint8_t in[262144];
	uint64_t n = BULK;
	uint64_t got = 0;
	ssize_t part;
	int fd = dial(CID_HOST, PORT_SOURCE);

	CHECK(fd >= 0);
	send_all(fd, &n, sizeof(n));
	while ((part = recv(fd, in, PATTERN_PERIOD, 0)) > 0) {
		CHECK(memcmp(in, pattern_at(pattern, got), (size_t)part) == 0);
		got += (uint64_t)part;
	}
	CHECK(part == 0 && got == BULK);
	close(fd);
	say("source: ok");
}

static void test_refusals(void)
{
	CHECK(dial(CID_HOST, PORT_REFUSED) < 0 && errno == ECONNRESET);
	CHECK(dial(CID_HOST, 77) < 0 && errno == ECONNRESET);
	CHECK(dial(0, PORT_ECHO) < 0 && errno == ECONNRESET);
	CHECK(dial(9, PORT_ECHO) < 0 && errno == ECONNRESET);
	say("refusals: ok");
}

static void test_many(void)
{
	int fds[300];

	for (unsigned i = 0; i < 300; i++) {
		fds[i] = dial(CID_HOST, PORT_ECHO);
		CHECK(fds[i] >= 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		small_echo(fds[i]);
	}
	for (unsigned i = 0; i < 300; i++) {
		close(fds[i]);
	}
	for (unsigned i = 0; i < 1000; i++) {
		int fd = dial(CID_HOST, PORT_ECHO);

		CHECK(fd >= 0);
		small_echo(fd);
		close(fd);
	}
	say("300 connections at once, 1000 in a row: ok");
}

/* A host that takes nothing, and a guest that reads nothing, hold up themselves alone. */
static void test_slow_peers(void)
{
	uint64_t n = 64u * 1024 * 1024;
	uint64_t stuck_bytes = 0;
	ssize_t sent;
	int unread = dial(CID_HOST, PORT_SOURCE);
	int stuck = dial(CID_HOST, PORT_STUCK);
	int fd;

	CHECK(unread >= 0 && stuck >= 0);
	send_all(unread, &n, sizeof(n));
	while ((sent = send(stuck, pattern, 60000, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
		stuck_bytes += (uint64_t)sent;
	}
	CHECK(errno == EAGAIN && stuck_bytes > 0 && stuck_bytes <= 256u * 1024);
	fd = dial(CID_HOST, PORT_ECHO);
	CHECK(fd >= 0);
	big_echo(fd, 4u * 1024 * 1024);
	expect_end(fd);
	close(unread);
	close(stuck);
	say("slow peers: ok");
}

static void test_listen(void)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PORT_GUEST};
	struct sockaddr_vm peer;
	socklen_t peer_len = sizeof(peer);
	static uint8_t in[65536];
	ssize_t n;
	int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd;

	CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&a, sizeof(a)) == 0);
	CHECK(listen(listener, 4) == 0);
	say("CONNECT");
	fd = accept(listener, (struct sockaddr *)&peer, &peer_len);
	CHECK(fd >= 0 && peer.svm_cid == CID_HOST);
	while ((n = recv(fd, in, sizeof(in), 0)) > 0) {
		send_all(fd, in, (size_t)n);
	}
	close(fd);
	close(listener);
	say("host's connection: ok");
}

int main(void)
{
	boot();
	pattern_init(pattern);
	report = dial(CID_HOST, PORT_REPORT);
	if (report < 0) {
		perror("vsock-guest: cannot reach the host");
		reboot(RB_AUTOBOOT);
	}
	test_echo();
	test_refusals();
	test_listen();
	test_slow_peers();
	test_many();
	test_sink();
	test_source();
	say("PASS");
	end();
}
