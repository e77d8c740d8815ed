/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application of the guest test: checks from the inside what init and nsm-cuse promise.
 *
 *	guest-app checks     exits with 42 when all is well, with 1 after naming each failure
 *	guest-app signal     kills itself with SIGTERM
 *	guest-app hog        takes memory until the kernel ends it; nsm-cuse must not be taken
 *	                     instead
 */
#include "nsm/uapi.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failures;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("app: FAIL line %d: %s (errno %d)\n", __LINE__, #cond, errno);      \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static uint8_t response[0x4000];

/* One ioctl. *len: room going in, length coming back. Returns 0 or an errno. */
static int ask(int fd, const void *request, uint64_t request_len, void *out, uint64_t *len)
{
	struct rd_nsm_raw raw = {{(uintptr_t)request, request_len}, {(uintptr_t)out, *len}};

	if (ioctl(fd, RD_NSM_IOCTL_RAW, &raw) != 0) {
		return errno;
	}
	*len = raw.response.len;
	return 0;
}

static bool is_error(uint64_t len, const char *name)
{
	size_t n = strlen(name);

	return len == 8 + n &&
	       memcmp(response,
		       "\xa1\x65"
		       "Error",
		       7) == 0 &&
	       response[7] == (0x60 | n) && memcmp(response + 8, name, n) == 0;
}

static const char get_random[] = "iGetRandom";
static const char describe_16[] = "\xa1\x6b"
				  "DescribePCR\xa1\x65index\x10";
static const char extend_16[] = "\xa1\x69"
				"ExtendPCR\xa2\x65index\x10\x64"
				"data\x41x";

#define BYTES(literal) (literal), (sizeof(literal) - 1)

static void check_every_access_mode(void)
{
	static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR};
	struct stat st;

	CHECK(stat("/dev/nsm", &st) == 0 && S_ISCHR(st.st_mode) && (st.st_mode & 0777) == 0666);
	for (int i = 0; i < 3; i++) {
		int fd = open("/dev/nsm", modes[i] | O_CLOEXEC);
		uint64_t len = sizeof(response);
		char byte = 0;

		CHECK(fd >= 0);
		CHECK(ask(fd, BYTES(get_random), response, &len) == 0 && len == 278);
		CHECK(read(fd, &byte, 1) == -1 && (errno == EINVAL || errno == EBADF));
		CHECK(write(fd, &byte, 1) == -1 && (errno == EINVAL || errno == EBADF));
		CHECK(ioctl(fd, 0xc0100a00, &len) == -1 && errno == EINVAL);
		CHECK(ioctl(fd, 0x5401, &len) == -1 && errno == EINVAL);
		close(fd);
	}
}

static void check_lengths(int fd)
{
	static char big[0x1001];
	uint64_t len = sizeof(response);

	CHECK(ask(fd, big, 0x1001, response, &len) == EMSGSIZE);
	CHECK(ask(fd, big, UINT64_MAX, response, &len) == EMSGSIZE);
	CHECK(ask(fd, big, 0x1000, response, &len) == 0 && is_error(len, "InvalidOperation"));
	len = sizeof(response);
	CHECK(ask(fd, big, 0, response, &len) == 0 && is_error(len, "InvalidOperation"));
	len = UINT64_MAX;
	CHECK(ask(fd, BYTES(get_random), response, &len) == 0 && len == 278);
	memset(response, 0xee, sizeof(response));
	len = 5;
	CHECK(ask(fd, BYTES(get_random), response, &len) == 0 && len == 5);
	CHECK(response[4] != 0xee && response[5] == 0xee);
	len = 0;
	CHECK(ask(fd, BYTES(get_random), response, &len) == 0 && len == 0);
	len = 0;
	CHECK(ask(fd, big, 0, response, &len) == 0 && len == 0);
}

/* A response that cannot be copied out does not undo what the device did. */
static void check_bad_pointers(int fd)
{
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t len = sizeof(response);
	uint8_t before[512];

	CHECK(ioctl(fd, RD_NSM_IOCTL_RAW, bad) == -1 && errno == EFAULT);
	CHECK(ioctl(fd, RD_NSM_IOCTL_RAW, NULL) == -1 && errno == EFAULT);
	CHECK(ask(fd, bad, 10, response, &len) == EFAULT);
	CHECK(ask(fd, BYTES(describe_16), response, &len) == 0 && len == 75);
	memcpy(before, response, len);
	len = 4096;
	CHECK(ask(fd, BYTES(extend_16), bad, &len) == EFAULT);
	len = sizeof(response);
	CHECK(ask(fd, BYTES(describe_16), response, &len) == 0 && len == 75);
	CHECK(memcmp(before, response, len) != 0);
}

static void *hammer(void *arg)
{
	int fd = open("/dev/nsm", O_RDWR | O_CLOEXEC);
	uint8_t out[512];
	long wrong = 0;

	(void)arg;
	for (int i = 0; i < 25; i++) {
		uint64_t len = sizeof(out);

		wrong += ask(fd, i % 2 ? get_random : describe_16, i % 2 ? 10 : 21, out, &len) != 0;
		wrong += len != (i % 2 ? 278 : 75);
	}
	close(fd);
	return (void *)wrong;
}

/* Longer than nsm-cuse's queue, so that some callers wait in the kernel. */
static void check_many_at_once(void)
{
	pthread_t threads[24];
	void *wrong;

	for (int i = 0; i < 24; i++) {
		CHECK(pthread_create(&threads[i], NULL, hammer, NULL) == 0);
	}
	for (int i = 0; i < 24; i++) {
		CHECK(pthread_join(threads[i], &wrong) == 0 && wrong == NULL);
	}
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* Signals during a call neither end it nor lose it. */
static void check_signals_do_not_interrupt(int fd)
{
	struct sigaction act = {.sa_handler = on_alarm};

	sigaction(SIGUSR1, &act, NULL);
	for (int i = 0; i < 50; i++) {
		uint64_t len = sizeof(response);
		pid_t pid = fork();

		if (pid == 0) {
			kill(getppid(), SIGUSR1);
			_exit(0);
		}
		CHECK(ask(fd, BYTES(get_random), response, &len) == 0 && len == 278);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
}

/* The last caller to go while its request is under way. */
static void check_a_killed_caller_is_survived(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			hammer(NULL);
			_exit(0);
		}
		usleep(1000u * (unsigned)i);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void check_loopback(void)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = sizeof(v4);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(bind(listener, (struct sockaddr *)&v4, sizeof(v4)) == 0 && listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&v4, &len) == 0);
	CHECK(connect(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0);
	close(fd);
	close(listener);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(fd < 0 || bind(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0);
	close(fd);
}

static void check_mounts(void)
{
	static const char *const dirs[] = {"/proc", "/sys", "/run", "/tmp", "/dev/shm", "/dev/pts"};
	struct stat root, st;

	CHECK(stat("/", &root) == 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		CHECK(stat(dirs[i], &st) == 0 && st.st_dev != root.st_dev);
	}
	CHECK(stat("/tmp", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(access("/dev/fd/0", F_OK) == 0);
	CHECK(access("/init", F_OK) != 0 && access("/process", F_OK) != 0);
	CHECK(access("/modules", F_OK) != 0 && access("/nsm-cuse", F_OK) != 0);
}

static void check_process(int argc, char **argv, char **envp)
{
	gid_t groups[8];
	char cwd[64];
	struct utsname name;
	sigset_t blocked;

	CHECK(argc == 4 && strcmp(argv[2], "") == 0 && strcmp(argv[3], "two\nlines") == 0);
	CHECK(strcmp(envp[0], "GREETING=hello\nworld") == 0);
	CHECK(strcmp(envp[1], "PATH=/odd:/opt/bin") == 0 && strcmp(envp[2], "HOME=/") == 0);
	CHECK(envp[3] == NULL);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/srv/made/for me") == 0);
	CHECK(getuid() == 1000 && geteuid() == 1000 && getgid() == 1001 && getegid() == 1001);
	CHECK(getgroups(8, groups) == 2 && groups[0] == 5 && groups[1] == 1002);
	CHECK(getppid() == 1 && getsid(0) == getpid());
	CHECK(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0 && sigisemptyset(&blocked));
	CHECK(uname(&name) == 0 && strcmp(name.nodename, "enclave") == 0);
	CHECK(kill(1, SIGTERM) == -1 && errno == EPERM);
}

static void check_entropy(void)
{
	uint8_t bytes[32];

	CHECK(getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) == sizeof(bytes));
}

/* An orphan ends and is reaped by init, not by us. */
static void check_orphans_are_reaped(void)
{
	int ends[2];
	pid_t orphan = 0;
	pid_t pid;

	CHECK(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		orphan = fork();
		if (orphan == 0) {
			_exit(7);
		}
		_exit(write(ends[1], &orphan, sizeof(orphan)) == sizeof(orphan) ? 0 : 1);
	}
	CHECK(read(ends[0], &orphan, sizeof(orphan)) == sizeof(orphan));
	waitpid(pid, NULL, 0);
	for (int i = 0; i < 1000 && kill(orphan, 0) == 0; i++) {
		usleep(10000);
	}
	CHECK(kill(orphan, 0) == -1 && errno == ESRCH);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* How long a program waits for the NSM, from ioctl to answer. */
static void measure(int fd)
{
	double start = now_s();

	for (int i = 0; i < 200; i++) {
		uint64_t len = sizeof(response);

		CHECK(ask(fd, BYTES(describe_16), response, &len) == 0);
	}
	printf("app: %.2f ms for one ioctl\n", (now_s() - start) / 200 * 1000);
}

static int run_checks(int argc, char **argv, char **envp)
{
	int fd = open("/dev/nsm", O_RDWR | O_CLOEXEC);

	check_process(argc, argv, envp);
	measure(fd);
	check_mounts();
	check_loopback();
	check_entropy();
	check_every_access_mode();
	check_lengths(fd);
	check_bad_pointers(fd);
	check_many_at_once();
	check_signals_do_not_interrupt(fd);
	check_a_killed_caller_is_survived();
	check_lengths(fd);
	check_orphans_are_reaped();
	close(fd);
	if (failures == 0) {
		printf("app: all checks passed\n");
	}
	return failures == 0 ? 42 : 1;
}

/* Memory of a child, all of it; then the device must still be there. */
static int run_hog(void)
{
	uint64_t len = sizeof(response);
	int status = 0;
	pid_t pid = fork();
	int fd;

	if (pid == 0) {
		for (;;) {
			char *p = malloc(1 << 20);

			if (p != NULL) {
				memset(p, 1, 1 << 20);
			}
		}
	}
	waitpid(pid, &status, 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	fd = open("/dev/nsm", O_RDWR | O_CLOEXEC);
	CHECK(ask(fd, BYTES(get_random), response, &len) == 0 && len == 278);
	return failures == 0 ? 43 : 1;
}

int main(int argc, char **argv, char **envp)
{
	const char *what = argc > 1 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(what, "checks") == 0) {
		return run_checks(argc, argv, envp);
	}
	if (strcmp(what, "hog") == 0) {
		return run_hog();
	}
	if (strcmp(what, "signal") == 0) {
		raise(SIGTERM);
	}
	return 2;
}
