/* SPDX-License-Identifier: Apache-2.0 */
/* Small files whole. */
#ifndef RD_GUEST_INIT_FILE_H
#define RD_GUEST_INIT_FILE_H

#include "base/error.h"

#include <stddef.h>

/* The first line, without its end, cut to size - 1 bytes. */
enum rd_status init_read_line(const char *path, char *ret_line, size_t size) RD_MUST_USE;

/* All of it, with a NUL behind, on the heap; RD_LIMIT when longer than max. */
enum rd_status init_read_file(const char *path, size_t max, char **ret_bytes, size_t *ret_len,
	struct rd_error *err) RD_MUST_USE;

#endif
