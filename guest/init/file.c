/* SPDX-License-Identifier: Apache-2.0 */
/* Small files whole: those of sysfs, and the description of what to run. */
#include "init/file.h"

#include "base/bytes.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum rd_status init_read_line(const char *path, char *ret_line, size_t size)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, got = 1;

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	while (got > 0 && len < size - 1) {
		RD_TRY(rd_fd_read(fd, ret_line + len, size - 1 - len, &got));
		len += got;
	}
	ret_line[len] = 0;
	ret_line[strcspn(ret_line, "\n")] = 0;
	return RD_OK;
}

enum rd_status init_read_file(
	const char *path, size_t max, char **ret_bytes, size_t *ret_len, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC);
	struct rd_buf bytes RD_CLEANUP(rd_buf_finish) = rd_buf_growable(max + 1);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, &bytes);
	if (st == RD_LIMIT || (st == RD_OK && bytes.used > max)) {
		return rd_fail(err, RD_LIMIT, "%s is larger than %zu bytes", path, max);
	}
	if (st != RD_OK) {
		return rd_fail_errno(err, errno, "cannot read %s", path);
	}
	*ret_len = bytes.used;
	if (rd_buf_u8(&bytes, 0) != RD_OK) {
		return rd_fail_errno(err, ENOMEM, "cannot read %s", path);
	}
	*ret_bytes = (char *)rd_steal(&bytes, rd_buf_growable(0)).ptr;
	return RD_OK;
}
