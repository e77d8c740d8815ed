/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a form body: names are plain, each is found again, lists have no gaps. */
#include "aws/query.h"
#include "aws/xml_out.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void answer(const struct rd_query *q)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(1u << 20);
	struct rd_xml_out x = rd_xml_out(&out);
	enum rd_status st;

	rd_xml_out_root(&x, "Response", RD_IAM_XMLNS);
	for (size_t i = 0; i < q->n; i++) {
		rd_xml_out_text(&x, "Value", q->params[i].value);
	}
	rd_xml_out_reply_end(&x, "id");
	st = rd_xml_out_finish(&x);
	require(st == RD_OK || st == RD_FORBIDDEN || st == RD_NOSPACE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct rd_query q;
	size_t n;

	if (rd_query_parse(rd_view(data, size), &storage, &q) != RD_OK) {
		return 0;
	}
	require(q.n <= RD_QUERY_PARAMS_MAX);
	for (size_t i = 0; i < q.n; i++) {
		require(q.params[i].name.len > 0 && q.params[i].value.ptr != NULL);
	}
	if (rd_query_list(&q, "Tags", 50, &n) == RD_OK) {
		require(n <= 50);
		for (size_t i = 1; i <= n; i++) {
			/* One of these may be absent, and reading it must be safe. */
			struct rd_view key = rd_query_member(&q, "Tags", i, "Key");

			require(key.ptr != NULL || key.len == 0);
		}
	}
	answer(&q);
	return 0;
}
