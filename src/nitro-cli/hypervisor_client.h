/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the hypervisor from inside a parent instance: vsock, CID 0, a port of its own, and the
 * byte stream of ctl/stream.h in the place of redoubtd's socket.
 */
#ifndef NITRO_CLI_HYPERVISOR_CLIENT_H
#define NITRO_CLI_HYPERVISOR_CLIENT_H

#include "base/error.h"
#include "ctl/message.h"

/* Whether this machine is a parent instance of Redoubt's: its vsock address and its firmware say
 * so. */
bool cli_hypervisor_here(void);

/*
 * From a privileged port, which is what the hypervisor answers: RD_DENIED when this user may not
 * have one; RD_CLOSED when nobody answers (the instance may have no enclaves).
 */
enum rd_status cli_hypervisor_connect(int *ret_sock, struct rd_error *err) RD_MUST_USE;

/* The request, and for RUN the image (borrowed; -1: none) behind it. */
enum rd_status cli_hypervisor_send(int sock, const struct rd_ctl_message *m, int image) RD_MUST_USE;

/*
 * The next message's datagram into storage (RD_CTL_MESSAGE_MAX bytes). RD_TIMEOUT, RD_CLOSED,
 * RD_LIMIT for one that is too long. timeout_ms < 0: none.
 */
enum rd_status cli_hypervisor_receive(int sock, int timeout_ms, uint8_t *storage, size_t *ret_len)
	RD_MUST_USE;

/* What follows a message, so many bytes, into a memory file: the caller's. */
enum rd_status cli_hypervisor_receive_file(int sock, int timeout_ms, uint64_t size, int *ret_fd)
	RD_MUST_USE;

#endif
