/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch space: an unlinked file that grows to a stated maximum and is gone with its descriptor.
 *
 * A blob is a range of bytes in some open file: a file of an OCI layout, or a member of an archive
 * that was copied into a spool.
 */
#ifndef RD_IMAGE_SPOOL_H
#define RD_IMAGE_SPOOL_H

#include "base/bytes.h"
#include "base/error.h"

struct rd_blob {
	int fd; /* borrowed */
	uint64_t offset;
	uint64_t size;
};

struct rd_spool {
	int fd; /* -1: closed */
	uint64_t used;
	uint64_t max;
};

/* The directory meant by options: dir itself, else $NITRO_CLI_ARTIFACTS, $TMPDIR, /var/tmp. */
const char *rd_spool_dir(const char *dir);

enum rd_status rd_spool_open(const char *dir, uint64_t max, struct rd_spool *ret_spool,
	struct rd_error *err) RD_MUST_USE;
void rd_spool_close(struct rd_spool *s);

/* Appends bytes at s->used. RD_LIMIT past the maximum; a full disk names the directory's remedy. */
enum rd_status rd_spool_append(
	struct rd_spool *s, const void *bytes, size_t n, struct rd_error *err) RD_MUST_USE;

/* Appends a hole that reads as zeros, without using disk space. */
enum rd_status rd_spool_append_hole(struct rd_spool *s, uint64_t n, struct rd_error *err)
	RD_MUST_USE;

/* What was appended since `start`, as a blob. */
static inline struct rd_blob rd_spool_blob(const struct rd_spool *s, uint64_t start)
{
	return (struct rd_blob){.fd = s->fd, .offset = start, .size = s->used - start};
}

#endif
