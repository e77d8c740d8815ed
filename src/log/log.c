/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines. */
#include "log/log.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line with a whole rd_error and a path in it. */
#define LINE_MAX_SIZE 1024

static enum rd_log_level threshold = RD_LOG_INFO;

void rd_log_set_level(const char *name, enum rd_log_level usual)
{
	static const struct {
		const char *name;
		enum rd_log_level level;
	} levels[] = {
		{"error", RD_LOG_ERROR},
		{"warn", RD_LOG_WARNING},
		{"info", RD_LOG_INFO},
		{"debug", RD_LOG_DEBUG},
		{"trace", RD_LOG_DEBUG},
	};

	threshold = usual;
	for (size_t i = 0; name != NULL && i < RD_ARRAY_LEN(levels); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			threshold = levels[i].level;
		}
	}
}

void rd_log(enum rd_log_level level, const char *fmt, ...)
{
	static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};
	char text[LINE_MAX_SIZE];
	char when[RD_TIME_TEXT_SIZE];
	char line[LINE_MAX_SIZE + 64];
	struct timespec now;
	va_list args;
	int n;

	if (level > threshold) {
		return;
	}
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	rd_text_make_printable(text);
	clock_gettime(CLOCK_REALTIME, &now);
	rd_time_string((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, when);
	n = snprintf(line, sizeof(line), "[%s][%s] %s\n", names[level], when, text);
	/* One write, so that lines of several threads, and of several processes on one file, do not
	 * mix; nothing helps if it fails. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0) {
		return;
	}
}

bool rd_log_may(struct rd_log_brake *brake, uint64_t now_ms, unsigned *ret_skipped)
{
	if (now_ms < brake->next_ms) {
		brake->skipped++;
		return false;
	}
	*ret_skipped = brake->skipped;
	brake->skipped = 0;
	brake->next_ms = now_ms + RD_LOG_QUIET_MS;
	return true;
}
