/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at disk images: qcow2's header (QEMU, docs/interop/qcow2.txt) and the boot sector's
 * signature of a raw one.
 */
#include "ec2/disk.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QCOW2_MAGIC 0x514649fbu
/* Bits of version 3's incompatible features. */
#define DIRTY    (1u << 0)
#define CORRUPT  (1u << 1)
#define EXTERNAL (1u << 2)
/* 512 bytes to 2 MiB. */
#define CLUSTER_BITS_MIN 9
#define CLUSTER_BITS_MAX 21
#define SECTOR           512
#define SIGNATURE_AT     510

static enum rd_status examine_v3(struct rd_cur *c)
{
	uint64_t incompatible = 0;

	RD_TRY(rd_cur_be64(c, &incompatible));
	RD_ENSURE((incompatible & EXTERNAL) == 0, RD_FORBIDDEN);
	RD_ENSURE((incompatible & (DIRTY | CORRUPT)) == 0, RD_MALFORMED);
	return RD_OK;
}

/* The magic is taken already. */
static enum rd_status examine_qcow2(struct rd_cur *c, struct ec2_disk *ret)
{
	uint32_t version = 0, backing_size = 0, cluster_bits = 0, crypt = 0;
	uint64_t backing = 0, size = 0;

	RD_TRY(rd_cur_be32(c, &version));
	RD_ENSURE(version == 2 || version == 3, RD_BAD_VERSION);
	RD_TRY(rd_cur_be64(c, &backing));
	RD_TRY(rd_cur_be32(c, &backing_size));
	RD_TRY(rd_cur_be32(c, &cluster_bits));
	RD_TRY(rd_cur_be64(c, &size));
	RD_TRY(rd_cur_be32(c, &crypt));
	RD_ENSURE(backing == 0 && backing_size == 0 && crypt == 0, RD_FORBIDDEN);
	RD_ENSURE(cluster_bits >= CLUSTER_BITS_MIN && cluster_bits <= CLUSTER_BITS_MAX,
		RD_OUT_OF_RANGE);
	RD_ENSURE(size >= SECTOR && size <= EC2_DISK_MAX, RD_OUT_OF_RANGE);
	if (version == 3) {
		/* l1_size, l1_table_offset, refcount table's offset and size, snapshots */
		RD_TRY(rd_cur_skip(c, 4 + 8 + 8 + 4 + 4 + 8));
		RD_TRY(examine_v3(c));
	}
	*ret = (struct ec2_disk){.format = "qcow2", .size_bytes = (int64_t)size};
	return RD_OK;
}

enum rd_status ec2_disk_examine(struct rd_view head, uint64_t file_bytes, struct ec2_disk *ret)
{
	struct rd_cur c = rd_cur(head);
	uint32_t magic = 0;

	RD_TRY(rd_cur_be32(&c, &magic));
	if (magic == QCOW2_MAGIC) {
		return examine_qcow2(&c, ret);
	}
	RD_ENSURE(head.len >= SECTOR, RD_TRUNCATED);
	RD_ENSURE(
		head.ptr[SIGNATURE_AT] == 0x55 && head.ptr[SIGNATURE_AT + 1] == 0xaa, RD_BAD_MAGIC);
	RD_ENSURE(file_bytes <= EC2_DISK_MAX && file_bytes % SECTOR == 0, RD_OUT_OF_RANGE);
	*ret = (struct ec2_disk){.format = "raw", .size_bytes = (int64_t)file_bytes};
	return RD_OK;
}

/* Both without symbolic links in them. */
static bool is_below(const char *path, const char *directory)
{
	char *real = realpath(directory, NULL);
	size_t len = real == NULL ? 0 : strlen(real);
	bool below = real != NULL && strncmp(path, real, len) == 0 && path[len] == '/';

	free(real);
	return below;
}

static enum rd_status find(
	const struct ec2_config *config, const char *path, char **ret, struct rd_error *err)
{
	char *real = realpath(path, NULL);

	if (real == NULL) {
		return rd_fail_errno(err, errno, "cannot find %s", path);
	}
	for (size_t i = 0; i < config->n_images; i++) {
		if (is_below(real, config->images[i])) {
			*ret = real;
			return RD_OK;
		}
	}
	free(real);
	return rd_fail(err, RD_DENIED,
		"%s is in none of the directories that images may be in (image_directories in "
		"ec2.yaml)",
		path);
}

static enum rd_status examine_file(
	int fd, const char *path, struct ec2_disk *ret, struct rd_error *err)
{
	uint8_t head[EC2_DISK_HEAD];
	struct stat sb;
	enum rd_status st;
	size_t n;

	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		return rd_fail(err, RD_BAD_TYPE, "%s is no regular file", path);
	}
	n = (uint64_t)sb.st_size < sizeof(head) ? (size_t)sb.st_size : sizeof(head);
	st = rd_fd_pread_full(fd, head, n, 0);
	if (st == RD_OK) {
		st = ec2_disk_examine(rd_view(head, n), (uint64_t)sb.st_size, ret);
	}
	if (st == RD_FORBIDDEN) {
		return rd_fail(err, st,
			"%s is a qcow2 image that names another file, or is encrypted: convert it "
			"with qemu-img convert",
			path);
	}
	if (st == RD_BAD_MAGIC) {
		return rd_fail(err, st,
			"%s is no disk image: neither qcow2 nor raw with a boot sector", path);
	}
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "the disk image %s %s", path, rd_status_text(st));
}

enum rd_status ec2_disk_open(const struct ec2_config *config, const char *path, int *ret_fd,
	struct ec2_disk *ret_disk, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct ec2_disk disk;
	char *real = NULL;

	RD_TRY(find(config, path, &real, err));
	/* Not blocking: it may have become a FIFO meanwhile. */
	fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	free(real);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	RD_TRY(examine_file(fd, path, &disk, err));
	if (ret_disk != NULL) {
		*ret_disk = disk;
	}
	*ret_fd = rd_steal(&fd, -1);
	return RD_OK;
}
