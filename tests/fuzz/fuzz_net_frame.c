/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames between a hostile guest and its network stack: QEMU's stream is cut into frames, each is
 * judged, and whatever passes must be allowed to.
 *
 * Input: 1 byte of mode (bit 0: restricted, 1: no metadata service, 2: the stream comes from the
 * stack, 3: source MAC and, 4: source address are put right), then the stream.
 */
#include "base/byteorder.h"
#include "net/link.h"
#include "net/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GUEST   0xac1f1005u
#define GATEWAY 0xac1f1001u

struct harness {
	struct rd_net_filter filter;
	uint8_t mode;
};

static const struct rd_net_addresses addresses = {
	.guest_mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56},
	.gateway_mac = {0x52, 0x55, 0xac, 0x1f, 0x10, 0x01},
	.network = 0xac1f1000u,
	.mask = 0xfffff000u,
	.guest = GUEST,
	.gateway = GATEWAY,
	.nameserver = 0xac1f1002u,
	.imds = 0xac1f1003u,
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* The rules once more, on what has passed. */
static void check_passed(const struct harness *h, const uint8_t *frame, size_t len)
{
	uint32_t src, dst;

	require(memcmp(frame + 6, addresses.guest_mac, RD_NET_MAC_SIZE) == 0);
	if (rd_get_be16(frame + 12) == 0x0806) {
		require(len >= RD_NET_ARP_SIZE);
		return;
	}
	require(rd_get_be16(frame + 12) == 0x0800 && len >= 34);
	src = rd_get_be32(frame + 26);
	dst = rd_get_be32(frame + 30);
	require(src == GUEST || (src == 0 && (dst == UINT32_MAX || dst == GATEWAY)));
	require(dst >> 24 != 127 && dst >> 24 != 0 && dst >> 16 != 0xa9fe);
	require(dst < 0xe0000000u || dst == UINT32_MAX);
	if ((dst & addresses.mask) == addresses.network) {
		require(dst == GATEWAY || dst == addresses.nameserver ||
			(dst == addresses.imds && h->filter.has_imds));
	}
}

static void on_frame(void *arg, uint8_t *frame, size_t len)
{
	struct harness *h = arg;
	uint8_t answer[RD_NET_ARP_SIZE] = {0};

	if ((h->mode & 8) != 0 && len >= 12) {
		memcpy(frame + 6, addresses.guest_mac, RD_NET_MAC_SIZE);
	}
	if ((h->mode & 16) != 0 && len >= 34) {
		rd_put_be32(frame + 26, (h->mode & 4) != 0 ? addresses.imds : GUEST);
	}
	if ((h->mode & 4) != 0) {
		rd_net_to_guest(&h->filter, frame, len);
		return;
	}
	switch (rd_net_from_guest(&h->filter, frame, len, answer)) {
	case RD_NET_PASS:
		check_passed(h, frame, len);
		break;
	case RD_NET_ANSWER:
		require(memcmp(answer, addresses.guest_mac, RD_NET_MAC_SIZE) == 0);
		break;
	case RD_NET_DROP:
	default:
		break;
	}
}

static void run(struct harness *h, struct rd_net_link *link, struct rd_cur in)
{
	size_t n;

	while (in.left > 0) {
		n = in.left < sizeof(link->in) - link->in_used ? in.left
							       : sizeof(link->in) - link->in_used;
		if (n == 0 || rd_cur_copy(&in, link->in + link->in_used, n) != RD_OK) {
			abort(); /* a full buffer without a whole frame */
		}
		link->in_used += n;
		if (rd_net_link_take(link, on_frame, h) != RD_OK) {
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct harness h = {.filter = {.addresses = addresses, .hops = 1}};
	struct rd_net_link *link = calloc(1, sizeof(*link));
	struct rd_cur in = rd_cur(rd_view(data, size));

	h.filter.flows = calloc(RD_NET_FLOWS, sizeof(*h.filter.flows));
	if (link != NULL && h.filter.flows != NULL && rd_cur_u8(&in, &h.mode) == RD_OK) {
		h.filter.restricted = (h.mode & 1) != 0;
		h.filter.has_imds = (h.mode & 2) == 0;
		run(&h, link, in);
	}
	free(h.filter.flows);
	free(link);
	return 0;
}
