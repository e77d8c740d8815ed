/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the JSON 1.1 protocol, read strictly (kms.md 1.1), over jansson.
 *
 * Two kinds of wrong are kept apart, as the real service does. What is not JSON, has a value of the
 * wrong type, the same member twice or bad base64 fails at once, with a status: the answer is a
 * SerializationException. What is JSON of the right type but breaks a rule of the model (length,
 * range, enumeration, pattern, required) is collected in struct rd_validation, and reading goes on:
 * the answer is one ValidationException that names them all. A getter whose rule failed gives the
 * member as absent; the caller looks at v->failed once, before it uses anything.
 *
 * null is the same as absent. Members that nobody asks for are ignored.
 *
 * Views that the getters give belong to the parsed request and live as long as it.
 */
#ifndef RD_AWS_JSON_IN_H
#define RD_AWS_JSON_IN_H

#include "aws/validation.h"

#include <jansson.h>

/* 262,144 bytes of attestation document are 350 KB as base64; twice that and more. */
#define RD_JSON_IN_SIZE_MAX (1u << 20)
/* kms.md 1.1. The deepest real request, a grant's constraints, has four levels. */
#define RD_JSON_IN_DEPTH_MAX 32
/* Values, names and all: an encryption context of 8 KiB has at most 2,000 pairs. Bounds the memory
 * that one request may take to a few hundred KiB over its own size. */
#define RD_JSON_IN_VALUES_MAX 8192
/* "recipient.keyEncryptionAlgorithm", "tags.50.member.tagValue". */
#define RD_JSON_IN_PATH_SIZE 96

/* An object of the request, and where clauses about its members go. */
struct rd_json_in {
	json_t *object;
	struct rd_validation *validation;
	char path[RD_JSON_IN_PATH_SIZE]; /* "" or "tags.1.member." */
};

/* Cleanup for an owning json_t variable. */
void rd_json_in_free(json_t **json);

/*
 * RD_LIMIT: larger than RD_JSON_IN_SIZE_MAX, or too many values; RD_TOO_DEEP; RD_DUPLICATE: a
 * member twice in one object; RD_BAD_TYPE: not an object; RD_MALFORMED: anything else, such as lone
 * surrogates, \u0000, invalid UTF-8 or bytes behind the object. Empty text is an empty object.
 * The result is an owned reference.
 */
enum rd_status rd_json_in_parse(struct rd_view text, json_t **ret_json) RD_MUST_USE;

/* The whole request. json stays the caller's and outlives in. */
struct rd_json_in rd_json_in(json_t *json, struct rd_validation *validation);

struct rd_json_string_rule {
	bool required;
	bool sensitive; /* its value is not repeated in messages */
	size_t min;     /* characters */
	size_t max;
	const char *pattern; /* as the message names it; NULL for none */
	bool (*matches)(struct rd_view text);
};

/* Absent gives an absent view. RD_BAD_TYPE for anything but a string. */
enum rd_status rd_json_in_string(const struct rd_json_in *in, const char *name,
	const struct rd_json_string_rule *rule, struct rd_view *ret_text) RD_MUST_USE;

/* The index in values, or -1 when absent. */
enum rd_status rd_json_in_enum(const struct rd_json_in *in, const char *name, bool required,
	const char *const *values, size_t n_values, int *ret_index) RD_MUST_USE;

struct rd_json_blob_rule {
	bool required;
	size_t min; /* bytes, decoded */
	size_t max;
};

/*
 * Appends the bytes to out, which the caller finishes and wipes (out needs room for two bytes
 * more than rule->max, so that running out of it is never taken for bad input); ret_bytes is what
 * was appended, absent when there is none. RD_BAD_TYPE, RD_MALFORMED or RD_NONCANONICAL: not a
 * string, not base64.
 */
enum rd_status rd_json_in_blob(const struct rd_json_in *in, const char *name,
	const struct rd_json_blob_rule *rule, struct rd_buf *out, struct rd_view *ret_bytes)
	RD_MUST_USE;

struct rd_json_int_rule {
	bool required;
	int64_t min;
	int64_t max;
};

/* ret_present tells 0 from absent. A number with a fraction or an exponent is RD_BAD_TYPE. */
enum rd_status rd_json_in_int(const struct rd_json_in *in, const char *name,
	const struct rd_json_int_rule *rule, bool *ret_present, int64_t *ret_value) RD_MUST_USE;

/* Absent is fallback. */
enum rd_status rd_json_in_bool(
	const struct rd_json_in *in, const char *name, bool fallback, bool *ret_value) RD_MUST_USE;

/* Seconds since the epoch, whole or with a fraction, from 0 to the end of the year 9999;
 * RD_OUT_OF_RANGE beyond. Rounded to milliseconds. */
enum rd_status rd_json_in_time(const struct rd_json_in *in, const char *name, bool *ret_present,
	uint64_t *ret_unix_ms) RD_MUST_USE;

/* A member that is itself an object; ret_in->object is NULL when absent. */
enum rd_status rd_json_in_object(const struct rd_json_in *in, const char *name, bool required,
	struct rd_json_in *ret_in) RD_MUST_USE;

/* A list or a map of the request. json is NULL, and n is 0, when absent. */
struct rd_json_list {
	json_t *json;
	size_t n;
	char path[RD_JSON_IN_PATH_SIZE]; /* "tags" */
};

struct rd_json_list_rule {
	bool required;
	size_t min; /* elements */
	size_t max;
};

enum rd_status rd_json_in_list(const struct rd_json_in *in, const char *name,
	const struct rd_json_list_rule *rule, struct rd_json_list *ret_list) RD_MUST_USE;

/* Element i, from 0. An element that is null is RD_BAD_TYPE: there is no absent in a list. */
enum rd_status rd_json_list_string(const struct rd_json_in *in, const struct rd_json_list *list,
	size_t i, const struct rd_json_string_rule *rule, struct rd_view *ret_text) RD_MUST_USE;
enum rd_status rd_json_list_enum(const struct rd_json_in *in, const struct rd_json_list *list,
	size_t i, const char *const *values, size_t n_values, int *ret_index) RD_MUST_USE;
enum rd_status rd_json_list_object(const struct rd_json_in *in, const struct rd_json_list *list,
	size_t i, struct rd_json_in *ret_in) RD_MUST_USE;

/* One pair of a map of strings. */
struct rd_json_pair {
	struct rd_view key;
	struct rd_view value;
};

/*
 * A map of strings to strings (encryption contexts), into the caller's array, sorted by key bytes:
 * the order in which it is made canonical. Absent gives 0 pairs. RD_BAD_TYPE: not an object, or a
 * value that is not a string; RD_LIMIT: more than max_pairs.
 */
enum rd_status rd_json_in_map(const struct rd_json_in *in, const char *name,
	struct rd_json_pair *pairs, size_t max_pairs, size_t *ret_n) RD_MUST_USE;

#endif
