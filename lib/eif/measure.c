/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCR0-2 in one pass. Until the second ramdisk C_0 and C_1 are the same bytes, so one stream serves
 * both and is duplicated there: kernel and first ramdisk are hashed once.
 */
#include "eif/measure.h"

#include "crypto/digest.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(RD_EIF_PCR_SIZE == RD_SHA384_SIZE, "PCRs are SHA-384");

struct rd_eif_measure {
	struct rd_digest *all;   /* C_0 */
	struct rd_digest *first; /* C_1; NULL while it equals C_0 */
	struct rd_digest *rest;  /* C_2 */
	enum rd_eif_type section;
	unsigned n_ramdisks;
};

enum rd_status rd_eif_measure_new(struct rd_eif_measure **ret_measure)
{
	struct rd_eif_measure *m RD_CLEANUP(rd_eif_measure_free) = calloc(1, sizeof(*m));

	RD_ENSURE(m != NULL, RD_NOMEM);
	RD_TRY(rd_digest_new(RD_SHA384, &m->all));
	RD_TRY(rd_digest_new(RD_SHA384, &m->rest));
	*ret_measure = rd_steal(&m, NULL);
	return RD_OK;
}

void rd_eif_measure_free(struct rd_eif_measure **measure)
{
	struct rd_eif_measure *m = *measure;

	if (m != NULL) {
		rd_digest_free(&m->all);
		rd_digest_free(&m->first);
		rd_digest_free(&m->rest);
		free(m);
	}
	*measure = NULL;
}

enum rd_status rd_eif_measure_begin(struct rd_eif_measure *measure, enum rd_eif_type type)
{
	measure->section = type;
	if (type == RD_EIF_RAMDISK && ++measure->n_ramdisks == 2) {
		return rd_digest_dup(measure->all, &measure->first);
	}
	return RD_OK;
}

enum rd_status rd_eif_measure_data(struct rd_eif_measure *measure, struct rd_view data)
{
	switch (measure->section) {
	case RD_EIF_KERNEL:
	case RD_EIF_CMDLINE:
		if (measure->first != NULL) {
			RD_TRY(rd_digest_update(measure->first, data));
		}
		return rd_digest_update(measure->all, data);
	case RD_EIF_RAMDISK:
		if (measure->n_ramdisks > 1) {
			RD_TRY(rd_digest_update(measure->rest, data));
		}
		return rd_digest_update(measure->all, data);
	case RD_EIF_SIGNATURE:
	case RD_EIF_METADATA:
		return RD_OK;
	}
	return RD_INTERNAL;
}

/* One extend of a register of zeros. */
static enum rd_status extend(
	const uint8_t content[RD_SHA384_SIZE], uint8_t ret_pcr[RD_EIF_PCR_SIZE])
{
	uint8_t block[RD_EIF_PCR_SIZE + RD_SHA384_SIZE] = {0};

	memcpy(block + RD_EIF_PCR_SIZE, content, RD_SHA384_SIZE);
	return rd_sha384(rd_view(block, sizeof(block)), ret_pcr);
}

/* The PCR of a stream that goes on afterwards. */
static enum rd_status pcr_so_far(const struct rd_digest *stream, uint8_t ret_pcr[RD_EIF_PCR_SIZE])
{
	struct rd_digest *copy RD_CLEANUP(rd_digest_free) = NULL;
	uint8_t content[RD_SHA384_SIZE];

	RD_TRY(rd_digest_dup(stream, &copy));
	RD_TRY(rd_digest_finish(copy, content));
	return extend(content, ret_pcr);
}

enum rd_status rd_eif_measure_result(
	const struct rd_eif_measure *measure, struct rd_eif_pcrs *ret_pcrs)
{
	struct rd_eif_pcrs pcrs;

	RD_TRY(pcr_so_far(measure->all, pcrs.pcr0));
	RD_TRY(pcr_so_far(measure->first != NULL ? measure->first : measure->all, pcrs.pcr1));
	RD_TRY(pcr_so_far(measure->rest, pcrs.pcr2));
	*ret_pcrs = pcrs;
	return RD_OK;
}

enum rd_status rd_eif_measure_bytes(struct rd_view bytes, uint8_t ret_pcr[RD_EIF_PCR_SIZE])
{
	uint8_t content[RD_SHA384_SIZE];

	RD_TRY(rd_sha384(bytes, content));
	return extend(content, ret_pcr);
}
