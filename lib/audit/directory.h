/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments an audit log's directory has. */
#ifndef RD_AUDIT_DIRECTORY_H
#define RD_AUDIT_DIRECTORY_H

#include "audit/format.h"
#include "base/error.h"

struct rd_audit_listed {
	uint64_t first;
	bool log, heads; /* which of the two files are there */
};

/* By their first index, ascending. */
struct rd_audit_list {
	struct rd_audit_listed *v;
	size_t n;
};

/* The caller ends it with rd_audit_list_finish, also after a failure. */
enum rd_status rd_audit_list(int dir_fd, struct rd_audit_list *ret, struct rd_error *err)
	RD_MUST_USE;
void rd_audit_list_finish(struct rd_audit_list *list);

/* Opens one of a segment's files; flags as for open. */
enum rd_status rd_audit_open(int dir_fd, enum rd_audit_file kind, uint64_t first, int flags,
	int *ret_fd, struct rd_error *err) RD_MUST_USE;

#endif
