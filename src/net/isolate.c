/* SPDX-License-Identifier: Apache-2.0 */
/* Isolation of redoubt-net. Each system call has its reason beside it. */
#include "net/isolate.h"

#include "log/log.h"
#include "net/stack.h"
#include "os/isolate.h"
#include "os/seccomp.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* The sockets of a guest, and our own descriptors. */
#define NOFILE_MAX (RD_NET_SOCKETS_MAX + 16)

static const struct rd_seccomp_rule rules[] = {
	/* waiting */
	RD_ALLOW(poll),
	RD_ALLOW(ppoll),
	RD_ALLOW(clock_gettime),
	RD_ALLOW(gettimeofday),
	RD_ALLOW(rt_sigreturn),
	RD_ALLOW(rt_sigprocmask), /* abort(3), GLib's too */
	RD_ALLOW(restart_syscall),
	/* the guest's connections, and the metadata service's socket */
	RD_ALLOW_IF(socket, 0, UINT32_MAX, AF_INET),
	RD_ALLOW_IF(socket, 0, UINT32_MAX, AF_UNIX),
	RD_ALLOW(connect),
	RD_ALLOW(bind),
	RD_ALLOW(listen),
	RD_ALLOW(accept),
	RD_ALLOW(accept4),
	RD_ALLOW(getsockname),
	RD_ALLOW(getpeername),
	RD_ALLOW(getsockopt),
	RD_ALLOW(setsockopt),
	RD_ALLOW(shutdown),
	RD_ALLOW(read),
	RD_ALLOW(readv),
	RD_ALLOW(write),
	RD_ALLOW(writev),
	RD_ALLOW(recvfrom),
	RD_ALLOW(recvmsg),
	RD_ALLOW(sendto),
	RD_ALLOW(sendmsg),
	RD_ALLOW(ioctl), /* FIONREAD of libslirp */
	RD_ALLOW(fcntl), /* non-blocking, close-on-exec */
	RD_ALLOW(close),
	/* resolv.conf, whenever it has changed */
	RD_ALLOW(openat),
	RD_ALLOW(stat),
	RD_ALLOW(fstat),
	RD_ALLOW(newfstatat),
	RD_ALLOW(lseek),
	/* heap; never executable */
	RD_ALLOW(brk),
	RD_ALLOW_IF(mmap, 2, PROT_EXEC, 0),
	RD_ALLOW_IF(mprotect, 2, PROT_EXEC, 0),
	RD_ALLOW(munmap),
	RD_ALLOW(mremap),
	RD_ALLOW(madvise),
	RD_ALLOW(futex),
	RD_ALLOW(getrandom), /* GLib's hash tables */
	RD_ALLOW(getpid),    /* GLib's warnings, when the metadata service is away */
	/* ours */
	RD_ALLOW(exit),
	RD_ALLOW(exit_group),
};

static enum rd_status make_root(const struct rd_net_settings *settings,
	struct rd_isolate_report *report, struct rd_error *err)
{
	char directory[RD_PATH_MAX];
	struct rd_isolate_bind binds[2] = {{.path = "/etc/resolv.conf", .optional = true}};
	struct rd_isolate_root root = {.binds = binds, .bind_count = 1};

	if (settings->imds[0] != '\0') {
		memcpy(directory, settings->imds, sizeof(directory));
		*strrchr(directory, '/') = '\0';
		if (directory[0] == '\0') {
			return rd_fail(err, RD_USAGE, "the socket %s needs a directory of its own",
				settings->imds);
		}
		binds[root.bind_count++] = (struct rd_isolate_bind){.path = directory};
	}
	return rd_isolate_root(&root, report, err);
}

enum rd_status rd_net_isolate(const struct rd_net_settings *settings, struct rd_error *err)
{
	const struct rd_isolate_ns ns = {.net = false, .pid = false};
	const struct rd_isolate_drop drop = {.uid = settings->has_user ? settings->user : 0,
		.gid = settings->has_user ? settings->user : 0,
		.nofile_max = NOFILE_MAX};
	const struct rd_seccomp_list lists[] = {
		{.rules = rules, .count = RD_ARRAY_LEN(rules)},
		rd_seccomp_sanitizer,
	};
	const uint32_t wanted = (1u << RD_ISOLATE_NAMESPACES) | (1u << RD_ISOLATE_ROOT) |
				(1u << RD_ISOLATE_CAPS) | (1u << RD_ISOLATE_LIMITS) |
				(1u << RD_ISOLATE_NO_NEW_PRIVS) | (1u << RD_ISOLATE_SECCOMP);
	struct rd_isolate_report report = {0};
	char text[256];

	RD_TRY(rd_isolate_namespaces(&ns, &report, err));
	RD_TRY(make_root(settings, &report, err));
	RD_TRY(rd_isolate_drop(&drop, &report, err));
	RD_TRY(rd_seccomp_load(lists, RD_ARRAY_LEN(lists), err));
	report.in_force |= 1u << RD_ISOLATE_SECCOMP;
	rd_isolate_describe(&report, wanted, text, sizeof(text));
	rd_log(RD_LOG_INFO, "isolation: %s", text);
	return RD_OK;
}
