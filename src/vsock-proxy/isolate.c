/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation of vsock-proxy. Each system call has its reason beside it. */
#include "vsock-proxy/isolate.h"

#include "os/isolate.h"
#include "os/seccomp.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static const struct rd_seccomp_rule rules[] = {
	/* waiting */
	RD_ALLOW(epoll_wait),
	RD_ALLOW(epoll_pwait),
#ifdef __NR_epoll_pwait2
	RD_ALLOW(epoll_pwait2),
#endif
	RD_ALLOW(epoll_ctl),
	RD_ALLOW(clock_gettime),
	RD_ALLOW(gettimeofday),
	RD_ALLOW(rt_sigreturn),
	RD_ALLOW(rt_sigprocmask),
	RD_ALLOW(rt_sigaction), /* libevent puts the handlers back at the end */
	RD_ALLOW(restart_syscall),
	/* streams and name servers */
	RD_ALLOW_IF(socket, 0, UINT32_MAX, AF_INET),
	RD_ALLOW_IF(socket, 0, UINT32_MAX, AF_INET6),
	RD_ALLOW_IF(socket, 0, UINT32_MAX, AF_UNIX), /* a new enclave's vsock.sock_<port> */
	RD_ALLOW(connect),
	RD_ALLOW(accept4),
	RD_ALLOW(bind),
	RD_ALLOW(listen),
	RD_ALLOW(read),
	RD_ALLOW(write),
	RD_ALLOW(readv), /* libevent's wake-up between handler and loop */
	RD_ALLOW(writev),
	RD_ALLOW(sendto),
	RD_ALLOW(recvfrom),
	RD_ALLOW(shutdown),
	RD_ALLOW(getsockopt),
	RD_ALLOW(setsockopt),
	RD_ALLOW(getsockname),
	RD_ALLOW(close),
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_GETFL),
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_SETFL),
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_GETFD),
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_SETFD),
	/* enclaves that come and go; configuration at SIGHUP */
	RD_ALLOW(openat),
	RD_ALLOW(getdents64),
	RD_ALLOW(fstat),
	RD_ALLOW(newfstatat),
	RD_ALLOW(lseek),
	RD_ALLOW(unlinkat),
	RD_ALLOW(umask),
	RD_ALLOW(geteuid),
	/* heap; never executable */
	RD_ALLOW(brk),
	RD_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	RD_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	RD_ALLOW(munmap),
	RD_ALLOW(mremap),
	RD_ALLOW(madvise),
	RD_ALLOW(futex),
	/* transaction numbers of DNS questions */
	RD_ALLOW(getrandom),
	RD_ALLOW(getpid), /* libevent's random numbers notice a fork */
	/* ours */
	RD_ALLOW(exit),
	RD_ALLOW(exit_group),
};

enum rd_status rd_proxy_isolate(struct rd_error *err)
{
	const struct rd_isolate_drop drop = {0};
	const struct rd_seccomp_list lists[] = {
		{.rules = rules, .count = RD_ARRAY_LEN(rules)},
		rd_seccomp_sanitizer,
	};
	struct rd_isolate_report report = {0};

	RD_TRY(rd_isolate_drop(&drop, &report, err));
	return rd_seccomp_load(lists, RD_ARRAY_LEN(lists), err);
}
