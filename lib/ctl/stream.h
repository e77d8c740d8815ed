/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages over a byte stream: how nitro-cli and nitro-enclaves-allocator in a parent
 * instance speak to the hypervisor (vsock, RD_CID_HYPERVISOR, RD_GUEST_PORT_CONTROL). A message is
 * a u32 LE length and the datagram that it would be on redoubtd's socket. No descriptor travels; in
 * their place
 *
 *	RUN          is followed by a u64 LE size and the EIF's bytes, so many
 *	CONSOLE_FD   is followed by the console's bytes, until the end of the stream
 *	ENCLAVE      is followed by the image's metadata, metadata_size bytes
 *
 * One request for each connection. The reader takes pieces of any size, does no I/O and does not
 * allocate; what it reads was written by a guest.
 */
#ifndef RD_CTL_STREAM_H
#define RD_CTL_STREAM_H

#include "ctl/message.h"

/* The length before a message, and the image's size after RUN. */
#define RD_CTL_STREAM_HEAD  4
#define RD_CTL_STREAM_IMAGE 8
/* RUN with the longest name and path and 64 CPU ids is well below it. */
#define RD_CTL_REQUEST_MAX 4096

enum rd_ctl_request_phase {
	RD_CTL_REQUEST_HEAD,
	RD_CTL_REQUEST_BODY,
	RD_CTL_REQUEST_IMAGE, /* the image's size */
	RD_CTL_REQUEST_WHOLE,
};

struct rd_ctl_request {
	enum rd_ctl_request_phase phase;
	struct rd_ctl_message message; /* when whole; holds no views */
	uint64_t image_size;           /* RUN: what follows; not 0 */
	size_t used;
	size_t want; /* of the piece that is being read */
	uint8_t bytes[RD_CTL_REQUEST_MAX];
};

void rd_ctl_request_init(struct rd_ctl_request *r);

/*
 * Takes bytes from in, up to the end of the request. RD_LIMIT: longer than RD_CTL_REQUEST_MAX;
 * RD_OUT_OF_RANGE: an empty message or image; RD_FORBIDDEN: a message that a parent may not send;
 * else what rd_ctl_decode says. After a refusal the stream is of no more use.
 */
enum rd_status rd_ctl_request_feed(struct rd_ctl_request *r, struct rd_cur *in) RD_MUST_USE;

/* Appends length and message to out. RD_USAGE, RD_NOSPACE as rd_ctl_encode. */
enum rd_status rd_ctl_stream_put(const struct rd_ctl_message *m, struct rd_buf *out) RD_MUST_USE;

#endif
