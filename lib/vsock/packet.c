/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio-vsock packet header, both ways. */
#include "vsock/packet.h"

#include "base/byteorder.h"

static enum rd_status get_cid(struct rd_cur *c, uint32_t *ret)
{
	uint64_t wide;

	RD_TRY(rd_cur_le64(c, &wide));
	RD_ENSURE(wide <= UINT32_MAX, RD_OUT_OF_RANGE);
	*ret = (uint32_t)wide;
	return RD_OK;
}

enum rd_status rd_vsock_header_decode(struct rd_view bytes, struct rd_vsock_header *ret_header)
{
	struct rd_cur c = rd_cur(bytes);
	struct rd_vsock_header h = {0};

	RD_ENSURE(bytes.len >= RD_VSOCK_HEADER_SIZE, RD_TRUNCATED);
	RD_ENSURE(bytes.len == RD_VSOCK_HEADER_SIZE, RD_TRAILING);
	RD_TRY(get_cid(&c, &h.src_cid));
	RD_TRY(get_cid(&c, &h.dst_cid));
	RD_TRY(rd_cur_le32(&c, &h.src_port));
	RD_TRY(rd_cur_le32(&c, &h.dst_port));
	RD_TRY(rd_cur_le32(&c, &h.len));
	RD_TRY(rd_cur_le16(&c, &h.type));
	RD_TRY(rd_cur_le16(&c, &h.op));
	RD_TRY(rd_cur_le32(&c, &h.flags));
	RD_TRY(rd_cur_le32(&c, &h.buf_alloc));
	RD_TRY(rd_cur_le32(&c, &h.fwd_cnt));
	*ret_header = h;
	return RD_OK;
}

void rd_vsock_header_encode(
	const struct rd_vsock_header *header, uint8_t ret_bytes[RD_VSOCK_HEADER_SIZE])
{
	rd_put_le64(ret_bytes, header->src_cid);
	rd_put_le64(ret_bytes + 8, header->dst_cid);
	rd_put_le32(ret_bytes + 16, header->src_port);
	rd_put_le32(ret_bytes + 20, header->dst_port);
	rd_put_le32(ret_bytes + 24, header->len);
	rd_put_le16(ret_bytes + 28, header->type);
	rd_put_le16(ret_bytes + 30, header->op);
	rd_put_le32(ret_bytes + 32, header->flags);
	rd_put_le32(ret_bytes + 36, header->buf_alloc);
	rd_put_le32(ret_bytes + 40, header->fwd_cnt);
}
