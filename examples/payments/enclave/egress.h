/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place through which messages to the server pass. Whatever they were made of, what looks
 * like a card number does not leave: 13 to 19 digits between other
 * characters than letters and digits, of a known brand, with a right check digit. Masks and tokens
 * never look so (format-preserving tokens fail the check by their making); digits within a random
 * id in hex, by chance, are nobody's number.
 */
#ifndef ENCLAVE_EGRESS_H
#define ENCLAVE_EGRESS_H

#include "wire/link.h"

/* Appends the frame. RD_FORBIDDEN: there is such a number in it; otherwise pay_link_encode's. What
 * was appended is taken back. */
enum rd_status egress_encode(const struct pay_message *m, struct rd_buf *out) RD_MUST_USE;

/* Whether there is such a number in some bytes: also for ids that come in, which would be recorded.
 */
bool egress_has_pan(struct rd_view bytes);

#endif
