/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments an audit log's directory has. */
#ifndef RD_AUDIT_DIRECTORY_H
#define RD_AUDIT_DIRECTORY_H

#include "audit/format.h"
#include "base/error.h"

/* Their first indexes, ascending. */
struct rd_audit_list {
	uint64_t *v;
	size_t n;
};

/* The caller ends it with rd_audit_list_finish, also after a failure. RD_BAD_MAGIC: the directory
 * has a log of the format before this one. */
enum rd_status rd_audit_list(int dir_fd, struct rd_audit_list *ret, struct rd_error *err)
	RD_MUST_USE;
void rd_audit_list_finish(struct rd_audit_list *list);

/* Opens a segment's file; flags as for open. */
enum rd_status rd_audit_open(
	int dir_fd, uint64_t first, int flags, int *ret_fd, struct rd_error *err) RD_MUST_USE;

#endif
