/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files in a strict part of YAML: one document, which is a mapping of known keys to
 * scalars and lists; a list holds strings, or mappings of scalars.
 *
 *	rd_yaml_begin ──► rd_yaml_next_key ──► the key's value, by its type ──┐
 *	                        ▲   └─ end ──► rd_yaml_end                    │
 *	                        └─────────────────────────────────────────────┘
 *
 * A value is asked for by the type that it must have. Anchors, aliases, tags, unknown and repeated
 * keys, a second document are refused where they stand. Errors are bare until rd_yaml_locate, which
 * the caller calls once, at the end, for its own complaints about values too.
 */
#ifndef RD_YAML_READ_H
#define RD_YAML_READ_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rd_yaml;

/* Keys of one mapping: seen has a bit for each. */
#define RD_YAML_KEYS_MAX 32

/* Set keys and count (at most RD_YAML_KEYS_MAX), the rest to zero. */
struct rd_yaml_map {
	const char *const *keys;
	size_t count;
	uint32_t seen; /* 1u << index, for each that was there */
};

/*
 * The whole file, into a growable buffer whose limit is the file's (RD_LIMIT: it is larger). A
 * missing one is empty if it need not exist. what: "the allowlist", for errors.
 */
enum rd_status rd_yaml_load(const char *what, const char *path, bool must_exist, struct rd_buf *ret,
	struct rd_error *err) RD_MUST_USE;

/* Borrows all three. name is what errors call the text; err is filled by the other functions. */
enum rd_status rd_yaml_open(struct rd_yaml **ret, const char *name, struct rd_view text,
	struct rd_error *err) RD_MUST_USE;
void rd_yaml_close(struct rd_yaml **y);

/* Puts "<name>:<line>: " before the error, the line being that of what was read last; RD_OK stays.
 */
enum rd_status rd_yaml_locate(const struct rd_yaml *y, enum rd_status st);

/* *ret_empty: nothing but comments, or an empty document: there is nothing more to read. */
enum rd_status rd_yaml_begin(struct rd_yaml *y, bool *ret_empty) RD_MUST_USE;
/* After the document's mapping: RD_BAD_TYPE if anything follows. */
enum rd_status rd_yaml_end(struct rd_yaml *y) RD_MUST_USE;

/* The next key's index, its value to be read; or the mapping's end. RD_USAGE: unknown;
 * RD_DUPLICATE: there already. */
enum rd_status rd_yaml_next_key(
	struct rd_yaml *y, struct rd_yaml_map *map, unsigned *ret_key, bool *ret_end) RD_MUST_USE;

/* The whole document: read is called for each key, with its index, and takes the value. */
typedef enum rd_status rd_yaml_value_fn(
	struct rd_yaml *y, unsigned key, void *ctx, struct rd_error *err);
enum rd_status rd_yaml_read_keys(struct rd_yaml *y, const char *const *keys, size_t count,
	rd_yaml_value_fn *read, void *ctx) RD_MUST_USE;

/*
 * The key's value. Anything but one scalar is RD_BAD_TYPE; for a number and a boolean, which is
 * true or false, a scalar in quotes too. A string has no NUL in it (RD_MALFORMED), and is valid
 * until the next call. RD_BAD_NUMBER: not from min to max.
 */
enum rd_status rd_yaml_string(struct rd_yaml *y, const char **ret) RD_MUST_USE;
enum rd_status rd_yaml_u64(struct rd_yaml *y, uint64_t min, uint64_t max, uint64_t *ret)
	RD_MUST_USE;
enum rd_status rd_yaml_u32(struct rd_yaml *y, uint32_t min, uint32_t max, uint32_t *ret)
	RD_MUST_USE;
enum rd_status rd_yaml_bool(struct rd_yaml *y, bool *ret) RD_MUST_USE;

/* A list: its items one by one, until *ret_end. A string alone is a list of one, "key:" and nothing
 * more is an empty one. */
enum rd_status rd_yaml_begin_list(struct rd_yaml *y) RD_MUST_USE;
enum rd_status rd_yaml_next_string(struct rd_yaml *y, const char **ret, bool *ret_end) RD_MUST_USE;
/* The next mapping's keys are read until their end. form: how one is written, for the error. */
enum rd_status rd_yaml_next_map(struct rd_yaml *y, const char *form, bool *ret_end) RD_MUST_USE;

#endif
