/* SPDX-License-Identifier: Apache-2.0 */
/* Frame to struct, by the schema. */
#include "wire/schema.h"

#include "cbor/decode.h"

#include <string.h>

/* The decoder's set of fields seen is one word. */
#define FIELDS_MAX 32

static void *at(struct pay_message *m, const struct pay_field *f)
{
	return (char *)m + f->offset;
}

static enum rd_status get_u64(struct rd_cbor *d, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	RD_TRY(rd_cbor_uint(d, max, &v));
	RD_ENSURE(v >= min, RD_OUT_OF_RANGE);
	*ret = v;
	return RD_OK;
}

static enum rd_status check_length(struct rd_view v, uint64_t min, uint64_t max)
{
	RD_ENSURE(v.len <= max, RD_LIMIT);
	RD_ENSURE(v.len >= min, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status get_text(struct rd_cbor *d, const struct pay_field *f, struct rd_view *ret)
{
	struct rd_view text = {0};

	RD_TRY(rd_cbor_text(d, &text));
	RD_TRY(check_length(text, f->min, f->max));
	RD_ENSURE(pay_text_is(f->kind, text), RD_MALFORMED);
	*ret = text;
	return RD_OK;
}

static enum rd_status get_chars(struct rd_cbor *d, const struct pay_field *f, char *ret)
{
	struct rd_view text = {0};

	RD_TRY(get_text(d, f, &text));
	memcpy(ret, text.ptr, text.len);
	ret[text.len] = '\0';
	return RD_OK;
}

static enum rd_status get_bytes(struct rd_cbor *d, uint64_t min, uint64_t max, struct rd_view *ret)
{
	struct rd_view bytes = {0};

	RD_TRY(rd_cbor_bytes(d, &bytes));
	RD_TRY(check_length(bytes, min, max));
	*ret = bytes;
	return RD_OK;
}

static enum rd_status leave(struct rd_cbor *d, struct rd_cbor_iter *it)
{
	bool more = false;

	RD_TRY(rd_cbor_more(d, it, &more));
	return more ? RD_MALFORMED : RD_OK;
}

static enum rd_status get_key(struct rd_cbor *d, struct pay_key *ret)
{
	struct rd_cbor_iter it;

	RD_TRY(rd_cbor_array_of(d, 4, &it));
	RD_TRY(get_u64(d, PAY_KEY_CARD, PAY_PURPOSE_END - 1, &ret->purpose));
	RD_TRY(get_u64(d, 1, UINT32_MAX, &ret->version));
	RD_TRY(get_bytes(d, 1, PAY_WRAPPED_MAX, &ret->wrapped));
	RD_TRY(get_bytes(d, 0, PAY_WRAPPED_MAX, &ret->sealed));
	return leave(d, &it);
}

static enum rd_status get_keys(struct rd_cbor *d, struct pay_keys *ret)
{
	struct rd_cbor_iter it;
	bool more = false;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			return RD_OK;
		}
		RD_ENSURE(ret->n < PAY_KEYS_MAX, RD_LIMIT);
		RD_TRY(get_key(d, &ret->items[ret->n]));
		ret->n++;
	}
}

static enum rd_status get_signature(struct rd_cbor *d, struct pay_signature *ret)
{
	static const struct pay_field name = {.kind = PAY_KIND_TEXT, .min = 1, .max = PAY_WORD_MAX};
	struct rd_cbor_iter it;

	RD_TRY(rd_cbor_array_of(d, 2, &it));
	RD_TRY(get_text(d, &name, &ret->custodian));
	RD_TRY(get_bytes(d, PAY_SIGNATURE_SIZE, PAY_SIGNATURE_SIZE, &ret->rs));
	return leave(d, &it);
}

static enum rd_status get_signatures(struct rd_cbor *d, struct pay_signatures *ret)
{
	struct rd_cbor_iter it;
	bool more = false;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			return ret->n > 0 ? RD_OK : RD_OUT_OF_RANGE;
		}
		RD_ENSURE(ret->n < PAY_SIGNATURES_MAX, RD_LIMIT);
		RD_TRY(get_signature(d, &ret->items[ret->n]));
		ret->n++;
	}
}

static enum rd_status get_field(struct rd_cbor *d, const struct pay_field *f, struct pay_message *m)
{
	switch (f->kind) {
	case PAY_KIND_U64:
		return get_u64(d, f->min, f->max, at(m, f));
	case PAY_KIND_ID:
	case PAY_KIND_TEXT:
		return get_chars(d, f, at(m, f));
	case PAY_KIND_STRING:
		return get_text(d, f, at(m, f));
	case PAY_KIND_BYTES:
		return get_bytes(d, f->min, f->max, at(m, f));
	case PAY_KIND_KEYS:
		return get_keys(d, at(m, f));
	case PAY_KIND_SIGNATURES:
		return get_signatures(d, at(m, f));
	}
	return RD_INTERNAL;
}

static enum rd_status require_mandatory(
	const struct pay_schema *s, uint32_t seen, const char **ret_field)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->fields[i].mandatory && !(seen & 1u << i)) {
			*ret_field = s->fields[i].name;
			return RD_MISSING;
		}
	}
	return RD_OK;
}

static enum rd_status get_fields(struct rd_cbor *d, const struct pay_schema *s,
	struct pay_message *m, const char **ret_field)
{
	const char *names[FIELDS_MAX] = {0};
	struct rd_cbor_fields fields;
	uint32_t seen = 0;
	int index = 0;

	for (size_t i = 0; i < s->n; i++) {
		names[i] = s->fields[i].name;
	}
	RD_TRY(rd_cbor_fields_begin(d, names, s->n, &fields));
	for (;;) {
		RD_TRY(rd_cbor_fields_next(d, &fields, &index));
		if (index == RD_CBOR_KEY_END) {
			return require_mandatory(s, seen, ret_field);
		}
		RD_ENSURE(index != RD_CBOR_KEY_UNKNOWN, RD_FORBIDDEN);
		*ret_field = names[index];
		RD_TRY(get_field(d, &s->fields[index], m));
		*ret_field = "";
		seen |= 1u << index;
	}
}

static enum rd_status decode(struct rd_view body, enum pay_direction direction,
	struct pay_message *m, const char **ret_field)
{
	const struct pay_schema *s;
	struct rd_cbor_iter it;
	struct rd_cbor d;
	uint64_t type = 0;

	RD_ENSURE(body.len <= PAY_FRAME_MAX, RD_LIMIT);
	rd_cbor_init(&d, body, RD_CBOR_STRICT);
	RD_TRY(rd_cbor_array_of(&d, 3, &it));
	RD_TRY(rd_cbor_uint(&d, UINT32_MAX, &type));
	s = pay_schema(type);
	RD_ENSURE(s != NULL, RD_UNSUPPORTED);
	RD_ENSURE(s->direction == direction, RD_FORBIDDEN);
	m->type = s->type;
	/* 0 is of ERRORs about the link itself. */
	RD_TRY(get_u64(&d, s->type == PAY_ERROR ? 0 : 1, INT64_MAX, &m->id));
	RD_TRY(get_fields(&d, s, m, ret_field));
	RD_TRY(leave(&d, &it));
	return rd_cbor_finish(&d);
}

enum rd_status pay_link_decode(struct rd_view body, enum pay_direction direction,
	struct pay_message *ret, const char **ret_field)
{
	*ret = (struct pay_message){0};
	*ret_field = "";
	return decode(body, direction, ret, ret_field);
}

enum rd_status pay_link_frame(struct rd_view bytes, struct rd_view *ret_body, size_t *ret_size)
{
	struct rd_cur c = rd_cur(bytes);
	uint32_t len;

	RD_ENSURE(bytes.len >= sizeof(len), RD_AGAIN);
	RD_TRY(rd_cur_be32(&c, &len));
	RD_ENSURE(len > 0 && len <= PAY_FRAME_MAX, RD_OUT_OF_RANGE);
	RD_ENSURE(c.left >= len, RD_AGAIN);
	*ret_body = rd_view(c.ptr, len);
	*ret_size = sizeof(len) + len;
	return RD_OK;
}
