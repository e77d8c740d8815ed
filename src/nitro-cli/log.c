/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines and error copies, both best effort. */
#include "nitro-cli/log.h"

#include "base/text.h"
#include "nitro-cli/cli.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LOG_DIR_DEFAULT "/var/log/nitro_enclaves"
#define LOG_LINE_MAX    1024

static const char *const level_names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

static const char *log_dir(void)
{
	const char *dir = getenv("NITRO_CLI_LOGS_PATH");

	return dir != NULL && dir[0] != '\0' ? dir : LOG_DIR_DEFAULT;
}

static enum cli_log_level threshold(void)
{
	const char *name = getenv("RUST_LOG");

	if (name != NULL && strcasecmp(name, "trace") == 0) {
		return CLI_LOG_DEBUG;
	}
	for (unsigned i = 0; name != NULL && i < RD_ARRAY_LEN(level_names); i++) {
		if (strcasecmp(name, level_names[i]) == 0) {
			return (enum cli_log_level)i;
		}
	}
	return CLI_LOG_INFO;
}

static void now_text(char ret[RD_TIME_TEXT_SIZE])
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	rd_time_string((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000, ret);
}

/* O_NOFOLLOW: the directory may be writable by a group; a link planted there is not followed. */
static int open_log(const char *path, int flags)
{
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0664);
}

void cli_log_line(enum cli_log_level level, const char *file, int line, const char *fmt, ...)
{
	char path[CLI_LOG_PATH_MAX];
	char text[LOG_LINE_MAX];
	char now[RD_TIME_TEXT_SIZE];
	const char *base = strrchr(file, '/');
	va_list ap;
	int fd;

	if (level > threshold() || snprintf(path, sizeof(path), "%s/nitro_enclaves.log",
					   log_dir()) >= (int)sizeof(path)) {
		return;
	}
	fd = open_log(path, O_APPEND);
	if (fd < 0) {
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	now_text(now);
	dprintf(fd, "[nitro-cli:%d][%s][%s][src/nitro-cli/%s:%d] %s\n", (int)getpid(),
		level_names[level], now, base != NULL ? base + 1 : file, line, text);
	close(fd);
}

bool cli_log_error_file(const char *text, char ret_path[CLI_LOG_PATH_MAX])
{
	char now[RD_TIME_TEXT_SIZE];
	int fd;
	int n;

	now_text(now);
	if (snprintf(ret_path, CLI_LOG_PATH_MAX, "%s/err%s.log", log_dir(), now) >=
		CLI_LOG_PATH_MAX) {
		return false;
	}
	fd = open_log(ret_path, O_EXCL);
	if (fd < 0) {
		return false;
	}
	n = dprintf(fd, "%s\n  Version: %s\n", text, CLI_COMPAT_VERSION);
	return close(fd) == 0 && n > 0;
}
