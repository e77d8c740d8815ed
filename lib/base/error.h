/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator reads when something failed: one line naming what, where and what to do.
 *
 * A struct rd_error lives on the caller's stack, is filled where the failure happens and may be
 * wrapped on the way up. What it quotes may be anybody's: control characters become '?', so that it
 * stays one line and does nothing to the terminal. It is untouched on success. Every function
 * taking one accepts NULL.
 */
#ifndef RD_BASE_ERROR_H
#define RD_BASE_ERROR_H

#include "base/status.h"

/* One terminal line with a path in it; longer texts are cut with "...". */
#define RD_ERROR_TEXT_MAX 512

struct rd_error {
	enum rd_status status;
	int os_errno; /* 0 when no system call failed */
	const char *file;
	int line;
	char text[RD_ERROR_TEXT_MAX];
};

/* Fills err and returns st, so that a failure is one statement: return rd_fail(err, RD_LIMIT, "…").
 */
#define rd_fail(err, st, ...) rd_error_set((err), (st), 0, __FILE__, __LINE__, __VA_ARGS__)

/* The same for a failed system call: status and a trailing ": <strerror>" come from os_errno. */
#define rd_fail_errno(err, os_errno, ...)                                                          \
	rd_error_set((err), rd_status_from_errno(os_errno), (os_errno), __FILE__, __LINE__,        \
		__VA_ARGS__)

enum rd_status rd_error_set(struct rd_error *err, enum rd_status st, int os_errno, const char *file,
	int line, const char *fmt, ...) RD_PRINTF(6, 7);

/* The static analyzer does not see that a failure never returns RD_OK: it is told. */
#ifdef __clang_analyzer__
#undef rd_fail
#define rd_fail(err, st, ...)                                                                      \
	((void)rd_error_set((err), (st), 0, __FILE__, __LINE__, __VA_ARGS__), (st))
#undef rd_fail_errno
#define rd_fail_errno(err, os_errno, ...)                                                          \
	((void)rd_error_set((err), RD_IO, (os_errno), __FILE__, __LINE__, __VA_ARGS__), RD_IO)
#endif

/* Puts "<text>: " before what err says. Returns err's status, or st when err is NULL. */
enum rd_status rd_error_wrap(struct rd_error *err, enum rd_status st, const char *fmt, ...)
	RD_PRINTF(3, 4);

#endif
