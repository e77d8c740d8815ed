/* SPDX-License-Identifier: Apache-2.0 */
/* Joining names with commas. */
#include "image/names.h"

#include <stdio.h>

void rd_names_add(struct rd_names *n, const char *name)
{
	int len = snprintf(n->text + n->used, sizeof(n->text) - n->used, "%s%s",
		n->used > 0 ? ", " : "", name);

	if (len > 0) {
		n->used += (size_t)len;
	}
	if (n->used >= sizeof(n->text)) {
		n->used = sizeof(n->text) - 1;
	}
}
