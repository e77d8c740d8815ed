/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What passes between a guest and its network stack, frame by frame. Pure code: no I/O, no clock.
 *
 * The stack (libslirp) opens ordinary sockets of the host for whatever the guest sends, so this is
 * where it is decided what a guest may send at all:
 *
 *	frames of its own MAC and IPv4 address only; ARP and IPv4, no IPv6
 *	to the subnet: DHCP, DNS to the resolver's port, answers to forwarded connections
 *	to the instance metadata service, 169.254.169.254 port 80: redirected, see below
 *	to other link-local, loopback, multicast or reserved addresses: nothing
 *	to everywhere else: TCP, UDP and ICMP; of a restricted guest, only what can belong to a TCP
 *	connection that came from there
 *
 * The stack cannot serve an address outside its subnet, so packets for the metadata service go to
 * `imds`, an address that the guest cannot reach by itself, and come back from there; addresses and
 * checksums are rewritten on the way.
 *
 * Hop limit: what the metadata service answers to a PUT must not travel further than that many
 * hops, because a token that was asked for from behind a proxy or a container's bridge shall not
 * arrive. The limit is for these answers alone. For each connection it is noted whether its first
 * byte is that of a GET; whatever else, or nothing yet, is answered with the limit. What the note
 * relies on, the stack itself has said (its SYN+ACK), or is a segment with a right checksum.
 */
#ifndef NET_FILTER_H
#define NET_FILTER_H

#include "base/bytes.h"

#define RD_NET_MAC_SIZE 6
/* Ethernet header and an MTU of 1,500; the guest's card has no offloads that make more. */
#define RD_NET_FRAME_MAX 1514
#define RD_NET_ARP_SIZE  42

/* 169.254.169.254 */
#define RD_NET_IMDS_ADDRESS 0xa9fea9feu
#define RD_NET_IMDS_PORT    80

/* IPv4 addresses as numbers of the host. */
struct rd_net_addresses {
	uint8_t guest_mac[RD_NET_MAC_SIZE];
	uint8_t gateway_mac[RD_NET_MAC_SIZE]; /* what the stack calls itself */
	uint32_t network, mask;
	uint32_t guest, gateway, nameserver;
	uint32_t imds; /* within the subnet: where the stack serves the metadata service */
};

enum rd_net_flow_state { RD_NET_FLOW_LIMITED, RD_NET_FLOW_WAITS, RD_NET_FLOW_FREE };

/* A connection to the metadata service, by the guest's port. */
struct rd_net_flow {
	uint32_t first; /* number of the first byte */
	uint8_t state;
};

#define RD_NET_FLOWS 65536

struct rd_net_filter {
	struct rd_net_addresses addresses;
	bool has_imds;             /* there is a metadata service */
	bool restricted;           /* nothing to the world but answers to connections from there */
	uint8_t hops;              /* 0: no limit */
	struct rd_net_flow *flows; /* RD_NET_FLOWS of them, zeroed; the caller's */
	uint64_t dropped;
};

enum rd_net_verdict {
	RD_NET_DROP,
	RD_NET_PASS,   /* to the stack, perhaps rewritten */
	RD_NET_ANSWER, /* `answer` goes back to the guest */
};

/* frame: a copy that nobody else changes, which may be rewritten. */
enum rd_net_verdict rd_net_from_guest(
	struct rd_net_filter *filter, uint8_t *frame, size_t len, uint8_t answer[RD_NET_ARP_SIZE]);

/* From the stack, in place. */
void rd_net_to_guest(struct rd_net_filter *filter, uint8_t *frame, size_t len);

/* The internet checksum of these bytes, continued from sum (0 at first). Not complemented. */
uint32_t rd_net_sum(uint32_t sum, struct rd_view bytes);
/* Folded and complemented. */
uint16_t rd_net_checksum(uint32_t sum);

#endif
