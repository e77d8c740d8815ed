/* SPDX-License-Identifier: Apache-2.0 */
/* The register bank: boot measurements, extension and locks. */
#include "nsm/pcr.h"

#include "crypto/digest.h"

#include <assert.h>
#include <string.h>

static_assert(RD_NSM_PCR_SIZE == RD_SHA384_SIZE, "registers hold SHA-384 values");

enum {
	PCR_IMAGE = 0,
	PCR_KERNEL = 1,
	PCR_APPLICATION = 2,
	PCR_ROLE = 3,
	PCR_INSTANCE = 4,
	PCR_SIGNER = 8
};

static enum rd_status extend(uint8_t value[RD_NSM_PCR_SIZE], struct rd_view data)
{
	uint8_t storage[RD_NSM_PCR_SIZE + RD_NSM_PCR_DATA_MAX];
	struct rd_buf joined = rd_buf_fixed(storage, sizeof(storage));

	RD_ENSURE(data.len <= RD_NSM_PCR_DATA_MAX, RD_LIMIT);
	RD_TRY(rd_buf_put(&joined, value, RD_NSM_PCR_SIZE));
	RD_TRY(rd_buf_put_view(&joined, data));
	return rd_sha384(rd_buf_view(&joined), value);
}

/* PCR3 and PCR4 are extended with the string itself, unlike those of the image. */
static enum rd_status measure_string(uint8_t value[RD_NSM_PCR_SIZE], const char *text)
{
	if (text == NULL) {
		return RD_OK;
	}
	RD_ENSURE(strnlen(text, RD_NSM_PCR_STRING_MAX + 1) <= RD_NSM_PCR_STRING_MAX, RD_LIMIT);
	return extend(value, rd_view_str(text));
}

enum rd_status rd_nsm_pcrs_boot(struct rd_nsm_pcrs *p, const struct rd_nsm_boot *boot)
{
	struct rd_nsm_pcrs bank = {0};

	if (!boot->debug) {
		memcpy(bank.value[PCR_IMAGE], boot->pcr0, RD_NSM_PCR_SIZE);
		memcpy(bank.value[PCR_KERNEL], boot->pcr1, RD_NSM_PCR_SIZE);
		memcpy(bank.value[PCR_APPLICATION], boot->pcr2, RD_NSM_PCR_SIZE);
		memcpy(bank.value[PCR_SIGNER], boot->pcr8, RD_NSM_PCR_SIZE);
	}
	RD_TRY(measure_string(bank.value[PCR_ROLE], boot->role_arn));
	RD_TRY(measure_string(bank.value[PCR_INSTANCE], boot->instance_id));
	RD_TRY(rd_nsm_pcr_lock_range(&bank, RD_NSM_PCR_BOOT_LOCKED));
	*p = bank;
	return RD_OK;
}

bool rd_nsm_pcr_is_locked(const struct rd_nsm_pcrs *p, unsigned index)
{
	return index < RD_NSM_PCR_COUNT && (p->locked >> index & 1) != 0;
}

static enum rd_status check_unlocked(const struct rd_nsm_pcrs *p, unsigned index)
{
	RD_ENSURE(index < RD_NSM_PCR_COUNT, RD_OUT_OF_RANGE);
	RD_ENSURE(!rd_nsm_pcr_is_locked(p, index), RD_DENIED);
	return RD_OK;
}

enum rd_status rd_nsm_pcr_extend(struct rd_nsm_pcrs *p, unsigned index, struct rd_view data)
{
	RD_TRY(check_unlocked(p, index));
	return extend(p->value[index], data);
}

enum rd_status rd_nsm_pcr_lock(struct rd_nsm_pcrs *p, unsigned index)
{
	RD_TRY(check_unlocked(p, index));
	p->locked |= UINT32_C(1) << index;
	return RD_OK;
}

enum rd_status rd_nsm_pcr_lock_range(struct rd_nsm_pcrs *p, unsigned count)
{
	RD_ENSURE(count <= RD_NSM_PCR_COUNT, RD_OUT_OF_RANGE);
	p->locked |= (uint32_t)((UINT64_C(1) << count) - 1);
	return RD_OK;
}
