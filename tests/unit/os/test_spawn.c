/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the loop and about starting programs. */
#include "test.h"

#include "os/fd.h"
#include "os/loop.h"
#include "os/msg.h"
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Runs /bin/sh -c script with fd 1 captured; the child must succeed. */
static void run_shell(struct rd_spawn *how, const char *script, char *ret_out, size_t cap)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct rd_spawn_fd fds[8];
	struct rd_child child RD_CLEANUP(rd_child_finish) = RD_CHILD_INIT;
	struct rd_error err = {0};
	struct rd_exit ended;
	struct rd_buf buf = rd_buf_fixed(ret_out, cap - 1);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	if (how->fd_count > 0) {
		memcpy(fds, how->fds, how->fd_count * sizeof(fds[0]));
	}
	fds[how->fd_count] = (struct rd_spawn_fd){.from = ends[1], .to = 1};
	how->fds = fds;
	how->fd_count++;
	how->path = "/bin/sh";
	how->argv = argv;
	if (rd_spawn(how, &child, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	rd_fd_close(&ends[1]);
	assert_ok(rd_fd_read_all(ends[0], &buf));
	rd_fd_close(&ends[0]);
	ret_out[buf.used] = '\0';
	assert_ok(rd_child_reap(&child, true, &ended));
	assert_false(ended.signalled);
	assert_int_equal(ended.code, 0);
}

static void child_has_named_descriptors_only(void **state)
{
	int leak1 RD_CLEANUP(rd_fd_close) = open(
		"/dev/zero", O_RDONLY); /* NOLINT: a leak on purpose */
	int leak2 RD_CLEANUP(rd_fd_close) = fcntl(leak1, F_DUPFD, 300); /* NOLINT */
	int memfd RD_CLEANUP(rd_fd_close) = -1;
	struct rd_spawn_fd map = {.to = 9};
	struct rd_spawn how = {.fds = &map, .fd_count = 1};
	char out[256];

	(void)state;
	assert_true(leak1 >= 0 && leak2 >= 300);
	assert_ok(rd_fd_memfd("nine", 0, &memfd));
	map.from = memfd;
	run_shell(&how, "ls -m /proc/$$/fd", out, sizeof(out));
	assert_string_equal(out, "0, 1, 2, 9\n");
}

static void descriptors_may_trade_places(void **state)
{
	int a RD_CLEANUP(rd_fd_close) = -1, b RD_CLEANUP(rd_fd_close) = -1;
	struct rd_spawn_fd map[2];
	struct rd_spawn how = {.fds = map, .fd_count = 2};
	char out[64];

	(void)state;
	assert_ok(rd_fd_memfd("a", 0, &a));
	assert_ok(rd_fd_memfd("b", 0, &b));
	assert_ok(rd_fd_pwrite_full(a, rd_view("A", 1), 0));
	assert_ok(rd_fd_pwrite_full(b, rd_view("B", 1), 0));
	map[0] = (struct rd_spawn_fd){.from = a, .to = b};
	map[1] = (struct rd_spawn_fd){.from = b, .to = a};
	char script[64];
	snprintf(script, sizeof(script), "cat <&%d; cat <&%d", a, b);
	run_shell(&how, script, out, sizeof(out));
	assert_string_equal(out, "BA");
}

static void environment_is_what_was_named(void **state)
{
	static const char *const envp[] = {"ONLY=this", NULL};
	struct rd_spawn how = {.envp = envp};
	char out[256];

	(void)state;
	setenv("SECRET", "x", 1);
	run_shell(&how, "echo -n \"$ONLY:$SECRET\"", out, sizeof(out));
	assert_string_equal(out, "this:");
	unsetenv("SECRET");
}

/* The C library refuses to change the signals that it keeps for its threads; the kernel does not.
 */
static void ignore_thread_signal(void)
{
	static const unsigned long kernel_ignore[4] = {1 /* SIG_IGN */};

	assert_int_equal(syscall(SYS_rt_sigaction, 32, kernel_ignore, NULL, NSIG / 8), 0);
}

static void child_gets_default_signals_and_promises(void **state)
{
	struct rd_spawn how = {.no_new_privs = true, .death_signal = SIGKILL, .new_session = true};
	char out[512];

	(void)state;
	signal(SIGUSR1, SIG_IGN);
	ignore_thread_signal();
	run_shell(&how,
		/* grep's own: a shell that is about to fork blocks all signals for a moment. */
		"grep -E 'SigIgn|SigBlk|NoNewPrivs' /proc/self/status | tr -d '\\t\\n'; "
		"[ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo -n session",
		out, sizeof(out));
	signal(SIGUSR1, SIG_DFL);
	assert_string_equal(
		out, "SigBlk:0000000000000000SigIgn:0000000000000000NoNewPrivs:1session");
}

static void missing_program_is_reported_and_leaves_no_child(void **state)
{
	static const char *const argv[] = {"x", NULL};
	struct rd_spawn how = {.path = "/nonexistent/program", .argv = argv};
	struct rd_child child = RD_CHILD_INIT;
	struct rd_error err = {0};

	(void)state;
	assert_status(rd_spawn(&how, &child, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "/nonexistent/program"));
	assert_int_equal(child.pid, -1);
	how.path = "relative";
	assert_status(rd_spawn(&how, &child, &err), RD_INTERNAL);
}

static int refuse(void *arg)
{
	(void)arg;
	errno = EPERM;
	return -1;
}

static void prepare_can_refuse(void **state)
{
	static const char *const argv[] = {"true", NULL};
	struct rd_spawn how = {.path = "/bin/true", .argv = argv, .prepare = refuse};
	struct rd_child child = RD_CHILD_INIT;
	struct rd_error err = {0};

	(void)state;
	assert_status(rd_spawn(&how, &child, &err), RD_DENIED);
	assert_non_null(strstr(err.text, "isolate"));
}

static void child_dies_with_its_parent(void **state)
{
	int ends[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		static const char *const argv[] = {"sleep", "1000", NULL};
		struct rd_spawn_fd map = {.from = ends[1], .to = 1};
		struct rd_spawn how = {.path = "/bin/sleep",
			.argv = argv,
			.fds = &map,
			.fd_count = 1,
			.death_signal = SIGKILL};
		struct rd_child child = RD_CHILD_INIT;

		_exit(rd_spawn(&how, &child, NULL) == RD_OK ? 0 : 1);
	}
	rd_fd_close(&ends[1]);
	/* End of file only once the grandchild, which holds the other end, is dead as well. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	rd_fd_close(&ends[0]);
}

static void killed_child_is_reported_by_signal(void **state)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct rd_spawn how = {.path = "/bin/sleep", .argv = argv};
	struct rd_child child = RD_CHILD_INIT;
	struct rd_exit ended;

	(void)state;
	assert_ok(rd_spawn(&how, &child, NULL));
	assert_status(rd_child_reap(&child, false, &ended), RD_AGAIN);
	assert_ok(rd_child_kill(&child, SIGTERM));
	assert_ok(rd_child_reap(&child, true, &ended));
	assert_true(ended.signalled);
	assert_int_equal(ended.code, SIGTERM);
	assert_status(rd_child_reap(&child, true, &ended), RD_NOTFOUND);
	assert_status(rd_child_kill(&child, SIGTERM), RD_NOTFOUND);
}

struct loop_test {
	struct rd_loop *loop;
	struct rd_watch *reader, *writer, *timer, *signal;
	unsigned reads, writes, signals;
	int socks[2];
};

static void on_read(void *arg, unsigned events)
{
	struct loop_test *t = arg;
	char byte;

	assert_int_equal(events, RD_LOOP_READ);
	assert_int_equal(read(t->socks[0], &byte, 1), 1);
	t->reads++;
	rd_watch_free(&t->reader); /* from its own callback */
}

static void on_write(void *arg, unsigned events)
{
	struct loop_test *t = arg;

	assert_int_equal(events, RD_LOOP_WRITE);
	t->writes++;
	if (t->writes == 1) {
		assert_int_equal(write(t->socks[1], "x", 1), 1);
	}
	assert_ok(rd_watch_set(t->writer, 0));
}

static void on_signal(void *arg)
{
	((struct loop_test *)arg)->signals++;
}

static void on_timer(void *arg)
{
	rd_loop_stop(((struct loop_test *)arg)->loop);
}

static void loop_serves_descriptors_timers_and_signals(void **state)
{
	struct loop_test t = {0};
	uint64_t start = rd_loop_now_ms();

	(void)state;
	assert_ok(rd_msg_pair(t.socks));
	assert_ok(rd_loop_new(&t.loop));
	assert_ok(rd_loop_watch_fd(t.loop, t.socks[0], RD_LOOP_READ, on_read, &t, &t.reader));
	assert_ok(rd_loop_watch_fd(t.loop, t.socks[1], RD_LOOP_WRITE, on_write, &t, &t.writer));
	assert_ok(rd_loop_signal(t.loop, SIGUSR2, on_signal, &t, &t.signal));
	assert_ok(rd_loop_timer(t.loop, on_timer, &t, &t.timer));
	assert_ok(rd_watch_arm(t.timer, 30));
	raise(SIGUSR2);
	assert_ok(rd_loop_run(t.loop));
	assert_true(rd_loop_now_ms() - start >= 29);
	assert_int_equal(t.reads, 1);
	assert_int_equal(t.writes, 1);
	assert_int_equal(t.signals, 1);
	assert_null(t.reader);
	rd_watch_free(&t.writer);
	rd_watch_free(&t.signal);
	rd_watch_free(&t.timer);
	rd_watch_free(&t.timer);
	rd_loop_free(&t.loop);
	rd_fd_close(&t.socks[0]);
	rd_fd_close(&t.socks[1]);
}

static void paused_watch_is_silent_until_set_again(void **state)
{
	struct loop_test t = {0};

	(void)state;
	assert_ok(rd_msg_pair(t.socks));
	assert_ok(rd_loop_new(&t.loop));
	assert_ok(rd_loop_watch_fd(t.loop, t.socks[0], 0, on_read, &t, &t.reader));
	assert_int_equal(write(t.socks[1], "x", 1), 1);
	assert_ok(rd_loop_timer(t.loop, on_timer, &t, &t.timer));
	assert_ok(rd_watch_arm(t.timer, 5));
	assert_ok(rd_loop_run(t.loop));
	assert_int_equal(t.reads, 0);
	assert_ok(rd_watch_set(t.reader, RD_LOOP_READ));
	assert_ok(rd_watch_arm(t.timer, 5));
	assert_ok(rd_loop_run(t.loop));
	assert_int_equal(t.reads, 1);
	rd_watch_free(&t.timer);
	rd_loop_free(&t.loop);
	rd_fd_close(&t.socks[0]);
	rd_fd_close(&t.socks[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(child_has_named_descriptors_only),
		cmocka_unit_test(descriptors_may_trade_places),
		cmocka_unit_test(environment_is_what_was_named),
		cmocka_unit_test(child_gets_default_signals_and_promises),
		cmocka_unit_test(missing_program_is_reported_and_leaves_no_child),
		cmocka_unit_test(prepare_can_refuse),
		cmocka_unit_test(child_dies_with_its_parent),
		cmocka_unit_test(killed_child_is_reported_by_signal),
		cmocka_unit_test(loop_serves_descriptors_timers_and_signals),
		cmocka_unit_test(paused_watch_is_silent_until_set_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
