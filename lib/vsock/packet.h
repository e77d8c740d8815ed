/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-vsock packet header (virtio 1.2, section 5.10.6): 44 bytes, little-endian. */
#ifndef RD_VSOCK_PACKET_H
#define RD_VSOCK_PACKET_H

#include "base/bytes.h"

#include <stdint.h>

#define RD_VSOCK_HEADER_SIZE 44

enum rd_vsock_type {
	RD_VSOCK_TYPE_STREAM = 1,
	RD_VSOCK_TYPE_SEQPACKET = 2, /* not offered; named so that a refusal can say so */
};

enum rd_vsock_op {
	RD_VSOCK_OP_INVALID = 0,
	RD_VSOCK_OP_REQUEST = 1,
	RD_VSOCK_OP_RESPONSE = 2,
	RD_VSOCK_OP_RST = 3,
	RD_VSOCK_OP_SHUTDOWN = 4,
	RD_VSOCK_OP_RW = 5,
	RD_VSOCK_OP_CREDIT_UPDATE = 6,
	RD_VSOCK_OP_CREDIT_REQUEST = 7,
};

/* Flags of RD_VSOCK_OP_SHUTDOWN: what the sender of the packet will no longer do. */
#define RD_VSOCK_SHUT_RECEIVE 1u
#define RD_VSOCK_SHUT_SEND    2u
#define RD_VSOCK_SHUT_BOTH    3u

struct rd_vsock_header {
	uint32_t src_cid; /* 64 bits on the wire, the upper 32 reserved and zero */
	uint32_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len; /* bytes of payload after the header */
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc; /* the sender's receive buffer for this connection */
	uint32_t fwd_cnt;   /* bytes that the sender has taken out of it, modulo 2^32 */
};

/*
 * RD_TRUNCATED: not RD_VSOCK_HEADER_SIZE bytes. RD_OUT_OF_RANGE: a CID with reserved bits. Type, op
 * and length are the caller's to judge: what to do about them depends on the connection.
 */
enum rd_status rd_vsock_header_decode(struct rd_view bytes, struct rd_vsock_header *ret_header)
	RD_MUST_USE;

void rd_vsock_header_encode(
	const struct rd_vsock_header *header, uint8_t ret_bytes[RD_VSOCK_HEADER_SIZE]);

#endif
