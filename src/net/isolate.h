/* SPDX-License-Identifier: Apache-2.0 */
/* What redoubt-net gives up before the guest's first frame. */
#ifndef NET_ISOLATE_H
#define NET_ISOLATE_H

#include "net/settings.h"

/*
 * After it, the process has no file system but the directory of the metadata service's socket and
 * resolv.conf, no capability, and the system calls of isolate.c. It keeps the host's network: its
 * sockets are what it is for.
 */
enum rd_status rd_net_isolate(const struct rd_net_settings *settings, struct rd_error *err)
	RD_MUST_USE;

#endif
