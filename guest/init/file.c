/* SPDX-License-Identifier: Apache-2.0 */
/* Small files whole: those of sysfs, and the description of what to run. */
#include "init/file.h"

#include "common/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fills dst as far as the file goes; *ret_len is at most size. */
static enum rd_status read_all(int fd, char *dst, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, dst + len, size - len);

		if (n < 0) {
			return rd_status_from_errno(errno);
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
	}
	*ret_len = len;
	return RD_OK;
}

enum rd_status init_read_line(const char *path, char *ret_line, size_t size)
{
	int fd RD_CLEANUP(guest_close) = open(path, O_RDONLY | O_CLOEXEC);
	size_t len;

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(read_all(fd, ret_line, size - 1, &len));
	ret_line[len] = 0;
	ret_line[strcspn(ret_line, "\n")] = 0;
	return RD_OK;
}

enum rd_status init_read_file(
	const char *path, size_t max, char **ret_bytes, size_t *ret_len, struct rd_error *err)
{
	int fd RD_CLEANUP(guest_close) = open(path, O_RDONLY | O_CLOEXEC);
	enum rd_status st;
	char *bytes;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	bytes = malloc(max + 1);
	if (bytes == NULL) {
		return rd_fail_errno(err, ENOMEM, "cannot read %s", path);
	}
	st = read_all(fd, bytes, max + 1, ret_len);
	if (st != RD_OK) {
		free(bytes);
		return rd_fail_errno(err, errno, "cannot read %s", path);
	}
	if (*ret_len > max) {
		free(bytes);
		return rd_fail(err, RD_LIMIT, "%s is larger than %zu bytes", path, max);
	}
	bytes[*ret_len] = 0;
	*ret_bytes = bytes;
	return RD_OK;
}
