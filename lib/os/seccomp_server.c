/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server with threads, a database and secrets needs: it accepts connections, reads and
 * writes its own files, and starts nothing. Each entry has its reason beside it.
 */
#include "os/seccomp.h"

#include <sys/mman.h>
#include <sys/prctl.h>

static const struct rd_seccomp_rule server_rules[] = {
	/* waiting */
	RD_ALLOW(epoll_create1),
	RD_ALLOW(epoll_wait),
	RD_ALLOW(epoll_pwait),
#ifdef __NR_epoll_pwait2
	RD_ALLOW(epoll_pwait2),
#endif
	RD_ALLOW(epoll_ctl),
	RD_ALLOW(eventfd2),
	RD_ALLOW(pipe2),          /* libevent, where it watches for signals */
	RD_ALLOW(timerfd_create), /* libevent's precise timers */
	RD_ALLOW(timerfd_settime),
	RD_ALLOW(poll), /* libpq, libcurl, what waits for a single descriptor */
	RD_ALLOW(ppoll),
	RD_ALLOW(select),
	RD_ALLOW(pselect6),
	RD_ALLOW(clock_gettime),
	RD_ALLOW(gettimeofday),
	RD_ALLOW(clock_nanosleep),
	RD_ALLOW(nanosleep),
	RD_ALLOW(rt_sigtimedwait), /* main waits for signals */
	RD_ALLOW(rt_sigreturn),
	RD_ALLOW(rt_sigprocmask),
	RD_ALLOW(rt_sigaction),
	RD_ALLOW(restart_syscall),
	/* threads */
	RD_ALLOW(clone), /* never a process: no execve, and no new namespace without capabilities */
	RD_ALLOW(clone3),
	RD_ALLOW(set_robust_list),
	RD_ALLOW(rseq),
	RD_ALLOW(futex),
	RD_ALLOW(sched_yield),
	RD_ALLOW(sched_getaffinity), /* glibc's allocator, how many arenas */
	RD_ALLOW(gettid),
	RD_ALLOW(exit),
	RD_ALLOW(exit_group),
	RD_ALLOW_IF(prctl, 0, UINT32_MAX, PR_SET_NAME),
	/* listening, connections */
	RD_ALLOW(socket),
	RD_ALLOW(setsockopt),
	RD_ALLOW(getsockopt),
	RD_ALLOW(bind),
	RD_ALLOW(listen),
	RD_ALLOW(accept4),
	RD_ALLOW(getsockname),
	RD_ALLOW(getpeername),
	RD_ALLOW(shutdown),
	RD_ALLOW(read),
	RD_ALLOW(readv),
	RD_ALLOW(write),
	RD_ALLOW(writev),
	RD_ALLOW(recvfrom),
	RD_ALLOW(recvmsg),
	RD_ALLOW(sendto),
	RD_ALLOW(sendmsg),
	RD_ALLOW(close),
	RD_ALLOW(fcntl), /* SQLite's locks; non-blocking sockets */
	/* files: the database with its journal, a log, images, certificates on SIGHUP */
	RD_ALLOW(open),
	RD_ALLOW(openat),
	RD_ALLOW(stat),
	RD_ALLOW(lstat),
	RD_ALLOW(fstat),
	RD_ALLOW(newfstatat),
	RD_ALLOW(statx),
	RD_ALLOW(fstatfs),
	RD_ALLOW(access),
	RD_ALLOW(faccessat),
	RD_ALLOW(faccessat2),
	RD_ALLOW(lseek),
	RD_ALLOW(pread64),
	RD_ALLOW(pwrite64),
	RD_ALLOW(pwritev),
	RD_ALLOW(ftruncate),
	RD_ALLOW(fallocate),
	RD_ALLOW(fsync),
	RD_ALLOW(fdatasync),
	RD_ALLOW(flock),
	RD_ALLOW(unlink),
	RD_ALLOW(unlinkat),
	RD_ALLOW(rename), /* written beside, then put in place */
	RD_ALLOW(renameat),
	RD_ALLOW(renameat2),
	RD_ALLOW(mkdir),
	RD_ALLOW(mkdirat),
	RD_ALLOW(fchmod),
	RD_ALLOW(fchown), /* SQLite as root: its files keep the owner of the first */
	RD_ALLOW(umask),
	RD_ALLOW(readlink), /* SQLite makes paths canonical */
	RD_ALLOW(readlinkat),
	RD_ALLOW(getcwd),
	RD_ALLOW(getdents64),
	/* who we are: SQLite, and files that must be ours */
	RD_ALLOW(getpid),
	RD_ALLOW(getuid),
	RD_ALLOW(geteuid),
	RD_ALLOW(getgid),
	RD_ALLOW(getegid),
	RD_ALLOW(uname),
	RD_ALLOW(sysinfo),
	/* memory; never executable, and locked for secrets */
	RD_ALLOW(brk),
	RD_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	RD_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	RD_ALLOW(munmap),
	RD_ALLOW(mremap),
	RD_ALLOW(madvise),
	RD_ALLOW(mlock),
	RD_ALLOW(mlock2),
	RD_ALLOW(munlock),
	RD_ALLOW(getrandom),
	/* an assertion of ours, or a library's */
	RD_ALLOW(tgkill),
};

const struct rd_seccomp_list rd_seccomp_server = {
	.rules = server_rules, .count = RD_ARRAY_LEN(server_rules)};
