/* SPDX-License-Identifier: Apache-2.0 */
/* Struct to datagram, by the schema. */
#include "ctl/schema.h"

#include "cbor/encode.h"

#include <string.h>

static const uint8_t zero_pcr[RD_CTL_PCR_SIZE];

static const void *at(const struct rd_ctl_message *m, const struct rd_ctl_field *f)
{
	return (const char *)m + f->offset;
}

static struct rd_view text_of(const struct rd_ctl_message *m, const struct rd_ctl_field *f)
{
	const char *text = at(m, f);

	return rd_view(text, strnlen(text, f->max + 1));
}

/* Zero values of optional fields are not written. */
static bool is_zero(const struct rd_ctl_message *m, const struct rd_ctl_field *f)
{
	switch (f->kind) {
	case RD_CTL_KIND_U64:
		return *(const uint64_t *)at(m, f) == 0;
	case RD_CTL_KIND_BOOL:
		return !*(const bool *)at(m, f);
	case RD_CTL_KIND_TEXT:
		return text_of(m, f).len == 0;
	case RD_CTL_KIND_PCR:
		return memcmp(at(m, f), zero_pcr, sizeof(zero_pcr)) == 0;
	case RD_CTL_KIND_BYTES:
		return ((const struct rd_view *)at(m, f))->len == 0;
	case RD_CTL_KIND_U64S:
		return ((const struct rd_ctl_u64s *)at(m, f))->count == 0;
	case RD_CTL_KIND_VIEWS:
		return ((const struct rd_ctl_views *)at(m, f))->count == 0;
	case RD_CTL_KIND_TEXTS:
		return ((const struct rd_ctl_texts *)at(m, f))->count == 0;
	}
	return false;
}

static enum rd_status put_u64s(
	const struct rd_ctl_u64s *list, const struct rd_ctl_field *f, struct rd_buf *out)
{
	RD_ENSURE(list->count > 0 && list->count <= RD_CTL_CPUS_MAX, RD_USAGE);
	RD_TRY(rd_cbor_put_array(out, list->count));
	for (size_t i = 0; i < list->count; i++) {
		RD_ENSURE(list->items[i] <= f->max, RD_USAGE);
		RD_TRY(rd_cbor_put_uint(out, list->items[i]));
	}
	return RD_OK;
}

static enum rd_status put_bytes(
	struct rd_view bytes, const struct rd_ctl_field *f, struct rd_buf *out)
{
	RD_ENSURE(bytes.len >= f->min && bytes.len <= f->max, RD_USAGE);
	return rd_cbor_put_bytes(out, bytes);
}

static enum rd_status put_views(
	const struct rd_ctl_views *list, const struct rd_ctl_field *f, struct rd_buf *out)
{
	RD_ENSURE(list->count > 0 && list->count <= RD_CTL_CABUNDLE_MAX, RD_USAGE);
	RD_TRY(rd_cbor_put_array(out, list->count));
	for (size_t i = 0; i < list->count; i++) {
		RD_TRY(put_bytes(list->items[i], f, out));
	}
	return RD_OK;
}

static enum rd_status put_text(
	struct rd_view text, const struct rd_ctl_field *f, struct rd_buf *out)
{
	RD_ENSURE(text.len >= f->min && text.len <= f->max, RD_USAGE);
	RD_ENSURE(rd_ctl_text_check(text) == RD_OK, RD_USAGE);
	return rd_cbor_put_text(out, text);
}

static enum rd_status put_texts(
	const struct rd_ctl_texts *list, const struct rd_ctl_field *f, struct rd_buf *out)
{
	RD_ENSURE(list->count > 0 && list->count <= RD_CTL_FORWARDS_MAX, RD_USAGE);
	RD_TRY(rd_cbor_put_array(out, list->count));
	for (size_t i = 0; i < list->count; i++) {
		const char *text = list->items[i];

		RD_TRY(put_text(rd_view(text, strnlen(text, f->max + 1)), f, out));
	}
	return RD_OK;
}

static enum rd_status put_field(
	const struct rd_ctl_message *m, const struct rd_ctl_field *f, struct rd_buf *out)
{
	uint64_t v;

	RD_TRY(rd_cbor_put_str(out, f->name));
	switch (f->kind) {
	case RD_CTL_KIND_U64:
		v = *(const uint64_t *)at(m, f);
		RD_ENSURE(v >= f->min && v <= f->max, RD_USAGE);
		return rd_cbor_put_uint(out, v);
	case RD_CTL_KIND_BOOL:
		return rd_cbor_put_bool(out, *(const bool *)at(m, f));
	case RD_CTL_KIND_TEXT:
		return put_text(text_of(m, f), f, out);
	case RD_CTL_KIND_PCR:
		return rd_cbor_put_bytes(out, rd_view(at(m, f), RD_CTL_PCR_SIZE));
	case RD_CTL_KIND_BYTES:
		return put_bytes(*(const struct rd_view *)at(m, f), f, out);
	case RD_CTL_KIND_U64S:
		return put_u64s(at(m, f), f, out);
	case RD_CTL_KIND_VIEWS:
		return put_views(at(m, f), f, out);
	case RD_CTL_KIND_TEXTS:
		return put_texts(at(m, f), f, out);
	}
	return RD_INTERNAL;
}

enum rd_status rd_ctl_encode(const struct rd_ctl_message *m, struct rd_buf *out)
{
	const struct rd_ctl_schema *s = rd_ctl_schema((uint64_t)m->type);
	size_t start = out->used;
	uint64_t pairs = 0;

	RD_ENSURE(s != NULL, RD_USAGE);
	for (size_t i = 0; i < s->field_count; i++) {
		pairs += s->fields[i].mandatory || !is_zero(m, &s->fields[i]);
	}
	RD_TRY(rd_cbor_put_array(out, 2));
	RD_TRY(rd_cbor_put_uint(out, (uint64_t)m->type));
	RD_TRY(rd_cbor_put_map(out, pairs));
	for (size_t i = 0; i < s->field_count; i++) {
		if (s->fields[i].mandatory || !is_zero(m, &s->fields[i])) {
			RD_TRY(put_field(m, &s->fields[i], out));
		}
	}
	RD_ENSURE(out->used - start <= RD_CTL_MESSAGE_MAX, RD_NOSPACE);
	return RD_OK;
}
