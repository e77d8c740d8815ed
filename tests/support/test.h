/* SPDX-License-Identifier: Apache-2.0 */
/* The unit-test framework, in the one include order that cmocka wants. */
#ifndef RD_TEST_H
#define RD_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

/* Compares status codes and, on failure, prints their names instead of numbers. */
#define assert_status(expr, want)                                                                  \
	do {                                                                                       \
		enum rd_status got_ = (expr);                                                      \
		if (got_ != (want)) {                                                              \
			fail_msg("%s: got %s, want %s", #expr, rd_status_name(got_),               \
				rd_status_name(want));                                             \
		}                                                                                  \
	} while (0)
#define assert_ok(expr) assert_status(expr, RD_OK)

/* A view's bytes as hex against a literal. */
#define assert_view_hex(view, hex)                                                                 \
	do {                                                                                       \
		struct rd_view v_ = (view);                                                        \
		char *text_ = calloc(1, 2 * v_.len + 1);                                           \
		assert_non_null(text_);                                                            \
		rd_hex_string(v_, text_);                                                          \
		assert_string_equal(text_, hex);                                                   \
		free(text_);                                                                       \
	} while (0)

#endif
