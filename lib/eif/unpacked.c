/* SPDX-License-Identifier: Apache-2.0 */
/* Counting what newc archives unpack to: between entries zeros may stand, as the kernel allows. */
#include "eif/unpacked.h"

#include <string.h>
#include <sys/stat.h>

#define PAGE        4096
#define FIELD_SIZE  8
#define OFF_MODE    14
#define OFF_SIZE    54
#define OFF_NAMELEN 94

static bool hex_field(const uint8_t *header, unsigned offset, uint32_t *ret)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < FIELD_SIZE; i++) {
		uint8_t c = header[offset + i];

		if (c >= '0' && c <= '9') {
			v = v << 4 | (uint32_t)(c - '0');
		} else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
			v = v << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		} else {
			return false;
		}
	}
	*ret = v;
	return true;
}

static uint64_t pad4(uint64_t n)
{
	return (n + 3) & ~(uint64_t)3;
}

/* A complete header, whose first byte stood at a multiple of 4. */
static bool count_entry(struct rd_eif_walk *w)
{
	uint32_t mode;
	uint32_t size;
	uint32_t name_len;

	if ((memcmp(w->header, "070701", 6) != 0 && memcmp(w->header, "070702", 6) != 0) ||
		!hex_field(w->header, OFF_MODE, &mode) || !hex_field(w->header, OFF_SIZE, &size) ||
		!hex_field(w->header, OFF_NAMELEN, &name_len)) {
		return false;
	}
	w->skip = pad4(RD_EIF_CPIO_HEADER_SIZE + (uint64_t)name_len) - RD_EIF_CPIO_HEADER_SIZE +
		  pad4(size);
	w->sum.entries++;
	if (S_ISREG(mode)) {
		w->sum.data_pages += ((uint64_t)size + PAGE - 1) / PAGE;
	}
	return true;
}

/* Takes some bytes and says how many; false when this is no archive. */
static bool step(struct rd_eif_walk *w, struct rd_view data, size_t *ret_taken)
{
	size_t n = 1;

	if (w->skip > 0) {
		n = w->skip < data.len ? (size_t)w->skip : data.len;
		w->skip -= n;
	} else if (w->have == 0 && data.ptr[0] == 0) {
		while (n < data.len && data.ptr[n] == 0) {
			n++;
		}
	} else {
		if (w->have == 0 && w->offset % 4 != 0) {
			return false;
		}
		n = RD_EIF_CPIO_HEADER_SIZE - w->have;
		n = n < data.len ? n : data.len;
		memcpy(w->header + w->have, data.ptr, n);
		w->have += (unsigned)n;
		if (w->have == RD_EIF_CPIO_HEADER_SIZE) {
			w->have = 0;
			if (!count_entry(w)) {
				return false;
			}
		}
	}
	*ret_taken = n;
	return true;
}

void rd_eif_walk_feed(struct rd_eif_walk *walk, struct rd_view data)
{
	size_t taken;

	while (data.len > 0 && !walk->sum.opaque) {
		if (!step(walk, data, &taken)) {
			walk->sum.opaque = true;
			return;
		}
		walk->offset += taken;
		data = rd_view(data.ptr + taken, data.len - taken);
	}
}

struct rd_eif_unpacked rd_eif_walk_result(const struct rd_eif_walk *walk)
{
	struct rd_eif_unpacked sum = walk->sum;

	sum.opaque = sum.opaque || walk->skip > 0 || walk->have > 0;
	return sum;
}
