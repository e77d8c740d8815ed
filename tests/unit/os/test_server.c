/* SPDX-License-Identifier: Apache-2.0 */
/* What every server does around its work: the lock, and signals. */
#include "test.h"

#include "os/fd.h"
#include "os/server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void assert_holds_pid(int fd)
{
	char text[32], want[32];
	struct rd_buf b = rd_buf_fixed(text, sizeof(text));

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_ok(rd_fd_read_all(fd, &b));
	snprintf(want, sizeof(want), "%d\n", (int)getpid());
	assert_true(rd_view_equal(rd_buf_view(&b), rd_view_str(want)));
}

static void one_holds_the_lock(void **state)
{
	char dir[] = "/tmp/rd-test-XXXXXX", path[64];
	struct rd_error err = {0};
	int at, first = -1, second = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/lock", dir);
	at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(rd_server_lock(AT_FDCWD, path, &first, &err));
	assert_status(rd_server_lock(at, "lock", &second, &err), RD_EXISTS);
	assert_int_equal(second, -1);
	/* Of a process with a longer number, say. */
	assert_ok(rd_fd_pwrite_full(first, rd_view_str("1234567890123\n"), 0));
	rd_fd_close(&first);
	assert_ok(rd_server_lock(at, "lock", &second, &err));
	assert_holds_pid(second);
	rd_fd_close(&second);
	assert_int_equal(unlink(path), 0);
	/* Whoever may write there does not choose which file is opened. */
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_not_equal(rd_server_lock(at, "lock", &second, &err), RD_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_not_equal(rd_server_lock(at, "none/lock", &second, &err), RD_OK);
	rd_fd_close(&at);
	assert_int_equal(rmdir(dir), 0);
}

static void on_reload(void *arg)
{
	++*(int *)arg;
	/* The next signal comes once the first has been taken. */
	assert_int_equal(raise(*(int *)arg < 2 ? SIGHUP : SIGTERM), 0);
}

static void waits_until_it_is_told_to_end(void **state)
{
	sigset_t signals;
	int reloads = 0;

	(void)state;
	rd_server_hold_signals(&signals);
	assert_int_equal(raise(SIGHUP), 0);
	rd_server_wait(&signals, on_reload, &reloads);
	assert_int_equal(reloads, 2);
	assert_int_equal(raise(SIGINT), 0);
	rd_server_wait(&signals, on_reload, &reloads);
	assert_int_equal(reloads, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_holds_the_lock),
		cmocka_unit_test(waits_until_it_is_told_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
