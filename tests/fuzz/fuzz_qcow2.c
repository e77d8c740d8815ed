/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of disk images from anybody: what is accepted has a size that a disk can have. */
#include "disk/qcow2.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size < RD_QCOW2_HEADER_SIZE ? size : RD_QCOW2_HEADER_SIZE;
	struct rd_error err;
	uint64_t bytes = 0;

	/* The file is as long as the input says, times what makes the seeds' tables fit. */
	if (rd_qcow2_check(rd_view(data, len), (uint64_t)size << 10, &bytes, &err) == RD_OK &&
		(bytes == 0 || bytes > RD_DISK_BYTES_MAX)) {
		abort();
	}
	return 0;
}
