/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measurements of an image: PCR n = SHA-384(48 zero bytes || SHA-384(C_n)), where C_n is the data
 * (never the headers) of, in file order,
 *   C_0  kernel, cmdline, all ramdisks
 *   C_1  kernel, cmdline, the first ramdisk
 *   C_2  all ramdisks but the first; may be empty
 *   C_8  the DER encoding of the signing certificate; no signature, no PCR8
 */
#ifndef RD_EIF_MEASURE_H
#define RD_EIF_MEASURE_H

#include "base/bytes.h"
#include "eif/format.h"

#include <stdbool.h>

#define RD_EIF_PCR_SIZE 48

struct rd_eif_pcrs {
	uint8_t pcr0[RD_EIF_PCR_SIZE];
	uint8_t pcr1[RD_EIF_PCR_SIZE];
	uint8_t pcr2[RD_EIF_PCR_SIZE];
};

/* Streaming: tell it when a section begins, then give its data in pieces of any size. */
struct rd_eif_measure;
enum rd_status rd_eif_measure_new(struct rd_eif_measure **ret_measure) RD_MUST_USE;
void rd_eif_measure_free(struct rd_eif_measure **measure);
enum rd_status rd_eif_measure_begin(struct rd_eif_measure *measure, enum rd_eif_type type)
	RD_MUST_USE;
enum rd_status rd_eif_measure_data(struct rd_eif_measure *measure, struct rd_view data) RD_MUST_USE;
/* May be called at any time, also repeatedly: the values of what was given so far. */
enum rd_status rd_eif_measure_result(
	const struct rd_eif_measure *measure, struct rd_eif_pcrs *ret_pcrs) RD_MUST_USE;

/* The PCR of bytes that are there whole: PCR8 from a certificate's DER, `nitro-cli pcr`. */
enum rd_status rd_eif_measure_bytes(struct rd_view bytes, uint8_t ret_pcr[RD_EIF_PCR_SIZE])
	RD_MUST_USE;

#endif
