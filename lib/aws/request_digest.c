/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a request, written into a digest. Depth and size are the JSON reader's. */
#include "aws/request_digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum rd_status put_value(struct rd_digest *digest, json_t *value);

static enum rd_status put(struct rd_digest *digest, const char *text)
{
	return rd_digest_update(digest, rd_view_str(text));
}

/* The escape that JSON demands for a byte; NULL: it stands for itself. */
static const char *escape_of(char c, char storage[8])
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	default:
		if ((unsigned char)c >= 0x20) {
			return NULL;
		}
		snprintf(storage, 8, "\\u%04x", (unsigned)c);
		return storage;
	}
}

static enum rd_status put_string(struct rd_digest *digest, struct rd_view text)
{
	size_t done = 0;

	RD_TRY(put(digest, "\""));
	for (size_t i = 0; i < text.len; i++) {
		char storage[8];
		const char *escape = escape_of((char)text.ptr[i], storage);

		if (escape != NULL) {
			RD_TRY(rd_digest_update(digest, rd_view(text.ptr + done, i - done)));
			RD_TRY(put(digest, escape));
			done = i + 1;
		}
	}
	RD_TRY(rd_digest_update(digest, rd_view(text.ptr + done, text.len - done)));
	return put(digest, "\"");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* skip: the name of a member that is left out, or NULL. */
static enum rd_status put_members(
	struct rd_digest *digest, json_t *object, const char **names, const char *skip)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(object, name, value)
	{
		if (skip == NULL || strcmp(name, skip) != 0) {
			names[n++] = name;
		}
	}
	qsort(names, n, sizeof(*names), compare_names);
	for (size_t i = 0; i < n; i++) {
		RD_TRY(put(digest, i == 0 ? "" : ","));
		RD_TRY(put_string(digest, rd_view_str(names[i])));
		RD_TRY(put(digest, ":"));
		RD_TRY(put_value(digest, json_object_get(object, names[i])));
	}
	return RD_OK;
}

static enum rd_status put_object(struct rd_digest *digest, json_t *object, const char *skip)
{
	const char **names = calloc(json_object_size(object) + 1, sizeof(*names));
	enum rd_status st;

	RD_ENSURE(names != NULL, RD_NOMEM);
	st = put(digest, "{");
	if (st == RD_OK) {
		st = put_members(digest, object, names, skip);
	}
	free(names);
	RD_TRY(st);
	return put(digest, "}");
}

static enum rd_status put_array(struct rd_digest *digest, json_t *array)
{
	RD_TRY(put(digest, "["));
	for (size_t i = 0; i < json_array_size(array); i++) {
		RD_TRY(put(digest, i == 0 ? "" : ","));
		RD_TRY(put_value(digest, json_array_get(array, i)));
	}
	return put(digest, "]");
}

static enum rd_status put_integer(struct rd_digest *digest, json_int_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, value);
	return put(digest, text);
}

static enum rd_status put_value(struct rd_digest *digest, json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return put_object(digest, value, NULL);
	case JSON_ARRAY:
		return put_array(digest, value);
	case JSON_STRING:
		return put_string(
			digest, rd_view(json_string_value(value), json_string_length(value)));
	case JSON_INTEGER:
		return put_integer(digest, json_integer_value(value));
	case JSON_TRUE:
		return put(digest, "true");
	case JSON_FALSE:
		return put(digest, "false");
	case JSON_NULL:
		return put(digest, "null");
	case JSON_REAL:
	default:
		return RD_UNSUPPORTED;
	}
}

enum rd_status rd_request_digest(
	const char *operation, json_t *request, uint8_t ret_digest[RD_SHA256_SIZE])
{
	struct rd_digest *digest RD_CLEANUP(rd_digest_free) = NULL;

	RD_TRY(rd_digest_new(RD_SHA256, &digest));
	RD_TRY(put(digest, operation));
	RD_TRY(put(digest, "\n"));
	RD_TRY(put_object(digest, request, "Recipient"));
	return rd_digest_finish(digest, ret_digest);
}
