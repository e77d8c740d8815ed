/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of vsock-proxy. Each system call has its reason beside it; those of a sanitizer's
 * run-time are allowed only in sanitized builds.
 */
#include "vsock-proxy/isolate.h"

#include "os/isolate.h"
#include "os/seccomp.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define ALLOW(name)                                                                                \
	{                                                                                          \
		.nr = __NR_##name                                                                  \
	}
#define ALLOW_IF(name, i, m, v)                                                                    \
	{                                                                                          \
		.nr = __NR_##name, .arg = {.index = (i), .mask = (m), .value = (v) }               \
	}

static const struct rd_seccomp_rule rules[] = {
	/* waiting */
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
#ifdef __NR_epoll_pwait2
	ALLOW(epoll_pwait2),
#endif
	ALLOW(epoll_ctl),
	ALLOW(clock_gettime),
	ALLOW(gettimeofday),
	ALLOW(rt_sigreturn),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigaction), /* libevent puts the handlers back at the end */
	ALLOW(restart_syscall),
	/* streams and name servers */
	ALLOW_IF(socket, 0, UINT32_MAX, AF_INET),
	ALLOW_IF(socket, 0, UINT32_MAX, AF_INET6),
	ALLOW_IF(socket, 0, UINT32_MAX, AF_UNIX), /* a new enclave's vsock.sock_<port> */
	ALLOW(connect),
	ALLOW(accept4),
	ALLOW(bind),
	ALLOW(listen),
	ALLOW(read),
	ALLOW(write),
	ALLOW(readv), /* libevent's wake-up between handler and loop */
	ALLOW(writev),
	ALLOW(sendto),
	ALLOW(recvfrom),
	ALLOW(shutdown),
	ALLOW(getsockopt),
	ALLOW(setsockopt),
	ALLOW(getsockname),
	ALLOW(close),
	ALLOW_IF(fcntl, 1, UINT32_MAX, F_GETFL),
	ALLOW_IF(fcntl, 1, UINT32_MAX, F_SETFL),
	ALLOW_IF(fcntl, 1, UINT32_MAX, F_GETFD),
	ALLOW_IF(fcntl, 1, UINT32_MAX, F_SETFD),
	/* enclaves that come and go; configuration at SIGHUP */
	ALLOW(openat),
	ALLOW(getdents64),
	ALLOW(fstat),
	ALLOW(newfstatat),
	ALLOW(lseek),
	ALLOW(unlinkat),
	ALLOW(umask),
	ALLOW(geteuid),
	/* heap; never executable */
	ALLOW(brk),
	ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(futex),
	/* transaction numbers of DNS questions */
	ALLOW(getrandom),
	ALLOW(getpid), /* libevent's random numbers notice a fork */
	/* ours */
	ALLOW(exit),
	ALLOW(exit_group),
};

#ifdef RD_SANITIZED
/* What ASan and UBSan do in order to report, and LeakSanitizer at the end. */
static const struct rd_seccomp_rule sanitizer_rules[] = {
	ALLOW(open),
	ALLOW(readlink),
	ALLOW(readlinkat),
	ALLOW(stat),
	ALLOW(ioctl),
	ALLOW(gettid),
	ALLOW(tgkill),
	ALLOW(kill),
	ALLOW(clone),
	ALLOW(prctl),
	ALLOW(ptrace),
	ALLOW(sigaltstack),
	ALLOW(getrlimit),
	ALLOW(setrlimit),
	ALLOW(prlimit64),
	ALLOW(sched_yield),
	ALLOW(getuid),
	ALLOW(getppid),
	ALLOW(uname),
	ALLOW(sched_getaffinity),
	ALLOW(dup),
	ALLOW(pipe),
	ALLOW(pipe2),
	ALLOW(process_vm_readv),
	ALLOW(wait4),
	ALLOW(nanosleep),
	ALLOW(mmap),
	ALLOW(clock_nanosleep),
	ALLOW(mprotect),
	ALLOW(getdents),
	ALLOW(fcntl),
};
#endif

enum rd_status rd_proxy_isolate(struct rd_error *err)
{
	const struct rd_isolate_drop drop = {0};
	const struct rd_seccomp_list lists[] = {
		{.rules = rules, .count = RD_ARRAY_LEN(rules)},
#ifdef RD_SANITIZED
		{.rules = sanitizer_rules, .count = RD_ARRAY_LEN(sanitizer_rules)},
#endif
	};
	struct rd_isolate_report report = {0};

	RD_TRY(rd_isolate_drop(&drop, &report, err));
	return rd_seccomp_load(lists, RD_ARRAY_LEN(lists), err);
}
