/* SPDX-License-Identifier: Apache-2.0 */
/* The cpio writer: streaming, nothing is held but the header being made. */
#include "ramdisk/cpio.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER_SIZE   110
#define ALIGNMENT     4
#define ARCHIVE_BLOCK 512
#define DEV_MAJOR     3
#define DEV_MINOR     1
#define TRAILER       "TRAILER!!!"

void rd_cpio_init(struct rd_cpio *cpio, struct rd_cpio_sink sink)
{
	*cpio = (struct rd_cpio){.sink = sink, .next_ino = RD_CPIO_FIRST_INO};
}

static enum rd_status put(struct rd_cpio *c, const void *bytes, size_t n, struct rd_error *err)
{
	if (n == 0) {
		return RD_OK;
	}
	RD_TRY(c->sink.write(c->sink.ctx, rd_view(bytes, n), err));
	c->written += n;
	return RD_OK;
}

static enum rd_status pad_to(struct rd_cpio *c, unsigned alignment, struct rd_error *err)
{
	static const uint8_t zeros[ARCHIVE_BLOCK];
	size_t over = c->written % alignment;

	return over == 0 ? RD_OK : put(c, zeros, alignment - over, err);
}

static uint32_t mtime_field(int64_t mtime_s)
{
	if (mtime_s < 0) {
		return 0;
	}
	return mtime_s > UINT32_MAX ? UINT32_MAX : (uint32_t)mtime_s;
}

static enum rd_status put_header(struct rd_cpio *c, const struct rd_cpio_entry *e, uint32_t ino,
	size_t name_size, struct rd_error *err)
{
	char header[HEADER_SIZE + 1];
	uint32_t nlink = e->nlink != 0 ? e->nlink : (S_ISDIR(e->mode) ? 2 : 1);

	snprintf(header, sizeof(header),
		"070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ino, e->mode, e->uid,
		e->gid, nlink, mtime_field(e->mtime_s), (uint32_t)e->size, DEV_MAJOR, DEV_MINOR,
		e->rdev_major, e->rdev_minor, (uint32_t)name_size, 0);
	return put(c, header, HEADER_SIZE, err);
}

static enum rd_status put_name(
	struct rd_cpio *c, const struct rd_cpio_entry *e, struct rd_error *err)
{
	if (e->root_dir != NULL) {
		RD_TRY(put(c, e->root_dir, strlen(e->root_dir), err));
		RD_TRY(put(c, "/", 1, err));
	}
	RD_TRY(put(c, e->name, strlen(e->name) + 1, err));
	return pad_to(c, ALIGNMENT, err);
}

enum rd_status rd_cpio_begin(struct rd_cpio *cpio, const struct rd_cpio_entry *entry,
	uint32_t *ret_ino, struct rd_error *err)
{
	size_t name_len = strlen(entry->name) +
			  (entry->root_dir != NULL ? strlen(entry->root_dir) + 1 : 0);
	uint32_t ino = entry->ino != 0 ? entry->ino : cpio->next_ino;

	if (name_len > RD_CPIO_NAME_MAX) {
		return rd_fail(err, RD_LIMIT,
			"the name %.60s… has %zu bytes in the ramdisk, Linux opens at most %d: "
			"shorten it in the image",
			entry->name, name_len, RD_CPIO_NAME_MAX);
	}
	if (entry->size > RD_CPIO_FILE_MAX) {
		return rd_fail(err, RD_LIMIT,
			"%s has %" PRIu64 " bytes, a ramdisk holds files below 4 GiB: split it or "
			"leave it out of the image",
			entry->name, entry->size);
	}
	if (cpio->data_left != 0) {
		return rd_fail(err, RD_INTERNAL, "%s begins inside another entry", entry->name);
	}
	RD_TRY(pad_to(cpio, ALIGNMENT, err));
	RD_TRY(put_header(cpio, entry, ino, name_len + 1, err));
	RD_TRY(put_name(cpio, entry, err));
	cpio->data_left = entry->size;
	if (entry->ino == 0) {
		cpio->next_ino++;
	}
	if (ret_ino != NULL) {
		*ret_ino = ino;
	}
	return RD_OK;
}

enum rd_status rd_cpio_data(struct rd_cpio *cpio, struct rd_view data, struct rd_error *err)
{
	if (data.len > cpio->data_left) {
		return rd_fail(err, RD_INTERNAL, "more data than the ramdisk's entry announced");
	}
	RD_TRY(put(cpio, data.ptr, data.len, err));
	cpio->data_left -= data.len;
	return RD_OK;
}

enum rd_status rd_cpio_finish(struct rd_cpio *cpio, struct rd_error *err)
{
	const struct rd_cpio_entry trailer = {.name = TRAILER};

	RD_TRY(rd_cpio_begin(cpio, &trailer, NULL, err));
	return pad_to(cpio, ARCHIVE_BLOCK, err);
}
