/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation stages.
 *
 * Order, and why: namespaces first, because everything after happens inside them; the private root
 * next, because it needs the capabilities that the later stages throw away; then ids and
 * capabilities; limits and no_new_privs last, because nothing may follow that needs more.
 */
#include "os/isolate.h"

#include "os/fd.h"
#include "os/paths.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the old root hangs while the new one is being furnished. */
#define OLD_ROOT "/.old"

/* A private /tmp is for a handful of small files. */
#define TMP_OPTIONS "mode=0700,size=16m"

/*
 * Too small for a core file; and the one value with which the kernel starts no core_pattern handler
 * either. To a pipe 0 is no limit, and a program that is executed later can be dumped again.
 */
#define CORE_MAX 1

/* An otherwise empty root holds mount points only. */
#define ROOT_OPTIONS "mode=0755,size=1m,nr_inodes=1024"

static const char *const stage_names[RD_ISOLATE_COUNT] = {
#define X(name, text) [RD_ISOLATE_##name] = text,
	RD_ISOLATE_STAGES(X)
#undef X
};

const char *rd_isolate_stage_name(enum rd_isolate_stage stage)
{
	return stage < RD_ISOLATE_COUNT ? stage_names[stage] : "unknown stage";
}

static void in_force(struct rd_isolate_report *report, enum rd_isolate_stage stage)
{
	report->in_force |= 1u << stage;
	report->refused_errno[stage] = 0;
}

static void refused(struct rd_isolate_report *report, enum rd_isolate_stage stage, int os_errno)
{
	report->refused_errno[stage] = os_errno;
}

void rd_isolate_describe(
	const struct rd_isolate_report *report, uint32_t wanted, char *ret_text, size_t cap)
{
	size_t used = 0;
	unsigned stage;
	int n;

	snprintf(ret_text, cap, "all");
	for (stage = 0; stage < RD_ISOLATE_COUNT; stage++) {
		if ((wanted & (1u << stage)) == 0 || (report->in_force & (1u << stage)) != 0) {
			continue;
		}
		n = snprintf(ret_text + used, cap - used, "%s%s (%s)",
			used == 0 ? "without " : ", ", stage_names[stage],
			report->refused_errno[stage] == 0 ? "not asked for"
							  : strerror(report->refused_errno[stage]));
		if (n < 0 || (size_t)n >= cap - used) {
			return;
		}
		used += (size_t)n;
	}
}

static enum rd_status write_text(const char *path, const char *text)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_WRONLY | O_CLOEXEC);

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	return rd_fd_write_full(fd, rd_view_str(text));
}

/* Maps our own ids to themselves: the only map that an ordinary user may write. */
static enum rd_status map_own_ids(uid_t uid, gid_t gid, struct rd_error *err)
{
	char map[64];

	if (write_text("/proc/self/setgroups", "deny") != RD_OK && errno != ENOENT) {
		return rd_fail_errno(err, errno, "user namespace: cannot give up setgroups");
	}
	snprintf(map, sizeof(map), "%u %u 1", (unsigned)gid, (unsigned)gid);
	if (write_text("/proc/self/gid_map", map) != RD_OK) {
		return rd_fail_errno(
			err, errno, "user namespace: cannot map gid %u", (unsigned)gid);
	}
	snprintf(map, sizeof(map), "%u %u 1", (unsigned)uid, (unsigned)uid);
	if (write_text("/proc/self/uid_map", map) != RD_OK) {
		return rd_fail_errno(
			err, errno, "user namespace: cannot map uid %u", (unsigned)uid);
	}
	return RD_OK;
}

/* A user namespace with nothing else; in it we may make all the others. */
static enum rd_status enter_user_ns(struct rd_isolate_report *report, struct rd_error *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER) != 0) {
		refused(report, RD_ISOLATE_USER_NS, errno);
		return RD_OK;
	}
	RD_TRY(map_own_ids(uid, gid, err));
	in_force(report, RD_ISOLATE_USER_NS);
	return RD_OK;
}

enum rd_status rd_isolate_namespaces(
	const struct rd_isolate_ns *how, struct rd_isolate_report *report, struct rd_error *err)
{
	int flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	flags |= how->net ? CLONE_NEWNET : 0;
	if (unshare(flags) != 0) {
		/* An ordinary user, or a root without the capability: try as our own root. */
		RD_TRY(enter_user_ns(report, err));
		if ((report->in_force & (1u << RD_ISOLATE_USER_NS)) == 0) {
			refused(report, RD_ISOLATE_NAMESPACES, EPERM);
			refused(report, RD_ISOLATE_PID_NS, how->pid ? EPERM : 0);
			return RD_OK;
		}
		if (unshare(flags) != 0) {
			refused(report, RD_ISOLATE_NAMESPACES, errno);
		} else {
			in_force(report, RD_ISOLATE_NAMESPACES);
		}
	} else {
		in_force(report, RD_ISOLATE_NAMESPACES);
	}
	if (how->pid) {
		if (unshare(CLONE_NEWPID) != 0) {
			refused(report, RD_ISOLATE_PID_NS, errno);
		} else {
			in_force(report, RD_ISOLATE_PID_NS);
		}
	}
	return RD_OK;
}

/* Makes the directories above path, and path itself as a directory or an empty file. */
static enum rd_status make_mount_point(const char *path, bool dir, struct rd_error *err)
{
	char partial[RD_PATH_MAX];
	char *slash;
	int fd RD_CLEANUP(rd_fd_close) = -1;

	if (strlen(path) >= sizeof(partial)) {
		return rd_fail(err, RD_LIMIT, "private root: path too long");
	}
	snprintf(partial, sizeof(partial), "%s", path);
	for (slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(partial, 0755) != 0 && errno != EEXIST) {
			return rd_fail_errno(err, errno, "private root: mkdir %s", partial);
		}
		*slash = '/';
	}
	if (dir) {
		if (mkdir(path, 0755) != 0 && errno != EEXIST) {
			return rd_fail_errno(err, errno, "private root: mkdir %s", path);
		}
		return RD_OK;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "private root: create %s", path);
	}
	return RD_OK;
}

/* Flags of the mount at path that a user namespace may not take away again. */
static unsigned long locked_flags(const char *path)
{
	struct statvfs sv;
	unsigned long flags = 0;

	if (statvfs(path, &sv) != 0) {
		return 0;
	}
	flags |= (sv.f_flag & ST_NOSUID) != 0 ? MS_NOSUID : 0;
	flags |= (sv.f_flag & ST_NODEV) != 0 ? MS_NODEV : 0;
	flags |= (sv.f_flag & ST_NOEXEC) != 0 ? MS_NOEXEC : 0;
	flags |= (sv.f_flag & ST_RDONLY) != 0 ? MS_RDONLY : 0;
	flags |= (sv.f_flag & ST_NOATIME) != 0 ? MS_NOATIME : 0;
	flags |= (sv.f_flag & ST_RELATIME) != 0 ? MS_RELATIME : 0;
	return flags;
}

/* On merged-/usr systems /lib is a link; copying the link is enough, its target is bound too. */
static enum rd_status copy_link(const char *from, const char *to, struct rd_error *err)
{
	char target[RD_PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0) {
		return rd_fail_errno(err, errno, "private root: readlink %s", to);
	}
	target[n] = '\0';
	if (symlink(target, to) != 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "private root: symlink %s", to);
	}
	return RD_OK;
}

/* What was opened, and not what has its name by now: that may be a link of somebody else's. */
static int bind_opened(int fd, const char *from, const char *to)
{
	char opened[sizeof(OLD_ROOT "/proc/self/fd/") + 12];

	snprintf(opened, sizeof(opened), OLD_ROOT "/proc/self/fd/%d", fd);
	if (access(opened, F_OK) != 0) {
		return mount(from, to, NULL, MS_BIND | MS_REC, NULL); /* there is no /proc */
	}
	return mount(opened, to, NULL, MS_BIND | MS_REC, NULL);
}

static enum rd_status bind_one(const struct rd_isolate_bind *bind, struct rd_error *err)
{
	char from[RD_PATH_MAX + sizeof(OLD_ROOT)];
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_NOSUID;
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct stat sb;

	snprintf(from, sizeof(from), OLD_ROOT "%s", bind->path);
	fd = open(from, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &sb) != 0) {
		if (bind->optional && errno == ENOENT) {
			return RD_OK;
		}
		return rd_fail_errno(err, errno, "private root: %s", bind->path);
	}
	if (S_ISLNK(sb.st_mode)) {
		return copy_link(from, bind->path, err);
	}
	RD_TRY(make_mount_point(bind->path, S_ISDIR(sb.st_mode), err));
	if (bind_opened(fd, from, bind->path) != 0) {
		return rd_fail_errno(err, errno, "private root: bind %s", bind->path);
	}
	flags |= bind->writable ? 0 : MS_RDONLY;
	flags |= bind->device ? 0 : MS_NODEV;
	if (mount(NULL, bind->path, NULL, flags | locked_flags(bind->path), NULL) != 0) {
		return rd_fail_errno(err, errno, "private root: restrict %s", bind->path);
	}
	return RD_OK;
}

/*
 * The new PID namespace's /proc. Inside a container whose own /proc is partly covered the kernel
 * refuses a fresh one to a user namespace; the covered one is then the best there is.
 */
static enum rd_status mount_proc(struct rd_error *err)
{
	RD_TRY(make_mount_point("/proc", true, err));
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0) {
		return RD_OK;
	}
	if (errno == EPERM && mount(OLD_ROOT "/proc", "/proc", NULL, MS_BIND | MS_REC, NULL) == 0) {
		return RD_OK;
	}
	return rd_fail_errno(err, errno, "private root: mount /proc");
}

static enum rd_status furnish(const struct rd_isolate_root *how, struct rd_error *err)
{
	size_t i;

	for (i = 0; i < how->bind_count; i++) {
		RD_TRY(bind_one(&how->binds[i], err));
	}
	if (how->proc) {
		RD_TRY(mount_proc(err));
	}
	if (how->tmp) {
		RD_TRY(make_mount_point("/tmp", true, err));
		if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			    TMP_OPTIONS) != 0) {
			return rd_fail_errno(err, errno, "private root: mount /tmp");
		}
	}
	return RD_OK;
}

/*
 * Nothing that we mount may reach the host; what the host mounts need not reach us. In a chroot "/"
 * is no mount point, so it has no propagation to change and cannot be pivoted away from: the tree
 * is bound once more and becomes our root. It is bound over a mount that can be made private first,
 * because the one that holds the chroot cannot, and might pass ours on to the host.
 */
static bool make_root_private(void)
{
	static const char *const places[] = {"/proc", "/dev", "/sys"};
	size_t i;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
		return true;
	}
	for (i = 0; i < RD_ARRAY_LEN(places) && errno == EINVAL; i++) {
		if (mount(NULL, places[i], NULL, MS_REC | MS_PRIVATE, NULL) == 0) {
			return mount("/", places[i], NULL, MS_BIND | MS_REC, NULL) == 0 &&
			       chroot(places[i]) == 0 && chdir("/") == 0 &&
			       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
		}
	}
	return false;
}

enum rd_status rd_isolate_mounts(struct rd_error *err)
{
	char cwd[RD_PATH_MAX];

	if (getcwd(cwd, sizeof(cwd)) == NULL) {
		return rd_fail_errno(err, errno, "cannot tell the current directory");
	}
	if (unshare(CLONE_NEWNS) != 0) {
		return rd_fail_errno(err, errno, "cannot make a mount namespace");
	}
	if (!make_root_private() || chdir(cwd) != 0) {
		return rd_fail_errno(err, errno, "cannot make / a mount point of its own");
	}
	return RD_OK;
}

/* A place that every system has and that we do not need while it is covered for a moment. */
static bool mount_new_root(const char **ret_where)
{
	static const char *const places[] = {"/tmp", "/run", "/mnt"};
	size_t i;

	for (i = 0; i < RD_ARRAY_LEN(places); i++) {
		if (mount("redoubt", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			    ROOT_OPTIONS) == 0) {
			*ret_where = places[i];
			return true;
		}
		if (errno != ENOENT) {
			return false;
		}
	}
	return false;
}

enum rd_status rd_isolate_root(
	const struct rd_isolate_root *how, struct rd_isolate_report *report, struct rd_error *err)
{
	const char *where;

	if ((report->in_force & (1u << RD_ISOLATE_NAMESPACES)) == 0) {
		refused(report, RD_ISOLATE_ROOT, EPERM);
		return RD_OK;
	}
	if (!make_root_private() || !mount_new_root(&where)) {
		refused(report, RD_ISOLATE_ROOT, errno);
		return RD_OK;
	}
	if (chdir(where) != 0 || mkdir("." OLD_ROOT, 0700) != 0 ||
		syscall(SYS_pivot_root, ".", "." OLD_ROOT) != 0 || chdir("/") != 0) {
		return rd_fail_errno(err, errno, "private root: cannot change into it");
	}
	RD_TRY(furnish(how, err));
	if (umount2(OLD_ROOT, MNT_DETACH) != 0 || rmdir(OLD_ROOT) != 0) {
		return rd_fail_errno(err, errno, "private root: cannot leave the old one");
	}
	if (mount(NULL, "/", NULL,
		    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		    NULL) != 0) {
		return rd_fail_errno(err, errno, "private root: cannot make it read-only");
	}
	in_force(report, RD_ISOLATE_ROOT);
	return RD_OK;
}

/* Needs CAP_SETPCAP; without any capability there is none to bound. */
static void drop_bounding_set(void)
{
	unsigned long cap;

	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	}
}

enum rd_status rd_isolate_clear_caps(struct rd_error *err)
{
	drop_bounding_set();
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0) {
		return rd_fail_errno(err, errno, "cannot give up capabilities");
	}
	if (capng_get_caps_process() != 0 ||
		capng_have_capabilities(CAPNG_SELECT_CAPS) > CAPNG_NONE) {
		return rd_fail(
			err, RD_INTERNAL, "capabilities are still there after giving them up");
	}
	return RD_OK;
}

static enum rd_status change_ids(
	const struct rd_isolate_drop *how, struct rd_isolate_report *report, struct rd_error *err)
{
	if (how->uid == 0) {
		return RD_OK;
	}
	if (geteuid() != 0 || setgroups(0, NULL) != 0) {
		refused(report, RD_ISOLATE_IDS, EPERM);
		return RD_OK;
	}
	if (setresgid(how->gid, how->gid, how->gid) != 0 ||
		setresuid(how->uid, how->uid, how->uid) != 0) {
		/* EINVAL: a user namespace that maps only ours. */
		if (errno == EINVAL) {
			refused(report, RD_ISOLATE_IDS, errno);
			return RD_OK;
		}
		return rd_fail_errno(err, errno, "cannot become uid %u", (unsigned)how->uid);
	}
	in_force(report, RD_ISOLATE_IDS);
	return RD_OK;
}

/* Lowers both limits; never raises. */
static int lower_limit(int resource, rlim_t max)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) {
		return -1;
	}
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > max) {
		limit.rlim_max = max;
	}
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
	}
	return setrlimit((__rlimit_resource_t)resource, &limit);
}

enum rd_status rd_isolate_drop(
	const struct rd_isolate_drop *how, struct rd_isolate_report *report, struct rd_error *err)
{
	drop_bounding_set(); /* while we may: changing the ids takes CAP_SETPCAP away */
	RD_TRY(change_ids(how, report, err));
	RD_TRY(rd_isolate_clear_caps(err));
	in_force(report, RD_ISOLATE_CAPS);
	if (lower_limit(RLIMIT_CORE, CORE_MAX) != 0 ||
		(how->nofile_max != 0 && lower_limit(RLIMIT_NOFILE, how->nofile_max) != 0) ||
		(how->fsize_max != 0 && lower_limit(RLIMIT_FSIZE, how->fsize_max) != 0) ||
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
		return rd_fail_errno(err, errno, "cannot lower resource limits");
	}
	in_force(report, RD_ISOLATE_LIMITS);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return rd_fail_errno(err, errno, "cannot set no_new_privs");
	}
	in_force(report, RD_ISOLATE_NO_NEW_PRIVS);
	return RD_OK;
}
