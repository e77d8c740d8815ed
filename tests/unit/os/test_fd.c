/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about descriptors and about datagrams with descriptors. */
#include "test.h"

#include "os/fd.h"
#include "os/msg.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t count_fds(void)
{
	size_t n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

static void close_keeps_errno_and_disarms(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	errno = ENOTTY;
	rd_fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(errno, ENOTTY);
	rd_fd_close(&fd);
}

static void sealed_content_cannot_change(void **state)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	(void)state;
	assert_ok(rd_fd_memfd("test", 0, &fd));
	assert_ok(rd_fd_write_full(fd, rd_view("abc", 3)));
	assert_status(rd_fd_require_sealed(fd), RD_FORBIDDEN);
	assert_ok(rd_fd_seal_content(fd));
	assert_ok(rd_fd_require_sealed(fd));
	assert_status(rd_fd_pwrite_full(fd, rd_view("x", 1), 0), RD_DENIED);
	assert_int_equal(ftruncate(fd, 1), -1);
}

static void sealed_bytes_can_only_be_emptied(void **state)
{
	int fd;

	(void)state;
	assert_ok(rd_fd_memfd("test", 0, &fd));
	assert_ok(rd_fd_write_full(fd, rd_view("abc", 3)));
	assert_ok(rd_fd_seal_bytes(fd));
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 4), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), -1);
	assert_int_equal(ftruncate(fd, 0), 0);
	rd_fd_close(&fd);
}

static void sealed_size_can_be_written_but_not_cut(void **state)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	(void)state;
	assert_ok(rd_fd_memfd("test", 4096, &fd));
	assert_ok(rd_fd_seal_size(fd));
	assert_ok(rd_fd_pwrite_full(fd, rd_view("x", 1), 4095));
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 8192), -1);
}

static void sealed_copy_is_the_file(void **state)
{
	char path[] = "/tmp/rd-test-XXXXXX";
	int from RD_CLEANUP(rd_fd_close) = mkstemp(path), to RD_CLEANUP(rd_fd_close) = -1;
	static uint8_t back[70000], want[70000];
	uint64_t size;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(want); i++) {
		want[i] = (uint8_t)(i * 7 + i / 256);
	}
	assert_true(from >= 0);
	unlink(path);
	assert_ok(rd_fd_write_full(from, rd_view(want, sizeof(want))));
	assert_ok(rd_fd_sealed_copy(from, "test", sizeof(want), &to, NULL));
	assert_ok(rd_fd_require_sealed(to));
	assert_ok(rd_fd_size(to, &size));
	assert_int_equal(size, sizeof(want));
	assert_ok(rd_fd_pread_full(to, back, sizeof(back), 0));
	assert_memory_equal(back, want, sizeof(want));
}

static void sealed_copy_refuses_too_much_and_non_files(void **state)
{
	struct rd_error err = {0};
	int fd RD_CLEANUP(rd_fd_close) = -1, to = -1, null_fd RD_CLEANUP(rd_fd_close) = -1;

	(void)state;
	assert_ok(rd_fd_memfd("test", 100, &fd));
	assert_status(rd_fd_sealed_copy(fd, "image", 99, &to, &err), RD_LIMIT);
	assert_string_equal(err.text, "image: 100 bytes, more than the maximum of 99");
	null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_status(rd_fd_sealed_copy(null_fd, "image", 99, &to, &err), RD_BAD_TYPE);
	assert_int_equal(to, -1);
}

static void copy_range_says_when_the_source_is_short(void **state)
{
	int from RD_CLEANUP(rd_fd_close) = -1, to RD_CLEANUP(rd_fd_close) = -1;

	(void)state;
	assert_ok(rd_fd_memfd("from", 100, &from));
	assert_ok(rd_fd_memfd("to", 0, &to));
	assert_ok(rd_fd_copy_range(from, 50, to, 50));
	assert_status(rd_fd_copy_range(from, 51, to, 50), RD_TRUNCATED);
}

static void read_all_stops_at_the_maximum(void **state)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	uint8_t room[10];
	struct rd_buf buf = rd_buf_fixed(room, sizeof(room));

	(void)state;
	assert_ok(rd_fd_memfd("test", 10, &fd));
	assert_ok(rd_fd_read_all(fd, &buf));
	assert_int_equal(buf.used, 10);
	buf.used = 0;
	assert_int_equal(ftruncate(fd, 11), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_status(rd_fd_read_all(fd, &buf), RD_LIMIT);
}

static void write_to_a_closed_peer_is_closed_not_sigpipe(void **state)
{
	int socks[2];
	size_t n;

	(void)state;
	assert_ok(rd_msg_pair(socks));
	rd_fd_close(&socks[1]);
	assert_status(rd_fd_write(socks[0], rd_view("x", 1), &n), RD_CLOSED);
	assert_status(rd_msg_send(socks[0], rd_view("x", 1), NULL), RD_CLOSED);
	rd_fd_close(&socks[0]);
}

static void message_carries_descriptors_close_on_exec(void **state)
{
	struct rd_msg_fds out = RD_MSG_FDS_INIT, in = RD_MSG_FDS_INIT;
	size_t before = count_fds(), len;
	int socks[2], fd;
	char text[16];

	(void)state;
	assert_ok(rd_msg_pair(socks));
	assert_ok(rd_fd_memfd("test", 5, &out.fd[0]));
	out.count = 1;
	assert_ok(rd_msg_send(socks[0], rd_view("hello", 5), &out));
	assert_ok(rd_msg_recv(socks[1], text, sizeof(text), &len, &in));
	assert_int_equal(len, 5);
	assert_int_equal(in.count, 1);
	fd = rd_msg_fds_steal(&in, 0);
	assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(rd_msg_fds_steal(&in, 1), -1);
	rd_fd_close(&fd);
	rd_msg_fds_finish(&in);
	rd_msg_fds_finish(&out);
	rd_fd_close(&socks[0]);
	rd_fd_close(&socks[1]);
	assert_int_equal(count_fds(), before);
}

static void message_refuses_what_is_too_long_and_closes_its_descriptors(void **state)
{
	struct rd_msg_fds out = RD_MSG_FDS_INIT, in = RD_MSG_FDS_INIT;
	size_t before = count_fds(), len = 77;
	int socks[2];
	char text[4];

	(void)state;
	assert_ok(rd_msg_pair(socks));
	assert_ok(rd_fd_memfd("test", 5, &out.fd[0]));
	out.count = 1;
	assert_ok(rd_msg_send(socks[0], rd_view("hello", 5), &out));
	assert_status(rd_msg_recv(socks[1], text, sizeof(text), &len, &in), RD_LIMIT);
	assert_int_equal(len, 77);
	assert_int_equal(in.count, 0);
	assert_status(rd_msg_recv(socks[1], text, sizeof(text), &len, &in), RD_AGAIN);
	rd_msg_fds_finish(&out);
	rd_fd_close(&socks[0]);
	assert_status(rd_msg_recv(socks[1], text, sizeof(text), &len, &in), RD_CLOSED);
	rd_fd_close(&socks[1]);
	assert_int_equal(count_fds(), before);
}

/* A peer that is not ours may put more descriptors into one message than we have room for. */
static void message_refuses_too_many_descriptors(void **state)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int) * 6)];
	} control = {0};
	char x = 'x';
	struct iovec iov = {.iov_base = &x, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes)};
	struct rd_msg_fds in = RD_MSG_FDS_INIT;
	size_t before = count_fds(), len;
	int socks[2], many[6] = {0, 0, 0, 0, 0, 0};
	char text[4];

	(void)state;
	assert_ok(rd_msg_pair(socks));
	CMSG_FIRSTHDR(&msg)->cmsg_level = SOL_SOCKET;
	CMSG_FIRSTHDR(&msg)->cmsg_type = SCM_RIGHTS;
	CMSG_FIRSTHDR(&msg)->cmsg_len = CMSG_LEN(sizeof(many));
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), many, sizeof(many));
	assert_int_equal(sendmsg(socks[0], &msg, 0), 1);
	assert_status(rd_msg_recv(socks[1], text, sizeof(text), &len, &in), RD_LIMIT);
	rd_fd_close(&socks[0]);
	rd_fd_close(&socks[1]);
	assert_int_equal(count_fds(), before);
}

static void peer_of_a_pair_is_this_process(void **state)
{
	struct rd_msg_peer peer;
	int socks[2];

	(void)state;
	assert_ok(rd_msg_pair(socks));
	assert_ok(rd_msg_peer(socks[0], &peer));
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.pid, getpid());
	rd_fd_close(&socks[0]);
	rd_fd_close(&socks[1]);
}

static void listen_replaces_a_stale_socket_and_nothing_else(void **state)
{
	char dir[] = "/tmp/rd-test-XXXXXX";
	int dir_fd, fd = -1, client = -1, server = -1, file;
	struct stat sb;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_status(rd_msg_connect_at(dir_fd, "s", SOCK_STREAM, &client), RD_NOTFOUND);
	assert_ok(rd_msg_listen_at(dir_fd, "s", SOCK_STREAM, 0600, &fd));
	assert_int_equal(fstatat(dir_fd, "s", &sb, 0), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	rd_fd_close(&fd);
	assert_status(rd_msg_connect_at(dir_fd, "s", SOCK_STREAM, &client), RD_CLOSED);
	assert_ok(rd_msg_listen_at(dir_fd, "s", SOCK_STREAM, 0600, &fd));
	assert_status(rd_msg_accept(fd, &server), RD_AGAIN);
	assert_ok(rd_msg_connect_at(dir_fd, "s", SOCK_STREAM, &client));
	assert_ok(rd_msg_accept(fd, &server));
	rd_fd_close(&fd);
	rd_fd_close(&client);
	rd_fd_close(&server);
	unlinkat(dir_fd, "s", 0);
	file = openat(dir_fd, "s", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_status(rd_msg_listen_at(dir_fd, "s", SOCK_STREAM, 0600, &fd), RD_EXISTS);
	assert_status(rd_msg_listen_at(dir_fd, "../s", SOCK_STREAM, 0600, &fd), RD_BAD_PATH);
	rd_fd_close(&file);
	unlinkat(dir_fd, "s", 0);
	rd_fd_close(&dir_fd);
	rmdir(dir);
}

static void socket_path_too_long_names_the_limit(void **state)
{
	struct rd_error err = {0};
	char path[200] = "/tmp/";
	int fd;

	(void)state;
	memset(path + 5, 'x', 150);
	assert_status(rd_msg_listen(path, SOCK_STREAM, 0600, &fd, &err), RD_LIMIT);
	assert_non_null(strstr(err.text, "155 bytes"));
	assert_non_null(strstr(err.text, "107"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_keeps_errno_and_disarms),
		cmocka_unit_test(sealed_content_cannot_change),
		cmocka_unit_test(sealed_bytes_can_only_be_emptied),
		cmocka_unit_test(sealed_size_can_be_written_but_not_cut),
		cmocka_unit_test(sealed_copy_is_the_file),
		cmocka_unit_test(sealed_copy_refuses_too_much_and_non_files),
		cmocka_unit_test(copy_range_says_when_the_source_is_short),
		cmocka_unit_test(read_all_stops_at_the_maximum),
		cmocka_unit_test(write_to_a_closed_peer_is_closed_not_sigpipe),
		cmocka_unit_test(message_carries_descriptors_close_on_exec),
		cmocka_unit_test(message_refuses_what_is_too_long_and_closes_its_descriptors),
		cmocka_unit_test(message_refuses_too_many_descriptors),
		cmocka_unit_test(peer_of_a_pair_is_this_process),
		cmocka_unit_test(listen_replaces_a_stale_socket_and_nothing_else),
		cmocka_unit_test(socket_path_too_long_names_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
