/* SPDX-License-Identifier: Apache-2.0 */
/* A list of names for a message: what there is to choose from. */
#ifndef RD_IMAGE_NAMES_H
#define RD_IMAGE_NAMES_H

#include <stddef.h>

/* As much as an error's one line has room for beside its own words. */
#define RD_NAMES_MAX 256

/* Zero-initialise. text is cut where it is full. */
struct rd_names {
	char text[RD_NAMES_MAX];
	size_t used;
};

/* Appends name, after a comma if it is not the first. */
void rd_names_add(struct rd_names *n, const char *name);

#endif
