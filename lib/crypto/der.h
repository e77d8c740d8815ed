/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of DER, one at a time, in place: for the few structures of foreign bytes that OpenSSL
 * reads slowly, or more leniently than is good.
 *
 * Tags are one octet, lengths below 64 KiB and in their shortest form.
 */
#ifndef RD_CRYPTO_DER_H
#define RD_CRYPTO_DER_H

#include "base/bytes.h"

#define RD_DER_INTEGER      0x02
#define RD_DER_BIT_STRING   0x03
#define RD_DER_OCTET_STRING 0x04
#define RD_DER_NULL         0x05
#define RD_DER_OID          0x06
#define RD_DER_SEQUENCE     0x30
#define RD_DER_SET          0x31
#define RD_DER_CONTEXT_0    0x80
#define RD_DER_CONSTRUCTED  0x20

/* The next element's content. RD_BAD_TYPE: another tag, or one in several octets; RD_NONCANONICAL:
 * a length that is indefinite, too long or not the shortest form; RD_TRUNCATED. */
enum rd_status rd_der_take(struct rd_cur *c, uint8_t tag, struct rd_view *ret) RD_MUST_USE;
/* The same, whatever its tag. */
enum rd_status rd_der_take_any(struct rd_cur *c, uint8_t *ret_tag, struct rd_view *ret) RD_MUST_USE;
/* An INTEGER above 0, as its big-endian magnitude without leading zeros. RD_OUT_OF_RANGE: negative
 * or 0; RD_NONCANONICAL: not the shortest form. */
enum rd_status rd_der_take_positive(struct rd_cur *c, struct rd_view *ret) RD_MUST_USE;

#endif
