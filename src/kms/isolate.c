/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of redoubt-kms: it accepts connections, reads and writes its own files, and starts
 * nothing. Each entry has its reason beside it. A sanitizer's run-time needs more; that list exists
 * only in sanitized builds (RD_SANITIZED).
 */
#include "kms/isolate.h"

#include "log/log.h"
#include "os/isolate.h"
#include "os/seccomp.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Connections (http.c), database files of each thread, the audit log; and room. */
#define NOFILE_MAX 8192

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
	ALLOW(epoll_create1),
	ALLOW(epoll_wait),
	ALLOW(epoll_pwait),
#ifdef __NR_epoll_pwait2
	ALLOW(epoll_pwait2),
#endif
	ALLOW(epoll_ctl),
	ALLOW(eventfd2),
	ALLOW(pipe2),          /* libevent, where it watches for signals */
	ALLOW(timerfd_create), /* libevent's precise timers */
	ALLOW(timerfd_settime),
	ALLOW(poll), /* libpq, and the cache's ear */
	ALLOW(ppoll),
	ALLOW(select),
	ALLOW(pselect6),
	ALLOW(clock_gettime),
	ALLOW(gettimeofday),
	ALLOW(clock_nanosleep),
	ALLOW(nanosleep),
	ALLOW(rt_sigtimedwait), /* main waits for signals */
	ALLOW(rt_sigreturn),
	ALLOW(rt_sigprocmask),
	ALLOW(rt_sigaction),
	ALLOW(restart_syscall),
	/* threads */
	ALLOW(clone), /* never a process: no execve, and no new namespace without capabilities */
	ALLOW(clone3),
	ALLOW(set_robust_list),
	ALLOW(rseq),
	ALLOW(futex),
	ALLOW(sched_yield),
	ALLOW(sched_getaffinity), /* glibc's allocator, how many arenas */
	ALLOW(gettid),
	ALLOW(exit),
	ALLOW(exit_group),
	ALLOW_IF(prctl, 0, UINT32_MAX, PR_SET_NAME),
	/* listening, connections */
	ALLOW(socket),
	ALLOW(setsockopt),
	ALLOW(getsockopt),
	ALLOW(bind),
	ALLOW(listen),
	ALLOW(accept4),
	ALLOW(getsockname),
	ALLOW(getpeername),
	ALLOW(shutdown),
	ALLOW(read),
	ALLOW(readv),
	ALLOW(write),
	ALLOW(writev),
	ALLOW(recvfrom),
	ALLOW(recvmsg),
	ALLOW(sendto),
	ALLOW(sendmsg),
	ALLOW(ioctl), /* FIONREAD of libevent */
	ALLOW(close),
	ALLOW(fcntl), /* SQLite's locks; non-blocking sockets */
	/* files: the database with its journal, the audit log, certificates and roots on SIGHUP */
	ALLOW(open),
	ALLOW(openat),
	ALLOW(stat),
	ALLOW(lstat),
	ALLOW(fstat),
	ALLOW(newfstatat),
	ALLOW(statx),
	ALLOW(fstatfs),
	ALLOW(access),
	ALLOW(faccessat),
	ALLOW(faccessat2),
	ALLOW(lseek),
	ALLOW(pread64),
	ALLOW(pwrite64),
	ALLOW(pwritev),
	ALLOW(ftruncate),
	ALLOW(fallocate),
	ALLOW(fsync),
	ALLOW(fdatasync),
	ALLOW(flock),
	ALLOW(unlink),
	ALLOW(unlinkat),
	ALLOW(rename), /* written beside, then put in place */
	ALLOW(renameat),
	ALLOW(renameat2),
	ALLOW(mkdir),
	ALLOW(mkdirat),
	ALLOW(fchmod),
	ALLOW(fchown), /* SQLite as root: its files keep the owner of the first */
	ALLOW(umask),
	ALLOW(readlink), /* SQLite makes paths canonical */
	ALLOW(readlinkat),
	ALLOW(getcwd),
	ALLOW(getdents64),
	/* who we are: SQLite, and files that must be ours */
	ALLOW(getpid),
	ALLOW(getuid),
	ALLOW(geteuid),
	ALLOW(getgid),
	ALLOW(getegid),
	ALLOW(uname),
	ALLOW(sysinfo),
	/* memory; never executable, and locked for secrets */
	ALLOW(brk),
	ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	ALLOW(munmap),
	ALLOW(mremap),
	ALLOW(madvise),
	ALLOW(mlock),
	ALLOW(mlock2),
	ALLOW(munlock),
	ALLOW(getrandom),
	/* an assertion of ours, or a library's */
	ALLOW(tgkill),
};

static const struct rd_seccomp_rule client_rules[] = {
	ALLOW(connect), ALLOW(sendmmsg), /* name resolution: two questions at once */
};

#ifdef RD_SANITIZED
/* What ASan and UBSan do in order to report, and LeakSanitizer at the end. */
static const struct rd_seccomp_rule sanitizer_rules[] = {
	ALLOW(kill),
	ALLOW(prctl),
	ALLOW(ptrace),
	ALLOW(sigaltstack),
	ALLOW(getrlimit),
	ALLOW(setrlimit),
	ALLOW(prlimit64),
	ALLOW(getppid),
	ALLOW(process_vm_readv),
	ALLOW(getdents),
	ALLOW(dup),
	ALLOW(pipe),
	ALLOW(pipe2),
	ALLOW(wait4),
	ALLOW(mmap),
	ALLOW(mprotect),
};
#endif

enum rd_status kms_isolate(bool clients, struct rd_error *err)
{
	const struct rd_isolate_drop drop = {.nofile_max = NOFILE_MAX};
	const uint32_t wanted = (1u << RD_ISOLATE_CAPS) | (1u << RD_ISOLATE_LIMITS) |
				(1u << RD_ISOLATE_NO_NEW_PRIVS) | (1u << RD_ISOLATE_SECCOMP);
	struct rd_seccomp_list lists[3] = {{.rules = rules, .count = RD_ARRAY_LEN(rules)}};
	struct rd_isolate_report report = {0};
	char text[256];
	size_t n = 1;

	if (clients) {
		lists[n++] = (struct rd_seccomp_list){
			.rules = client_rules, .count = RD_ARRAY_LEN(client_rules)};
	}
#ifdef RD_SANITIZED
	lists[n++] = (struct rd_seccomp_list){
		.rules = sanitizer_rules, .count = RD_ARRAY_LEN(sanitizer_rules)};
#endif
	RD_TRY(rd_isolate_drop(&drop, &report, err));
	RD_TRY(rd_seccomp_load(lists, n, err));
	report.in_force |= 1u << RD_ISOLATE_SECCOMP;
	rd_isolate_describe(&report, wanted, text, sizeof(text));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
