/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to redoubtd: finding it, starting it when it does not run, one request, its answers.
 *
 * An ordinary user's own daemon comes first, then the system's if its socket is open to them; when
 * neither answers, one of the user's own is started, and goes on after this command. In a parent
 * instance without a daemon of its own it is the hypervisor that is asked (hypervisor_client.h).
 */
#ifndef NITRO_CLI_DAEMON_CLIENT_H
#define NITRO_CLI_DAEMON_CLIENT_H

#include "ctl/message.h"
#include "nitro-cli/errors.h"
#include "os/msg.h"

/* How long a daemon that we start may take until it answers; adoption of enclaves included. */
#define CLI_DAEMON_START_MS 5000
/* Answers that need no enclave to do anything. */
#define CLI_DAEMON_ANSWER_MS 10000
/* Answers that wait for a boot or an end: redoubtd has time-outs of its own for those. */
#define CLI_DAEMON_WAIT_FOREVER (-1)

/* The latest answer; its message's views are into storage. */
struct cli_daemon {
	int sock;
	bool hypervisor; /* sock is a stream to the hypervisor: we are in a parent instance */
	struct rd_ctl_message answer;
	struct rd_msg_fds fds;
	uint8_t storage[RD_CTL_MESSAGE_MAX];
};

/*
 * All three: CLI_E00 for success, or the code of what has been put into err. Close after any of
 * them, also after a failure.
 */
enum cli_code cli_daemon_open(struct cli_daemon *d, struct rd_error *err) RD_MUST_USE;
/* fd (borrowed) goes along; -1: none. */
enum cli_code cli_daemon_ask(struct cli_daemon *d, const struct rd_ctl_message *m, int fd,
	struct rd_error *err) RD_MUST_USE;
/* The next answer; an ERROR becomes its code and text. */
enum cli_code cli_daemon_answer(struct cli_daemon *d, int timeout_ms, struct rd_error *err)
	RD_MUST_USE;

void cli_daemon_close(struct cli_daemon *d);

/*
 * Shows an enclave's console on stdout, with the original's two lines before it. Whole command:
 * prints its own failures. timeout_s 0 with has_timeout: only what is there already.
 */
int cli_console_show(
	const char *enclave_id, const char *name, bool has_timeout, uint64_t timeout_s);

/* --enclave-id and --enclave-name into a request's fields; CLI_E03 for one that cannot be. */
enum cli_code cli_target_set(struct rd_ctl_target *target, const char *enclave_id, const char *name,
	struct rd_error *err) RD_MUST_USE;

#endif
