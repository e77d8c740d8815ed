/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt doctor: reading the host's files, finding and running its programs. */
#include "redoubt/doctor.h"

#include "base/text.h"
#include "os/fd.h"
#include "os/paths.h"
#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const verdict_names[DOCTOR_VERDICT_COUNT] = {
	[DOCTOR_OK] = "ok",
	[DOCTOR_WARN] = "warn",
	[DOCTOR_BAD] = "bad",
};

const char *doctor_verdict_name(enum doctor_verdict verdict)
{
	return verdict_names[verdict];
}

void doctor_add(struct doctor *d, const char *name, enum doctor_verdict verdict, const char *remedy,
	const char *fmt, ...)
{
	struct doctor_finding *f = &d->findings[d->count];
	va_list args;

	assert(d->count < DOCTOR_FINDINGS_MAX);
	d->count++;
	f->name = name;
	f->verdict = verdict;
	va_start(args, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
	(void)snprintf(f->remedy, sizeof(f->remedy), "%s", remedy != NULL ? remedy : "");
	rd_text_make_printable(f->text);
	rd_text_make_printable(f->remedy);
}

enum rd_status doctor_read(const struct doctor *d, const char *path, char ret[DOCTOR_FILE_MAX])
{
	int fd RD_CLEANUP(rd_fd_close) = openat(d->root, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct rd_buf text = rd_buf_fixed(ret, DOCTOR_FILE_MAX - 1);

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_fd_read_all(fd, &text));
	ret[text.used] = '\0';
	RD_ENSURE(strlen(ret) == text.used, RD_MALFORMED);
	if (text.used > 0 && ret[text.used - 1] == '\n') {
		ret[text.used - 1] = '\0';
	}
	return RD_OK;
}

enum rd_status doctor_word(const char **text, char *ret, size_t cap)
{
	const char *start = *text + strspn(*text, " \t");
	size_t len = strcspn(start, " \t\n");

	RD_ENSURE(len > 0, RD_MISSING);
	RD_ENSURE(len < cap, RD_LIMIT);
	memcpy(ret, start, len);
	ret[len] = '\0';
	*text = start + len;
	return RD_OK;
}

enum rd_status doctor_find_program(const struct doctor *d, const char *name, char *ret, size_t cap)
{
	const char *path = getenv("PATH");
	char dirs[4096], file[RD_PATH_MAX];
	char *save = NULL;

	/* Administrators' programs are not on everyone's path. */
	RD_ENSURE(snprintf(dirs, sizeof(dirs), "%s:/usr/local/sbin:/usr/sbin:/sbin",
			  path != NULL ? path : "/usr/bin:/bin") < (int)sizeof(dirs),
		RD_LIMIT);
	for (char *dir = strtok_r(dirs, ":", &save); dir != NULL;
		dir = strtok_r(NULL, ":", &save)) {
		if (dir[0] != '/' ||
			snprintf(file, sizeof(file), "%s/%s", dir, name) >= (int)sizeof(file)) {
			continue;
		}
		if (faccessat(d->root, file + 1, X_OK, 0) == 0) {
			RD_ENSURE(snprintf(ret, cap, "%s%s",
					  strcmp(d->root_path, "/") == 0 ? "" : d->root_path,
					  file) < (int)cap,
				RD_LIMIT);
			return RD_OK;
		}
	}
	return RD_NOTFOUND;
}

/* What there is until the other end closes, cut at what fits. */
static void read_line(int fd, char ret[DOCTOR_TEXT_MAX])
{
	size_t used = 0, n = 0;

	while (used < DOCTOR_TEXT_MAX - 1 &&
		rd_fd_read(fd, ret + used, DOCTOR_TEXT_MAX - 1 - used, &n) == RD_OK && n > 0) {
		used += n;
	}
	ret[used] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}

enum rd_status doctor_run(const char *path, const char *argument, char ret[DOCTOR_TEXT_MAX],
	int *ret_code, struct rd_error *err)
{
	const char *const argv[] = {path, argument, NULL};
	int ours RD_CLEANUP(rd_fd_close) = -1, its RD_CLEANUP(rd_fd_close) = -1;
	struct rd_child child RD_CLEANUP(rd_child_finish) = RD_CHILD_INIT;
	struct rd_exit how = {0};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		return rd_fail_errno(err, errno, "cannot make a pipe");
	}
	ours = ends[0];
	its = ends[1];
	{
		const struct rd_spawn_fd fds[] = {{its, STDOUT_FILENO}};
		const struct rd_spawn spawn = {
			.path = path, .argv = argv, .fds = fds, .fd_count = RD_ARRAY_LEN(fds)};

		RD_TRY(rd_spawn(&spawn, &child, err));
	}
	rd_fd_close(&its);
	read_line(ours, ret);
	rd_fd_close(&ours);
	RD_TRY(rd_child_reap(&child, true, &how));
	*ret_code = how.signalled ? 128 + how.code : how.code;
	return RD_OK;
}
