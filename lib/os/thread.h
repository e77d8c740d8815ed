/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a thread of the server: named, and with all signals blocked, which are main's. */
#ifndef RD_OS_THREAD_H
#define RD_OS_THREAD_H

#include "base/error.h"

#include <pthread.h>

/* name: at most 15 bytes, seen in top and in core files of others. */
enum rd_status rd_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *arg,
	struct rd_error *err) RD_MUST_USE;

#endif
