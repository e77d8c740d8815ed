/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy as a whole: from parsed arguments to the last connection's end. */
#ifndef RD_VSOCK_PROXY_PROXY_H
#define RD_VSOCK_PROXY_PROXY_H

#include "base/error.h"

#include "vsock-proxy/args.h"

/*
 * Connections at once, of all enclaves: eight times what the vsock device grants one
 * (RD_VSOCK_CONNECTIONS_MAX), two descriptors each. The limit on open files may make it fewer.
 * One more is closed as soon as it is there, so that its client knows.
 */
#define RD_PROXY_CONNECTIONS_MAX 8192

/* After SIGTERM, open connections have this long to end by themselves. */
#define RD_PROXY_GRACE_MS 10000

/* Runs until SIGTERM or SIGINT. Everything that may fail at start-up fails before it listens. */
enum rd_status rd_proxy_run(const struct rd_proxy_args *args, struct rd_error *err) RD_MUST_USE;

#endif
