/* SPDX-License-Identifier: Apache-2.0 */
/* File descriptors: ownership, whole reads and writes, sealed memory files. */
#ifndef RD_OS_FD_H
#define RD_OS_FD_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A descriptor is born close-on-exec and a variable that holds none is -1. Declare an owning
 * variable as `int fd RD_CLEANUP(rd_fd_close) = -1;` and hand it on with rd_steal(&fd, -1).
 */

/* Closes *fd unless it is -1, sets it to -1, keeps errno. */
void rd_fd_close(int *fd);

/*
 * Reads what there is, at most cap bytes; EINTR is retried. *ret_len 0 means end of file. RD_AGAIN
 * on an empty non-blocking descriptor, RD_CLOSED when the peer has reset the connection.
 */
enum rd_status rd_fd_read(int fd, void *dst, size_t cap, size_t *ret_len) RD_MUST_USE;

/* Writes what fits, without raising SIGPIPE on sockets; RD_AGAIN and RD_CLOSED as above. */
enum rd_status rd_fd_write(int fd, struct rd_view bytes, size_t *ret_len) RD_MUST_USE;

/* Exactly n bytes, else RD_TRUNCATED; or all bytes written. For blocking descriptors. */
enum rd_status rd_fd_read_full(int fd, void *dst, size_t n) RD_MUST_USE;
enum rd_status rd_fd_write_full(int fd, struct rd_view bytes) RD_MUST_USE;
enum rd_status rd_fd_pread_full(int fd, void *dst, size_t n, uint64_t offset) RD_MUST_USE;
enum rd_status rd_fd_pwrite_full(int fd, struct rd_view bytes, uint64_t offset) RD_MUST_USE;

/*
 * A whole (configuration) file, at most buf->max bytes, appended to buf. RD_LIMIT when it is
 * longer.
 */
enum rd_status rd_fd_read_all(int fd, struct rd_buf *buf) RD_MUST_USE;

/*
 * Copies len bytes from `from` at from_offset to `to` at its own position. RD_TRUNCATED when `from`
 * ends too early.
 */
enum rd_status rd_fd_copy_range(int from, uint64_t from_offset, int to, uint64_t len) RD_MUST_USE;

/* Copies from the current position to the end; RD_LIMIT when that is more than max bytes. */
enum rd_status rd_fd_copy(int from, int to, uint64_t max, uint64_t *ret_copied) RD_MUST_USE;

enum rd_status rd_fd_set_nonblock(int fd, bool nonblock) RD_MUST_USE;
enum rd_status rd_fd_set_cloexec(int fd, bool cloexec) RD_MUST_USE;

/* Size of a regular file or memory file; RD_BAD_TYPE for anything else. */
enum rd_status rd_fd_size(int fd, uint64_t *ret_size) RD_MUST_USE;

/* A memory file of the given size (may be 0) that can be sealed. name is for /proc/PID/maps only.
 */
enum rd_status rd_fd_memfd(const char *name, uint64_t size, int *ret_fd) RD_MUST_USE;

/* Makes size and content final (F_SEAL_WRITE|GROW|SHRINK|SEAL): nobody can change them any more. */
enum rd_status rd_fd_seal_content(int fd) RD_MUST_USE;

/* The bytes can no longer be changed or added to, for good, but the file can be emptied. */
enum rd_status rd_fd_seal_bytes(int fd) RD_MUST_USE;

/* Makes only the size final: for shared memory that is written, but may not be cut from under us.
 */
enum rd_status rd_fd_seal_size(int fd) RD_MUST_USE;

/* RD_OK if fd is a memory file whose content is final; RD_FORBIDDEN if it could still change. */
enum rd_status rd_fd_require_sealed(int fd) RD_MUST_USE;

/*
 * Copies at most max bytes of the regular file `from` into a new sealed memory file. A file that
 * changes or shrinks meanwhile gives either an error or a consistent copy of what was read.
 */
enum rd_status rd_fd_sealed_copy(
	int from, const char *name, uint64_t max, int *ret_fd, struct rd_error *err) RD_MUST_USE;

#endif
