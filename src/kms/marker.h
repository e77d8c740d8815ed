/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pagination markers: where a list goes on. base64(HMAC-SHA-256 || last), the HMAC over operation,
 * account, what the list is of, and last: a marker serves its own list only, and nobody makes one.
 */
#ifndef KMS_MARKER_H
#define KMS_MARKER_H

#include "kms/params.h"

/* The longest last element: a tag's key of 128 characters in UTF-8. */
#define KMS_MARKER_LAST_SIZE 513
#define KMS_MARKER_SIZE      (((32 + KMS_MARKER_LAST_SIZE) / 3 + 1) * 4 + 1)

/* subject: the key or principal that the list is about, "" for none. */
enum rd_status kms_marker_make(struct kms_call *call, const char *subject, const char *last,
	char ret_marker[KMS_MARKER_SIZE]) RD_MUST_USE;
/* marker NULL gives "". Fault InvalidMarkerException for what kms_marker_make has not made. */
enum rd_status kms_marker_read(struct kms_call *call, const char *subject, const char *marker,
	char ret_last[KMS_MARKER_LAST_SIZE]) RD_MUST_USE;

/*
 * One page of a list. Ask the store for limit + 1 elements and give each to kms_listing_add, which
 * takes item over; what is one too many only says that more follow.
 */
struct kms_listing {
	struct kms_call *call;
	json_t *items;
	uint32_t limit;
	bool truncated;
	char last[KMS_MARKER_LAST_SIZE]; /* where to begin, then the last element that is in */
};

/* Reads the marker of the page that is asked for; subject as above. */
enum rd_status kms_listing_begin(struct kms_call *call, const char *subject, struct kms_page page,
	struct kms_listing *ret) RD_MUST_USE;
/* For RD_CLEANUP. */
void kms_listing_finish(struct kms_listing *listing);
bool kms_listing_is_full(struct kms_listing *listing);
enum rd_status kms_listing_add(struct kms_listing *listing, json_t *item, const char *last)
	RD_MUST_USE;
/* call->out: the list as member, Truncated and, when more follow, NextMarker. st: the store's. */
enum rd_status kms_listing_answer(struct kms_listing *listing, enum rd_status st,
	const char *member, const char *subject) RD_MUST_USE;

#endif
