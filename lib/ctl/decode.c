/* SPDX-License-Identifier: Apache-2.0 */
/* Datagram to struct, by the schema. */
#include "ctl/schema.h"

#include "cbor/decode.h"

#include <string.h>

static void *at(struct rd_ctl_message *m, const struct rd_ctl_field *f)
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

static enum rd_status get_text(struct rd_cbor *d, const struct rd_ctl_field *f, char *ret)
{
	struct rd_view text = {0};

	RD_TRY(rd_cbor_text(d, &text));
	RD_ENSURE(text.len <= f->max, RD_LIMIT);
	RD_ENSURE(text.len >= f->min, RD_OUT_OF_RANGE);
	RD_TRY(rd_ctl_text_check(text));
	if (text.len > 0) {
		memcpy(ret, text.ptr, text.len);
	}
	ret[text.len] = '\0';
	return RD_OK;
}

static enum rd_status get_bytes(
	struct rd_cbor *d, const struct rd_ctl_field *f, struct rd_view *ret)
{
	struct rd_view bytes = {0};

	RD_TRY(rd_cbor_bytes(d, &bytes));
	RD_ENSURE(bytes.len <= f->max, RD_LIMIT);
	RD_ENSURE(bytes.len >= f->min, RD_OUT_OF_RANGE);
	*ret = bytes;
	return RD_OK;
}

static enum rd_status get_pcr(struct rd_cbor *d, const struct rd_ctl_field *f, uint8_t *ret)
{
	struct rd_view bytes = {0};

	RD_TRY(get_bytes(d, f, &bytes));
	memcpy(ret, bytes.ptr, RD_CTL_PCR_SIZE);
	return RD_OK;
}

static enum rd_status get_u64s(
	struct rd_cbor *d, const struct rd_ctl_field *f, struct rd_ctl_u64s *ret)
{
	struct rd_cbor_iter it;
	bool more = false;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			break;
		}
		RD_ENSURE(ret->count < RD_CTL_CPUS_MAX, RD_LIMIT);
		RD_TRY(get_u64(d, f->min, f->max, &ret->items[ret->count]));
		ret->count++;
	}
	RD_ENSURE(ret->count > 0, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status get_views(
	struct rd_cbor *d, const struct rd_ctl_field *f, struct rd_ctl_views *ret)
{
	struct rd_cbor_iter it;
	bool more = false;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			break;
		}
		RD_ENSURE(ret->count < RD_CTL_CABUNDLE_MAX, RD_LIMIT);
		RD_TRY(get_bytes(d, f, &ret->items[ret->count]));
		ret->count++;
	}
	RD_ENSURE(ret->count > 0, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status get_texts(
	struct rd_cbor *d, const struct rd_ctl_field *f, struct rd_ctl_texts *ret)
{
	struct rd_cbor_iter it;
	bool more = false;

	RD_TRY(rd_cbor_array(d, &it));
	for (;;) {
		RD_TRY(rd_cbor_more(d, &it, &more));
		if (!more) {
			break;
		}
		RD_ENSURE(ret->count < RD_CTL_FORWARDS_MAX, RD_LIMIT);
		RD_TRY(get_text(d, f, ret->items[ret->count]));
		ret->count++;
	}
	RD_ENSURE(ret->count > 0, RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status get_field(
	struct rd_cbor *d, const struct rd_ctl_field *f, struct rd_ctl_message *m)
{
	switch (f->kind) {
	case RD_CTL_KIND_U64:
		return get_u64(d, f->min, f->max, at(m, f));
	case RD_CTL_KIND_BOOL:
		return rd_cbor_bool(d, at(m, f));
	case RD_CTL_KIND_TEXT:
		return get_text(d, f, at(m, f));
	case RD_CTL_KIND_PCR:
		return get_pcr(d, f, at(m, f));
	case RD_CTL_KIND_BYTES:
		return get_bytes(d, f, at(m, f));
	case RD_CTL_KIND_U64S:
		return get_u64s(d, f, at(m, f));
	case RD_CTL_KIND_VIEWS:
		return get_views(d, f, at(m, f));
	case RD_CTL_KIND_TEXTS:
		return get_texts(d, f, at(m, f));
	}
	return RD_INTERNAL;
}

static enum rd_status require_mandatory(
	const struct rd_ctl_schema *s, uint32_t seen, const char **ret_field)
{
	for (size_t i = 0; i < s->field_count; i++) {
		if (s->fields[i].mandatory && !(seen & 1u << i)) {
			*ret_field = s->fields[i].name;
			return RD_MISSING;
		}
	}
	return RD_OK;
}

static enum rd_status get_fields(struct rd_cbor *d, const struct rd_ctl_schema *s,
	struct rd_ctl_message *m, const char **ret_field)
{
	const char *names[RD_CTL_FIELDS_MAX] = {0};
	struct rd_cbor_fields fields;
	uint32_t seen = 0;
	int index = 0;

	for (size_t i = 0; i < s->field_count; i++) {
		names[i] = s->fields[i].name;
	}
	RD_TRY(rd_cbor_fields_begin(d, names, s->field_count, &fields));
	for (;;) {
		RD_TRY(rd_cbor_fields_next(d, &fields, &index));
		if (index == RD_CBOR_KEY_END) {
			break;
		}
		if (index == RD_CBOR_KEY_UNKNOWN) {
			RD_TRY(rd_cbor_skip(d, NULL));
			continue;
		}
		*ret_field = names[index];
		RD_TRY(get_field(d, &s->fields[index], m));
		*ret_field = "";
		seen |= 1u << index;
	}
	return require_mandatory(s, seen, ret_field);
}

static enum rd_status decode(struct rd_view datagram, size_t fd_count, enum rd_ctl_link link,
	struct rd_ctl_message *m, const char **ret_field)
{
	const struct rd_ctl_schema *s;
	struct rd_cbor d;
	struct rd_cbor_iter it;
	uint64_t type = 0;
	bool more = false;

	RD_ENSURE(datagram.len <= RD_CTL_MESSAGE_MAX, RD_LIMIT);
	rd_cbor_init(&d, datagram, RD_CBOR_STRICT);
	RD_TRY(rd_cbor_array_of(&d, 2, &it));
	RD_TRY(rd_cbor_uint(&d, UINT32_MAX, &type));
	s = rd_ctl_schema(type);
	RD_ENSURE(s != NULL, RD_UNSUPPORTED);
	RD_ENSURE(s->links & (unsigned)link, RD_FORBIDDEN);
	RD_ENSURE(fd_count >= s->min_fds && fd_count <= s->max_fds, RD_FORBIDDEN);
	m->type = s->type;
	RD_TRY(get_fields(&d, s, m, ret_field));
	RD_TRY(rd_cbor_more(&d, &it, &more));
	return rd_cbor_finish(&d);
}

enum rd_status rd_ctl_decode_named(struct rd_view datagram, size_t fd_count, enum rd_ctl_link link,
	struct rd_ctl_message *ret_m, const char **ret_field)
{
	struct rd_ctl_message m;

	memset(&m, 0, sizeof(m));
	*ret_field = "";
	RD_TRY(decode(datagram, fd_count, link, &m, ret_field));
	*ret_m = m;
	return RD_OK;
}

enum rd_status rd_ctl_decode(struct rd_view datagram, size_t fd_count, enum rd_ctl_link link,
	struct rd_ctl_message *ret_m)
{
	const char *field;

	return rd_ctl_decode_named(datagram, fd_count, link, ret_m, &field);
}
