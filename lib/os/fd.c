/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: closing, whole transfers, sealed memory files. */
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* One step of a copy in user space; large enough to amortise the calls, small enough for a stack.
 */
#define COPY_STEP 8192

/* One step of a copy in the kernel: bounded, so that a signal is not held up for long. */
#define KERNEL_COPY_STEP ((uint64_t)64 << 20)

#define CONTENT_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

static enum rd_status from_errno(void)
{
	return rd_status_from_errno(errno);
}

void rd_fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0) {
		/* After EINTR the descriptor is gone on Linux: closing again could hit another. */
		(void)close(*fd);
		*fd = -1;
	}
	errno = saved;
}

enum rd_status rd_fd_read(int fd, void *dst, size_t cap, size_t *ret_len)
{
	ssize_t n;

	do {
		n = read(fd, dst, cap);
	} while (n < 0 && errno == EINTR);
	RD_ENSURE(n >= 0, from_errno());
	*ret_len = (size_t)n;
	return RD_OK;
}

enum rd_status rd_fd_write(int fd, struct rd_view bytes, size_t *ret_len)
{
	ssize_t n;

	do {
		n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK) {
			n = write(fd, bytes.ptr, bytes.len);
		}
	} while (n < 0 && errno == EINTR);
	RD_ENSURE(n >= 0, from_errno());
	*ret_len = (size_t)n;
	return RD_OK;
}

enum rd_status rd_fd_read_full(int fd, void *dst, size_t n)
{
	uint8_t *to = dst;
	size_t done = 0, got;

	while (done < n) {
		RD_TRY(rd_fd_read(fd, to + done, n - done, &got));
		RD_ENSURE(got > 0, RD_TRUNCATED);
		done += got;
	}
	return RD_OK;
}

enum rd_status rd_fd_write_full(int fd, struct rd_view bytes)
{
	size_t done = 0, put = 0;

	while (done < bytes.len) {
		RD_TRY(rd_fd_write(fd, rd_view(bytes.ptr + done, bytes.len - done), &put));
		done += put;
	}
	return RD_OK;
}

enum rd_status rd_fd_pread_full(int fd, void *dst, size_t n, uint64_t offset)
{
	uint8_t *to = dst;
	size_t done = 0;
	ssize_t got;

	while (done < n) {
		got = pread(fd, to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		RD_ENSURE(got >= 0, from_errno());
		RD_ENSURE(got > 0, RD_TRUNCATED);
		done += (size_t)got;
	}
	return RD_OK;
}

enum rd_status rd_fd_pwrite_full(int fd, struct rd_view bytes, uint64_t offset)
{
	size_t done = 0;
	ssize_t put;

	while (done < bytes.len) {
		put = pwrite(fd, bytes.ptr + done, bytes.len - done, (off_t)(offset + done));
		if (put < 0 && errno == EINTR) {
			continue;
		}
		RD_ENSURE(put >= 0, from_errno());
		done += (size_t)put;
	}
	return RD_OK;
}

enum rd_status rd_fd_read_all(int fd, struct rd_buf *buf)
{
	uint8_t step[COPY_STEP];
	size_t got;

	for (;;) {
		RD_TRY(rd_fd_read(fd, step, sizeof(step), &got));
		RD_ENSURE(got > 0, RD_OK);
		RD_ENSURE(got <= buf->max - buf->used, RD_LIMIT);
		RD_TRY(rd_buf_put(buf, step, got));
	}
}

/* Moves up to len bytes, by whichever way the two descriptors allow. *ret 0: `from` has ended. */
static enum rd_status copy_step(int from, uint64_t offset, int to, uint64_t len, uint64_t *ret)
{
	uint8_t step[COPY_STEP];
	off_t in = (off_t)offset;
	ssize_t n;

	n = sendfile(to, from, &in, len < KERNEL_COPY_STEP ? len : KERNEL_COPY_STEP);
	if (n < 0 && (errno == EINVAL || errno == ENOSYS)) {
		n = pread(from, step, len < sizeof(step) ? len : sizeof(step), (off_t)offset);
		if (n > 0) {
			RD_TRY(rd_fd_write_full(to, rd_view(step, (size_t)n)));
		}
	}
	if (n < 0 && errno == EINTR) {
		return RD_AGAIN;
	}
	RD_ENSURE(n >= 0, from_errno());
	*ret = (uint64_t)n;
	return RD_OK;
}

enum rd_status rd_fd_copy_range(int from, uint64_t from_offset, int to, uint64_t len)
{
	uint64_t done = 0, n;
	enum rd_status st;

	while (done < len) {
		st = copy_step(from, from_offset + done, to, len - done, &n);
		if (st == RD_AGAIN) {
			continue;
		}
		RD_TRY(st);
		RD_ENSURE(n > 0, RD_TRUNCATED);
		done += n;
	}
	return RD_OK;
}

enum rd_status rd_fd_copy(int from, int to, uint64_t max, uint64_t *ret_copied)
{
	uint8_t step[COPY_STEP];
	uint64_t done = 0;
	size_t got;

	for (;;) {
		RD_TRY(rd_fd_read(from, step, sizeof(step), &got));
		if (got == 0) {
			break;
		}
		RD_ENSURE(got <= max - done, RD_LIMIT);
		RD_TRY(rd_fd_write_full(to, rd_view(step, got)));
		done += got;
	}
	*ret_copied = done;
	return RD_OK;
}

static enum rd_status change_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);

	RD_ENSURE(flags >= 0, from_errno());
	flags = on ? (flags | flag) : (flags & ~flag);
	RD_ENSURE(fcntl(fd, set, flags) == 0, from_errno());
	return RD_OK;
}

enum rd_status rd_fd_set_nonblock(int fd, bool nonblock)
{
	return change_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblock);
}

enum rd_status rd_fd_set_cloexec(int fd, bool cloexec)
{
	return change_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, cloexec);
}

enum rd_status rd_fd_size(int fd, uint64_t *ret_size)
{
	struct stat sb;

	RD_ENSURE(fstat(fd, &sb) == 0, from_errno());
	RD_ENSURE(S_ISREG(sb.st_mode), RD_BAD_TYPE);
	*ret_size = (uint64_t)sb.st_size;
	return RD_OK;
}

enum rd_status rd_fd_memfd(const char *name, uint64_t size, int *ret_fd)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;

	RD_ENSURE(size <= INT64_MAX, RD_LIMIT);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	RD_ENSURE(fd >= 0, from_errno());
	RD_ENSURE(size == 0 || ftruncate(fd, (off_t)size) == 0, from_errno());
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}

enum rd_status rd_fd_seal_content(int fd)
{
	RD_ENSURE(fcntl(fd, F_ADD_SEALS, CONTENT_SEALS) == 0, from_errno());
	return RD_OK;
}

enum rd_status rd_fd_seal_bytes(int fd)
{
	RD_ENSURE(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SEAL) == 0,
		from_errno());
	return RD_OK;
}

enum rd_status rd_fd_seal_size(int fd)
{
	RD_ENSURE(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0,
		from_errno());
	return RD_OK;
}

enum rd_status rd_fd_require_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	int wanted = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

	RD_ENSURE(seals >= 0 && (seals & wanted) == wanted, RD_FORBIDDEN);
	return RD_OK;
}

enum rd_status rd_fd_sealed_copy(
	int from, const char *name, uint64_t max, int *ret_fd, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	enum rd_status st;
	uint64_t size;

	st = rd_fd_size(from, &size);
	if (st != RD_OK) {
		return rd_fail(err, st, "%s: not a regular file", name);
	}
	if (size > max) {
		return rd_fail(err, RD_LIMIT, "%s: %llu bytes, more than the maximum of %llu", name,
			(unsigned long long)size, (unsigned long long)max);
	}
	st = rd_fd_memfd(name, 0, &fd);
	if (st != RD_OK) {
		return rd_fail_errno(err, errno, "%s: cannot make a memory file", name);
	}
	st = rd_fd_copy_range(from, 0, fd, size);
	if (st == RD_TRUNCATED) {
		return rd_fail(err, st, "%s: became shorter while it was read", name);
	}
	if (st != RD_OK) {
		return rd_fail_errno(err, errno, "%s: cannot copy into memory", name);
	}
	st = rd_fd_seal_content(fd);
	if (st != RD_OK) {
		return rd_fail_errno(err, errno, "%s: cannot seal the memory file", name);
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}
