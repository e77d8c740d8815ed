/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server does around its work: it keeps a second one out of its files, gives up what it does
 * not need, and waits for signals.
 */
#ifndef RD_OS_SERVER_H
#define RD_OS_SERVER_H

#include "base/error.h"
#include "os/seccomp.h"

#include <signal.h>

/*
 * Opens the file at path, below dir_fd or AT_FDCWD, and holds it locked as long as *ret_fd is open;
 * the kernel lets it go however the process dies. The file has the process's number, and a newline,
 * for who wants to end it. RD_EXISTS: somebody else holds it; err then has the path alone, and the
 * caller says who.
 */
enum rd_status rd_server_lock(int dir_fd, const char *path, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;

/* "all" or what is not in force, with the reason. */
#define RD_SERVER_ISOLATION_MAX 256

/*
 * No capabilities, limits, no new privileges, and rd_seccomp_server with the program's own list,
 * which may be empty. Before there is a second thread.
 */
enum rd_status rd_server_isolate(uint64_t nofile_max, struct rd_seccomp_list own,
	char ret_text[RD_SERVER_ISOLATION_MAX], struct rd_error *err) RD_MUST_USE;

/* SIGTERM, SIGINT and SIGHUP wait for rd_server_wait, in threads that are made from now on, too. */
void rd_server_hold_signals(sigset_t *ret_signals);
/* Until SIGTERM or SIGINT; reload is called for each SIGHUP. */
void rd_server_wait(const sigset_t *signals, void (*reload)(void *arg), void *arg);

#endif
