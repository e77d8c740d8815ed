/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine boots, cut out of the sealed EIF. redoubtd has checked the image in full (CRC,
 * signature, measurements, every rule of lib/eif/read.h) and the seals keep it as it was; this
 * reader only finds the sections again, and still believes no offset or size.
 */
#ifndef RD_VMM_IMAGE_H
#define RD_VMM_IMAGE_H

#include "base/bytes.h"
#include "base/error.h"
#include "eif/format.h"

struct rd_vmm_image {
	int kernel_fd; /* memory files; their bytes are sealed, their size is not */
	int initrd_fd; /* all ramdisks, in file order */
	char cmdline[RD_EIF_CMDLINE_MAX + 1];
	bool acpi; /* the cmdline has the word "redoubt.acpi" */
};

#define RD_VMM_IMAGE_INIT                                                                          \
	{                                                                                          \
		.kernel_fd = -1, .initrd_fd = -1                                                   \
	}

/* RD_FORBIDDEN when eif_fd could still change; RD_MALFORMED and its kin when it is no EIF. */
enum rd_status rd_vmm_image_open(int eif_fd, struct rd_vmm_image *ret, struct rd_error *err)
	RD_MUST_USE;
void rd_vmm_image_close(struct rd_vmm_image *image);

/*
 * Gives the memory back and closes: for when the guest has booted and has its own copy. The engine
 * still holds the files, for a reset that it is told never to make; a guest that makes it read them
 * once more ends it, and so itself.
 */
void rd_vmm_image_release(struct rd_vmm_image *image);

/* Whether a command line has this word, delimited by blanks. */
bool rd_vmm_cmdline_has(const char *cmdline, const char *word);

#endif
