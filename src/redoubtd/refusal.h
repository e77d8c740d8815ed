/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request is refused: nitro-cli's code and the line that the operator reads. */
#ifndef RD_REDOUBTD_REFUSAL_H
#define RD_REDOUBTD_REFUSAL_H

#include "base/error.h"
#include "ctl/codes.h"

struct rd_refusal {
	enum rd_ctl_code code;
	struct rd_error err;
};

/* Fills both halves and returns the status: return rd_refuse(ref, RD_E_FILE, RD_IO, "…"). */
#define rd_refuse(ref, e_code, st, ...)                                                            \
	((ref)->code = (e_code), rd_fail(&(ref)->err, (st), __VA_ARGS__))
#define rd_refuse_errno(ref, e_code, os_errno, ...)                                                \
	((ref)->code = (e_code), rd_fail_errno(&(ref)->err, (os_errno), __VA_ARGS__))

#endif
