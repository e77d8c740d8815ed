/* SPDX-License-Identifier: Apache-2.0 */
/* File systems: those that init needs, the switch to the application's root, those that it expects.
 */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_ROOT "/rootfs"
#define CONSOLE  "/dev/console"

#define CGROUP_DIR "/sys/fs/cgroup"

/* EBUSY: the kernel was configured to mount it itself. */
static int mount_dev(void)
{
	if (mkdir("/dev", 0755) < 0 && errno != EEXIST) {
		return -1;
	}
	if (mount("dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, NULL) < 0 && errno != EBUSY) {
		return -1;
	}
	return 0;
}

static enum rd_status open_console(struct rd_error *err)
{
	/* May already be 0, 1 or 2, which the application is to inherit. */
	int fd = open(CONSOLE, O_RDWR | O_NOCTTY); /* NOLINT(android-cloexec-open) */

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open " CONSOLE);
	}
	for (int i = 0; i < 3; i++) {
		if (fd != i && dup2(fd, i) < 0) {
			return rd_fail_errno(err, errno, "cannot use " CONSOLE);
		}
	}
	if (fd > 2) {
		close(fd);
	}
	return RD_OK;
}

static enum rd_status mount_own(const char *type, const char *where, struct rd_error *err)
{
	if ((mkdir(where, 0555) < 0 && errno != EEXIST) ||
		(mount(type, where, type, MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) < 0 &&
			errno != EBUSY)) {
		return rd_fail_errno(err, errno, "cannot mount %s on %s", type, where);
	}
	return RD_OK;
}

enum rd_status init_mount_early(struct rd_error *err)
{
	if (mount_dev() < 0) {
		return rd_fail_errno(err, errno, "cannot mount devtmpfs on /dev");
	}
	RD_TRY(open_console(err));
	RD_TRY(mount_own("proc", "/proc", err));
	return mount_own("sysfs", "/sys", err);
}

enum rd_status init_switch_root(struct rd_error *err)
{
	umount2("/proc", MNT_DETACH);
	umount2("/sys", MNT_DETACH);
	/*
	 * The ramdisk's root can be neither unmounted nor pivoted away. A mount moved over it,
	 * rather than a plain chroot, makes the new root the mount namespace's, without which the
	 * application could not create user namespaces.
	 */
	if (mount(NEW_ROOT, NEW_ROOT, NULL, MS_BIND, NULL) < 0) {
		return rd_fail_errno(err, errno,
			"cannot use " NEW_ROOT ": the image's second ramdisk must have it");
	}
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
		chdir("/") < 0) {
		return rd_fail_errno(err, errno, "cannot make " NEW_ROOT " the root");
	}
	if (mount_dev() < 0) {
		return rd_fail_errno(err, errno, "cannot mount devtmpfs on the application's /dev");
	}
	return RD_OK;
}

static const struct {
	const char *source;
	const char *where;
	const char *type;
	unsigned long flags;
	const char *options;
} table[] = {
	{"proc", "/proc", "proc", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL},
	{"tmpfs", "/run", "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0755"},
	{"tmpfs", "/tmp", "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL},
	{"shm", "/dev/shm", "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL},
	{"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, NULL},
	{"sysfs", "/sys", "sysfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL},
};

static const struct {
	const char *target;
	const char *path;
} links[] = {
	{"/proc/self/fd", "/dev/fd"},
	{"/proc/self/fd/0", "/dev/stdin"},
	{"/proc/self/fd/1", "/dev/stdout"},
	{"/proc/self/fd/2", "/dev/stderr"},
};

/* The controllers of cgroup v1, for kernels without v2 and images that insist. */
static const char *const controllers[] = {"cpuset", "cpu", "cpuacct", "blkio", "memory", "devices",
	"freezer", "net_cls", "perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc"};

static void mount_cgroup_v1(void)
{
	struct stat st;

	if (stat("/proc/cgroups", &st) < 0 ||
		mount("cgroup_root", CGROUP_DIR, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC,
			"mode=0755") < 0) {
		return;
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(controllers); i++) {
		char where[64];
		struct rd_buf path = rd_buf_fixed(where, sizeof(where));

		if (rd_buf_printf(&path, CGROUP_DIR "/%s", controllers[i]) != RD_OK ||
			mkdir(where, 0755) < 0) {
			continue;
		}
		if (mount("cgroup", where, "cgroup", MS_NODEV | MS_NOSUID | MS_NOEXEC,
			    controllers[i]) < 0) {
			rmdir(where);
		}
	}
}

void init_mount_root(void)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(table); i++) {
		if ((mkdir(table[i].where, 0755) < 0 && errno != EEXIST) ||
			mount(table[i].source, table[i].where, table[i].type, table[i].flags,
				table[i].options) < 0) {
			init_say("warning: cannot mount %s on %s: %m", table[i].type,
				table[i].where);
		}
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(links); i++) {
		if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST) {
			init_say("warning: cannot make %s: %m", links[i].path);
		}
	}
	/* Kernels without any cgroups are fine: most applications never look. */
	if (mount("cgroup2", CGROUP_DIR, "cgroup2", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL) < 0) {
		mount_cgroup_v1();
	}
}
