/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redoubtd, as a client: instances of redoubt-ec2's are its VMs (ctl/message.h, INSTANCE_…).
 *
 * One connection for each question, so that no two wait for each other; watch.c keeps one open.
 */
#ifndef EC2_HOST_H
#define EC2_HOST_H

#include "base/error.h"
#include "ctl/codes.h"
#include "ctl/message.h"
#include "os/msg.h"

/* Why redoubtd refused. */
struct ec2_refusal {
	uint64_t code; /* RD_I_…; 0: it could not be asked */
	char text[RD_CTL_TEXT_MAX + 1];
};

/* INSTANCE and CONSOLE_FD, as they come. */
typedef enum rd_status ec2_host_fn(
	void *arg, const struct rd_ctl_message *m, struct rd_msg_fds *fds);

struct ec2_host {
	void *ctx;
	/*
	 * Sends m, with a descriptor unless it is -1 (borrowed), and hands what comes to each (may
	 * be NULL) until DONE or the answer of that question. RD_UNAVAILABLE: redoubtd is not
	 * there, or went away; RD_FORBIDDEN: it refused. In both cases *ret_why says why.
	 */
	enum rd_status (*ask)(void *ctx, const struct rd_ctl_message *m, int fd, ec2_host_fn *each,
		void *arg, struct ec2_refusal *ret_why);
};

struct ec2_host_client;

/* path: redoubtd's socket. */
enum rd_status ec2_host_new(const char *path, struct ec2_host_client **ret, struct rd_error *err)
	RD_MUST_USE;
void ec2_host_free(struct ec2_host_client **client);
const struct ec2_host *ec2_host_of(struct ec2_host_client *client);

/* A connection for INSTANCE_WATCH, which was sent. RD_UNAVAILABLE. */
enum rd_status ec2_host_watch(const char *path, int *ret_sock, struct rd_error *err) RD_MUST_USE;
/* The next message; RD_TIMEOUT when none came in time, RD_CLOSED at the end, or what is wrong. */
enum rd_status ec2_host_next(int sock, int timeout_ms, struct rd_ctl_message *ret) RD_MUST_USE;

/* STOP, REBOOT and TERMINATE. */
enum rd_status ec2_host_target(const struct ec2_host *host, enum rd_ctl_type type, const char *id,
	bool hard, struct ec2_refusal *ret_why) RD_MUST_USE;

#endif
