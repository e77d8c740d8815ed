/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/audit: the kept attestation documents, and the records that name them. */
#ifndef RD_AUDIT_DOCUMENTS_H
#define RD_AUDIT_DOCUMENTS_H

#include "audit/segment.h"

struct rd_audit_documents {
	int fd; /* the directory; -1: there is none, which is right as long as no record names one
		 */
};

enum rd_audit_result rd_audit_documents_open(
	struct rd_audit_documents *d, int dir_fd, struct rd_error *err);
void rd_audit_documents_close(struct rd_audit_documents *d);

/* Every document that is there is that of its name. */
enum rd_audit_result rd_audit_documents_check(
	const struct rd_audit_documents *d, uint64_t *ret_count, struct rd_error *err);

/* The record is a JSON object, and the document that it names, if any, is there. */
enum rd_audit_result rd_audit_documents_check_record(const struct rd_audit_documents *d,
	uint64_t index, struct rd_view json, struct rd_error *err);

#endif
