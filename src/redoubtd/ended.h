/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last records of ended enclaves: how each ended, and in debug mode its console. Bounded; on
 * disk below state/ended, as ENCLAVE control messages named by the slot, so that they outlive us.
 */
#ifndef RD_REDOUBTD_ENDED_H
#define RD_REDOUBTD_ENDED_H

#include "base/error.h"
#include "ctl/message.h"

/* Enough to look back over a bad night; with consoles (256 KiB each) at most 16 MiB. */
#define RD_ENDED_MAX 64

struct rd_ended_record {
	uint64_t slot_uid;
	struct rd_ctl_enclave enclave;
};

struct rd_ended {
	int dir_fd;
	size_t count;
	struct rd_ended_record records[RD_ENDED_MAX]; /* oldest first */
};

/* dir_fd is borrowed. What is not a record is removed; too many: the oldest go. */
enum rd_status rd_ended_load(struct rd_ended *ended, int dir_fd, struct rd_error *err) RD_MUST_USE;

/*
 * Adds a record, pushing out the oldest. console_fd: a console ring to keep a copy of, or -1. It is
 * kept in memory even when the disk refuses it, which is what the error is about.
 */
enum rd_status rd_ended_add(struct rd_ended *ended, const struct rd_ended_record *record,
	int console_fd, struct rd_error *err) RD_MUST_USE;

/*
 * The latest of that slot (or, with slot 0, name) whose parent has this instance id; NULL if there
 * is none.
 */
const struct rd_ended_record *rd_ended_find(
	const struct rd_ended *ended, uint64_t slot_uid, const char *name, const char *instance_id);

/* Whether an enclave's id is one of this parent's. */
bool rd_ended_is_of(const char *enclave_id, const char *instance_id);

/* The kept console ring, for reading; RD_NOTFOUND when none was kept. */
enum rd_status rd_ended_console(const struct rd_ended *ended, uint64_t slot_uid, int *ret_fd)
	RD_MUST_USE;

#endif
