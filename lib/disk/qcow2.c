/* SPDX-License-Identifier: Apache-2.0 */
/* The qcow2 header, read with suspicion. */
#include "disk/qcow2.h"

#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */

/* QEMU's own limits for clusters, and for the first-level table (32 MiB of 8-byte entries). */
#define CLUSTER_BITS_MIN 9
#define CLUSTER_BITS_MAX 21
#define L1_ENTRIES_MAX   (4u << 20)
#define L1_ENTRY         8u

enum incompatible {
	DIRTY = 1u << 0,
	CORRUPT = 1u << 1,
	DATA_FILE = 1u << 2,
	COMPRESSION = 1u << 3,
	EXTENDED_L2 = 1u << 4,
};

struct header {
	uint32_t version;
	uint64_t backing_offset;
	uint32_t backing_size;
	uint32_t cluster_bits;
	uint64_t size;
	uint32_t encryption;
	uint32_t l1_entries;
	uint64_t l1_offset;
	uint64_t incompatible;
};

static enum rd_status read_header(struct rd_view bytes, struct header *h)
{
	struct rd_cur c = rd_cur(bytes);
	uint32_t magic;

	RD_TRY(rd_cur_be32(&c, &magic));
	RD_ENSURE(magic == QCOW2_MAGIC, RD_BAD_MAGIC);
	RD_TRY(rd_cur_be32(&c, &h->version));
	RD_TRY(rd_cur_be64(&c, &h->backing_offset));
	RD_TRY(rd_cur_be32(&c, &h->backing_size));
	RD_TRY(rd_cur_be32(&c, &h->cluster_bits));
	RD_TRY(rd_cur_be64(&c, &h->size));
	RD_TRY(rd_cur_be32(&c, &h->encryption));
	RD_TRY(rd_cur_be32(&c, &h->l1_entries));
	RD_TRY(rd_cur_be64(&c, &h->l1_offset));
	/* Reference count table and snapshots: QEMU's own business, in its sandbox. */
	RD_TRY(rd_cur_skip(&c, 8 + 4 + 4 + 8));
	h->incompatible = 0;
	return h->version < 3 ? RD_OK : rd_cur_be64(&c, &h->incompatible);
}

static enum rd_status check_features(const struct header *h, struct rd_error *err)
{
	if (h->backing_offset != 0 || h->backing_size != 0) {
		return rd_fail(err, RD_FORBIDDEN,
			"the image has a backing file: flatten it (qemu-img convert)");
	}
	if ((h->incompatible & DATA_FILE) != 0) {
		return rd_fail(err, RD_FORBIDDEN,
			"the image's data is in another file: flatten it (qemu-img convert)");
	}
	if (h->encryption != 0) {
		return rd_fail(
			err, RD_FORBIDDEN, "the image is encrypted: decrypt it (qemu-img convert)");
	}
	if ((h->incompatible & (DIRTY | CORRUPT)) != 0) {
		return rd_fail(err, RD_MALFORMED,
			"the image is marked as corrupt or was not closed: repair it (qemu-img "
			"check -r all)");
	}
	if ((h->incompatible & ~(uint64_t)(COMPRESSION | EXTENDED_L2)) != 0) {
		return rd_fail(err, RD_UNSUPPORTED,
			"the image uses features that are not known here: convert it (qemu-img "
			"convert)");
	}
	return RD_OK;
}

static enum rd_status check_sizes(const struct header *h, uint64_t file_size, struct rd_error *err)
{
	uint64_t per_entry;
	uint64_t l1_bytes = (uint64_t)h->l1_entries * L1_ENTRY;

	if (h->cluster_bits < CLUSTER_BITS_MIN || h->cluster_bits > CLUSTER_BITS_MAX) {
		return rd_fail(err, RD_OUT_OF_RANGE, "the image's cluster size is impossible");
	}
	if (h->size == 0 || h->size > RD_DISK_BYTES_MAX) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"the image's disk is empty or larger than %lld GiB",
			RD_DISK_BYTES_MAX >> 30);
	}
	/* A second-level table is a cluster of entries, each for one cluster. */
	per_entry = (uint64_t)1 << (2 * h->cluster_bits - 3);
	if (h->l1_entries > L1_ENTRIES_MAX || h->size / per_entry > h->l1_entries ||
		l1_bytes > file_size || h->l1_offset > file_size - l1_bytes ||
		(h->l1_offset & (((uint64_t)1 << h->cluster_bits) - 1)) != 0) {
		return rd_fail(err, RD_OUT_OF_RANGE,
			"the image's table does not lie in its file: it was cut short or damaged");
	}
	return RD_OK;
}

enum rd_status rd_qcow2_check(
	struct rd_view header, uint64_t file_size, uint64_t *ret_disk_bytes, struct rd_error *err)
{
	struct header h = {0};
	enum rd_status st = read_header(header, &h);

	if (st == RD_TRUNCATED) {
		return rd_fail(err, st, "the image is too short for a qcow2 image");
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "the image is no qcow2 image");
	}
	if (h.version != 2 && h.version != 3) {
		return rd_fail(err, RD_BAD_VERSION, "version %u of qcow2 is not known",
			(unsigned)h.version);
	}
	RD_TRY(check_features(&h, err));
	RD_TRY(check_sizes(&h, file_size, err));
	*ret_disk_bytes = h.size;
	return RD_OK;
}
