/* SPDX-License-Identifier: Apache-2.0 */
/* A complete small image, built by hand from the format's description, and places to damage it at.
 */
#ifndef TEST_EIF_SYNTHETIC_H
#define TEST_EIF_SYNTHETIC_H

#include "base/byteorder.h"
#include "eif/format.h"

#include <stdint.h>
#include <string.h>

#define SYNTHETIC_SIZE 637
#define SYNTHETIC_CRC  0x966cfe6b
#define SYNTHETIC_PCR0                                                                             \
	"545bfd6f8627a970aa61f412e88fbce9002032b51ea1b231ffab19eb01c48394e77d836802ebd90cb0c4efc1" \
	"06129e79"
#define SYNTHETIC_PCR1                                                                             \
	"eb20a9f880bdb4728eddf191c3c619753b91bf4c629eba89060c5988d84ca14ffa8040aeadaa60a24a74ead0" \
	"dbdc22a0"
#define SYNTHETIC_PCR2                                                                             \
	"f769a086be7324fe535996faab7048d8fa6038647923ced83b4ecdda300cb8eb00844e4d9cbd7201fd2807fc" \
	"ee5373da"
/* The same for every image with one ramdisk. */
#define PCR_OF_NOTHING                                                                             \
	"21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b9" \
	"64fc500a"

struct synthetic_section {
	uint16_t type;
	const char *data;
};

static const struct synthetic_section synthetic_sections[] = {
	{RD_EIF_KERNEL, "KERNEL"},
	{RD_EIF_CMDLINE, "console=ttyS0"},
	{RD_EIF_METADATA, "{}"},
	{RD_EIF_RAMDISK, "RAM0"},
	{RD_EIF_RAMDISK, "RAM1"},
};

/* Any sections in any order; returns the size. No CRC (readers report it, they do not refuse it).
 */
static inline size_t assemble(uint8_t *out, const struct synthetic_section *sections, unsigned n)
{
	size_t at = RD_EIF_HEADER_SIZE;

	memset(out, 0, RD_EIF_HEADER_SIZE);
	memcpy(out, ".eif", 4);
	rd_put_be16(out + 4, 4);
	rd_put_be64(out + 8, 0x40000000);
	rd_put_be64(out + 16, 2);
	rd_put_be16(out + 26, (uint16_t)n);
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(sections[i].data);

		rd_put_be64(out + 28 + 8 * i, at);
		rd_put_be64(out + 284 + 8 * i, len);
		rd_put_be16(out + at, sections[i].type);
		rd_put_be16(out + at + 2, 0);
		rd_put_be64(out + at + 4, len);
		memcpy(out + at + 12, sections[i].data, len);
		at += 12 + len;
	}
	return at;
}

static inline size_t assemble_synthetic(uint8_t out[SYNTHETIC_SIZE])
{
	size_t n = assemble(out, synthetic_sections, 5);

	rd_put_be32(out + 544, SYNTHETIC_CRC);
	return n;
}

#endif
