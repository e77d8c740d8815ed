/* SPDX-License-Identifier: Apache-2.0 */
/* What the vsock test's host offers its guest: ports, the byte pattern, the services behind the
 * ports. */
#ifndef RD_TEST_VSOCK_SERVICES_H
#define RD_TEST_VSOCK_SERVICES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PORT_ECHO    1000u /* gives back what it gets */
#define PORT_SINK    1001u /* after the guest's half-close: u64 bytes received, u64 of them wrong */
#define PORT_SOURCE  1002u /* u64 n from the guest, then n bytes of the pattern and end of file */
#define PORT_REFUSED 1003u /* connection refused */
#define PORT_STUCK   1004u /* accepts and never takes a byte */
#define PORT_LATE    1005u /* an echo that is accepted later */
#define PORT_REPORT  1009u /* lines of text: what happened; "CONNECT", "PASS", "FAIL …" */
#define PORT_GUEST   5000u /* where the guest listens after it said "CONNECT": an echo too */

/* Bytes that the host sends to PORT_GUEST and expects back. */
#define PROBE_BYTES (1024u * 1024)

/* The pattern repeats after a prime number of bytes, which no buffer or packet is a multiple of. */
#define PATTERN_PERIOD 65521u

static inline void pattern_init(uint8_t pattern[2 * PATTERN_PERIOD])
{
	uint32_t x = 1;

	for (unsigned i = 0; i < PATTERN_PERIOD; i++) {
		x = x * 1664525u + 1013904223u;
		pattern[i] = (uint8_t)(x >> 24);
	}
	memcpy(pattern + PATTERN_PERIOD, pattern, PATTERN_PERIOD);
}

/* The n ≤ PATTERN_PERIOD bytes at a stream's position. */
static inline const uint8_t *pattern_at(const uint8_t *pattern, uint64_t position)
{
	return pattern + position % PATTERN_PERIOD;
}

#ifndef RD_TEST_VSOCK_GUEST
#include "machine.h"

struct services {
	struct machine *machine;
	uint8_t pattern[2 * PATTERN_PERIOD];
	struct rd_vsock_conn *late[RD_VSOCK_CONNECTIONS_MAX]; /* to accept at the next turn */
	unsigned late_count;
	bool connect_wanted; /* the guest listens: services_connect */
	bool probe_ok;
	bool passed;
	bool failed;
};

extern const struct rd_vsock_ops services_ops;

void services_turn(struct services *s);
#endif

#endif
