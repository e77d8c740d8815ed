/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where enclaves' connections come from.
 *
 * Instance mode: AF_VSOCK, bound to CID 3, as the original. Local mode: the socket
 * vsock.sock_<port> in the directory of each enclave of this user, also of those that start later
 * (docs/architecture.md, "Directories").
 *
 * Unless told which: local where redoubtd has been (its run/enclaves is there), otherwise instance
 * mode if this machine has CID 3, otherwise local. CID 3 alone says little: virtual machines of
 * other makes have it too.
 */
#ifndef RD_VSOCK_PROXY_LISTEN_H
#define RD_VSOCK_PROXY_LISTEN_H

#include "base/error.h"
#include "os/loop.h"

#include "vsock-proxy/args.h"

#include <stdbool.h>
#include <stdint.h>

/* Enclaves served at once; two descriptors each. A host's memory ends long before. */
#define RD_LISTEN_ENCLAVES_MAX 256

/* Takes the connection. */
typedef void rd_listen_fn(void *arg, int take_fd);

struct rd_listen;

/* Listens where args say. *ret_local: local mode, for the log. */
enum rd_status rd_listen_open(struct rd_loop *loop, const struct rd_proxy_args *args,
	rd_listen_fn *fn, void *arg, struct rd_listen **ret, bool *ret_local, struct rd_error *err)
	RD_MUST_USE;

/* Takes no more connections, and removes the sockets that it made. Accepts NULL. */
void rd_listen_close(struct rd_listen **listen);

#endif
