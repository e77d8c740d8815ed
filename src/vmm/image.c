/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel, ramdisks and command line out of a sealed EIF. */
#include "image.h"

#include "os/fd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The sections that concern us, by where their data lie. */
struct section {
	uint16_t type;
	uint64_t offset;
	uint64_t size;
};

bool rd_vmm_cmdline_has(const char *cmdline, const char *word)
{
	size_t len = strlen(word);
	const char *at;

	for (at = strstr(cmdline, word); at != NULL; at = strstr(at + 1, word)) {
		bool starts = at == cmdline || at[-1] == ' ';

		if (starts && (at[len] == '\0' || at[len] == ' ')) {
			return true;
		}
	}
	return false;
}

void rd_vmm_image_close(struct rd_vmm_image *image)
{
	rd_fd_close(&image->kernel_fd);
	rd_fd_close(&image->initrd_fd);
}

void rd_vmm_image_release(struct rd_vmm_image *image)
{
	/* What cannot be emptied is only memory, and goes with the engine. */
	if (image->kernel_fd >= 0 && image->initrd_fd >= 0) {
		(void)!ftruncate(image->kernel_fd, 0);
		(void)!ftruncate(image->initrd_fd, 0);
	}
	rd_vmm_image_close(image);
}

/* The section header at `offset`; its data must lie in the file. */
static enum rd_status read_section(int fd, uint64_t offset, uint64_t file_size, struct section *ret)
{
	uint8_t head[RD_EIF_SECTION_HEADER_SIZE];
	struct rd_cur c = rd_cur(rd_view(head, sizeof(head)));
	uint16_t flags;

	RD_ENSURE(file_size - offset >= sizeof(head), RD_TRUNCATED);
	RD_TRY(rd_fd_pread_full(fd, head, sizeof(head), offset));
	RD_TRY(rd_cur_be16(&c, &ret->type));
	RD_TRY(rd_cur_be16(&c, &flags));
	RD_TRY(rd_cur_be64(&c, &ret->size));
	ret->offset = offset + sizeof(head);
	RD_ENSURE(ret->size <= file_size - ret->offset, RD_TRUNCATED);
	return RD_OK;
}

static enum rd_status take_cmdline(int fd, const struct section *s, struct rd_vmm_image *image)
{
	RD_ENSURE(s->size <= RD_EIF_CMDLINE_MAX, RD_LIMIT);
	RD_ENSURE(image->cmdline[0] == '\0', RD_DUPLICATE);
	RD_TRY(rd_fd_pread_full(fd, image->cmdline, s->size, s->offset));
	image->cmdline[s->size] = '\0';
	RD_ENSURE(strlen(image->cmdline) == s->size, RD_FORBIDDEN);
	return RD_OK;
}

static enum rd_status take_section(
	int fd, const struct section *s, struct rd_vmm_image *image, bool *have_kernel)
{
	switch (s->type) {
	case RD_EIF_KERNEL:
		RD_ENSURE(!*have_kernel, RD_DUPLICATE);
		*have_kernel = true;
		return rd_fd_copy_range(fd, s->offset, image->kernel_fd, s->size);
	case RD_EIF_CMDLINE:
		return take_cmdline(fd, s, image);
	case RD_EIF_RAMDISK:
		return rd_fd_copy_range(fd, s->offset, image->initrd_fd, s->size);
	case RD_EIF_SIGNATURE:
	case RD_EIF_METADATA:
		return RD_OK;
	default:
		return RD_BAD_TYPE;
	}
}

/* Magic, number of sections, size. */
static enum rd_status read_header(int fd, uint64_t *ret_size, uint16_t *ret_sections)
{
	uint8_t head[RD_EIF_HEADER_SIZE];
	struct rd_cur c;

	RD_TRY(rd_fd_require_sealed(fd));
	RD_TRY(rd_fd_size(fd, ret_size));
	RD_TRY(rd_fd_pread_full(fd, head, sizeof(head), 0));
	RD_ENSURE(memcmp(head, ".eif", RD_EIF_MAGIC_SIZE) == 0, RD_BAD_MAGIC);
	c = rd_cur(rd_view(head, sizeof(head)));
	RD_TRY(rd_cur_skip(&c, RD_EIF_OFF_NUM_SECTIONS));
	RD_TRY(rd_cur_be16(&c, ret_sections));
	RD_ENSURE(*ret_sections >= RD_EIF_SECTIONS_MIN && *ret_sections <= RD_EIF_SECTIONS_MAX,
		RD_OUT_OF_RANGE);
	return RD_OK;
}

static enum rd_status cut(int fd, struct rd_vmm_image *image)
{
	uint64_t offset = RD_EIF_HEADER_SIZE, size;
	bool have_kernel = false;
	struct section section;
	uint16_t sections, i;

	RD_TRY(read_header(fd, &size, &sections));
	for (i = 0; i < sections; i++) {
		RD_TRY(read_section(fd, offset, size, &section));
		RD_TRY(take_section(fd, &section, image, &have_kernel));
		offset = section.offset + section.size;
	}
	RD_ENSURE(offset == size, RD_TRAILING);
	RD_ENSURE(have_kernel, RD_MISSING);
	RD_TRY(rd_fd_seal_bytes(image->kernel_fd));
	return rd_fd_seal_bytes(image->initrd_fd);
}

enum rd_status rd_vmm_image_open(int eif_fd, struct rd_vmm_image *ret, struct rd_error *err)
{
	struct rd_vmm_image image RD_CLEANUP(rd_vmm_image_close) = RD_VMM_IMAGE_INIT;
	enum rd_status st;

	if (rd_fd_memfd("kernel", 0, &image.kernel_fd) != RD_OK ||
		rd_fd_memfd("initrd", 0, &image.initrd_fd) != RD_OK) {
		return rd_fail_errno(err, errno, "cannot make memory files for the image");
	}
	st = cut(eif_fd, &image);
	if (st != RD_OK) {
		return rd_fail(err, st, "enclave image from redoubtd: %s", rd_status_text(st));
	}
	image.acpi = rd_vmm_cmdline_has(image.cmdline, "redoubt.acpi");
	*ret = image;
	image = (struct rd_vmm_image)RD_VMM_IMAGE_INIT;
	return RD_OK;
}
