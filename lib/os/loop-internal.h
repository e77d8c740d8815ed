/* SPDX-License-Identifier: Apache-2.0 */
/* The libevent base behind a loop, for what else in lib/os stands on libevent. */
#ifndef RD_OS_LOOP_INTERNAL_H
#define RD_OS_LOOP_INTERNAL_H

#include "os/loop.h"

struct event_base;

/* Lives as long as the loop. */
struct event_base *rd_loop_base(struct rd_loop *loop);

#endif
