/* SPDX-License-Identifier: Apache-2.0 */
/* Asking redoubtd, as its administrator does: a connection for each request. */
#ifndef RD_REDOUBT_DAEMON_H
#define RD_REDOUBT_DAEMON_H

#include "base/error.h"
#include "ctl/message.h"

/* It answers from memory; what takes longer hangs. */
#define DAEMON_ANSWER_MS 10000

/* The latest answer; its views are into storage. */
struct daemon {
	int sock;
	struct rd_ctl_message answer;
	uint8_t storage[RD_CTL_MESSAGE_MAX];
};

/* The daemon of this user's run directory; RD_NOTFOUND with what to do when none answers. */
enum rd_status daemon_open(struct daemon *d, struct rd_error *err) RD_MUST_USE;
enum rd_status daemon_ask(struct daemon *d, const struct rd_ctl_message *m, struct rd_error *err)
	RD_MUST_USE;
/* The next answer without descriptors; an ERROR becomes its text. */
enum rd_status daemon_answer(struct daemon *d, struct rd_error *err) RD_MUST_USE;
void daemon_close(struct daemon *d);

#endif
