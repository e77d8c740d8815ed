/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that an outsider chose: arithmetic that says when it overflows. */
#ifndef RD_BASE_CHECKED_H
#define RD_BASE_CHECKED_H

#include "base/status.h"

#include <stdint.h>

static inline RD_MUST_USE enum rd_status rd_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	return __builtin_add_overflow(a, b, ret) ? RD_LIMIT : RD_OK;
}

static inline RD_MUST_USE enum rd_status rd_mul_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	return __builtin_mul_overflow(a, b, ret) ? RD_LIMIT : RD_OK;
}

/* Rounds up to a multiple of a power of two. */
static inline RD_MUST_USE enum rd_status rd_align_up_u64(uint64_t v, uint64_t align, uint64_t *ret)
{
	RD_TRY(rd_add_u64(v, align - 1, ret));
	*ret &= ~(align - 1);
	return RD_OK;
}

#endif
