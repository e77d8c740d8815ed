/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a bzImage's setup header. */
#include "eif/kernel.h"

#include "base/byteorder.h"

#include <inttypes.h>
#include <string.h>

#define OFF_SETUP_SECTS 0x1f1
#define OFF_SYSSIZE     0x1f4
#define OFF_BOOT_FLAG   0x1fe
#define OFF_MAGIC       0x202
#define OFF_VERSION     0x206
#define OFF_LOADFLAGS   0x211
#define OFF_INIT_SIZE   0x260

#define BOOT_FLAG           0xaa55
#define LOADED_HIGH         0x01
#define VERSION_MIN         0x020a /* has init_size */
#define SECTOR              512
#define PARAGRAPH           16
#define SETUP_SECTS_DEFAULT 4

static bool is_bzimage(struct rd_view head)
{
	return head.len >= RD_EIF_KERNEL_HEAD_SIZE &&
	       rd_get_le16(head.ptr + OFF_BOOT_FLAG) == BOOT_FLAG &&
	       memcmp(head.ptr + OFF_MAGIC, "HdrS", 4) == 0 &&
	       (head.ptr[OFF_LOADFLAGS] & LOADED_HIGH) != 0;
}

/* Below 2^37: no sum can overflow. */
static uint64_t stated_size(const uint8_t *h)
{
	uint64_t sects = h[OFF_SETUP_SECTS] == 0 ? SETUP_SECTS_DEFAULT : h[OFF_SETUP_SECTS];

	return (sects + 1) * SECTOR + (uint64_t)rd_get_le32(h + OFF_SYSSIZE) * PARAGRAPH;
}

enum rd_status rd_eif_kernel_read(
	struct rd_view head, uint64_t size, uint32_t *ret_init_size, struct rd_error *err)
{
	if (!is_bzimage(head)) {
		return rd_fail(err, RD_BAD_MAGIC,
			"the kernel is not a bzImage for x86_64, which is what images run on");
	}
	if (rd_get_le16(head.ptr + OFF_VERSION) < VERSION_MIN) {
		return rd_fail(err, RD_BAD_VERSION,
			"the kernel is older than Linux 2.6.35: build the image with a newer one");
	}
	if (size < stated_size(head.ptr)) {
		return rd_fail(err, RD_TRUNCATED,
			"the kernel is cut off: it has %" PRIu64 " bytes, its header says %" PRIu64,
			size, stated_size(head.ptr));
	}
	*ret_init_size = rd_get_le32(head.ptr + OFF_INIT_SIZE);
	return RD_OK;
}
