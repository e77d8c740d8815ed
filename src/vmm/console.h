/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial console of a debug-mode enclave: kept in the bounded ring file that redoubtd made, and
 * followed by any number of readers.
 *
 * A follower has a position in the output and no buffer of its own: what it has not taken yet is
 * read from the ring. One that falls further behind than the ring reaches is dropped; none of them
 * ever holds up the guest or the others.
 */
#ifndef RD_VMM_CONSOLE_H
#define RD_VMM_CONSOLE_H

#include "base/bytes.h"
#include "os/loop.h"

/* People who watch one console at a time. */
#define RD_CONSOLE_FOLLOWERS_MAX 8

struct rd_console_follower;

struct rd_console {
	uint8_t *ring; /* NULL: no console */
	struct rd_loop *loop;
	struct rd_console_follower *followers[RD_CONSOLE_FOLLOWERS_MAX];
};

/* Maps the ring file (borrowed) and makes it an empty ring unless it is one. */
enum rd_status rd_console_init(struct rd_console *console, int ring_fd) RD_MUST_USE;
void rd_console_finish(struct rd_console *console);

/* From here on followers can be added. */
void rd_console_attach(struct rd_console *console, struct rd_loop *loop);

void rd_console_write(struct rd_console *console, struct rd_view bytes);

/*
 * Writes what is kept, then what follows, to fd, which it takes over, also on failure. RD_NOTFOUND:
 * this enclave has no console; RD_LIMIT: too many followers, and fd was told so
 * (RD_CTL_CONSOLE_FULL).
 */
enum rd_status rd_console_follow(struct rd_console *console, int take_fd) RD_MUST_USE;

#endif
