/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application of the end-to-end tests: inside an enclave it does what its parent asks.
 *
 *	parent -> enclave   u32 length, then as many bytes: words, each ended by a NUL
 *	enclave -> parent   u32 status, u32 length, then as many bytes: the answer
 *
 * over one connection to (CID 3, port 5000), all numbers big-endian. The status is 0, an errno, or
 * for "run" the exit status as a shell has it. With arguments "exit N" it exits at once, with "wait"
 * it neither connects nor ends. As PID 1, in place of init, it is a system that never says a word.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/vm_sockets.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PARENT_CID       3
#define PARENT_PORT      5000
#define WORDS_MAX        32
#define REQUEST_MAX      4096
#define ANSWER_MAX       65536
#define GROUPS_MAX       32
#define CONNECT_TRIES    600
#define CONNECT_PAUSE_NS (100 * 1000 * 1000)

struct answer {
	uint32_t status;
	size_t len;
	char bytes[ANSWER_MAX];
};

static char **own_argv;
static char **own_envp;

static void put(struct answer *a, const char *key, const char *value)
{
	size_t room = sizeof(a->bytes) - a->len;
	int n = snprintf(a->bytes + a->len, room, "%s=%s", key, value);

	if (n >= 0 && (size_t)n < room) {
		a->len += (size_t)n + 1;
	} else {
		a->status = ENOSPC;
	}
}

static void put_number(struct answer *a, const char *key, unsigned long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lu", value);
	put(a, key, text);
}

/* How the application was started, as records NAME=value, each ended by a NUL. */
static void report(struct answer *a)
{
	char cwd[1024] = "";
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);

	for (char **p = own_argv; *p != NULL; p++) {
		put(a, "arg", *p);
	}
	for (char **p = own_envp; *p != NULL; p++) {
		put(a, "env", *p);
	}
	put(a, "cwd", getcwd(cwd, sizeof(cwd)) == NULL ? "?" : cwd);
	put_number(a, "uid", getuid());
	put_number(a, "gid", getgid());
	for (int i = 0; i < n; i++) {
		put_number(a, "group", groups[i]);
	}
}

/* A connection over the loopback to itself. */
static void loopback(struct answer *a)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int server = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(server, 1) < 0 ||
		getsockname(server, (struct sockaddr *)&address, &len) < 0 ||
		connect(client, (struct sockaddr *)&address, sizeof(address)) < 0) {
		a->status = (uint32_t)errno;
	}
	close(server);
	close(client);
}

static int connect_vsock(uint32_t cid, uint32_t port)
{
	struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void try_connect(struct answer *a, uint32_t cid, uint32_t port)
{
	int fd = connect_vsock(cid, port);

	if (fd < 0) {
		a->status = (uint32_t)errno;
		return;
	}
	close(fd);
}

static void echo(int fd)
{
	char piece[4096];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0) {
		if (write(fd, piece, (size_t)n) != n) {
			break;
		}
	}
	close(fd);
}

/* A server on a vsock port that sends back what it gets, one client after the other. */
static void serve(struct answer *a, uint32_t port)
{
	struct sockaddr_vm at = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
	int server = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(server, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(server, 4) < 0) {
		a->status = (uint32_t)errno;
	} else if (fork() == 0) {
		for (;;) {
			echo(accept(server, NULL, NULL));
		}
	}
	close(server);
}

static void collect(struct answer *a, int fd)
{
	ssize_t n;

	while (a->len < sizeof(a->bytes) &&
		(n = read(fd, a->bytes + a->len, sizeof(a->bytes) - a->len)) > 0) {
		a->len += (size_t)n;
	}
}

/* A program; the answer is what it writes to standard output and error. */
static void run(struct answer *a, char **words)
{
	int ends[2];
	int how = 0;
	pid_t pid = pipe2(ends, O_CLOEXEC) == 0 ? fork() : -1;

	if (pid < 0) {
		a->status = (uint32_t)errno;
		return;
	}
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(words[0], words);
		_exit(127);
	}
	close(ends[1]);
	collect(a, ends[0]);
	close(ends[0]);
	waitpid(pid, &how, 0);
	a->status = (uint32_t)(WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how));
}

static uint32_t number(const char *word)
{
	return word == NULL ? 0 : (uint32_t)strtoul(word, NULL, 10);
}

static void obey(struct answer *a, char **words)
{
	/* The first argument; "" for commands that were sent without. */
	const char *first = words[1] == NULL ? "" : words[1];

	a->status = 0;
	a->len = 0;
	if (strcmp(words[0], "report") == 0) {
		report(a);
	} else if (strcmp(words[0], "loopback") == 0) {
		loopback(a);
	} else if (strcmp(words[0], "connect") == 0) {
		try_connect(a, number(first), number(words[2]));
	} else if (strcmp(words[0], "serve") == 0) {
		serve(a, number(first));
	} else if (strcmp(words[0], "run") == 0 && words[1] != NULL) {
		run(a, words + 1);
	} else if (strcmp(words[0], "print") == 0) {
		printf("%s\n", first);
	} else if (strcmp(words[0], "exit") == 0) {
		exit((int)number(first));
	} else if (strcmp(words[0], "signal") == 0) {
		kill(getpid(), (int)number(first));
	} else {
		a->status = ENOSYS;
	}
}

static int read_all(int fd, void *dst, size_t n)
{
	uint8_t *at = dst;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		if (got <= 0) {
			return -1;
		}
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static int write_all(int fd, const void *src, size_t n)
{
	const uint8_t *at = src;

	while (n > 0) {
		ssize_t put_now = send(fd, at, n, MSG_NOSIGNAL);

		if (put_now <= 0) {
			return -1;
		}
		at += put_now;
		n -= (size_t)put_now;
	}
	return 0;
}

/* One request: its words, NULL-terminated, in buf. */
static int read_words(int fd, char *buf, char **words)
{
	uint32_t len = 0;
	int count = 0;

	if (read_all(fd, &len, sizeof(len)) < 0) {
		return -1;
	}
	len = ntohl(len);
	if (len == 0 || len > REQUEST_MAX || read_all(fd, buf, len) < 0 || buf[len - 1] != '\0') {
		return -1;
	}
	for (char *p = buf; p < buf + len && count < WORDS_MAX - 1; p += strlen(p) + 1) {
		words[count++] = p;
	}
	words[count] = NULL;
	return 0;
}

static int send_answer(int fd, const struct answer *a)
{
	uint32_t head[2] = {htonl(a->status), htonl((uint32_t)a->len)};

	return write_all(fd, head, sizeof(head)) < 0 || write_all(fd, a->bytes, a->len) < 0 ? -1
											    : 0;
}

/* The parent learns of a new enclave only once it has booted: it may not listen yet. */
static int connect_to_parent(void)
{
	const struct timespec pause_ns = {.tv_nsec = CONNECT_PAUSE_NS};
	int fd = -1;

	for (int i = 0; i < CONNECT_TRIES && fd < 0; i++) {
		fd = connect_vsock(PARENT_CID, PARENT_PORT);
		if (fd < 0) {
			nanosleep(&pause_ns, NULL);
		}
	}
	return fd;
}

int main(int argc, char **argv, char **envp)
{
	static char buf[REQUEST_MAX];
	static struct answer answer;
	char *words[WORDS_MAX] = {NULL};
	int parent;

	if (getpid() == 1 || (argc == 2 && strcmp(argv[1], "wait") == 0)) {
		for (;;) {
			pause();
		}
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	own_argv = argv;
	own_envp = envp;
	if (argc == 3 && strcmp(argv[1], "exit") == 0) {
		return (int)number(argv[2]);
	}
	parent = connect_to_parent();
	while (parent >= 0 && read_words(parent, buf, words) == 0) {
		obey(&answer, words);
		if (send_answer(parent, &answer) < 0) {
			break;
		}
	}
	return 99;
}
