/* SPDX-License-Identifier: Apache-2.0 */
/* A target that dies of one known input: shows that the replay notices when a target crashes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char fatal[] = "die here";

	if (size == sizeof(fatal) - 1 && memcmp(data, fatal, size) == 0) {
		abort();
	}
	return 0;
}
