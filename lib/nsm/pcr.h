/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NSM's bank of 32 SHA-384 platform configuration registers (PCRs) and their locks.
 *
 * Registers 0..15 are measured and locked before the guest's first instruction; 16..31 belong to
 * the guest. A lock is for the enclave's lifetime, there is no reset and no unlock.
 */
#ifndef RD_NSM_PCR_H
#define RD_NSM_PCR_H

#include "base/bytes.h"

#define RD_NSM_PCR_COUNT       32
#define RD_NSM_PCR_SIZE        48 /* SHA-384 */
#define RD_NSM_PCR_BOOT_LOCKED 16 /* registers 0..15 */

/* Most bytes of one extension: no request is longer, so no more can arrive. */
#define RD_NSM_PCR_DATA_MAX 0x1000

/* Longest string measured into PCR3 or PCR4: IAM role ARNs end at 2048, instance ids far below. */
#define RD_NSM_PCR_STRING_MAX 2048

struct rd_nsm_pcrs {
	uint8_t value[RD_NSM_PCR_COUNT][RD_NSM_PCR_SIZE];
	uint32_t locked; /* bit i: register i is locked */
};

/*
 * What is known at boot. The image's four registers are final values, as lib/eif computes them
 * (SHA384(0^48 || SHA384(…))); pcr8 is 48 zero bytes for an unsigned image. The two strings are
 * measured here, raw: SHA384(0^48 || string). NULL leaves the register zero.
 */
struct rd_nsm_boot {
	uint8_t pcr0[RD_NSM_PCR_SIZE];
	uint8_t pcr1[RD_NSM_PCR_SIZE];
	uint8_t pcr2[RD_NSM_PCR_SIZE];
	uint8_t pcr8[RD_NSM_PCR_SIZE];
	const char *role_arn;    /* PCR3 */
	const char *instance_id; /* PCR4 */
	bool debug;              /* PCR0, 1, 2 and 8 read as zero; 3 and 4 keep their values */
};

/*
 * Fills the bank and locks registers 0..15. RD_LIMIT for a string over RD_NSM_PCR_STRING_MAX; what
 * the digest returns when it fails.
 */
enum rd_status rd_nsm_pcrs_boot(struct rd_nsm_pcrs *p, const struct rd_nsm_boot *boot) RD_MUST_USE;

/* index >= 32 is not locked. */
bool rd_nsm_pcr_is_locked(const struct rd_nsm_pcrs *p, unsigned index);

/*
 * PCR := SHA384(PCR || data); empty data is a real extend. RD_OUT_OF_RANGE for index >= 32,
 * RD_DENIED for a locked register; the bank is unchanged on failure.
 */
enum rd_status rd_nsm_pcr_extend(struct rd_nsm_pcrs *p, unsigned index, struct rd_view data)
	RD_MUST_USE;

/* RD_OUT_OF_RANGE for index >= 32, RD_DENIED when it is locked already. */
enum rd_status rd_nsm_pcr_lock(struct rd_nsm_pcrs *p, unsigned index) RD_MUST_USE;

/*
 * Locks registers [0, count), locked ones included. count is a number of registers, not the last
 * index: 17 locks 0..16. RD_OUT_OF_RANGE for count > 32.
 */
enum rd_status rd_nsm_pcr_lock_range(struct rd_nsm_pcrs *p, unsigned count) RD_MUST_USE;

#endif
