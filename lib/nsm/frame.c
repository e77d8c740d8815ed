/* SPDX-License-Identifier: Apache-2.0 */
/* Length-prefixed NSM messages on a byte stream. */
#include "nsm/frame.h"

#include "base/byteorder.h"

void rd_nsm_frame_init(struct rd_nsm_frame_reader *r, void *storage, size_t max)
{
	*r = (struct rd_nsm_frame_reader){.storage = storage, .max = max};
}

static bool is_whole(const struct rd_nsm_frame_reader *r)
{
	return r->head_used == RD_NSM_FRAME_HEAD && r->used == r->want;
}

bool rd_nsm_frame_idle(const struct rd_nsm_frame_reader *r)
{
	return r->head_used == 0 || is_whole(r);
}

/* Moves what is there, at most n bytes. */
static enum rd_status move(struct rd_cur *in, uint8_t *dst, size_t *used, size_t n)
{
	size_t have = in->left < n ? in->left : n;

	RD_TRY(rd_cur_copy(in, dst + *used, have));
	*used += have;
	return RD_OK;
}

enum rd_status rd_nsm_frame_feed(
	struct rd_nsm_frame_reader *r, struct rd_cur *in, struct rd_view *ret_message)
{
	if (is_whole(r)) {
		rd_nsm_frame_init(r, r->storage, r->max);
	}
	if (r->head_used < RD_NSM_FRAME_HEAD) {
		RD_TRY(move(in, r->head, &r->head_used, RD_NSM_FRAME_HEAD - r->head_used));
		RD_ENSURE(r->head_used == RD_NSM_FRAME_HEAD, RD_AGAIN);
		r->want = rd_get_le32(r->head);
	}
	RD_ENSURE(r->want <= r->max, RD_LIMIT);
	RD_TRY(move(in, r->storage, &r->used, r->want - r->used));
	RD_ENSURE(r->used == r->want, RD_AGAIN);
	*ret_message = rd_view(r->storage, r->used);
	return RD_OK;
}

enum rd_status rd_nsm_frame_put(struct rd_view message, struct rd_buf *out)
{
	size_t mark = out->used;

	RD_ENSURE(message.len <= UINT32_MAX, RD_LIMIT);
	RD_TRY(rd_buf_le32(out, (uint32_t)message.len));
	if (rd_buf_put_view(out, message) != RD_OK) {
		out->used = mark;
		return RD_NOSPACE;
	}
	return RD_OK;
}
