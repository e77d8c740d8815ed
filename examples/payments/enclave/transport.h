/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways in and out of the enclave: vsock, or Unix sockets where the same program runs as an
 * ordinary process. Descriptors are non-blocking and close-on-exec.
 */
#ifndef ENCLAVE_TRANSPORT_H
#define ENCLAVE_TRANSPORT_H

#include "base/error.h"

#include <stdint.h>

/* The parent, as an enclave sees it. */
#define TRANSPORT_PARENT_CID 3

struct transport {
	const char *unix_path; /* NULL: vsock */
	uint32_t port;         /* of vsock: one's own to listen at, the parent's to connect to */
};

/* A socket that listens. An old Unix socket at the path is replaced. */
enum rd_status transport_listen(const struct transport *at, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;
/* One connection; RD_AGAIN when there is none. */
enum rd_status transport_accept(int listener, int *ret_fd) RD_MUST_USE;
/* A socket that is connected, or becomes so: it is writable then, and transport_outcome tells. */
enum rd_status transport_connect(const struct transport *to, int *ret_fd, struct rd_error *err)
	RD_MUST_USE;
/* 0, or the errno of why there is no connection. */
int transport_outcome(int fd);

#endif
