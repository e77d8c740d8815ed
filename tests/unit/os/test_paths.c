/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about the directory table and about opening inside a root. */
#include "test.h"

#include "os/fd.h"
#include "os/paths.h"
#include "os/root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void root_uses_the_system_directories(void **state)
{
	struct rd_paths_env env = {.uid = 0, .home = "/root", .xdg_runtime_dir = "/run/user/0"};
	struct rd_paths paths;

	(void)state;
	assert_ok(rd_paths_resolve(&env, &paths, NULL));
	assert_string_equal(paths.run, "/run/redoubt");
	assert_string_equal(paths.state, "/var/lib/redoubt");
	assert_string_equal(paths.config, "/etc/redoubt");
}

static void user_follows_xdg_then_home(void **state)
{
	struct rd_paths_env env = {.uid = 1000, .home = "/home/u"};
	struct rd_paths paths;

	(void)state;
	assert_ok(rd_paths_resolve(&env, &paths, NULL));
	assert_string_equal(paths.run, "/tmp/redoubt-1000");
	assert_string_equal(paths.state, "/home/u/.local/state/redoubt");
	assert_string_equal(paths.config, "/home/u/.config/redoubt");
	env.xdg_runtime_dir = "/run/user/1000";
	env.xdg_state_home = "relative/is/ignored";
	env.xdg_config_home = "/c";
	assert_ok(rd_paths_resolve(&env, &paths, NULL));
	assert_string_equal(paths.run, "/run/user/1000/redoubt");
	assert_string_equal(paths.state, "/home/u/.local/state/redoubt");
	assert_string_equal(paths.config, "/c/redoubt");
}

static void redoubt_home_goes_before_everything(void **state)
{
	struct rd_paths_env env = {.uid = 0, .redoubt_home = "/x"};
	struct rd_paths paths;

	(void)state;
	assert_ok(rd_paths_resolve(&env, &paths, NULL));
	assert_string_equal(paths.run, "/x/run");
	assert_string_equal(paths.state, "/x/state");
	assert_string_equal(paths.config, "/x/config");
}

static void refuses_relative_long_and_missing_directories(void **state)
{
	char path[100] = "/";
	struct rd_paths_env env = {.uid = 1000, .redoubt_home = "x"};
	struct rd_error err = {0};
	struct rd_paths paths;

	(void)state;
	assert_status(rd_paths_resolve(&env, &paths, &err), RD_USAGE);
	assert_non_null(strstr(err.text, "REDOUBT_HOME=x"));
	env.redoubt_home = "";
	assert_status(rd_paths_resolve(&env, &paths, &err), RD_USAGE);
	assert_non_null(strstr(err.text, "HOME"));
	memset(path + 1, 'a', sizeof(path) - 2);
	env.redoubt_home = path;
	assert_status(rd_paths_resolve(&env, &paths, &err), RD_USAGE);
	assert_non_null(strstr(err.text, "shorter"));
}

static void longest_run_directory_fits_a_socket_exactly(void **state)
{
	char home[RD_SOCKET_PATH_MAX] = "/";
	struct rd_paths_env env = {.uid = 0, .redoubt_home = home};
	size_t fits = RD_SOCKET_PATH_MAX - RD_PATHS_RUN_SUFFIX_MAX - strlen("/run");
	struct rd_paths paths;

	(void)state;
	memset(home + 1, 'a', fits - 1);
	assert_ok(rd_paths_resolve(&env, &paths, NULL));
	home[fits] = 'a';
	assert_status(rd_paths_resolve(&env, &paths, NULL), RD_USAGE);
}

static void make_dir_refuses_a_trap(void **state)
{
	char dir[] = "/tmp/rd-test-XXXXXX", path[RD_PATH_MAX], link[RD_PATH_MAX];
	struct rd_error err = {0};
	struct stat sb;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_ok(rd_paths_join(path, dir, "a", "b"));
	assert_ok(rd_paths_make_dir(path, 0700, &err));
	assert_ok(rd_paths_make_dir(path, 0700, &err));
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0700);
	assert_int_equal(chmod(path, 0777), 0);
	assert_status(rd_paths_make_dir(path, 0700, &err), RD_DENIED);
	assert_non_null(strstr(err.text, "chmod go-w"));
	assert_int_equal(rmdir(path), 0);
	assert_ok(rd_paths_join(link, dir, "link", NULL));
	assert_int_equal(symlink("/tmp", link), 0);
	assert_status(rd_paths_make_dir(link, 0700, &err), RD_DENIED);
	unlink(link);
	assert_ok(rd_paths_join(path, dir, "a", NULL));
	rmdir(path);
	rmdir(dir);
}

static void libexec_says_where_it_looked(void **state)
{
	struct rd_error err = {0};
	char path[RD_PATH_MAX];

	(void)state;
	unsetenv("REDOUBT_LIBEXEC");
	assert_status(rd_paths_libexec("redoubt-nothing", path, &err), RD_NOTFOUND);
	assert_non_null(strstr(err.text, "REDOUBT_LIBEXEC"));
	setenv("REDOUBT_LIBEXEC", "/usr/bin", 1);
	assert_ok(rd_paths_libexec("env", path, &err));
	assert_string_equal(path, "/usr/bin/env");
	unsetenv("REDOUBT_LIBEXEC");
}

/* A tree with ways out of it: <dir>/root is the root, <dir>/secret must not be reached. */
struct tree {
	char dir[32];
	int root;
};

static int make_tree(void **state)
{
	static struct tree tree;
	int fd;

	strcpy(tree.dir, "/tmp/rd-test-XXXXXX");
	assert_non_null(mkdtemp(tree.dir));
	assert_int_equal(chdir(tree.dir), 0);
	assert_int_equal(mkdir("root", 0755) | mkdir("root/a", 0755) | mkdir("root/a/b", 0755), 0);
	fd = open("secret", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	rd_fd_close(&fd);
	fd = open("root/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	rd_fd_close(&fd);
	assert_int_equal(symlink("../../../secret", "root/up"), 0);
	assert_int_equal(symlink("/file", "root/a/abs"), 0);
	assert_int_equal(symlink("/a/b/../abs", "root/a/b/chain"), 0);
	assert_int_equal(symlink("loop2", "root/loop1"), 0);
	assert_int_equal(symlink("loop1", "root/loop2"), 0);
	assert_int_equal(symlink("a/b", "root/dirlink"), 0);
	assert_int_equal(symlink("/proc/self/fd/0", "root/magic"), 0);
	tree.root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*state = &tree;
	return 0;
}

static int remove_tree(void **state)
{
	struct tree *tree = *state;
	char command[64];

	rd_fd_close(&tree->root);
	snprintf(command, sizeof(command), "rm -rf %s", tree->dir);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1; /* NOLINT: fixed string */
}

typedef enum rd_status open_fn(int, const char *, int, mode_t, int *);

/* Every way in must answer alike; the claims are a table so that both see all of them. */
static void check_tree(const struct tree *tree, open_fn *open_one)
{
	static const struct {
		const char *path;
		int flags;
		enum rd_status want;
	} claims[] = {
		{"file", O_RDONLY, RD_OK},
		{"/file", O_RDONLY, RD_OK},
		{"//a///b/", O_RDONLY, RD_OK},
		{".", O_RDONLY | O_DIRECTORY, RD_OK},
		{"/", O_RDONLY | O_DIRECTORY, RD_OK},
		{"..", O_RDONLY | O_DIRECTORY, RD_OK},
		{"../../../file", O_RDONLY, RD_OK},
		{"a/abs", O_RDONLY, RD_OK},
		{"a/b/chain", O_RDONLY, RD_OK},
		{"dirlink/../abs", O_RDONLY, RD_OK},
		{"dirlink/", O_RDONLY | O_DIRECTORY, RD_OK},
		{"../secret", O_RDONLY, RD_NOTFOUND},
		{"up", O_RDONLY, RD_NOTFOUND},
		{"a/../../secret", O_RDONLY, RD_NOTFOUND},
		{"magic", O_RDONLY, RD_NOTFOUND},
		{"nothing", O_RDONLY, RD_NOTFOUND},
		{"", O_RDONLY, RD_NOTFOUND},
		{"loop1", O_RDONLY, RD_BAD_PATH},
		{"loop1/x", O_RDONLY, RD_BAD_PATH},
		{"a/abs", O_RDONLY | O_NOFOLLOW, RD_BAD_PATH},
		{"file/", O_RDONLY, RD_IO},
		{"file/x", O_RDONLY, RD_IO},
		{"file", O_WRONLY | O_CREAT | O_EXCL, RD_EXISTS},
		{"a/abs", O_WRONLY | O_CREAT | O_EXCL, RD_EXISTS},
	};
	int fd = -1;
	size_t i;

	for (i = 0; i < RD_ARRAY_LEN(claims); i++) {
		enum rd_status st = open_one(
			tree->root, claims[i].path, claims[i].flags, 0600, &fd);

		if (st != claims[i].want) {
			fail_msg("\"%s\": got %s, want %s", claims[i].path, rd_status_name(st),
				rd_status_name(claims[i].want));
		}
		rd_fd_close(&fd);
	}
	assert_int_equal(access("/tmp/rd-never", F_OK), -1);
}

static void kernel_keeps_paths_in_the_root(void **state)
{
	check_tree(*state, rd_root_open);
}

static void walk_keeps_paths_in_the_root(void **state)
{
	check_tree(*state, rd_root_open_walk);
}

static void creates_inside_the_root_through_an_absolute_link(void **state)
{
	const struct tree *tree = *state;
	int fd = -1;

	assert_int_equal(symlink("/made", "root/a/new"), 0);
	assert_ok(rd_root_open_walk(tree->root, "a/new", O_WRONLY | O_CREAT, 0640, &fd));
	rd_fd_close(&fd);
	assert_int_equal(access("root/made", F_OK), 0);
}

/* A kernel without openat2: the system call answers ENOSYS from here on, in a child. */
static int without_openat2(const struct tree *tree)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = RD_ARRAY_LEN(code), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 ||
		syscall(SYS_openat2, 0, NULL, NULL, 0) != -1 || errno != ENOSYS) {
		return 77;
	}
	check_tree(tree, rd_root_open);
	return 0;
}

static void falls_back_when_the_kernel_lacks_openat2(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(without_openat2(*state));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_uses_the_system_directories),
		cmocka_unit_test(user_follows_xdg_then_home),
		cmocka_unit_test(redoubt_home_goes_before_everything),
		cmocka_unit_test(refuses_relative_long_and_missing_directories),
		cmocka_unit_test(longest_run_directory_fits_a_socket_exactly),
		cmocka_unit_test(make_dir_refuses_a_trap),
		cmocka_unit_test(libexec_says_where_it_looked),
		cmocka_unit_test_setup_teardown(
			kernel_keeps_paths_in_the_root, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(
			walk_keeps_paths_in_the_root, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(
			creates_inside_the_root_through_an_absolute_link, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(
			falls_back_when_the_kernel_lacks_openat2, make_tree, remove_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
