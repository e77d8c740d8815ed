/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guest's init and the hypervisor say to each other over vsock, and where.
 *
 * The end report is the last thing that init sends before it resets the machine: one message on a
 * stream to (RD_CID_HYPERVISOR, RD_GUEST_PORT_EXIT), after which init closes the stream.
 *
 *	u32 LE  kind, enum rd_guest_end_kind
 *	u32 LE  value: exit code, signal number, or errno (0 when there is none)
 *	u16 LE  length of the text, at most RD_GUEST_END_TEXT_MAX
 *	…       text, UTF-8 without control characters: why, for the operator
 */
#ifndef RD_VSOCK_GUEST_H
#define RD_VSOCK_GUEST_H

#include "base/bytes.h"

#define RD_CID_HYPERVISOR 0u
#define RD_CID_PARENT     3u

#define RD_GUEST_PORT_HEARTBEAT 9000u       /* at RD_CID_PARENT, answered by the vmm */
#define RD_GUEST_PORT_NSM       0x4e534du   /* "NSM", at RD_CID_HYPERVISOR: nsm/frame.h */
#define RD_GUEST_PORT_EXIT      0x45584954u /* "EXIT", at RD_CID_HYPERVISOR */
#define RD_GUEST_PORT_CONTROL                                                                      \
	0x4e434c49u /* "NCLI", at RD_CID_HYPERVISOR of a parent: ctl/stream.h */

/*
 * The control port answers only those who come from such a port: in Linux a program needs
 * CAP_NET_BIND_SERVICE for one, so that not every user of a parent may end its enclaves.
 */
#define RD_GUEST_PORT_PRIVILEGED_MAX 1023u

#define RD_GUEST_HEARTBEAT 0xb7 /* sent by init, echoed */

#define RD_GUEST_END_TEXT_MAX 256 /* one terminal line */
#define RD_GUEST_END_HEAD     10  /* kind, value, length */
#define RD_GUEST_END_MAX      (RD_GUEST_END_HEAD + RD_GUEST_END_TEXT_MAX)

enum rd_guest_end_kind {
	RD_GUEST_EXITED,      /* the application exited; value is its exit code, 0..255 */
	RD_GUEST_SIGNALLED,   /* a signal ended it; value is the signal, 1..64 */
	RD_GUEST_INIT_FAILED, /* init gave up, the application never ran; value is errno or 0 */
	RD_GUEST_END_KIND_COUNT
};

struct rd_guest_end {
	enum rd_guest_end_kind kind;
	uint32_t value;
	char text[RD_GUEST_END_TEXT_MAX + 1]; /* NUL-terminated; may be empty */
};

/*
 * Appends the report. The text is cut at RD_GUEST_END_TEXT_MAX, on a character's border, and bytes
 * that are no printable UTF-8 become '?', so that what we send, our decoder takes.
 */
enum rd_status rd_guest_end_encode(const struct rd_guest_end *end, struct rd_buf *out) RD_MUST_USE;

/*
 * in is the whole message. RD_OUT_OF_RANGE for an unknown kind or a value outside its range,
 * RD_LIMIT for a text too long, RD_FORBIDDEN for a text with invalid UTF-8 or control characters
 * (the operator's terminal reads it), RD_TRUNCATED and RD_TRAILING for a wrong size.
 */
enum rd_status rd_guest_end_decode(struct rd_view in, struct rd_guest_end *ret_end) RD_MUST_USE;

#endif
