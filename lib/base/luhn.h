/* SPDX-License-Identifier: Apache-2.0 */
/* The check digit of card numbers: ISO/IEC 7812-1, annex B. */
#ifndef RD_BASE_LUHN_H
#define RD_BASE_LUHN_H

#include "base/bytes.h"

/* Whether the last digit is the others' check digit. False when there are fewer than two characters
 * or one is no digit. Time depends on the length alone. */
bool rd_luhn_valid(struct rd_view digits);

#endif
