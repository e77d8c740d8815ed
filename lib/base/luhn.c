/* SPDX-License-Identifier: Apache-2.0 */
/* Luhn's sum. */
#include "base/luhn.h"

/* Every second digit from the right counts double, less nine when that has two digits; no branch
 * and no table index depends on a digit. */
bool rd_luhn_valid(struct rd_view digits)
{
	unsigned sum = 0;
	unsigned strangers = 0;

	for (size_t i = 0; i < digits.len; i++) {
		unsigned digit = (unsigned)digits.ptr[i] - '0';
		unsigned twice = 2 * digit - 9 * ((digit + 5) / 10);

		strangers |= digit > 9;
		sum += (digits.len - i) % 2 == 0 ? twice : digit;
	}
	return digits.len >= 2 && strangers == 0 && sum % 10 == 0;
}
