/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Isolation in named stages. A program's own isolate.c says which, and in which order.
 *
 * A host may forbid a stage (no user namespaces for ordinary users, a container's own seccomp
 * filter). Then the stage is reported as not in force, with the reason, and the rest goes on: the
 * caller decides, from the report, whether that is enough. A stage that starts and fails half-way
 * is an error, never a degradation.
 */
#ifndef RD_OS_ISOLATE_H
#define RD_OS_ISOLATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* X(name, "text") in the order in which they are applied. */
#define RD_ISOLATE_STAGES(X)                                                                       \
	X(USER_NS, "user namespace")                                                               \
	X(NAMESPACES, "mount, IPC, UTS, network and cgroup namespaces")                            \
	X(PID_NS, "PID namespace")                                                                 \
	X(ROOT, "private root")                                                                    \
	X(IDS, "own user id")                                                                      \
	X(CAPS, "no capabilities")                                                                 \
	X(LIMITS, "resource limits")                                                               \
	X(NO_NEW_PRIVS, "no new privileges")                                                       \
	X(SECCOMP, "system call allow-list")

enum rd_isolate_stage {
#define X(name, text) RD_ISOLATE_##name,
	RD_ISOLATE_STAGES(X)
#undef X
		RD_ISOLATE_COUNT
};

const char *rd_isolate_stage_name(enum rd_isolate_stage stage);

/* Which stages are in force, and why the others are not. */
struct rd_isolate_report {
	uint32_t in_force;                   /* bit (1 << stage) */
	int refused_errno[RD_ISOLATE_COUNT]; /* why not; 0: not asked for */
};

/* "all" or "without user namespace (Operation not permitted), …" for a log line. */
void rd_isolate_describe(
	const struct rd_isolate_report *report, uint32_t wanted, char *ret_text, size_t cap);

/*
 * Stages USER_NS, NAMESPACES, PID_NS: leave the host's view.
 *
 * Should: have no other thread. An unprivileged caller gets a user namespace first, in which it
 * keeps its own uid (mapped to itself) and has the capabilities that the later stages need.
 * Must not: rely on the PID namespace for itself; only children made after this are in it.
 */
struct rd_isolate_ns {
	bool net;
	bool pid;
};
enum rd_status rd_isolate_namespaces(const struct rd_isolate_ns *how,
	struct rd_isolate_report *report, struct rd_error *err) RD_MUST_USE;

/*
 * A mount namespace of its own in which "/" is a private mount point, also in a chroot, where it is
 * none: for a child that is a container tool, which insists on that. Needs CAP_SYS_ADMIN (RD_DENIED
 * otherwise). Paths, the current directory's too, stay what they are.
 */
enum rd_status rd_isolate_mounts(struct rd_error *err) RD_MUST_USE;

/* One read-only (unless said otherwise) bind mount in the private root. */
struct rd_isolate_bind {
	const char *path; /* where it is now and where it will be */
	bool optional;    /* skip if it is not there */
	bool writable;
	bool device; /* a device node, usable */
};

/*
 * Stage ROOT: a tmpfs as root with nothing but these binds (and, if asked for, /proc of the new
 * PID namespace and a small tmpfs /tmp), then pivot_root; the root itself is read-only.
 *
 * Should: come after NAMESPACES. Without that stage it is refused (EPERM in the report).
 * Must not: be expected to hide descriptors that are open.
 */
struct rd_isolate_root {
	const struct rd_isolate_bind *binds;
	size_t bind_count;
	bool proc;
	bool tmp;
};
enum rd_status rd_isolate_root(const struct rd_isolate_root *how, struct rd_isolate_report *report,
	struct rd_error *err) RD_MUST_USE;

/*
 * Stages IDS, CAPS, LIMITS, NO_NEW_PRIVS: become nobody in particular.
 *
 * Should: come after everything that needs a privilege. uid 0 in `uid` means: keep ours.
 * Must not: leave any capability in any set, a core file (also not in what is executed later), or a
 * way to be traced by the same uid (PR_SET_DUMPABLE 0; executing a program ends that).
 */
struct rd_isolate_drop {
	uid_t uid;
	gid_t gid;
	uint64_t nofile_max; /* 0: leave */
	uint64_t fsize_max;  /* bytes in one file; 0: leave */
};
enum rd_status rd_isolate_drop(const struct rd_isolate_drop *how, struct rd_isolate_report *report,
	struct rd_error *err) RD_MUST_USE;

/* Bounding, ambient, inheritable, permitted and effective sets all empty. Async-signal-unsafe. */
enum rd_status rd_isolate_clear_caps(struct rd_error *err) RD_MUST_USE;

#endif
