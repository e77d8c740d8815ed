/* SPDX-License-Identifier: Apache-2.0 */
/* Filling and wrapping of operator-facing errors. */
#include "base/error.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void mark_cut(char *text)
{
	memcpy(text + RD_ERROR_TEXT_MAX - 4, "...", 4);
}

enum rd_status rd_error_set(struct rd_error *err, enum rd_status st, int os_errno, const char *file,
	int line, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (err == NULL) {
		return st;
	}
	*err = (struct rd_error){.status = st, .os_errno = os_errno, .file = file, .line = line};
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text) && os_errno != 0) {
		size_t room = sizeof(err->text) - (size_t)n;
		int m = snprintf(err->text + n, room, ": %s", strerror(os_errno));

		n = m < 0 ? m : n + m;
	}
	if (n < 0 || (size_t)n >= sizeof(err->text)) {
		mark_cut(err->text);
	}
	rd_text_make_printable(err->text);
	return st;
}

enum rd_status rd_error_wrap(struct rd_error *err, enum rd_status st, const char *fmt, ...)
{
	char inner[RD_ERROR_TEXT_MAX];
	va_list ap;
	int n;

	if (err == NULL) {
		return st;
	}
	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(err->text)) {
		size_t room = sizeof(err->text) - (size_t)n;
		int m = snprintf(err->text + n, room, ": %s", inner);

		n = m < 0 ? m : n + m;
	}
	if (n < 0 || (size_t)n >= sizeof(err->text)) {
		mark_cut(err->text);
	}
	rd_text_make_printable(err->text);
	return err->status;
}
