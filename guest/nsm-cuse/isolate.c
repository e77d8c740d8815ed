/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileges dropped. nsm-cuse reads what every process of the guest may write into an ioctl;
 * whoever took it over would have a socket to the NSM, which every process has anyway, and nothing
 * more.
 */
#include "nsm-cuse/isolate.h"

#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
/* Falls through to the next statement when equal, else jumps over it. */
#define IF_EQUAL(value)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, 1)
#define ALLOW_CALL(name) IF_EQUAL(__NR_##name), ALLOW

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "which audit architecture is this?"
#endif

static struct sock_filter filter[] = {
	LOAD(arch),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
	KILL,
	LOAD(nr),
	ALLOW_CALL(read),
	ALLOW_CALL(write),
	ALLOW_CALL(ppoll),
#ifdef __NR_poll
	ALLOW_CALL(poll),
#endif
	ALLOW_CALL(connect),
	ALLOW_CALL(getsockopt),
	ALLOW_CALL(sendto),
	ALLOW_CALL(recvfrom),
	ALLOW_CALL(close),
	ALLOW_CALL(clock_gettime), /* where the vDSO cannot answer */
	ALLOW_CALL(restart_syscall),
	ALLOW_CALL(exit_group),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 1, 0),
	KILL,
	LOAD(args[0]),
	IF_EQUAL(AF_VSOCK),
	ALLOW,
	KILL,
};

static enum rd_status filter_calls(struct rd_error *err)
{
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		return rd_fail_errno(err, errno, "cannot filter system calls");
	}
	return RD_OK;
}

enum rd_status isolate(struct rd_error *err)
{
	if (chdir("/") < 0 || setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
		return rd_fail_errno(err, errno, "cannot drop privileges");
	}
	return filter_calls(err);
}
