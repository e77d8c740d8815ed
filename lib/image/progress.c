/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of pieces of text. */
#include "image/progress.h"

void rd_progress_flush(struct rd_progress *p)
{
	if (p->used > 0 && p->options->progress != NULL) {
		p->line[p->used] = '\0';
		p->options->progress(p->options->progress_ctx, p->line);
	}
	p->used = 0;
}

void rd_progress_add(struct rd_progress *p, struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (c == '\n' || c == '\r') {
			rd_progress_flush(p);
		} else if (p->used < sizeof(p->line) - 1) {
			/* An escape sequence could rewrite what the operator reads. */
			p->line[p->used++] = (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c;
		}
	}
}
