/* SPDX-License-Identifier: Apache-2.0 */
/* nsm-cli's files: bounded input, output in the form asked for, messages. */
#include "nsm-cli/cli.h"

#include "base/text.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void cli_say(const char *fmt, ...)
{
	va_list ap;

	fputs("nsm-cli: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static enum rd_status read_all(int fd, const char *path, struct rd_buf *out, struct rd_error *err)
{
	enum rd_status st = rd_fd_read_all(fd, out);

	if (st == RD_LIMIT) {
		return rd_fail(err, st, "%s is larger than %d bytes, the NSM's largest request",
			path, CLI_INPUT_MAX);
	}
	return st == RD_OK ? RD_OK : rd_fail_errno(err, errno, "cannot read %s", path);
}

enum rd_status cli_read_file(const char *path, struct rd_buf *out, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	if (strcmp(path, "-") == 0) {
		return read_all(STDIN_FILENO, "standard input", out, err);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	return read_all(fd, path, out, err);
}

static enum rd_status format(enum cli_form form, struct rd_view bytes, struct rd_buf *out)
{
	switch (form) {
	case FORM_RAW:
		return rd_buf_put_view(out, bytes);
	case FORM_HEX:
		RD_TRY(rd_hex_encode(bytes, out));
		return rd_buf_u8(out, '\n');
	case FORM_BASE64:
		RD_TRY(rd_base64_encode(bytes, out));
		return rd_buf_u8(out, '\n');
	}
	return RD_INTERNAL;
}

static enum rd_status write_all(
	int fd, const char *path, struct rd_view bytes, struct rd_error *err)
{
	return rd_fd_write_full(fd, bytes) == RD_OK
		       ? RD_OK
		       : rd_fail_errno(err, errno, "cannot write %s", path);
}

enum rd_status cli_write(const struct cli_options *o, struct rd_view bytes, struct rd_error *err)
{
	struct rd_buf text RD_CLEANUP(rd_buf_finish) = rd_buf_growable(CLI_OUTPUT_MAX);
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st = format(o->form, bytes, &text);

	if (st != RD_OK) {
		return rd_fail(err, st, "cannot format the output: %s", rd_status_text(st));
	}
	if (o->output == NULL) {
		return write_all(STDOUT_FILENO, "standard output", rd_buf_view(&text), err);
	}
	fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot create %s", o->output);
	}
	return write_all(fd, o->output, rd_buf_view(&text), err);
}
