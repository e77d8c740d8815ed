/* SPDX-License-Identifier: Apache-2.0 */
/* vsock-proxy.yaml: an accepted list holds what its header promises. */
#include "vsock-proxy/allowlist.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_allowlist list RD_CLEANUP(rd_allowlist_finish) = {0};
	struct rd_error err = {0};

	if (rd_allowlist_parse("f", size == 0 ? "" : (const char *)data, size, &list, &err) !=
		RD_OK) {
		assert(err.text[0] != '\0' && list.entries == NULL);
		return 0;
	}
	assert(list.count <= RD_ALLOWLIST_ENTRIES_MAX);
	for (size_t i = 0; i < list.count; i++) {
		const struct rd_allow_entry *e = &list.entries[i];

		assert(e->port != 0);
		if (e->name[0] == '\0') {
			assert(rd_allowlist_allows(&list, "x", &e->address, e->port));
		} else {
			assert(rd_allow_address_valid(e->name));
			assert(rd_allowlist_may(&list, e->name, e->port));
		}
	}
	return 0;
}
