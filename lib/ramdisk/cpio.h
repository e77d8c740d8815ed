/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio "newc" archives in the dialect of AWS's builder, so that the same files give the same bytes:
 * lowercase hex, inode numbers from 721 up by one an entry, device 3:1, two links to a directory,
 * names and data padded to 4, a trailer entry, the whole padded to 512.
 *
 * Two differences, both invisible to an image without hard links: those stay hard links (the
 * dialect turns them into symbolic ones), one inode number for all names and the data with the
 * last, which is what the kernel's unpacker and every cpio program expect; and a file of 4 GiB or
 * more is refused instead of written with a corrupt size.
 */
#ifndef RD_RAMDISK_CPIO_H
#define RD_RAMDISK_CPIO_H

#include "base/bytes.h"
#include "base/error.h"

/* c_filesize has eight hex digits. */
#define RD_CPIO_FILE_MAX UINT32_MAX
/* The kernel's unpacker skips a longer name in silence: PATH_MAX, NUL included. */
#define RD_CPIO_NAME_MAX 4095
/* AWS's mtime for what its builder makes itself: 2017-04-18 16:30:00 UTC. */
#define RD_CPIO_FIXED_MTIME 1492533000
#define RD_CPIO_FIRST_INO   721

/* Where the archive goes. write takes all or fails. */
struct rd_cpio_sink {
	enum rd_status (*write)(void *ctx, struct rd_view bytes, struct rd_error *err);
	void *ctx;
};

struct rd_cpio {
	struct rd_cpio_sink sink;
	uint32_t next_ino;
	uint64_t written;   /* bytes so far */
	uint64_t data_left; /* of the entry that was begun last */
};

struct rd_cpio_entry {
	const char *name;     /* relative, no leading slash */
	const char *root_dir; /* put before name with a slash between; NULL: nothing */
	uint32_t mode;        /* S_IF… and permissions */
	uint32_t uid;
	uint32_t gid;
	int64_t mtime_s; /* clamped to what eight hex digits hold */
	uint64_t size;   /* bytes of data that follow (symbolic links: the target) */
	uint32_t rdev_major;
	uint32_t rdev_minor;
	uint32_t ino;   /* 0: the next number; otherwise that of a hard link's first name */
	uint32_t nlink; /* 0: 2 for directories, else 1 */
};

void rd_cpio_init(struct rd_cpio *cpio, struct rd_cpio_sink sink);
/* ret_ino may be NULL. Exactly entry->size bytes of data must follow before the next entry. */
enum rd_status rd_cpio_begin(struct rd_cpio *cpio, const struct rd_cpio_entry *entry,
	uint32_t *ret_ino, struct rd_error *err) RD_MUST_USE;
enum rd_status rd_cpio_data(struct rd_cpio *cpio, struct rd_view data, struct rd_error *err)
	RD_MUST_USE;
/* Trailer and padding; the archive is complete. */
enum rd_status rd_cpio_finish(struct rd_cpio *cpio, struct rd_error *err) RD_MUST_USE;

#endif
