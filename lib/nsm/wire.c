/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR items of NSM messages: heads, strings in all their forms, sequences, skipping. */
#include "nsm/wire.h"

/* Additional information of an initial byte (RFC 8949 section 3). */
#define INFO_U8         24
#define INFO_U16        25
#define INFO_U32        26
#define INFO_U64        27
#define INFO_INDEFINITE 31

static enum rd_status read_arg(struct rd_cur *c, unsigned info, uint64_t *ret)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;

	switch (info) {
	case INFO_U8:
		RD_TRY(rd_cur_u8(c, &u8));
		*ret = u8;
		return RD_OK;
	case INFO_U16:
		RD_TRY(rd_cur_be16(c, &u16));
		*ret = u16;
		return RD_OK;
	case INFO_U32:
		RD_TRY(rd_cur_be32(c, &u32));
		*ret = u32;
		return RD_OK;
	case INFO_U64:
		return rd_cur_be64(c, ret);
	default:
		RD_ENSURE(info < INFO_U8, RD_MALFORMED);
		*ret = info;
		return RD_OK;
	}
}

static bool may_be_indefinite(enum rd_nsm_major major)
{
	return major == RD_NSM_BYTES || major == RD_NSM_TEXT || major == RD_NSM_ARRAY ||
	       major == RD_NSM_MAP;
}

enum rd_status rd_nsm_read_head(struct rd_cur *c, struct rd_nsm_head *ret_head)
{
	struct rd_nsm_head head = {0};
	uint8_t initial;
	unsigned info;

	RD_TRY(rd_cur_u8(c, &initial));
	head.major = (enum rd_nsm_major)(initial >> 5);
	info = initial & 0x1f;
	if (info != INFO_INDEFINITE) {
		RD_TRY(read_arg(c, info, &head.arg));
	} else if (may_be_indefinite(head.major)) {
		head.indefinite = true;
	} else {
		RD_ENSURE(head.major == RD_NSM_SIMPLE, RD_MALFORMED);
		head.arg = RD_NSM_BREAK;
	}
	/* A simple value below 32 has one form; 0xf8 0x1f must not pass for a break. */
	RD_ENSURE(head.major != RD_NSM_SIMPLE || info != INFO_U8 || head.arg >= 32, RD_MALFORMED);
	*ret_head = head;
	return RD_OK;
}

static bool is_simple(const struct rd_nsm_head *head, uint64_t value)
{
	return head->major == RD_NSM_SIMPLE && head->arg == value;
}

enum rd_status rd_nsm_read_u16(struct rd_cur *c, uint16_t *ret)
{
	struct rd_nsm_head head;

	RD_TRY(rd_nsm_read_head(c, &head));
	RD_ENSURE(head.major == RD_NSM_UINT, RD_BAD_TYPE);
	RD_ENSURE(head.arg <= UINT16_MAX, RD_BAD_NUMBER);
	*ret = (uint16_t)head.arg;
	return RD_OK;
}

enum rd_status rd_nsm_read_bool(struct rd_cur *c, bool *ret)
{
	uint8_t initial;

	RD_TRY(rd_cur_u8(c, &initial));
	RD_ENSURE(initial == (RD_NSM_SIMPLE << 5 | RD_NSM_FALSE) ||
			  initial == (RD_NSM_SIMPLE << 5 | RD_NSM_TRUE),
		RD_BAD_TYPE);
	*ret = initial == (RD_NSM_SIMPLE << 5 | RD_NSM_TRUE);
	return RD_OK;
}

enum rd_status rd_nsm_read_null(struct rd_cur *c, bool *ret)
{
	struct rd_cur ahead = *c;
	uint8_t initial;

	RD_TRY(rd_cur_u8(&ahead, &initial));
	*ret = initial == (RD_NSM_SIMPLE << 5 | RD_NSM_NULL);
	if (*ret) {
		*c = ahead;
	}
	return RD_OK;
}

static enum rd_status take(struct rd_cur *c, uint64_t len, struct rd_view *ret)
{
	RD_ENSURE(len <= c->left, RD_TRUNCATED);
	return rd_cur_take(c, (size_t)len, ret);
}

enum rd_status rd_nsm_read_name(struct rd_cur *c, struct rd_view *ret)
{
	struct rd_nsm_head head;

	RD_TRY(rd_nsm_read_head(c, &head));
	RD_ENSURE(head.major == RD_NSM_TEXT && !head.indefinite, RD_BAD_TYPE);
	return take(c, head.arg, ret);
}

/* Chunks of an indefinite string, each definite and of the same major type, into scratch. */
static enum rd_status gather_chunks(
	struct rd_cur *c, enum rd_nsm_major major, struct rd_buf *scratch)
{
	for (;;) {
		struct rd_nsm_head head;
		struct rd_view chunk;

		RD_TRY(rd_nsm_read_head(c, &head));
		if (is_simple(&head, RD_NSM_BREAK)) {
			return RD_OK;
		}
		RD_ENSURE(head.major == major && !head.indefinite, RD_MALFORMED);
		RD_TRY(take(c, head.arg, &chunk));
		RD_TRY(rd_buf_put_view(scratch, chunk));
	}
}

static enum rd_status gather_integers(
	struct rd_cur *c, const struct rd_nsm_head *array, struct rd_buf *scratch)
{
	struct rd_nsm_seq seq = {.indefinite = array->indefinite, .left = array->arg};
	uint16_t value;
	bool more;

	for (;;) {
		RD_TRY(rd_nsm_next(c, &seq, &more));
		if (!more) {
			return RD_OK;
		}
		RD_TRY(rd_nsm_read_u16(c, &value));
		RD_ENSURE(value <= UINT8_MAX, RD_BAD_NUMBER);
		RD_TRY(rd_buf_u8(scratch, (uint8_t)value));
	}
}

static enum rd_status read_string(struct rd_cur *c, const struct rd_nsm_head *head,
	struct rd_buf *scratch, struct rd_view *ret)
{
	size_t mark = scratch->used;

	if (head->major != RD_NSM_ARRAY && !head->indefinite) {
		return take(c, head->arg, ret);
	}
	if (head->major == RD_NSM_ARRAY) {
		RD_TRY(gather_integers(c, head, scratch));
	} else {
		RD_TRY(gather_chunks(c, head->major, scratch));
	}
	*ret = rd_view(scratch->ptr + mark, scratch->used - mark);
	return RD_OK;
}

enum rd_status rd_nsm_read_text(struct rd_cur *c, struct rd_buf *scratch, struct rd_view *ret)
{
	struct rd_nsm_head head;

	RD_TRY(rd_nsm_read_head(c, &head));
	RD_ENSURE(head.major == RD_NSM_TEXT, RD_BAD_TYPE);
	return read_string(c, &head, scratch, ret);
}

enum rd_status rd_nsm_read_bytes(struct rd_cur *c, struct rd_buf *scratch, struct rd_view *ret)
{
	struct rd_nsm_head head;

	RD_TRY(rd_nsm_read_head(c, &head));
	RD_ENSURE(head.major == RD_NSM_BYTES || head.major == RD_NSM_TEXT ||
			  head.major == RD_NSM_ARRAY,
		RD_BAD_TYPE);
	return read_string(c, &head, scratch, ret);
}

enum rd_status rd_nsm_open_seq(struct rd_cur *c, enum rd_nsm_major major, struct rd_nsm_seq *ret)
{
	struct rd_nsm_head head;

	RD_TRY(rd_nsm_read_head(c, &head));
	RD_ENSURE(head.major == major, RD_BAD_TYPE);
	*ret = (struct rd_nsm_seq){.indefinite = head.indefinite, .left = head.arg};
	return RD_OK;
}

enum rd_status rd_nsm_next(struct rd_cur *c, struct rd_nsm_seq *seq, bool *ret_more)
{
	struct rd_cur ahead = *c;
	struct rd_nsm_head head;

	if (!seq->indefinite) {
		*ret_more = seq->left > 0;
		seq->left -= *ret_more ? 1 : 0;
		return RD_OK;
	}
	RD_TRY(rd_nsm_read_head(&ahead, &head));
	*ret_more = !is_simple(&head, RD_NSM_BREAK);
	if (!*ret_more) {
		*c = ahead;
	}
	return RD_OK;
}

/* Passes over a string or scalar whose head was read; a sequence's items are the caller's. */
static enum rd_status skip_body(struct rd_cur *c, const struct rd_nsm_head *head)
{
	struct rd_view ignored;

	if (head->major != RD_NSM_BYTES && head->major != RD_NSM_TEXT) {
		return RD_OK;
	}
	if (!head->indefinite) {
		return take(c, head->arg, &ignored);
	}
	for (;;) {
		struct rd_nsm_head chunk;

		RD_TRY(rd_nsm_read_head(c, &chunk));
		if (is_simple(&chunk, RD_NSM_BREAK)) {
			return RD_OK;
		}
		RD_ENSURE(chunk.major == head->major && !chunk.indefinite, RD_MALFORMED);
		RD_TRY(take(c, chunk.arg, &ignored));
	}
}

/* A map's keys and values are counted alike. A count beyond the bytes left ends in RD_TRUNCATED. */
static struct rd_nsm_seq inner_items(const struct rd_nsm_head *head)
{
	uint64_t left = head->arg;

	if (head->major == RD_NSM_MAP) {
		left = left > UINT64_MAX / 2 ? UINT64_MAX : 2 * left;
	}
	if (head->major == RD_NSM_TAG) {
		left = 1;
	}
	return (struct rd_nsm_seq){.indefinite = head->indefinite, .left = left};
}

enum rd_status rd_nsm_skip(struct rd_cur *c)
{
	struct rd_nsm_seq open[RD_NSM_SKIP_DEPTH] = {{.left = 1}};
	size_t depth = 1;

	while (depth > 0) {
		struct rd_nsm_head head;
		bool more;

		RD_TRY(rd_nsm_next(c, &open[depth - 1], &more));
		if (!more) {
			depth--;
			continue;
		}
		RD_TRY(rd_nsm_read_head(c, &head));
		RD_ENSURE(!is_simple(&head, RD_NSM_BREAK), RD_MALFORMED);
		RD_TRY(skip_body(c, &head));
		if (head.major == RD_NSM_ARRAY || head.major == RD_NSM_MAP ||
			head.major == RD_NSM_TAG) {
			RD_ENSURE(depth < RD_NSM_SKIP_DEPTH, RD_TOO_DEEP);
			open[depth++] = inner_items(&head);
		}
	}
	return RD_OK;
}

enum rd_status rd_nsm_write_head(struct rd_buf *out, enum rd_nsm_major major, uint64_t arg)
{
	uint8_t type = (uint8_t)(major << 5);

	if (arg < INFO_U8) {
		return rd_buf_u8(out, (uint8_t)(type | arg));
	}
	if (arg <= UINT8_MAX) {
		RD_TRY(rd_buf_u8(out, type | INFO_U8));
		return rd_buf_u8(out, (uint8_t)arg);
	}
	if (arg <= UINT16_MAX) {
		RD_TRY(rd_buf_u8(out, type | INFO_U16));
		return rd_buf_be16(out, (uint16_t)arg);
	}
	if (arg <= UINT32_MAX) {
		RD_TRY(rd_buf_u8(out, type | INFO_U32));
		return rd_buf_be32(out, (uint32_t)arg);
	}
	RD_TRY(rd_buf_u8(out, type | INFO_U64));
	return rd_buf_be64(out, arg);
}

enum rd_status rd_nsm_write_text(struct rd_buf *out, struct rd_view text)
{
	RD_TRY(rd_nsm_write_head(out, RD_NSM_TEXT, text.len));
	return rd_buf_put_view(out, text);
}

enum rd_status rd_nsm_write_bytes(struct rd_buf *out, struct rd_view bytes)
{
	RD_TRY(rd_nsm_write_head(out, RD_NSM_BYTES, bytes.len));
	return rd_buf_put_view(out, bytes);
}
