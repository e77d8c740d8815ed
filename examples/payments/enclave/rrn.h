/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of operations for the gateway: the retrieval reference number (DE 37) and the trace number
 * (DE 11), from the ids that the operation has and nothing else, so that whoever asks again, after
 * any crash, asks for the same.
 *
 *	HMAC-SHA-256("rrn" key, CBOR array [kind, order, payment, operation])
 *	RRN   12 characters of 0-9 A-Z from its first 24 bytes: 62 bits
 *	STAN  its next 4 bytes, modulo 1,000,000
 *
 * kind is "authorise" (operation "": the page bound order and payment key to the card, so a server
 * that replays a sealed card repeats a payment), "capture" or "refund". A reversal has the
 * authorisation's RRN and a STAN of its own (kind "reverse").
 */
#ifndef ENCLAVE_RRN_H
#define ENCLAVE_RRN_H

#include "enclave/keyring.h"

struct rrn {
	char rrn[PAY_RRN_MAX + 1];
	char stan[6 + 1];
};

/* RD_NOTFOUND: no key. */
enum rd_status rrn_derive(const struct keyring *ring, const char *kind, const char *order,
	const char *payment, const char *operation, struct rrn *ret) RD_MUST_USE;

#endif
