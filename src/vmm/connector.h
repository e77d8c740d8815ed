/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connector: a fork of this process, made before isolation, that opens vsock.sock_<port> in the
 * enclave's directory as the enclave's owner, and passes the descriptor back. It is all that is
 * left of the file system for an isolated vmm, and it can do nothing else.
 */
#ifndef RD_VMM_CONNECTOR_H
#define RD_VMM_CONNECTOR_H

#include "base/error.h"
#include "os/loop.h"

#include <sys/types.h>

struct rd_connector {
	int sock;
	pid_t pid;
	struct rd_watch *watch;
	void (*connected)(void *ctx, uint32_t id, enum rd_status st, int take_fd);
	void *ctx;
};

#define RD_CONNECTOR_INIT                                                                          \
	{                                                                                          \
		.sock = -1, .pid = -1                                                              \
	}

/* Forks. dir_fd: the enclave's directory. As root the child becomes uid:gid. */
enum rd_status rd_connector_start(struct rd_connector *connector, int dir_fd, uid_t uid, gid_t gid,
	struct rd_error *err) RD_MUST_USE;

/* Answers come to `connected`: id as given, RD_OK with a connected stream to take over, or why not.
 */
enum rd_status rd_connector_attach(struct rd_connector *connector, struct rd_loop *loop,
	void (*connected)(void *ctx, uint32_t id, enum rd_status st, int take_fd), void *ctx)
	RD_MUST_USE;

/* RD_AGAIN: too many questions are open; RD_CLOSED: it has died. */
enum rd_status rd_connector_ask(struct rd_connector *connector, uint32_t id, uint32_t port)
	RD_MUST_USE;

/* It ends when its socket closes. */
void rd_connector_finish(struct rd_connector *connector);

#endif
