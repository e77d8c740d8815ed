/* SPDX-License-Identifier: Apache-2.0 */
/* The item-by-item reader over heads. */
#include "cbor/decode.h"

#include "cbor/head.h"

#include <assert.h>
#include <string.h>

void rd_cbor_init(struct rd_cbor *d, struct rd_view input, unsigned flags)
{
	*d = (struct rd_cbor){.cur = rd_cur(input), .flags = flags};
}

enum rd_status rd_cbor_finish(const struct rd_cbor *d)
{
	RD_ENSURE(d->depth == 0, RD_TRAILING);
	return rd_cur_finish(&d->cur);
}

static size_t shortest_head(uint64_t value)
{
	if (value < 24) {
		return 1;
	}
	if (value <= UINT8_MAX) {
		return 2;
	}
	if (value <= UINT16_MAX) {
		return 3;
	}
	return value <= UINT32_MAX ? 5 : 9;
}

static bool is_container(const struct rd_cbor_head *h)
{
	return h->type == RD_CBOR_ARRAY || h->type == RD_CBOR_MAP;
}

/* What the flags forbid. Floats have no shortest form here: nothing of ours reads one. */
static enum rd_status check_form(const struct rd_cbor *d, const struct rd_cbor_head *h)
{
	if (h->indefinite) {
		RD_ENSURE(is_container(h) && (d->flags & RD_CBOR_ALLOW_INDEFINITE) != 0,
			RD_NONCANONICAL);
		return RD_OK;
	}
	if (h->type <= RD_CBOR_TAG && (d->flags & RD_CBOR_ALLOW_LONG_HEADS) == 0) {
		RD_ENSURE(h->size == shortest_head(h->value), RD_NONCANONICAL);
	}
	return RD_OK;
}

/* Every entry takes a byte at least: a count beyond what is left cannot be true. */
static enum rd_status check_count(const struct rd_cbor *d, const struct rd_cbor_head *h)
{
	size_t left = d->cur.left - h->size;

	if (is_container(h) && !h->indefinite) {
		RD_ENSURE(h->value <= (h->type == RD_CBOR_MAP ? left / 2 : left), RD_TRUNCATED);
	}
	return RD_OK;
}

/* Any head but a break, well-formed and allowed; the cursor goes behind it and a string's body. */
static enum rd_status take_head(struct rd_cbor *d, struct rd_cbor_head *ret)
{
	struct rd_cbor_head h;

	RD_TRY(rd_cbor_head_read(rd_view(d->cur.ptr, d->cur.left), &h));
	RD_ENSURE(h.type != RD_CBOR_END, RD_MALFORMED);
	RD_TRY(check_form(d, &h));
	RD_TRY(check_count(d, &h));
	RD_TRY(rd_cur_skip(&d->cur, h.size + h.body.len));
	*ret = h;
	return RD_OK;
}

static enum rd_status take(struct rd_cbor *d, enum rd_cbor_type type, struct rd_cbor_head *ret)
{
	RD_TRY(take_head(d, ret));
	return ret->type == type ? RD_OK : RD_BAD_TYPE;
}

enum rd_status rd_cbor_peek(const struct rd_cbor *d, enum rd_cbor_type *ret)
{
	struct rd_cbor_head h;

	if (d->cur.left == 0) {
		*ret = RD_CBOR_END;
		return RD_OK;
	}
	RD_TRY(rd_cbor_head_read(rd_view(d->cur.ptr, d->cur.left), &h));
	*ret = h.type;
	return RD_OK;
}

enum rd_status rd_cbor_uint(struct rd_cbor *d, uint64_t max, uint64_t *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take(d, RD_CBOR_UINT, &h));
	RD_ENSURE(h.value <= max, RD_OUT_OF_RANGE);
	*ret = h.value;
	return RD_OK;
}

enum rd_status rd_cbor_int(struct rd_cbor *d, int64_t min, int64_t max, int64_t *ret)
{
	struct rd_cbor_head h;
	int64_t v;

	RD_TRY(take_head(d, &h));
	RD_ENSURE(h.type == RD_CBOR_UINT || h.type == RD_CBOR_NINT, RD_BAD_TYPE);
	RD_ENSURE(h.value <= INT64_MAX, RD_OUT_OF_RANGE);
	v = h.type == RD_CBOR_UINT ? (int64_t)h.value : -1 - (int64_t)h.value;
	RD_ENSURE(v >= min && v <= max, RD_OUT_OF_RANGE);
	*ret = v;
	return RD_OK;
}

enum rd_status rd_cbor_bytes(struct rd_cbor *d, struct rd_view *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take(d, RD_CBOR_BYTES, &h));
	*ret = h.body;
	return RD_OK;
}

enum rd_status rd_cbor_bytes_or_null(struct rd_cbor *d, struct rd_view *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take_head(d, &h));
	RD_ENSURE(h.type == RD_CBOR_BYTES || h.type == RD_CBOR_NULL, RD_BAD_TYPE);
	*ret = h.type == RD_CBOR_BYTES ? h.body : rd_view(NULL, 0);
	return RD_OK;
}

/* Bytes that follow a UTF-8 lead byte, and the smallest and largest second byte that it allows
 * (RFC 3629 section 4: no overlong forms, no surrogates, nothing above 10FFFF). */
static bool utf8_lead(uint8_t lead, unsigned *ret_more, uint8_t *ret_low, uint8_t *ret_high)
{
	*ret_low = 0x80;
	*ret_high = 0xbf;
	if (lead >= 0xc2 && lead <= 0xdf) {
		*ret_more = 1;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		*ret_more = 2;
		*ret_low = lead == 0xe0 ? 0xa0 : 0x80;
		*ret_high = lead == 0xed ? 0x9f : 0xbf;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		*ret_more = 3;
		*ret_low = lead == 0xf0 ? 0x90 : 0x80;
		*ret_high = lead == 0xf4 ? 0x8f : 0xbf;
	} else {
		return false;
	}
	return true;
}

static bool is_utf8(struct rd_view text)
{
	struct rd_cur c = rd_cur(text);
	uint8_t byte;
	uint8_t low;
	uint8_t high;
	unsigned more;

	while (c.left > 0) {
		if (rd_cur_u8(&c, &byte) != RD_OK) {
			return false;
		}
		if (byte < 0x80) {
			continue;
		}
		if (!utf8_lead(byte, &more, &low, &high)) {
			return false;
		}
		for (; more > 0; more--) {
			if (rd_cur_u8(&c, &byte) != RD_OK || byte < low || byte > high) {
				return false;
			}
			low = 0x80;
			high = 0xbf;
		}
	}
	return true;
}

enum rd_status rd_cbor_text(struct rd_cbor *d, struct rd_view *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take(d, RD_CBOR_TEXT, &h));
	RD_ENSURE(is_utf8(h.body), RD_MALFORMED);
	*ret = h.body;
	return RD_OK;
}

enum rd_status rd_cbor_bool(struct rd_cbor *d, bool *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take(d, RD_CBOR_BOOL, &h));
	*ret = h.value != 0;
	return RD_OK;
}

enum rd_status rd_cbor_null(struct rd_cbor *d)
{
	struct rd_cbor_head h;

	return take(d, RD_CBOR_NULL, &h);
}

enum rd_status rd_cbor_tag(struct rd_cbor *d, uint64_t *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take(d, RD_CBOR_TAG, &h));
	*ret = h.value;
	return RD_OK;
}

static enum rd_status enter(struct rd_cbor *d, enum rd_cbor_type type, struct rd_cbor_iter *ret)
{
	struct rd_cbor_head h;

	RD_TRY(take(d, type, &h));
	RD_ENSURE(d->depth < RD_CBOR_DEPTH_MAX, RD_TOO_DEEP);
	d->depth++;
	*ret = (struct rd_cbor_iter){.left = h.value, .indefinite = h.indefinite};
	return RD_OK;
}

enum rd_status rd_cbor_array(struct rd_cbor *d, struct rd_cbor_iter *ret)
{
	return enter(d, RD_CBOR_ARRAY, ret);
}

enum rd_status rd_cbor_map(struct rd_cbor *d, struct rd_cbor_iter *ret)
{
	return enter(d, RD_CBOR_MAP, ret);
}

enum rd_status rd_cbor_array_of(struct rd_cbor *d, uint64_t n, struct rd_cbor_iter *ret)
{
	struct rd_cbor_iter it;

	RD_TRY(enter(d, RD_CBOR_ARRAY, &it));
	RD_ENSURE(!it.indefinite, RD_NONCANONICAL);
	RD_ENSURE(it.left == n, RD_BAD_TYPE);
	it.left = 0;
	*ret = it;
	return RD_OK;
}

/* Whether the container ends here; takes an indefinite one's break. */
static enum rd_status at_end(struct rd_cbor *d, const struct rd_cbor_iter *it, bool *ret_end)
{
	enum rd_cbor_type type;

	if (!it->indefinite) {
		*ret_end = it->left == 0;
		return RD_OK;
	}
	RD_ENSURE(d->cur.left > 0, RD_TRUNCATED);
	RD_TRY(rd_cbor_peek(d, &type));
	*ret_end = type == RD_CBOR_END;
	return *ret_end ? rd_cur_skip(&d->cur, 1) : RD_OK;
}

enum rd_status rd_cbor_more(struct rd_cbor *d, struct rd_cbor_iter *it, bool *ret_more)
{
	bool end;

	assert(d->depth > 0);
	RD_TRY(at_end(d, it, &end));
	if (end) {
		d->depth--;
	} else if (!it->indefinite) {
		it->left--;
	}
	*ret_more = !end;
	return RD_OK;
}

/* What rd_cbor_skip is inside of. A tag is a container of one. */
struct nesting {
	struct rd_cbor_iter it; /* counts items, not pairs */
	bool pairs;
	bool odd; /* an indefinite map's key waits for its value */
};

static struct nesting nesting_of(const struct rd_cbor_head *h)
{
	struct nesting n = {.it.indefinite = h->indefinite, .pairs = h->type == RD_CBOR_MAP};

	if (h->type == RD_CBOR_TAG) {
		n.it.left = 1;
	} else {
		/* Cannot overflow: take_head has compared the count with the bytes left. */
		n.it.left = n.pairs ? 2 * h->value : h->value;
	}
	return n;
}

/* Leaves every container that ends here; then counts the next item in the innermost left. */
static enum rd_status leave_ended(struct rd_cbor *d, struct nesting *stack, unsigned *depth)
{
	bool end = true;

	while (*depth > 0) {
		struct nesting *top = &stack[*depth - 1];

		RD_TRY(at_end(d, &top->it, &end));
		if (!end) {
			top->it.left -= top->it.indefinite ? 0 : 1;
			top->odd = !top->odd;
			return RD_OK;
		}
		RD_ENSURE(!(top->it.indefinite && top->pairs && top->odd), RD_MALFORMED);
		(*depth)--;
	}
	return RD_OK;
}

enum rd_status rd_cbor_skip(struct rd_cbor *d, struct rd_view *ret)
{
	struct nesting stack[RD_CBOR_DEPTH_MAX];
	const struct rd_cur start = d->cur;
	unsigned depth = 0;

	do {
		struct rd_cbor_head h;

		RD_TRY(take_head(d, &h));
		RD_ENSURE(h.type != RD_CBOR_TEXT || is_utf8(h.body), RD_MALFORMED);
		if (is_container(&h) || h.type == RD_CBOR_TAG) {
			RD_ENSURE(depth + d->depth < RD_CBOR_DEPTH_MAX, RD_TOO_DEEP);
			stack[depth++] = nesting_of(&h);
		}
		RD_TRY(leave_ended(d, stack, &depth));
	} while (depth > 0);
	if (ret != NULL) {
		*ret = rd_view(start.ptr, start.left - d->cur.left);
	}
	return RD_OK;
}

enum rd_status rd_cbor_fields_begin(
	struct rd_cbor *d, const char *const *names, size_t n_names, struct rd_cbor_fields *ret)
{
	struct rd_cbor_iter it;

	assert(n_names <= RD_CBOR_KNOWN_KEYS_MAX);
	RD_TRY(rd_cbor_map(d, &it));
	*ret = (struct rd_cbor_fields){.it = it, .names = names, .n_names = n_names};
	return RD_OK;
}

static enum rd_status note_unknown(struct rd_cbor_fields *f)
{
	for (size_t i = 0; i < f->n_unknown; i++) {
		RD_ENSURE(!rd_view_equal(f->unknown[i], f->key), RD_DUPLICATE);
	}
	RD_ENSURE(f->n_unknown < RD_CBOR_UNKNOWN_KEYS_MAX, RD_LIMIT);
	f->unknown[f->n_unknown++] = f->key;
	return RD_OK;
}

enum rd_status rd_cbor_fields_next(struct rd_cbor *d, struct rd_cbor_fields *f, int *ret_index)
{
	bool more;

	RD_TRY(rd_cbor_more(d, &f->it, &more));
	if (!more) {
		*ret_index = RD_CBOR_KEY_END;
		return RD_OK;
	}
	RD_TRY(rd_cbor_text(d, &f->key));
	for (size_t i = 0; i < f->n_names; i++) {
		if (rd_view_equal(f->key, rd_view_str(f->names[i]))) {
			RD_ENSURE((f->seen & UINT32_C(1) << i) == 0, RD_DUPLICATE);
			f->seen |= UINT32_C(1) << i;
			*ret_index = (int)i;
			return RD_OK;
		}
	}
	RD_TRY(note_unknown(f));
	*ret_index = RD_CBOR_KEY_UNKNOWN;
	return RD_OK;
}
