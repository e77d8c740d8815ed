/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave's places on disk.
 *
 *	run/enclaves/<slot>/            its owner's, 0700: the sockets
 *	run/records/<slot>/record       LAUNCH, as it was sent; written before the vmm is started
 *	                    vmm         "<pid> <start time>" of the vmm; written before LAUNCH
 *	                                is sent
 *	                    metadata    the image's metadata JSON
 *	                    console     debug mode: the ring (ctl/ring.h)
 *
 * The owner may do in the enclave directory what they like, so nothing that we trust later is
 * there.
 */
#ifndef RD_REDOUBTD_PLACES_H
#define RD_REDOUBTD_PLACES_H

#include "redoubtd/daemon.h"

/*
 * Makes both directories, record, metadata and console. *ret_console_fd is -1 without debug mode.
 * On failure nothing is left; a full disk says so.
 */
enum rd_status rd_places_make(struct rd_daemon *d, const struct rd_enclave *e,
	struct rd_view metadata, int *ret_console_fd, struct rd_error *err) RD_MUST_USE;

/* Removes everything; what cannot be removed is logged. */
void rd_places_remove(struct rd_daemon *d, const char *slot);

enum rd_status rd_places_write_vmm(struct rd_daemon *d, const struct rd_enclave *e, pid_t pid,
	struct rd_error *err) RD_MUST_USE;

/* The same in any directory of ours, for vmms of instances. */
enum rd_status rd_places_write_process(int dir_fd, pid_t pid, struct rd_error *err) RD_MUST_USE;
void rd_places_load_process(int dir_fd, struct rd_child *ret);
/* A console ring, allocated whole. RD_EXISTS without an err: it is there. */
enum rd_status rd_places_make_console(int dir_fd, int *ret_fd, struct rd_error *err) RD_MUST_USE;

/* A file of the record for reading; RD_NOTFOUND when it is not there. */
enum rd_status rd_places_open(struct rd_daemon *d, const char *slot, const char *name, int *ret_fd)
	RD_MUST_USE;

/* What a former daemon wrote. The vmm's pid is -1 when it never came to that, or has ended. */
enum rd_status rd_places_load_launch(
	struct rd_daemon *d, const char *slot, struct rd_ctl_launch *ret) RD_MUST_USE;
void rd_places_load_vmm(struct rd_daemon *d, const char *slot, struct rd_child *ret);

#endif
