/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: typed values of conditions from their text (kms.md 4.6), and their order.
 */
#ifndef RD_POLICY_VALUE_H
#define RD_POLICY_VALUE_H

#include "policy/policy.h"

/* Sign, digits, at most one point with a digit on both sides; no exponent. RD_BAD_NUMBER otherwise.
 */
enum rd_status rd_decimal_parse(struct rd_view text, struct rd_policy_decimal *ret) RD_MUST_USE;
int rd_decimal_compare(const struct rd_policy_decimal *a, const struct rd_policy_decimal *b);

/*
 * The W3C profile of ISO 8601, from the year alone to fractions of a second with zone, or seconds
 * since the epoch. Four digits are a year. RD_MALFORMED for another form, RD_OUT_OF_RANGE for 30
 * February.
 */
enum rd_status rd_date_parse(struct rd_view text, struct rd_policy_date *ret) RD_MUST_USE;
int rd_date_compare(const struct rd_policy_date *a, const struct rd_policy_date *b);

/* An address with or without a prefix length; IPv4 mapped into IPv6 becomes IPv4. RD_MALFORMED
 * otherwise. */
enum rd_status rd_network_parse(struct rd_view text, struct rd_policy_network *ret) RD_MUST_USE;
/* address is a whole address (its prefix is all of it). */
bool rd_network_contains(
	const struct rd_policy_network *network, const struct rd_policy_network *address);

/* "true" or "false" in any case. RD_MALFORMED otherwise. */
enum rd_status rd_truth_parse(struct rd_view text, bool *ret) RD_MUST_USE;

#endif
