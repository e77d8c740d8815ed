/* SPDX-License-Identifier: Apache-2.0 */
/* Struct to frame, by the schema. */
#include "wire/schema.h"

#include "base/byteorder.h"
#include "cbor/encode.h"

#include <string.h>

static const void *at(const struct pay_message *m, const struct pay_field *f)
{
	return (const char *)m + f->offset;
}

static struct rd_view chars_of(const struct pay_message *m, const struct pay_field *f)
{
	const char *text = at(m, f);

	return rd_view(text, strnlen(text, f->max + 1));
}

/* Optional fields that are zero are not written. */
static bool is_zero(const struct pay_message *m, const struct pay_field *f)
{
	switch (f->kind) {
	case PAY_KIND_U64:
		return *(const uint64_t *)at(m, f) == 0;
	case PAY_KIND_ID:
	case PAY_KIND_TEXT:
		return chars_of(m, f).len == 0;
	case PAY_KIND_STRING:
	case PAY_KIND_BYTES:
		return ((const struct rd_view *)at(m, f))->len == 0;
	case PAY_KIND_KEYS:
		return ((const struct pay_keys *)at(m, f))->n == 0;
	case PAY_KIND_SIGNATURES:
		return ((const struct pay_signatures *)at(m, f))->n == 0;
	}
	return false;
}

static enum rd_status put_u64(uint64_t v, uint64_t min, uint64_t max, struct rd_buf *out)
{
	RD_ENSURE(v >= min && v <= max, RD_USAGE);
	return rd_cbor_put_uint(out, v);
}

static enum rd_status put_text(struct rd_view text, const struct pay_field *f, struct rd_buf *out)
{
	RD_ENSURE(text.len >= f->min && text.len <= f->max, RD_USAGE);
	RD_ENSURE(pay_text_is(f->kind, text), RD_USAGE);
	return rd_cbor_put_text(out, text);
}

/* Empty is not absent here: the writer's null would be another type. */
static enum rd_status put_bytes(struct rd_view v, uint64_t min, uint64_t max, struct rd_buf *out)
{
	RD_ENSURE(v.len >= min && v.len <= max, RD_USAGE);
	RD_TRY(rd_cbor_put_bytes_head(out, v.len));
	return rd_buf_put(out, v.ptr, v.len);
}

static enum rd_status put_keys(const struct pay_keys *keys, struct rd_buf *out)
{
	RD_ENSURE(keys->n <= PAY_KEYS_MAX, RD_USAGE);
	RD_TRY(rd_cbor_put_array(out, keys->n));
	for (size_t i = 0; i < keys->n; i++) {
		const struct pay_key *key = &keys->items[i];

		RD_TRY(rd_cbor_put_array(out, 4));
		RD_TRY(put_u64(key->purpose, PAY_KEY_CARD, PAY_PURPOSE_END - 1, out));
		RD_TRY(put_u64(key->version, 1, UINT32_MAX, out));
		RD_TRY(put_bytes(key->wrapped, 1, PAY_WRAPPED_MAX, out));
		RD_TRY(put_bytes(key->sealed, 0, PAY_WRAPPED_MAX, out));
	}
	return RD_OK;
}

static enum rd_status put_signatures(const struct pay_signatures *list, struct rd_buf *out)
{
	static const struct pay_field name = {.kind = PAY_KIND_TEXT, .min = 1, .max = PAY_WORD_MAX};

	RD_ENSURE(list->n > 0 && list->n <= PAY_SIGNATURES_MAX, RD_USAGE);
	RD_TRY(rd_cbor_put_array(out, list->n));
	for (size_t i = 0; i < list->n; i++) {
		RD_TRY(rd_cbor_put_array(out, 2));
		RD_TRY(put_text(list->items[i].custodian, &name, out));
		RD_TRY(put_bytes(list->items[i].rs, PAY_SIGNATURE_SIZE, PAY_SIGNATURE_SIZE, out));
	}
	return RD_OK;
}

static enum rd_status put_field(
	const struct pay_message *m, const struct pay_field *f, struct rd_buf *out)
{
	RD_TRY(rd_cbor_put_str(out, f->name));
	switch (f->kind) {
	case PAY_KIND_U64:
		return put_u64(*(const uint64_t *)at(m, f), f->min, f->max, out);
	case PAY_KIND_ID:
	case PAY_KIND_TEXT:
		return put_text(chars_of(m, f), f, out);
	case PAY_KIND_STRING:
		return put_text(*(const struct rd_view *)at(m, f), f, out);
	case PAY_KIND_BYTES:
		return put_bytes(*(const struct rd_view *)at(m, f), f->min, f->max, out);
	case PAY_KIND_KEYS:
		return put_keys(at(m, f), out);
	case PAY_KIND_SIGNATURES:
		return put_signatures(at(m, f), out);
	}
	return RD_INTERNAL;
}

static enum rd_status put_body(const struct pay_message *m, struct rd_buf *out)
{
	const struct pay_schema *s = pay_schema((uint64_t)m->type);
	uint64_t pairs = 0;

	RD_ENSURE(s != NULL, RD_USAGE);
	for (size_t i = 0; i < s->n; i++) {
		pairs += s->fields[i].mandatory || !is_zero(m, &s->fields[i]);
	}
	RD_TRY(rd_cbor_put_array(out, 3));
	RD_TRY(rd_cbor_put_uint(out, (uint64_t)m->type));
	RD_TRY(put_u64(m->id, m->type == PAY_ERROR ? 0 : 1, INT64_MAX, out));
	RD_TRY(rd_cbor_put_map(out, pairs));
	for (size_t i = 0; i < s->n; i++) {
		if (s->fields[i].mandatory || !is_zero(m, &s->fields[i])) {
			RD_TRY(put_field(m, &s->fields[i], out));
		}
	}
	return RD_OK;
}

enum rd_status pay_link_encode(const struct pay_message *m, struct rd_buf *out)
{
	size_t before = out->used;
	enum rd_status st = rd_buf_be32(out, 0);

	if (st == RD_OK) {
		st = put_body(m, out);
	}
	if (st == RD_OK && out->used - before - sizeof(uint32_t) > PAY_FRAME_MAX) {
		st = RD_NOSPACE;
	}
	if (st != RD_OK) {
		out->used = before;
		return st;
	}
	rd_put_be32(out->ptr + before, (uint32_t)(out->used - before - sizeof(uint32_t)));
	return RD_OK;
}
