/* SPDX-License-Identifier: Apache-2.0 */
/* How vsock-proxy isolates itself, and the system calls that are left. */
#ifndef RD_VSOCK_PROXY_ISOLATE_H
#define RD_VSOCK_PROXY_ISOLATE_H

#include "base/error.h"

/*
 * No capability, no new privilege, no core file, no tracing, and an allow-list of system calls.
 * Should: come after everything is open and before the first byte of an enclave or a name server.
 * Must not: be followed by a program's start. The file system and the network stay: enclaves come
 * and go, the files are read again at SIGHUP, and connections are what this program is for.
 */
enum rd_status rd_proxy_isolate(struct rd_error *err) RD_MUST_USE;

#endif
