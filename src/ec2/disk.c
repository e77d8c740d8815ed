/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at disk images: qcow2's header and the boot sector's signature of a raw one. */
#include "ec2/disk.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR       512
#define SIGNATURE_AT 510

static enum rd_status examine_raw(
	struct rd_view head, uint64_t file_bytes, struct ec2_disk *ret, struct rd_error *err)
{
	if (head.len < SECTOR || head.ptr[SIGNATURE_AT] != 0x55 ||
		head.ptr[SIGNATURE_AT + 1] != 0xaa) {
		return rd_fail(err, RD_BAD_MAGIC,
			"the image is no disk: neither qcow2 nor raw with a boot sector");
	}
	if (file_bytes > RD_DISK_BYTES_MAX || file_bytes % SECTOR != 0) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"the image is not a whole number of sectors, or larger than %lld GiB",
			RD_DISK_BYTES_MAX >> 30);
	}
	*ret = (struct ec2_disk){.format = "raw", .size_bytes = (int64_t)file_bytes};
	return RD_OK;
}

enum rd_status ec2_disk_examine(
	struct rd_view head, uint64_t file_bytes, struct ec2_disk *ret, struct rd_error *err)
{
	uint64_t bytes = 0;
	enum rd_status st = rd_qcow2_check(head, file_bytes, &bytes, err);

	if (st == RD_BAD_MAGIC || st == RD_TRUNCATED) {
		return examine_raw(head, file_bytes, ret, err);
	}
	RD_TRY(st);
	*ret = (struct ec2_disk){.format = "qcow2", .size_bytes = (int64_t)bytes};
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
	if (st != RD_OK) {
		return rd_fail(err, st, "cannot read %s: %s", path, rd_status_text(st));
	}
	st = ec2_disk_examine(rd_view(head, n), (uint64_t)sb.st_size, ret, err);
	return st == RD_OK ? RD_OK : rd_error_wrap(err, st, "%s", path);
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
