/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: made, recognised, wiped. */
#include "memory.h"

#include "base/secret.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel, its ramdisks and their contents, and its own tables, at 256 MiB. */
#define WARM_BYTES (64u << 20)

enum rd_status rd_vmm_memory_open(uint64_t size, struct rd_vmm_memory *ret, struct rd_error *err)
{
	int fd RD_CLEANUP(rd_fd_close) = -1;
	struct stat sb;
	void *base;

	if (rd_fd_memfd("guest-memory", size, &fd) != RD_OK || rd_fd_seal_size(fd) != RD_OK ||
		fstat(fd, &sb) != 0) {
		return rd_fail_errno(err, errno, "cannot make guest memory of %llu bytes",
			(unsigned long long)size);
	}
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (base == MAP_FAILED) {
		return rd_fail_errno(err, errno, "cannot map guest memory of %llu bytes",
			(unsigned long long)size);
	}
	if (madvise(base, size, MADV_DONTDUMP) != 0) {
		(void)munmap(base, size);
		return rd_fail_errno(err, errno, "cannot keep guest memory out of core dumps");
	}
	*ret = (struct rd_vmm_memory){.fd = rd_steal(&fd, -1),
		.base = base,
		.size = size,
		.device = sb.st_dev,
		.inode = sb.st_ino};
	return RD_OK;
}

void rd_vmm_memory_warm(struct rd_vmm_memory *memory)
{
	uint64_t size = memory->size < WARM_BYTES ? memory->size : WARM_BYTES;

	(void)fallocate(memory->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size);
}

enum rd_status rd_vmm_memory_locate(const struct rd_vmm_memory *memory, int fd, uint64_t offset,
	uint64_t size, uint8_t **ret_hva)
{
	struct stat sb;

	RD_ENSURE(fstat(fd, &sb) == 0, rd_status_from_errno(errno));
	RD_ENSURE(sb.st_dev == memory->device && sb.st_ino == memory->inode, RD_FORBIDDEN);
	RD_ENSURE(offset <= memory->size && size <= memory->size - offset, RD_OUT_OF_RANGE);
	*ret_hva = memory->base + offset;
	return RD_OK;
}

void rd_vmm_memory_wipe(struct rd_vmm_memory *memory)
{
	off_t at = 0, end;

	if (memory->fd < 0) {
		return;
	}
	/* Only pages that exist: touching the others would make them. */
	for (;;) {
		at = lseek(memory->fd, at, SEEK_DATA);
		end = at < 0 ? -1 : lseek(memory->fd, at, SEEK_HOLE);
		if (end <= at || (uint64_t)end > memory->size) {
			break;
		}
		rd_wipe(memory->base + at, (size_t)(end - at));
		at = end;
	}
	(void)fallocate(
		memory->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)memory->size);
}

void rd_vmm_memory_close(struct rd_vmm_memory *memory)
{
	rd_vmm_memory_wipe(memory);
	if (memory->base != NULL) {
		(void)munmap(memory->base, memory->size);
		memory->base = NULL;
	}
	rd_fd_close(&memory->fd);
}
