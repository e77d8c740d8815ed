/* SPDX-License-Identifier: Apache-2.0 */
/* What the examples' programs share: the way to the parent, and whole reads. */
#ifndef EXAMPLES_PARENT_H
#define EXAMPLES_PARENT_H

#include <stdbool.h>
#include <stddef.h>

/* In an enclave: a stream to the parent's port, which the caller closes; -1 with errno set. The
 * parent learns of a new enclave only once it has booted and may not listen yet: while it refuses,
 * ten attempts are made a second. */
int connect_to_parent(unsigned port, int attempts);

/* A stream gives bytes as they come, one read() is not one message: this reads n of them. False
 * with errno set, ECONNRESET when the stream ends early. */
bool read_all(int fd, void *dst, size_t n);

#endif
