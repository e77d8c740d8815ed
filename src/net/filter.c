/* SPDX-License-Identifier: Apache-2.0 */
/* Which frames of a guest pass, and the metadata service's addresses (filter.h). */
#include "net/filter.h"

#include "base/byteorder.h"

#include <string.h>

#define ETHER_SIZE 14
#define TYPE_IPV4  0x0800
#define TYPE_ARP   0x0806
#define IPV4_MIN   20
#define TCP_MIN    20

#define PROTO_ICMP 1
#define PROTO_TCP  6
#define PROTO_UDP  17

#define ARP_REQUEST 1
#define ARP_REPLY   2

#define PORT_DNS         53
#define PORT_DHCP_SERVER 67

#define FLAG_SYN 0x02
#define FLAG_ACK 0x10

/* Where fields are in an IPv4 header. */
#define IP_TTL      8
#define IP_CHECKSUM 10
#define IP_SRC      12
#define IP_DST      16
/* And in a TCP header. */
#define TCP_CHECKSUM 16

/* An IPv4 packet as its headers describe it; offsets are in the frame, and within it. */
struct packet {
	size_t ip;      /* its header */
	size_t payload; /* what follows the header */
	size_t end;
	uint8_t proto;
	bool fragment;
	uint32_t src, dst;
	/* TCP and UDP, not of fragments: 0 otherwise. */
	uint16_t src_port, dst_port;
	/* TCP */
	uint32_t seq, ack;
	uint8_t flags;
	size_t data;
};

uint32_t rd_net_sum(uint32_t sum, struct rd_view bytes)
{
	struct rd_cur c = rd_cur(bytes);
	uint16_t word;
	uint8_t last;

	while (rd_cur_be16(&c, &word) == RD_OK) {
		sum += word;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (rd_cur_u8(&c, &last) == RD_OK) {
		sum += (uint32_t)last << 8;
	}
	return sum;
}

uint16_t rd_net_checksum(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* --- reading --- */

static enum rd_status read_tcp(struct rd_cur *c, struct packet *p)
{
	uint16_t window;
	uint8_t offset;

	RD_TRY(rd_cur_be32(c, &p->seq));
	RD_TRY(rd_cur_be32(c, &p->ack));
	RD_TRY(rd_cur_u8(c, &offset));
	RD_TRY(rd_cur_u8(c, &p->flags));
	RD_TRY(rd_cur_be16(c, &window));
	RD_TRY(rd_cur_skip(c, 4)); /* checksum, urgent pointer */
	offset = (uint8_t)(offset >> 4) * 4;
	RD_ENSURE(offset >= TCP_MIN && offset <= p->end - p->payload, RD_MALFORMED);
	p->data = p->payload + offset;
	return RD_OK;
}

static enum rd_status read_ports(struct rd_view frame, struct packet *p)
{
	struct rd_cur c = rd_cur(rd_view(frame.ptr, p->end));

	if (p->fragment || (p->proto != PROTO_TCP && p->proto != PROTO_UDP)) {
		return RD_OK;
	}
	RD_TRY(rd_cur_skip(&c, p->payload));
	RD_TRY(rd_cur_be16(&c, &p->src_port));
	RD_TRY(rd_cur_be16(&c, &p->dst_port));
	return p->proto == PROTO_TCP ? read_tcp(&c, p) : RD_OK;
}

static enum rd_status read_ipv4(struct rd_view frame, struct packet *p)
{
	struct rd_cur c = rd_cur(frame);
	uint8_t first, tos, ttl;
	uint16_t total, id, fragment, checksum;

	*p = (struct packet){.ip = ETHER_SIZE};
	RD_TRY(rd_cur_skip(&c, ETHER_SIZE));
	RD_TRY(rd_cur_u8(&c, &first));
	RD_TRY(rd_cur_u8(&c, &tos));
	RD_TRY(rd_cur_be16(&c, &total));
	RD_TRY(rd_cur_be16(&c, &id));
	RD_TRY(rd_cur_be16(&c, &fragment));
	RD_TRY(rd_cur_u8(&c, &ttl));
	RD_TRY(rd_cur_u8(&c, &p->proto));
	RD_TRY(rd_cur_be16(&c, &checksum));
	RD_TRY(rd_cur_be32(&c, &p->src));
	RD_TRY(rd_cur_be32(&c, &p->dst));
	RD_ENSURE(first >> 4 == 4 && (first & 0xf) * 4 >= IPV4_MIN, RD_MALFORMED);
	RD_ENSURE(total <= frame.len - ETHER_SIZE && total >= (first & 0xf) * 4, RD_MALFORMED);
	p->payload = p->ip + (size_t)(first & 0xf) * 4;
	p->end = p->ip + total;
	p->fragment = (fragment & 0x3fff) != 0; /* more to come, or not the first */
	return read_ports(frame, p);
}

/* --- rewriting: offsets come from read_ipv4, and are within the frame --- */

/* RFC 1624: a checksum after a 32-bit word under it has changed. */
static void mend(uint8_t *checksum, uint32_t before, uint32_t after)
{
	uint32_t sum = (uint16_t)~rd_get_be16(checksum);

	sum += (uint16_t) ~(before >> 16);
	sum += (uint16_t)~before;
	sum += after >> 16;
	sum += (uint16_t)after;
	rd_put_be16(checksum, rd_net_checksum(sum));
}

/* The address at `field` of the header: the two checksums of TCP packets cover it. */
static void change_address(uint8_t *frame, const struct packet *p, size_t field, uint32_t after)
{
	uint8_t *ip = frame + p->ip;
	uint32_t before = rd_get_be32(ip + field);

	rd_put_be32(ip + field, after);
	mend(ip + IP_CHECKSUM, before, after);
	mend(frame + p->payload + TCP_CHECKSUM, before, after);
}

static void change_ttl(uint8_t *frame, const struct packet *p, uint8_t ttl)
{
	uint8_t *ip = frame + p->ip;
	uint32_t before = rd_get_be16(ip + IP_TTL);

	ip[IP_TTL] = ttl;
	mend(ip + IP_CHECKSUM, before, rd_get_be16(ip + IP_TTL));
}

static bool tcp_is_sound(struct rd_view frame, const struct packet *p)
{
	const size_t len = p->end - p->payload;
	uint32_t sum = (p->src >> 16) + (p->src & 0xffff) + (p->dst >> 16) + (p->dst & 0xffff) +
		       PROTO_TCP + (uint32_t)len;

	return rd_net_checksum(rd_net_sum(sum, rd_view(frame.ptr + p->payload, len))) == 0;
}

/* --- the metadata service --- */

static enum rd_net_verdict to_imds(
	struct rd_net_filter *f, uint8_t *frame, size_t len, const struct packet *p)
{
	struct rd_net_flow *flow = &f->flows[p->src_port];

	if (!f->has_imds || p->proto != PROTO_TCP || p->fragment ||
		p->dst_port != RD_NET_IMDS_PORT || !tcp_is_sound(rd_view(frame, len), p)) {
		return RD_NET_DROP;
	}
	if (flow->state == RD_NET_FLOW_WAITS && p->end > p->data && p->seq == flow->first) {
		flow->state = frame[p->data] == 'G' ? RD_NET_FLOW_FREE : RD_NET_FLOW_LIMITED;
	}
	change_address(frame, p, IP_DST, f->addresses.imds);
	return RD_NET_PASS;
}

void rd_net_to_guest(struct rd_net_filter *f, uint8_t *frame, size_t len)
{
	struct packet p;
	struct rd_net_flow *flow;

	if (len < ETHER_SIZE || rd_get_be16(frame + 12) != TYPE_IPV4 ||
		read_ipv4(rd_view(frame, len), &p) != RD_OK || p.proto != PROTO_TCP || p.fragment ||
		p.src != f->addresses.imds) {
		return;
	}
	flow = &f->flows[p.dst_port];
	if ((p.flags & (FLAG_SYN | FLAG_ACK)) == (FLAG_SYN | FLAG_ACK)) {
		*flow = (struct rd_net_flow){.first = p.ack, .state = RD_NET_FLOW_WAITS};
	} else if (f->hops != 0 && p.end > p.data && flow->state != RD_NET_FLOW_FREE) {
		change_ttl(frame, &p, f->hops);
	}
	change_address(frame, &p, IP_SRC, RD_NET_IMDS_ADDRESS);
}

/* --- what a guest may send --- */

static bool is_link_local(uint32_t a)
{
	return a >> 16 == 0xa9fe;
}

/* "This network", loopback, multicast, reserved and broadcast. */
static bool is_special(uint32_t a)
{
	return a >> 24 == 0 || a >> 24 == 127 || a >= 0xe0000000u;
}

static bool may_ask_subnet(const struct rd_net_filter *f, const struct packet *p)
{
	if (p->fragment) {
		return false;
	}
	if (p->dst == f->addresses.nameserver) {
		return (p->proto == PROTO_UDP || p->proto == PROTO_TCP) && p->dst_port == PORT_DNS;
	}
	if (p->dst != f->addresses.gateway) {
		return false;
	}
	switch (p->proto) {
	case PROTO_ICMP:
		return true;
	case PROTO_TCP:
		/* Connections from the host seem to come from here, and none begin here. */
		return (p->flags & (FLAG_SYN | FLAG_ACK)) != FLAG_SYN;
	default:
		return false;
	}
}

static bool may_ask_world(const struct rd_net_filter *f, const struct packet *p)
{
	if (f->restricted) {
		/* The stack knows no connection that does not begin here. */
		return p->proto == PROTO_TCP && !p->fragment &&
		       (p->flags & (FLAG_SYN | FLAG_ACK)) != FLAG_SYN;
	}
	return p->proto == PROTO_TCP || p->proto == PROTO_UDP || p->proto == PROTO_ICMP;
}

static bool is_dhcp(const struct packet *p)
{
	return p->proto == PROTO_UDP && !p->fragment && p->dst_port == PORT_DHCP_SERVER;
}

static enum rd_net_verdict from_guest_ipv4(struct rd_net_filter *f, uint8_t *frame, size_t len)
{
	const struct rd_net_addresses *a = &f->addresses;
	struct packet p;

	if (read_ipv4(rd_view(frame, len), &p) != RD_OK) {
		return RD_NET_DROP;
	}
	if (is_dhcp(&p) && (p.src == 0 || p.src == a->guest) &&
		(p.dst == UINT32_MAX || p.dst == a->gateway)) {
		return RD_NET_PASS;
	}
	if (p.src != a->guest) {
		return RD_NET_DROP;
	}
	if (p.dst == RD_NET_IMDS_ADDRESS) {
		return to_imds(f, frame, len, &p);
	}
	if (is_link_local(p.dst) || is_special(p.dst)) {
		return RD_NET_DROP;
	}
	if ((p.dst & a->mask) == a->network) {
		return may_ask_subnet(f, &p) ? RD_NET_PASS : RD_NET_DROP;
	}
	return may_ask_world(f, &p) ? RD_NET_PASS : RD_NET_DROP;
}

/* --- ARP --- */

struct arp {
	uint16_t operation;
	uint8_t sender_mac[RD_NET_MAC_SIZE];
	uint32_t sender, target;
};

static enum rd_status read_arp(struct rd_view frame, struct arp *a)
{
	struct rd_cur c = rd_cur(frame);
	uint16_t hardware, protocol, sizes;

	RD_TRY(rd_cur_skip(&c, ETHER_SIZE));
	RD_TRY(rd_cur_be16(&c, &hardware));
	RD_TRY(rd_cur_be16(&c, &protocol));
	RD_TRY(rd_cur_be16(&c, &sizes));
	RD_TRY(rd_cur_be16(&c, &a->operation));
	RD_TRY(rd_cur_copy(&c, a->sender_mac, sizeof(a->sender_mac)));
	RD_TRY(rd_cur_be32(&c, &a->sender));
	RD_TRY(rd_cur_skip(&c, RD_NET_MAC_SIZE));
	RD_TRY(rd_cur_be32(&c, &a->target));
	RD_ENSURE(hardware == 1 && protocol == TYPE_IPV4 && sizes == 0x0604, RD_MALFORMED);
	return RD_OK;
}

/* Some guests look for link-local addresses on the link itself. */
static void answer_arp(const struct rd_net_filter *f, uint8_t answer[RD_NET_ARP_SIZE])
{
	const struct rd_net_addresses *a = &f->addresses;
	static const uint8_t kind[] = {0, 1, 8, 0, 6, 4, 0, ARP_REPLY};

	memcpy(answer, a->guest_mac, RD_NET_MAC_SIZE);
	memcpy(answer + 6, a->gateway_mac, RD_NET_MAC_SIZE);
	rd_put_be16(answer + 12, TYPE_ARP);
	memcpy(answer + 14, kind, sizeof(kind));
	memcpy(answer + 22, a->gateway_mac, RD_NET_MAC_SIZE);
	rd_put_be32(answer + 28, RD_NET_IMDS_ADDRESS);
	memcpy(answer + 32, a->guest_mac, RD_NET_MAC_SIZE);
	rd_put_be32(answer + 38, a->guest);
}

static enum rd_net_verdict from_guest_arp(
	const struct rd_net_filter *f, struct rd_view frame, uint8_t answer[RD_NET_ARP_SIZE])
{
	const struct rd_net_addresses *a = &f->addresses;
	struct arp arp;

	if (read_arp(frame, &arp) != RD_OK ||
		memcmp(arp.sender_mac, a->guest_mac, RD_NET_MAC_SIZE) != 0 ||
		(arp.sender != a->guest && arp.sender != 0)) {
		return RD_NET_DROP;
	}
	if (arp.operation == ARP_REQUEST && arp.target == RD_NET_IMDS_ADDRESS) {
		answer_arp(f, answer);
		return RD_NET_ANSWER;
	}
	if (arp.operation != ARP_REQUEST && arp.operation != ARP_REPLY) {
		return RD_NET_DROP;
	}
	return (arp.target & a->mask) == a->network ? RD_NET_PASS : RD_NET_DROP;
}

static enum rd_net_verdict judge(
	struct rd_net_filter *f, uint8_t *frame, size_t len, uint8_t answer[RD_NET_ARP_SIZE])
{
	if (len < ETHER_SIZE || len > RD_NET_FRAME_MAX ||
		memcmp(frame + RD_NET_MAC_SIZE, f->addresses.guest_mac, RD_NET_MAC_SIZE) != 0) {
		return RD_NET_DROP;
	}
	switch (rd_get_be16(frame + 12)) {
	case TYPE_IPV4:
		return from_guest_ipv4(f, frame, len);
	case TYPE_ARP:
		return from_guest_arp(f, rd_view(frame, len), answer);
	default:
		return RD_NET_DROP;
	}
}

enum rd_net_verdict rd_net_from_guest(
	struct rd_net_filter *f, uint8_t *frame, size_t len, uint8_t answer[RD_NET_ARP_SIZE])
{
	const enum rd_net_verdict verdict = judge(f, frame, len, answer);

	f->dropped += verdict == RD_NET_DROP;
	return verdict;
}
