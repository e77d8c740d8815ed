/* SPDX-License-Identifier: Apache-2.0 */
/* Published test vectors: JSON files under tests/data, whose byte strings are hex. */
#ifndef RD_TEST_VECTORS_H
#define RD_TEST_VECTORS_H

#include "data.h"

#include <jansson.h>

/* The caller gives the reference back (json_decref). */
static inline json_t *test_vectors(const char *name)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = test_data(name);
	json_error_t err;
	json_t *root = json_loadb((const char *)text.ptr, text.used, 0, &err);

	if (root == NULL) {
		fail_msg("%s:%d: %s", name, err.line, err.text);
	}
	return root;
}

static inline const char *vector_text(const json_t *vector, const char *key)
{
	const char *text = json_string_value(json_object_get(vector, key));

	assert_non_null(text);
	return text;
}

/* In a buffer that the caller finishes. */
static inline struct rd_buf vector_bytes(const json_t *vector, const char *key)
{
	struct rd_buf b = rd_buf_growable(TEST_DATA_MAX);

	assert_ok(rd_hex_decode(rd_view_str(vector_text(vector, key)), &b));
	return b;
}

static inline unsigned vector_number(const json_t *vector, const char *key)
{
	assert_true(json_is_integer(json_object_get(vector, key)));
	return (unsigned)json_integer_value(json_object_get(vector, key));
}

/* Wycheproof's verdict on a case; its "acceptable" is not among our vectors. */
static inline bool vector_is_valid(const json_t *vector)
{
	const char *result = vector_text(vector, "result");

	assert_true(strcmp(result, "valid") == 0 || strcmp(result, "invalid") == 0);
	return strcmp(result, "valid") == 0;
}

static inline bool vector_has_flag(const json_t *vector, const char *flag)
{
	const json_t *flags = json_object_get(vector, "flags");

	for (size_t i = 0; i < json_array_size(flags); i++) {
		if (strcmp(json_string_value(json_array_get(flags, i)), flag) == 0) {
			return true;
		}
	}
	return false;
}

#endif
