/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of fields, and one writer and one reader over them. */
#include "ec2/record.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum field_kind { TEXT_FIELD, DUP_FIELD, BOOL_FIELD, U32_FIELD, I32_FIELD, I64_FIELD };

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset;
	size_t size; /* TEXT_FIELD */
};

#define FIELD(k, s, m)                                                                             \
	{                                                                                          \
		.name = #m, .kind = k, .offset = offsetof(struct s, m),                            \
		.size = sizeof(((struct s *)NULL)->m)                                              \
	}
#define TEXT(s, m) FIELD(TEXT_FIELD, s, m)
#define DUP(s, m)  FIELD(DUP_FIELD, s, m)
#define BOOL(s, m) FIELD(BOOL_FIELD, s, m)
#define U32(s, m)  FIELD(U32_FIELD, s, m)
#define I32(s, m)  FIELD(I32_FIELD, s, m)
#define I64(s, m)  FIELD(I64_FIELD, s, m)

static const struct field instance_fields[] = {U32(ec2_instance, launch_index),
	TEXT(ec2_instance, image), TEXT(ec2_instance, type), U32(ec2_instance, state),
	U32(ec2_instance, desired), BOOL(ec2_instance, fresh), BOOL(ec2_instance, stop_hard),
	TEXT(ec2_instance, reason_code), TEXT(ec2_instance, reason_message),
	TEXT(ec2_instance, transition), I64(ec2_instance, launched_ms),
	I64(ec2_instance, changed_ms), BOOL(ec2_instance, reachable), TEXT(ec2_instance, key_name),
	TEXT(ec2_instance, private_ip), TEXT(ec2_instance, mac), TEXT(ec2_instance, volume),
	TEXT(ec2_instance, interface), TEXT(ec2_instance, attachment), TEXT(ec2_instance, groups),
	U32(ec2_instance, root_gib), TEXT(ec2_instance, root_device),
	TEXT(ec2_instance, profile_arn), TEXT(ec2_instance, profile_id),
	TEXT(ec2_instance, role_arn), TEXT(ec2_instance, association),
	I64(ec2_instance, associated_ms), BOOL(ec2_instance, enclaves),
	BOOL(ec2_instance, termination_disabled), BOOL(ec2_instance, stop_disabled),
	BOOL(ec2_instance, ebs_optimized), BOOL(ec2_instance, monitoring),
	BOOL(ec2_instance, shutdown_terminates), BOOL(ec2_instance, tokens_required),
	BOOL(ec2_instance, metadata_off), BOOL(ec2_instance, metadata_tags),
	U32(ec2_instance, hop_limit), TEXT(ec2_instance, client_token),
	TEXT(ec2_instance, location), TEXT(ec2_instance, format), DUP(ec2_instance, public_key),
	DUP(ec2_instance, user_data)};

static const struct field image_fields[] = {TEXT(ec2_image, description), TEXT(ec2_image, location),
	TEXT(ec2_image, format), TEXT(ec2_image, root_device), TEXT(ec2_image, boot_mode),
	I64(ec2_image, size_bytes), BOOL(ec2_image, ena), BOOL(ec2_image, imds_v2)};

static const struct field key_pair_fields[] = {
	TEXT(ec2_key_pair, type), TEXT(ec2_key_pair, fingerprint), DUP(ec2_key_pair, public_key)};

static const struct field group_fields[] = {TEXT(ec2_group, description)};

static const struct field rule_fields[] = {BOOL(ec2_rule, egress), TEXT(ec2_rule, protocol),
	I32(ec2_rule, from), I32(ec2_rule, to), TEXT(ec2_rule, cidr), TEXT(ec2_rule, cidr6),
	TEXT(ec2_rule, group), TEXT(ec2_rule, description)};

static const struct field volume_fields[] = {
	U32(ec2_volume, size_gib), TEXT(ec2_volume, device), TEXT(ec2_volume, snapshot)};

static const struct field interface_fields[] = {TEXT(ec2_interface, private_ip),
	TEXT(ec2_interface, mac), TEXT(ec2_interface, attachment), TEXT(ec2_interface, groups)};

static const struct field template_fields[] = {TEXT(ec2_template, created_by),
	I64(ec2_template, default_version), I64(ec2_template, latest_version),
	I64(ec2_template, last_number)};

static const struct field version_fields[] = {TEXT(ec2_version, created_by),
	TEXT(ec2_version, description), I64(ec2_version, number), DUP(ec2_version, data)};

static const struct {
	const char *prefix, *resource;
	size_t size;
	const struct field *fields;
	size_t n;
} kinds[EC2_KIND_COUNT] = {
#define FIELDS_ec2_instance  instance_fields, RD_ARRAY_LEN(instance_fields)
#define FIELDS_ec2_image     image_fields, RD_ARRAY_LEN(image_fields)
#define FIELDS_ec2_key_pair  key_pair_fields, RD_ARRAY_LEN(key_pair_fields)
#define FIELDS_ec2_group     group_fields, RD_ARRAY_LEN(group_fields)
#define FIELDS_ec2_rule      rule_fields, RD_ARRAY_LEN(rule_fields)
#define FIELDS_ec2_volume    volume_fields, RD_ARRAY_LEN(volume_fields)
#define FIELDS_ec2_interface interface_fields, RD_ARRAY_LEN(interface_fields)
#define FIELDS_ec2_template  template_fields, RD_ARRAY_LEN(template_fields)
#define FIELDS_ec2_version   version_fields, RD_ARRAY_LEN(version_fields)
#define X(name, type, prefix, resource)                                                            \
	[EC2_KIND_##name] = {prefix, resource, sizeof(struct type), FIELDS_##type},
	EC2_KIND_LIST(X)
#undef X
};

size_t ec2_record_size(enum ec2_kind kind)
{
	return kinds[kind].size;
}

const char *ec2_kind_prefix(enum ec2_kind kind)
{
	return kinds[kind].prefix;
}

const char *ec2_kind_resource(enum ec2_kind kind)
{
	return kinds[kind].resource;
}

enum ec2_kind ec2_kind_of_id(const char *id)
{
	for (unsigned k = 1; k < EC2_KIND_COUNT; k++) {
		size_t len = strlen(kinds[k].prefix);

		if (len > 0 && strncmp(id, kinds[k].prefix, len) == 0) {
			return (enum ec2_kind)k;
		}
	}
	return EC2_KIND_NONE;
}

enum ec2_kind ec2_kind_of_resource(struct rd_view resource)
{
	for (unsigned k = 1; k < EC2_KIND_COUNT; k++) {
		if (rd_view_equal(resource, rd_view_str(kinds[k].resource))) {
			return (enum ec2_kind)k;
		}
	}
	return EC2_KIND_NONE;
}

bool ec2_id_is_valid(enum ec2_kind kind, const char *id)
{
	size_t len = strlen(kinds[kind].prefix);
	size_t digits = strncmp(id, kinds[kind].prefix, len) == 0 ? strlen(id + len) : 0;

	return (digits == 8 || digits == 17) && strspn(id + len, "0123456789abcdef") == digits;
}

/* --- writing --- */

static json_t *field_value(const struct field *f, const void *record)
{
	const char *at = (const char *)record + f->offset;

	switch (f->kind) {
	case TEXT_FIELD:
		return json_string(at);
	case DUP_FIELD:
		return *(char *const *)(const void *)at == NULL
			       ? json_null()
			       : json_string(*(char *const *)(const void *)at);
	case BOOL_FIELD:
		return json_boolean(*(const bool *)at);
	case U32_FIELD:
		return json_integer(*(const uint32_t *)(const void *)at);
	case I32_FIELD:
		return json_integer(*(const int32_t *)(const void *)at);
	case I64_FIELD:
		return json_integer(*(const int64_t *)(const void *)at);
	}
	return NULL;
}

static enum rd_status to_json(enum ec2_kind kind, const void *record, json_t *document)
{
	const struct ec2_head *head = record;
	json_t *tags = head->tags == NULL ? json_object() : json_incref(head->tags);

	RD_ENSURE(json_object_set_new(document, "tags", tags) == 0, RD_NOMEM);
	RD_ENSURE(json_object_set_new(document, "created_ms", json_integer(head->created_ms)) == 0,
		RD_NOMEM);
	for (size_t i = 0; i < kinds[kind].n; i++) {
		const struct field *f = &kinds[kind].fields[i];

		/* NULL also for text that is not UTF-8. */
		RD_ENSURE(json_object_set_new(document, f->name, field_value(f, record)) == 0,
			RD_MALFORMED);
	}
	return RD_OK;
}

enum rd_status ec2_record_write(enum ec2_kind kind, const void *record, char **ret)
{
	json_t *document = json_object();
	enum rd_status st;

	RD_ENSURE(document != NULL, RD_NOMEM);
	st = to_json(kind, record, document);
	if (st == RD_OK) {
		*ret = json_dumps(document, JSON_COMPACT);
		st = *ret == NULL ? RD_NOMEM : RD_OK;
	}
	json_decref(document);
	return st;
}

/* --- reading --- */

static enum rd_status read_text(const struct field *f, const json_t *value, char *at)
{
	size_t len = json_string_length(value);

	RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
	RD_ENSURE(len < f->size, RD_LIMIT);
	memcpy(at, json_string_value(value), len);
	at[len] = '\0';
	return RD_OK;
}

static enum rd_status read_dup(const json_t *value, char **at)
{
	if (json_is_null(value)) {
		return RD_OK;
	}
	RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
	*at = strdup(json_string_value(value));
	return *at == NULL ? RD_NOMEM : RD_OK;
}

static enum rd_status read_number(const json_t *value, int64_t min, int64_t max, int64_t *ret)
{
	RD_ENSURE(json_is_integer(value), RD_BAD_TYPE);
	*ret = json_integer_value(value);
	return *ret >= min && *ret <= max ? RD_OK : RD_BAD_NUMBER;
}

static enum rd_status read_field(const struct field *f, const json_t *value, void *record)
{
	char *at = (char *)record + f->offset;
	int64_t number = 0;

	switch (f->kind) {
	case TEXT_FIELD:
		return read_text(f, value, at);
	case DUP_FIELD:
		return read_dup(value, (char **)(void *)at);
	case BOOL_FIELD:
		RD_ENSURE(json_is_boolean(value), RD_BAD_TYPE);
		*(bool *)at = json_is_true(value);
		return RD_OK;
	case U32_FIELD:
		RD_TRY(read_number(value, 0, UINT32_MAX, &number));
		*(uint32_t *)(void *)at = (uint32_t)number;
		return RD_OK;
	case I32_FIELD:
		RD_TRY(read_number(value, INT32_MIN, INT32_MAX, &number));
		*(int32_t *)(void *)at = (int32_t)number;
		return RD_OK;
	case I64_FIELD:
		return read_number(value, INT64_MIN, INT64_MAX, (int64_t *)(void *)at);
	}
	return RD_INTERNAL;
}

static enum rd_status read_tags(json_t *document, struct ec2_head *head)
{
	json_t *tags = json_object_get(document, "tags");
	const char *key;
	json_t *value;

	RD_ENSURE(json_is_object(tags), RD_BAD_TYPE);
	json_object_foreach(tags, key, value)
	{
		RD_ENSURE(json_is_string(value), RD_BAD_TYPE);
	}
	head->tags = json_incref(tags);
	return read_number(
		json_object_get(document, "created_ms"), INT64_MIN, INT64_MAX, &head->created_ms);
}

/* A field that an older program did not write keeps its zero. */
static enum rd_status from_json(enum ec2_kind kind, json_t *document, void *record)
{
	RD_ENSURE(json_is_object(document), RD_BAD_TYPE);
	RD_TRY(read_tags(document, record));
	for (size_t i = 0; i < kinds[kind].n; i++) {
		const struct field *f = &kinds[kind].fields[i];
		const json_t *value = json_object_get(document, f->name);

		if (value != NULL) {
			RD_TRY(read_field(f, value, record));
		}
	}
	return RD_OK;
}

enum rd_status ec2_record_read(enum ec2_kind kind, struct rd_view document, void *record)
{
	json_t *json;
	enum rd_status st;

	RD_ENSURE(document.ptr != NULL && document.len <= EC2_DOCUMENT_MAX, RD_LIMIT);
	json = json_loadb((const char *)document.ptr, document.len, JSON_REJECT_DUPLICATES, NULL);
	RD_ENSURE(json != NULL, RD_MALFORMED);
	st = from_json(kind, json, record);
	json_decref(json);
	return st;
}

void ec2_record_finish(enum ec2_kind kind, void *record)
{
	struct ec2_head *head = record;

	for (size_t i = 0; i < kinds[kind].n; i++) {
		const struct field *f = &kinds[kind].fields[i];

		if (f->kind == DUP_FIELD) {
			free(*(char **)(void *)((char *)record + f->offset));
		}
	}
	json_decref(head->tags);
	memset(record, 0, kinds[kind].size);
}

enum rd_status ec2_record_copy(enum ec2_kind kind, const void *from, void *ret)
{
	const struct ec2_head *head = from;
	struct ec2_head *to = ret;
	enum rd_status st = RD_OK;

	memcpy(ret, from, kinds[kind].size);
	to->tags = head->tags == NULL ? json_object() : json_deep_copy(head->tags);
	st = to->tags == NULL ? RD_NOMEM : RD_OK;
	for (size_t i = 0; i < kinds[kind].n; i++) {
		const struct field *f = &kinds[kind].fields[i];
		char **at = (char **)(void *)((char *)ret + f->offset);

		if (f->kind == DUP_FIELD && *at != NULL) {
			*at = strdup(*at);
			st = *at == NULL ? RD_NOMEM : st;
		}
	}
	return st;
}
