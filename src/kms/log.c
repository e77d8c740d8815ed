/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines. */
#include "kms/log.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A line with a whole rd_error and a path in it. */
#define LINE_MAX_SIZE 1024

static void clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			*text = '?';
		}
	}
}

void kms_log(enum kms_log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"ERROR", "WARN", "INFO"};
	char text[LINE_MAX_SIZE];
	char when[RD_TIME_TEXT_SIZE];
	char line[LINE_MAX_SIZE + 64];
	struct timespec now;
	va_list args;
	int n;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	clean(text);
	clock_gettime(CLOCK_REALTIME, &now);
	rd_time_string((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, when);
	n = snprintf(line, sizeof(line), "[%s][%s] %s\n", names[level], when, text);
	/* One write, so that lines of several threads do not mix; nothing helps if it fails. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0) {
		return;
	}
}
