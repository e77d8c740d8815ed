/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to lib/audit: whether what follows the last good head of a log may be the last batch as
 * a crash left it.
 *
 * A batch is one write and one sync, and nobody is answered before that sync. Of a write that was
 * not synced, a file system may keep the file's new size or not, and each sector's bytes or zeros,
 * in any order. So the torn batch
 *
 *	is no longer than a commit, and
 *	    ends before its head is whole, and no head is in it; or
 *	    has lost a sector: zeros, which neither JSON text nor a head has so many of.
 *
 * What was durable once is not torn. A signed head of a larger tree shows it when something stands
 * behind it, or when it says that its batch began later: then the batch before had been synced, and
 * this one is an altered log and not a crash.
 */
#ifndef RD_AUDIT_TORN_H
#define RD_AUDIT_TORN_H

#include "audit/format.h"

struct rd_audit_tail {
	struct rd_view bytes; /* all that follows the last good head */
	uint64_t offset;      /* in the file: sectors are aligned there */
	uint64_t tree_size;   /* that head's */
	bool is_short;        /* no batch could be read, because the file ends */
	const struct rd_ec_key *key;
};

bool rd_audit_is_torn(const struct rd_audit_tail *tail);

#endif
