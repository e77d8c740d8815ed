/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims about isolation. Each runs in a forked child, which cannot come back from what it does;
 * the child's exit status is the claim's outcome, 77 when this host forbids the stage.
 */
#include "test.h"

#include "os/cgroup.h"
#include "os/fd.h"
#include "os/isolate.h"
#include "os/seccomp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77

/* In a child: the claim fails with the number of its line. */
#define CLAIM(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #cond, errno);       \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static int run_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_success(void (*fn)(void))
{
	int status = run_child(fn);

	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The line of /proc/self/status that starts so, without its name. */
static const char *status_line(const char *key)
{
	static char text[8192];
	int fd RD_CLEANUP(rd_fd_close) = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	struct rd_buf buf = rd_buf_fixed(text, sizeof(text) - 1);
	char *line;

	if (fd < 0 || rd_fd_read_all(fd, &buf) != RD_OK) {
		return "";
	}
	text[buf.used] = '\0';
	line = strstr(text, key);
	if (line == NULL) {
		return "";
	}
	line += strlen(key);
	line[strcspn(line, "\n")] = '\0';
	return line + strspn(line, ":\t ");
}

static bool has(const struct rd_isolate_report *report, enum rd_isolate_stage stage)
{
	return (report->in_force & (1u << stage)) != 0;
}

static void drop_everything(void)
{
	struct rd_isolate_drop how = {.uid = 0x70000001, .gid = 0x70000001, .nofile_max = 64};
	struct rd_isolate_report report = {0};
	struct rd_error err = {0};
	bool root = geteuid() == 0;
	struct rlimit limit, cores;

	CLAIM(getrlimit(RLIMIT_CORE, &cores) == 0);
	CLAIM(rd_isolate_drop(&how, &report, &err) == RD_OK);
	CLAIM(strcmp(status_line("\nCapEff"), "0000000000000000") == 0);
	CLAIM(strcmp(status_line("\nCapPrm"), "0000000000000000") == 0);
	CLAIM(strcmp(status_line("\nCapAmb"), "0000000000000000") == 0);
	CLAIM(strcmp(status_line("\nNoNewPrivs"), "1") == 0);
	CLAIM(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max == 64);
	/* 1 keeps core_pattern's handlers out as well, unless it was 0 all along. */
	CLAIM(getrlimit(RLIMIT_CORE, &limit) == 0 &&
		limit.rlim_max == (cores.rlim_max == 0 ? 0 : 1));
	CLAIM(has(&report, RD_ISOLATE_CAPS) && has(&report, RD_ISOLATE_NO_NEW_PRIVS));
	if (root) {
		CLAIM(strcmp(status_line("\nCapBnd"), "0000000000000000") == 0);
		CLAIM(has(&report, RD_ISOLATE_IDS) && getuid() == 0x70000001);
		CLAIM(getgroups(0, NULL) == 0);
		CLAIM(setuid(0) == -1);
	} else {
		CLAIM(!has(&report, RD_ISOLATE_IDS));
	}
}

static void drop_leaves_nothing(void **state)
{
	(void)state;
	expect_success(drop_everything);
}

static void enter_empty_root(void)
{
	struct rd_isolate_ns ns = {.net = true};
	struct rd_isolate_root root = {0};
	struct rd_isolate_drop drop = {.uid = 0x70000001, .gid = 0x70000001};
	struct rd_isolate_report report = {0};
	struct rd_error err = {0};
	struct if_nameindex *names;
	struct dirent *entry;
	size_t entries = 0;
	DIR *dir;

	CLAIM(rd_isolate_namespaces(&ns, &report, &err) == RD_OK);
	if (!has(&report, RD_ISOLATE_NAMESPACES)) {
		_exit(SKIPPED);
	}
	names = if_nameindex();
	CLAIM(names != NULL && strcmp(names[0].if_name, "lo") == 0 && names[1].if_index == 0);
	CLAIM(rd_isolate_root(&root, &report, &err) == RD_OK);
	CLAIM(has(&report, RD_ISOLATE_ROOT));
	CLAIM(mkdir("/x", 0700) == -1 && errno == EROFS);
	CLAIM(rd_isolate_drop(&drop, &report, &err) == RD_OK);
	dir = opendir("/");
	CLAIM(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		entries++;
	}
	CLAIM(entries == 2); /* . and .. */
	CLAIM(open("/../etc/passwd", O_RDONLY | O_CLOEXEC) == -1 && errno == ENOENT);
}

static void private_root_is_empty_and_read_only(void **state)
{
	(void)state;
	expect_success(enter_empty_root);
}

/* Made and removed by the parent; the child leaves its mounts in a namespace of its own. */
static char chroot_dir[] = "/tmp/redoubt-chroot-XXXXXX";

/* A directory with /proc in it as the root: "/" is no mount point there. */
static void enter_chroot(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
		_exit(SKIPPED);
	}
	/* Already in a chroot there is nothing to make private, and nothing that it would reach. */
	CLAIM(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 || errno == EINVAL);
	CLAIM(chdir(chroot_dir) == 0);
	CLAIM(mount("proc", "proc", "proc", 0, NULL) == 0);
	CLAIM(chroot(".") == 0 && chdir("/here") == 0);
	CLAIM(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 && errno == EINVAL);
}

static void mounts_in_chroot(void)
{
	struct rd_error err = {0};
	char cwd[64];

	enter_chroot();
	CLAIM(rd_isolate_mounts(&err) == RD_OK);
	CLAIM(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CLAIM(strcmp(getcwd(cwd, sizeof(cwd)), "/here") == 0);
	CLAIM(access("/proc/self/status", F_OK) == 0);
}

static void root_in_chroot(void)
{
	struct rd_isolate_ns ns = {0};
	struct rd_isolate_root root = {0};
	struct rd_isolate_report report = {0};
	struct rd_error err = {0};

	enter_chroot();
	CLAIM(rd_isolate_namespaces(&ns, &report, &err) == RD_OK);
	CLAIM(rd_isolate_root(&root, &report, &err) == RD_OK);
	CLAIM(has(&report, RD_ISOLATE_ROOT));
	CLAIM(access("/here", F_OK) == -1 && errno == ENOENT);
}

static int make_chroot(void **state)
{
	static const char empty[] = "/tmp/redoubt-chroot-XXXXXX";
	int fd RD_CLEANUP(rd_fd_close) = -1;

	(void)state;
	memcpy(chroot_dir, empty, sizeof(empty));
	if (mkdtemp(chroot_dir) == NULL) {
		return -1;
	}
	fd = open(chroot_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mkdirat(fd, "proc", 0755) | mkdirat(fd, "tmp", 0755) | mkdirat(fd, "here", 0755);
}

static int remove_chroot(void **state)
{
	int fd RD_CLEANUP(rd_fd_close) = open(chroot_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	return unlinkat(fd, "proc", AT_REMOVEDIR) | unlinkat(fd, "tmp", AT_REMOVEDIR) |
	       unlinkat(fd, "here", AT_REMOVEDIR) | rmdir(chroot_dir);
}

static void a_chroot_has_a_mount_point_for_root(void **state)
{
	(void)state;
	expect_success(mounts_in_chroot);
}

static void a_chroot_does_not_prevent_a_private_root(void **state)
{
	(void)state;
	expect_success(root_in_chroot);
}

static void enter_bound_root(void)
{
	static const struct rd_isolate_bind binds[] = {
		{.path = "/usr"},
		{.path = "/lib", .optional = true},
		{.path = "/lib64", .optional = true},
		{.path = "/bin", .optional = true},
		{.path = "/dev/null", .device = true, .writable = true},
		{.path = "/no/such/thing", .optional = true},
	};
	struct rd_isolate_root root = {
		.binds = binds, .bind_count = RD_ARRAY_LEN(binds), .proc = true, .tmp = true};
	struct rd_isolate_ns ns = {.pid = true};
	struct rd_isolate_report report = {0};
	struct rd_error err = {0};
	int status = 0;
	pid_t pid;

	CLAIM(rd_isolate_namespaces(&ns, &report, &err) == RD_OK);
	if (!has(&report, RD_ISOLATE_PID_NS)) {
		_exit(SKIPPED);
	}
	pid = fork();
	if (pid == 0) {
		CLAIM(getpid() == 1);
		CLAIM(rd_isolate_root(&root, &report, &err) == RD_OK);
		CLAIM(access("/usr/bin/env", X_OK) == 0);
		CLAIM(access("/bin/sh", X_OK) == 0);
		CLAIM(access("/etc/passwd", F_OK) == -1);
		CLAIM(open("/usr/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) == -1 && errno == EROFS);
		CLAIM(open("/tmp/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0);
		CLAIM(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0);
		CLAIM(access("/proc/1/fd", F_OK) == 0);
		_exit(0);
	}
	CLAIM(waitpid(pid, &status, 0) == pid);
	CLAIM(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void private_root_holds_the_binds_only(void **state)
{
	(void)state;
	expect_success(enter_bound_root);
}

static void root_without_namespaces(void)
{
	struct rd_isolate_root root = {0};
	struct rd_isolate_report report = {0};
	char text[256];

	CLAIM(rd_isolate_root(&root, &report, NULL) == RD_OK);
	CLAIM(!has(&report, RD_ISOLATE_ROOT));
	CLAIM(report.refused_errno[RD_ISOLATE_ROOT] == EPERM);
	rd_isolate_describe(&report, 1u << RD_ISOLATE_ROOT, text, sizeof(text));
	CLAIM(strcmp(text, "without private root (Operation not permitted)") == 0);
	CLAIM(access("/etc", F_OK) == 0);
}

static void private_root_is_never_made_in_the_hosts_namespace(void **state)
{
	(void)state;
	expect_success(root_without_namespaces);
}

/* As an ordinary user, and where that user may not make user namespaces. */
static void degrade_as_user(void)
{
	struct rd_isolate_ns ns = {.net = true, .pid = true};
	struct rd_isolate_report report = {0};
	struct rd_error err = {0};

	if (geteuid() == 0) {
		CLAIM(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
		/* As it would be after exec: otherwise /proc/self belongs to root. */
		CLAIM(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	}
	CLAIM(rd_isolate_namespaces(&ns, &report, &err) == RD_OK);
	if (has(&report, RD_ISOLATE_USER_NS)) {
		CLAIM(has(&report, RD_ISOLATE_NAMESPACES) && getuid() == 65534);
	} else {
		CLAIM(report.refused_errno[RD_ISOLATE_NAMESPACES] == EPERM);
	}
}

static void ordinary_user_gets_a_user_namespace_or_a_reason(void **state)
{
	(void)state;
	expect_success(degrade_as_user);
}

static const struct rd_seccomp_rule some[] = {
	{.nr = SYS_exit_group},
	{.nr = SYS_getppid},
	{.nr = SYS_write},
	{.nr = SYS_fcntl, .arg = {.index = 1, .mask = UINT32_MAX, .value = F_GETFD}},
};
static const struct rd_seccomp_list some_list = {some, RD_ARRAY_LEN(some)};

static void load_some(void)
{
	struct rd_error err = {0};

	CLAIM(rd_seccomp_load(&some_list, 1, &err) == RD_OK);
}

static void call_allowed(void)
{
	load_some();
	CLAIM(syscall(SYS_getppid) > 0);
	CLAIM(syscall(SYS_fcntl, 2, F_GETFD) >= 0);
	syscall(SYS_exit_group, 0);
}

static void call_foreign(void)
{
	load_some();
	syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	syscall(SYS_exit_group, 0);
}

static void call_other_argument(void)
{
	load_some();
	syscall(SYS_fcntl, 2, F_SETFL, 0);
	syscall(SYS_exit_group, 0);
}

static void call_x32(void)
{
	load_some();
	syscall(0x40000000 + SYS_getppid);
	syscall(SYS_exit_group, 0);
}

static void listed_call_passes(void **state)
{
	(void)state;
	expect_success(call_allowed);
}

static void expect_sigsys(void (*fn)(void))
{
	int status = run_child(fn);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void foreign_call_kills(void **state)
{
	(void)state;
	expect_sigsys(call_foreign);
	expect_sigsys(call_other_argument);
	expect_sigsys(call_x32);
}

static void cgroup_works_or_says_why_not(void **state)
{
	struct rd_cgroup_limits limits = {.memory_max = 64 << 20, .pids_max = 10};
	struct rd_error err = {0};
	enum rd_status st;
	int fd = -1;

	(void)state;
	assert_status(rd_cgroup_open("../evil", &limits, &fd, &err), RD_INTERNAL);
	st = rd_cgroup_open("rd-test", &limits, &fd, &err);
	if (st == RD_OK) {
		rd_fd_close(&fd);
		assert_ok(rd_cgroup_remove("rd-test"));
	} else {
		assert_int_equal(fd, -1);
		assert_memory_equal(err.text, "cgroup: ", 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drop_leaves_nothing),
		cmocka_unit_test(private_root_is_empty_and_read_only),
		cmocka_unit_test_setup_teardown(
			a_chroot_has_a_mount_point_for_root, make_chroot, remove_chroot),
		cmocka_unit_test_setup_teardown(
			a_chroot_does_not_prevent_a_private_root, make_chroot, remove_chroot),
		cmocka_unit_test(private_root_holds_the_binds_only),
		cmocka_unit_test(private_root_is_never_made_in_the_hosts_namespace),
		cmocka_unit_test(ordinary_user_gets_a_user_namespace_or_a_reason),
		cmocka_unit_test(listed_call_passes),
		cmocka_unit_test(foreign_call_kills),
		cmocka_unit_test(cgroup_works_or_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
