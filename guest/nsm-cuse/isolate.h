/* SPDX-License-Identifier: Apache-2.0 */
/* What nsm-cuse gives up once its device is there. */
#ifndef RD_GUEST_ISOLATE_H
#define RD_GUEST_ISOLATE_H

#include "base/error.h"

/*
 * Afterwards: user and group nobody, no capabilities, no new privileges, not traceable by its user,
 * and only the system calls of its loop, sockets of AF_VSOCK alone. Any other call kills the
 * process.
 */
enum rd_status isolate(struct rd_error *err) RD_MUST_USE;

#endif
