/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns as in moby/patternmatcher: '?' and '*' stop at slashes, "**" does not, [a-z] classes,
 * backslash escapes, "!" makes an exception, the last match wins. A pattern that matches a
 * directory matches what is below it.
 */
#include "image/dockerignore.h"

#include <stdlib.h>
#include <string.h>

/* Steps for one pattern and path: enough for any sane pair, and an end to "**a**a**a…". */
#define MATCH_STEPS_MAX 100000

void rd_dockerignore_finish(struct rd_dockerignore *d)
{
	free(d->text);
	free(d->patterns);
	*d = (struct rd_dockerignore){0};
}

/* Trims a line in place and takes "./" and slashes off its ends; NULL if nothing is left. */
static char *normalise(char *line)
{
	char *start = line + strspn(line, " \t\r");
	size_t len = strlen(start);
	bool exception = start[0] == '!';

	while (len > 0 && strchr(" \t\r/", start[len - 1]) != NULL) {
		start[--len] = '\0';
	}
	if (exception) {
		start++;
	}
	for (;;) {
		if (start[0] == '/') {
			start++;
		} else if (start[0] == '.' && start[1] == '/') {
			start += 2;
		} else {
			break;
		}
	}
	if (start[0] == '\0' || start[0] == '#') {
		return NULL;
	}
	if (exception) {
		*--start = '!';
	}
	return start;
}

enum rd_status rd_dockerignore_parse(
	struct rd_view text, struct rd_dockerignore *ret_ignore, struct rd_error *err)
{
	struct rd_dockerignore d RD_CLEANUP(rd_dockerignore_finish) = {0};
	char *save = NULL;

	d.text = strndup(text.len > 0 ? (const char *)text.ptr : "", text.len);
	d.patterns = calloc(RD_DOCKERIGNORE_LINES_MAX, sizeof(*d.patterns));
	if (d.text == NULL || d.patterns == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	for (char *line = strtok_r(d.text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		char *pattern = normalise(line);

		if (pattern == NULL) {
			continue;
		}
		if (strlen(pattern) > RD_DOCKERIGNORE_LINE_MAX) {
			return rd_fail(err, RD_LIMIT,
				"a line of .dockerignore is longer than %d bytes",
				RD_DOCKERIGNORE_LINE_MAX);
		}
		if (d.n == RD_DOCKERIGNORE_LINES_MAX) {
			return rd_fail(err, RD_LIMIT, ".dockerignore has more than %d lines",
				RD_DOCKERIGNORE_LINES_MAX);
		}
		d.has_exceptions |= pattern[0] == '!';
		d.patterns[d.n++] = pattern;
	}
	*ret_ignore = rd_steal(&d, (struct rd_dockerignore){0});
	return RD_OK;
}

/* One [class] at *p against c; *p is moved past it. */
static bool match_class(const char **p, char c)
{
	const char *q = *p + 1;
	bool negated = *q == '^';
	bool found = false;

	for (q += negated ? 1 : 0; *q != '\0' && *q != ']'; q++) {
		char low;
		char high;

		q += *q == '\\' && q[1] != '\0' ? 1 : 0;
		low = *q;
		high = low;
		if (q[1] == '-' && q[2] != '\0' && q[2] != ']') {
			high = q[2];
			q += 2;
		}
		found |= low <= c && c <= high;
	}
	*p = *q == ']' ? q + 1 : q;
	return found != negated && c != '/';
}

static bool match_from(const char *p, const char *text, unsigned *steps);

/* A star (p is behind it) against as little of text as the rest allows; "**" crosses slashes. */
static bool match_star(const char *p, bool cross, const char *text, unsigned *steps)
{
	/* A "**" and its slash may also stand for nothing. */
	if (cross && *p == '/' && match_from(p + 1, text, steps)) {
		return true;
	}
	for (;; text++) {
		if (match_from(p, text, steps)) {
			return true;
		}
		if (*text == '\0' || (*text == '/' && !cross)) {
			return false;
		}
	}
}

/* One element of the pattern, not a star, against one byte; *p is moved past it. */
static bool match_byte(const char **p, char c)
{
	if (**p == '[') {
		return match_class(p, c);
	}
	if (**p == '?') {
		(*p)++;
		return c != '/';
	}
	*p += **p == '\\' && (*p)[1] != '\0' ? 1 : 0;
	return *(*p)++ == c;
}

/* Whether pattern matches text whole, or up to a slash of it (a directory above). */
static bool match_from(const char *p, const char *text, unsigned *steps)
{
	for (; *p != '\0'; text++) {
		if (++*steps > MATCH_STEPS_MAX) {
			return false;
		}
		if (*p == '*') {
			bool cross = p[1] == '*';

			return match_star(p + (cross ? 2 : 1), cross, text, steps);
		}
		if (*text == '\0' || !match_byte(&p, *text)) {
			return false;
		}
	}
	return *text == '\0' || *text == '/';
}

bool rd_dockerignore_match(const struct rd_dockerignore *d, const char *path)
{
	bool ignored = false;

	for (size_t i = 0; i < d->n; i++) {
		bool exception = d->patterns[i][0] == '!';
		unsigned steps = 0;

		/* A pattern can only change what is not so already. */
		if (ignored == exception &&
			match_from(d->patterns[i] + (exception ? 1 : 0), path, &steps)) {
			ignored = !exception;
		}
	}
	return ignored;
}
