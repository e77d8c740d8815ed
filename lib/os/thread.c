/* SPDX-License-Identifier: Apache-2.0 */
/* Threads. */
#include "os/thread.h"

#include <signal.h>

enum rd_status rd_thread_start(
	pthread_t *ret, const char *name, void *(*run)(void *), void *arg, struct rd_error *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		return rd_fail_errno(err, rc, "cannot start a thread");
	}
	(void)pthread_setname_np(*ret, name);
	return RD_OK;
}
