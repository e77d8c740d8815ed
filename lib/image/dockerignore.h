/* SPDX-License-Identifier: Apache-2.0 */
/* .dockerignore: which files of a directory are not part of the build context. */
#ifndef RD_IMAGE_DOCKERIGNORE_H
#define RD_IMAGE_DOCKERIGNORE_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

/* The file, and its lines: far above any real one, so that matching stays cheap. */
#define RD_DOCKERIGNORE_SIZE_MAX  (256u << 10)
#define RD_DOCKERIGNORE_LINES_MAX 2048
/* PATH_MAX; also bounds the recursion of the matcher, one level a star. */
#define RD_DOCKERIGNORE_LINE_MAX 4096

struct rd_dockerignore {
	char *text; /* the lines, each NUL-terminated and normalised */
	char **patterns;
	size_t n;
	bool has_exceptions; /* a "!" line: an ignored directory may hold files that are not */
};

enum rd_status rd_dockerignore_parse(
	struct rd_view text, struct rd_dockerignore *ret_ignore, struct rd_error *err) RD_MUST_USE;
void rd_dockerignore_finish(struct rd_dockerignore *d);

/* Whether the last pattern that matches path, or a directory above it, says so. */
bool rd_dockerignore_match(const struct rd_dockerignore *d, const char *path);

#endif
