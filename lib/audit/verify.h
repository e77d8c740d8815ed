/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole audit log, checked: every segment, every signature, every record and every document.
 *
 * What a log alone cannot show is that its end was not cut off, or that it was not written anew by
 * whoever has the key: for this a head is saved elsewhere and named later.
 */
#ifndef RD_AUDIT_VERIFY_H
#define RD_AUDIT_VERIFY_H

#include "audit/segment.h"

struct rd_audit_verify_options {
	const struct rd_ec_key *key; /* NULL: the directory's own key.pem */
	struct rd_view saved;        /* a signed head from earlier; ptr NULL: none */
	bool moved;                  /* the first segments may have been moved away */
	/* Sees what was checked, in the same pass: records after their documents, and trees. */
	struct rd_audit_visitor also;
};

struct rd_audit_verify_report {
	struct rd_merkle_hash log_id; /* which key it was checked against */
	uint64_t first;               /* the first record that is there */
	uint64_t segments, heads, documents;
	struct rd_merkle_head head;              /* the last one, … */
	uint8_t head_bytes[RD_MERKLE_HEAD_SIZE]; /* … as it was signed, to be saved */
	uint64_t uncovered; /* bytes of the log behind it, in a log that is being written */
	bool live;          /* a server is writing it */
};

/* dir_fd: the log's directory. The report counts what was checked; err has the reason unless the
 * result is RD_AUDIT_OK. */
enum rd_audit_result rd_audit_verify(int dir_fd, const struct rd_audit_verify_options *options,
	struct rd_audit_verify_report *ret, struct rd_error *err);

/*
 * Records in order, without any check but their form: all that are there (last 0), or those of the
 * segments in which the last ones must be, and so at least as many. A record that is being written
 * ends it. The visitor's tree is not called.
 */
enum rd_audit_result rd_audit_each(
	int dir_fd, uint64_t last, const struct rd_audit_visitor *visitor, struct rd_error *err);

#endif
