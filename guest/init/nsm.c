/* SPDX-License-Identifier: Apache-2.0 */
/* /dev/nsm: the kernel's own, or the one that nsm-cuse serves. */
#include "init/init.h"

#include "common/stream.h"
#include "nsm/uapi.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NSM_CUSE "/nsm-cuse"

/* Creating the device takes milliseconds, a hundred times that under a loaded emulator. */
#define DEVICE_TIMEOUT_MS 10000

#define EVERYONE_MAY (S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)

bool init_has_nsm_device(void)
{
	return access(RD_NSM_DEVICE, F_OK) == 0;
}

/* A memory hog in the application must not cost it its NSM. */
static void exempt_from_oom_killer(void)
{
	int fd RD_CLEANUP(rd_fd_close) = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "-1000", 5) < 0) {
		init_say("warning: the out-of-memory killer may end nsm-cuse: %m");
	}
}

static _Noreturn void become_nsm_cuse(void)
{
	static char name[] = NSM_CUSE;
	static char *const argv[] = {name, NULL};
	static char *const envp[] = {NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	exempt_from_oom_killer();
	execve(NSM_CUSE, argv, envp);
	init_say("cannot execute " NSM_CUSE ": %m");
	_exit(127);
}

static enum rd_status wait_for_device(pid_t pid, struct rd_error *err)
{
	int64_t deadline_ms = guest_now_ms() + DEVICE_TIMEOUT_MS;
	struct timespec pause = {.tv_nsec = 1000000};
	struct stat st;
	int status;

	for (;;) {
		if (stat(RD_NSM_DEVICE, &st) == 0 && S_ISCHR(st.st_mode) &&
			(st.st_mode & EVERYONE_MAY) == EVERYONE_MAY) {
			return RD_OK;
		}
		if (waitpid(pid, &status, WNOHANG) == pid) {
			return rd_fail(err, RD_CLOSED,
				NSM_CUSE " ended before " RD_NSM_DEVICE
					 " was there: see the console");
		}
		if (guest_now_ms() > deadline_ms) {
			return rd_fail(err, RD_TIMEOUT, RD_NSM_DEVICE " did not appear within %d s",
				DEVICE_TIMEOUT_MS / 1000);
		}
		nanosleep(&pause, NULL);
	}
}

enum rd_status init_start_nsm(pid_t *ret_pid, struct rd_error *err)
{
	pid_t pid;

	if (init_has_nsm_device()) {
		*ret_pid = 0;
		return RD_OK;
	}
	if (access(NSM_CUSE, X_OK) < 0) {
		return rd_fail_errno(err, errno,
			"there is no " RD_NSM_DEVICE " and no " NSM_CUSE " in the boot ramdisk");
	}
	pid = fork();
	if (pid < 0) {
		return rd_fail_errno(err, errno, "cannot start " NSM_CUSE);
	}
	if (pid == 0) {
		become_nsm_cuse();
	}
	RD_TRY(wait_for_device(pid, err));
	/* It runs on; its file would only take memory. */
	unlink(NSM_CUSE);
	*ret_pid = pid;
	return RD_OK;
}
