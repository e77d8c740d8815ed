/* SPDX-License-Identifier: Apache-2.0 */
/* Files under tests/data: TEST_DATA_DIR is set by the build. */
#ifndef RD_TEST_DATA_H
#define RD_TEST_DATA_H

#include "test.h"

/* Larger than any file there. */
#define TEST_DATA_MAX (1 << 20)

/* The whole file, in a buffer that the caller finishes; a missing file fails the test. */
static inline struct rd_buf test_data(const char *name)
{
	struct rd_buf b = rd_buf_growable(TEST_DATA_MAX);
	char path[1024];
	uint8_t chunk[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", TEST_DATA_DIR, name);
	f = fopen(path, "rb");
	if (f == NULL) {
		fail_msg("cannot open %s", path);
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
		assert_ok(rd_buf_put(&b, chunk, n));
	}
	fclose(f);
	return b;
}

#endif
