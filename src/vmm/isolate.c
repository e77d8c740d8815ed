/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation of redoubt-vmm. After the last stage the process has an empty read-only root, no
 * network, no capability, a uid that nobody else has (as root), and the system calls listed here.
 *
 * Each entry has its reason beside it.
 */
#include "isolate.h"

#include "os/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptors: a stream for each vsock connection, those that are being made, and our own. */
#define NOFILE_MAX 2048

/*
 * The connector has its socket and one stream at a time. But the same limit counts the descriptors
 * that are under way to the vmm (unix(7), ETOOMANYREFS): as many as it may ask for at a time, and
 * what the owner's other programs have under way.
 */
#define CONNECTOR_NOFILE_MAX 1024

static const struct rd_seccomp_rule loop_rules[] = {
	/* waiting */
	RD_ALLOW(epoll_wait),
	RD_ALLOW(epoll_pwait),
#ifdef __NR_epoll_pwait2
	RD_ALLOW(epoll_pwait2),
#endif
	RD_ALLOW(epoll_ctl),
	RD_ALLOW(poll),          /* has a reader of the console gone? */
	RD_ALLOW(clock_gettime), /* the vdso falls back to it when the clock is no TSC */
	RD_ALLOW(gettimeofday),  /* the same, libevent's timer cache */
	RD_ALLOW(rt_sigreturn),  /* SIGTERM's handler returns */
	RD_ALLOW(rt_sigprocmask),
	RD_ALLOW(rt_sigaction), /* libevent puts the handlers back at the end */
	RD_ALLOW(restart_syscall),
	/* streams and messages */
	RD_ALLOW(read),
	RD_ALLOW(readv),
	RD_ALLOW(write),
	RD_ALLOW(writev), /* the C library's last words before it aborts */
	RD_ALLOW(recvmsg),
	RD_ALLOW(recvfrom),
	RD_ALLOW(sendmsg),
	RD_ALLOW(sendto),
	RD_ALLOW(accept4),
	RD_ALLOW(shutdown),
	RD_ALLOW(getsockopt), /* SO_PEERCRED of who connects to control.sock */
	RD_ALLOW(close),
	RD_ALLOW(fstat),      /* which file the engine shows us as guest memory */
	RD_ALLOW(newfstatat), /* the same: glibc's fstat */
	RD_ALLOW_IF(
		fcntl, 1, UINT32_MAX, F_GETFL), /* a follower's descriptor becomes non-blocking */
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_SETFL),
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_GETFD), /* sockets of libevent */
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_SETFD),
	/* heap; never executable */
	RD_ALLOW(brk),
	RD_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	RD_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	RD_ALLOW(munmap),
	RD_ALLOW(mremap),
	RD_ALLOW(madvise),
	RD_ALLOW(futex), /* OpenSSL's locks */
	/* keys and nonces */
	RD_ALLOW(getrandom),
	RD_ALLOW(getpid), /* OpenSSL's fork detection */
	/* the engine's end */
	RD_ALLOW(pidfd_send_signal),
	RD_ALLOW(wait4),
	RD_ALLOW(lseek), /* wiping memory: only what was touched */
	RD_ALLOW_IF(fallocate, 1, UINT32_MAX, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
	RD_ALLOW_IF(
		ftruncate, 1, UINT64_MAX, 0), /* the image's memory, once the guest has booted */
	/* ours */
	RD_ALLOW(exit),
	RD_ALLOW(exit_group),
};

/* What a parent's vmm and those of its enclaves do besides. */
static const struct rd_seccomp_rule peer_rules[] = {
	/* streams to each other, and commands' sockets to redoubtd */
	RD_ALLOW_IF(socketpair, 0, UINT32_MAX, 1 /* AF_UNIX */),
	/* an image that comes from the parent: made, written, sealed */
	RD_ALLOW(memfd_create),
	RD_ALLOW_IF(fcntl, 1, UINT32_MAX, F_ADD_SEALS),
};

static const struct rd_seccomp_rule connector_rules[] = {
	RD_ALLOW(recvmsg), /* questions */
	RD_ALLOW_IF(socket, 0, UINT32_MAX, 1 /* AF_UNIX */),
	RD_ALLOW(connect),
	RD_ALLOW(sendmsg), /* answers */
	RD_ALLOW(close),
	RD_ALLOW(exit_group),
};

static enum rd_status load(
	const struct rd_seccomp_rule *rules, size_t count, bool peers, struct rd_error *err)
{
	const struct rd_seccomp_list lists[] = {
		{.rules = rules, .count = count},
		rd_seccomp_sanitizer,
		{.rules = peer_rules, .count = RD_ARRAY_LEN(peer_rules)},
	};

	return rd_seccomp_load(lists, RD_ARRAY_LEN(lists) - (peers ? 0 : 1), err);
}

uid_t rd_vmm_uid(uint64_t cid)
{
	return RD_VMM_UID_BASE + (uid_t)(cid % RD_VMM_UID_CIDS);
}

uid_t rd_vmm_uid_indexed(uint64_t index)
{
	return RD_VMM_UID_INDEXED + (uid_t)(index % RD_VMM_UID_CIDS);
}

enum rd_status rd_vmm_isolate_namespaces(struct rd_isolate_report *report, struct rd_error *err)
{
	const struct rd_isolate_ns ns = {.net = true, .pid = true};

	return rd_isolate_namespaces(&ns, report, err);
}

enum rd_status rd_vmm_isolate_finally(
	uid_t uid, bool peers, struct rd_isolate_report *report, struct rd_error *err)
{
	const struct rd_isolate_root root = {0};
	const struct rd_isolate_drop drop = {.uid = uid, .gid = uid, .nofile_max = NOFILE_MAX};

	RD_TRY(rd_isolate_root(&root, report, err));
	RD_TRY(rd_isolate_drop(&drop, report, err));
	RD_TRY(load(loop_rules, RD_ARRAY_LEN(loop_rules), peers, err));
	report->in_force |= 1u << RD_ISOLATE_SECCOMP;
	return RD_OK;
}

enum rd_status rd_vmm_isolate_connector(uid_t uid, gid_t gid, struct rd_error *err)
{
	const struct rd_isolate_drop drop = {
		.uid = uid, .gid = gid, .nofile_max = CONNECTOR_NOFILE_MAX};
	struct rd_isolate_report report = {0};

	(void)prctl(PR_SET_NAME, "redoubt-connect", 0, 0, 0);
	if (geteuid() == 0 && chroot(".") != 0) {
		return rd_fail_errno(err, errno, "connector: cannot change its root");
	}
	RD_TRY(rd_isolate_drop(&drop, &report, err));
	/* After the ids, which clear it. Should the vmm be gone already, the socket tells. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) {
		return rd_fail_errno(err, errno, "connector: cannot ask for a death signal");
	}
	return load(connector_rules, RD_ARRAY_LEN(connector_rules), false, err);
}

void rd_vmm_isolate_describe(const char *who, const struct rd_isolate_report *report, bool seccomp,
	char *ret_text, size_t cap)
{
	/* A user namespace is a way to the others, not an aim; root does without. */
	uint32_t wanted = (1u << RD_ISOLATE_NAMESPACES) | (1u << RD_ISOLATE_ROOT) |
			  (1u << RD_ISOLATE_IDS) | (1u << RD_ISOLATE_CAPS) |
			  (1u << RD_ISOLATE_LIMITS) | (1u << RD_ISOLATE_NO_NEW_PRIVS);
	char text[256];

	wanted |= seccomp ? 1u << RD_ISOLATE_SECCOMP : 0;
	rd_isolate_describe(report, wanted, text, sizeof(text));
	snprintf(ret_text, cap, "%s isolation: %s", who, text);
}
