/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a QEMU that its guest may have taken over. */
#include "qmp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_qmp_news news = {.event = RD_QMP_CLOSED};
	enum rd_status st = rd_qmp_read_line((const char *)data, size, 7, &news);

	/* A line never closes the connection by itself. */
	if (st == RD_OK && news.event == RD_QMP_CLOSED) {
		abort();
	}
	return 0;
}
