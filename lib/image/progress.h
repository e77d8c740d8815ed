/* SPDX-License-Identifier: Apache-2.0 */
/* Output of pulls and builds, made safe for a terminal: an image's RUN steps may print anything. */
#ifndef RD_IMAGE_PROGRESS_H
#define RD_IMAGE_PROGRESS_H

#include "image/image.h"

/* What is longer is cut: a progress line that long helps nobody. */
#define RD_PROGRESS_LINE_MAX 1024

/* Cuts text into lines across calls. Zero-initialise but for options. */
struct rd_progress {
	const struct rd_image_options *options;
	size_t used;
	char line[RD_PROGRESS_LINE_MAX];
};

/* Passes on every line that is now complete; control characters become '?'. */
void rd_progress_add(struct rd_progress *p, struct rd_view text);
/* Passes on what is left, if there is something. */
void rd_progress_flush(struct rd_progress *p);

#endif
