/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as texts of a reply: what comes out has no markup but the writer's own. The first byte
 * of each step says what is written, the next one how long its text is.
 */
#include "aws/xml_out.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static enum rd_status step(struct rd_cur *c, struct rd_xml_out *x)
{
	uint8_t what, len;
	struct rd_view text;

	RD_TRY(rd_cur_u8(c, &what));
	RD_TRY(rd_cur_u8(c, &len));
	RD_TRY(rd_cur_take(c, len < c->left ? len : c->left, &text));
	switch (what % 6) {
	case 0:
		if (x->depth < RD_XML_OUT_DEPTH_MAX - 1) {
			rd_xml_out_begin(x, "item");
		}
		break;
	case 1:
		if (x->depth > 1) {
			rd_xml_out_end(x);
		}
		break;
	case 2:
		rd_xml_out_uri(x, "uri", text);
		break;
	case 3:
		rd_xml_out_int(x, "int", (int64_t)len * INT32_MIN);
		break;
	default:
		rd_xml_out_text(x, "text", text);
		break;
	}
	return RD_OK;
}

/* Tags are those above, each closed in its order; ampersands begin one of five references. */
static void check(struct rd_view out)
{
	static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#xD;"};
	unsigned depth = 0;
	size_t chars;

	require(rd_utf8_count(out, &chars) == RD_OK);
	for (size_t i = 0; i < out.len; i++) {
		if (out.ptr[i] == '<') {
			const uint8_t *end = memchr(out.ptr + i, '>', out.len - i);

			require(end != NULL && (depth > 0 || i == 0 || out.ptr[i + 1] == '/'));
			depth += out.ptr[i + 1] == '/' ? -1u : 1u;
			i = (size_t)(end - out.ptr);
			continue;
		}
		require(out.ptr[i] != '>' &&
			(out.ptr[i] >= ' ' || out.ptr[i] == '\t' || out.ptr[i] == '\n'));
		if (out.ptr[i] == '&') {
			bool known = false;

			for (size_t r = 0; r < RD_ARRAY_LEN(references); r++) {
				size_t len = strlen(references[r]);

				known = known ||
					(out.len - i >= len &&
						memcmp(out.ptr + i, references[r], len) == 0);
			}
			require(known);
		}
	}
	require(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(1u << 20);
	struct rd_xml_out x = rd_xml_out(&out);
	struct rd_cur c = rd_cur(rd_view(data, size));
	enum rd_status st;

	rd_xml_out_root(&x, "Response", RD_EC2_XMLNS);
	while (step(&c, &x) == RD_OK) {
	}
	while (x.depth > 0) {
		rd_xml_out_end(&x);
	}
	st = rd_xml_out_finish(&x);
	require(st == RD_OK || st == RD_FORBIDDEN || st == RD_MALFORMED || st == RD_NOSPACE);
	if (st == RD_OK) {
		check(rd_buf_view(&out));
	}
	return 0;
}
