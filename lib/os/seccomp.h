/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System call allow-lists. A program's isolate.c holds a static table, each entry with the reason
 * beside it; everything else kills the process (SIGSYS), so that a hole is seen and not lived with.
 */
#ifndef RD_OS_SECCOMP_H
#define RD_OS_SECCOMP_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* One argument must satisfy (arg & mask) == value; mask 0 means that there is no such rule. */
struct rd_seccomp_arg {
	unsigned index; /* 0 to 5 */
	uint64_t mask;
	uint64_t value;
};

/* The same number may be listed several times with different arguments: any of them will do. */
struct rd_seccomp_rule {
	int nr; /* __NR_… */
	struct rd_seccomp_arg arg;
};

/* Entries of a table. With RD_ALLOW_IF, argument i must satisfy (argument & m) == v. */
#define RD_ALLOW(name)                                                                             \
	{                                                                                          \
		.nr = __NR_##name                                                                  \
	}
#define RD_ALLOW_IF(name, i, m, v)                                                                 \
	{                                                                                          \
		.nr = __NR_##name, .arg = {.index = (i), .mask = (m), .value = (v) }               \
	}

struct rd_seccomp_list {
	const struct rd_seccomp_rule *rules;
	size_t count;
};

/*
 * What ASan and UBSan need in order to report, and LeakSanitizer at the end: one more list for
 * programs. Empty but in a sanitized build (RD_SANITIZED, from meson).
 */
extern const struct rd_seccomp_list rd_seccomp_sanitizer;

/* What every server with threads, a database and secrets needs; a program adds its own list. */
extern const struct rd_seccomp_list rd_seccomp_server;

/*
 * Loads the union of the lists for this process, all threads. Needs no_new_privs or CAP_SYS_ADMIN.
 * The x32 and i386 ways in are closed too.
 */
enum rd_status rd_seccomp_load(
	const struct rd_seccomp_list *lists, size_t list_count, struct rd_error *err) RD_MUST_USE;

#endif
