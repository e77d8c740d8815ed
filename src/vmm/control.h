/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control connection: first fd 3, later whichever redoubtd connects to control.sock. One at a
 * time, the newest; its end changes nothing for the enclave.
 */
#ifndef RD_VMM_CONTROL_H
#define RD_VMM_CONTROL_H

#include "ctl/message.h"
#include "os/loop.h"
#include "os/msg.h"

#include <sys/types.h>

struct rd_control {
	int sock; /* -1: redoubtd is away */
	int listener;
	uid_t daemon_uid; /* nobody else is heard */
	struct rd_loop *loop;
	struct rd_watch *sock_watch, *listener_watch;
	/* Descriptors that it does not steal are closed. */
	void (*received)(void *ctx, const struct rd_ctl_message *message, struct rd_msg_fds *fds);
	void *ctx;
};

#define RD_CONTROL_INIT                                                                            \
	{                                                                                          \
		.sock = -1, .listener = -1                                                         \
	}

/* sock and listener are taken over. */
enum rd_status rd_control_attach(struct rd_control *control, struct rd_loop *loop,
	void (*received)(void *ctx, const struct rd_ctl_message *message, struct rd_msg_fds *fds),
	void *ctx) RD_MUST_USE;

/* RD_CLOSED while redoubtd is away; a redoubtd that does not read is dropped. */
enum rd_status rd_control_send(struct rd_control *control, const struct rd_ctl_message *message)
	RD_MUST_USE;

/* The same with a descriptor (borrowed). */
enum rd_status rd_control_send_fd(
	struct rd_control *control, const struct rd_ctl_message *message, int fd) RD_MUST_USE;

static inline bool rd_control_connected(const struct rd_control *control)
{
	return control->sock >= 0;
}

void rd_control_finish(struct rd_control *control);

/* One message from redoubtd, waited for at most timeout_ms; for LAUNCH and PARENT. */
enum rd_status rd_control_receive(int sock, int timeout_ms, struct rd_ctl_message *ret,
	struct rd_msg_fds *ret_fds, struct rd_error *err) RD_MUST_USE;

#endif
