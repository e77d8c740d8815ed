/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ioctl of /dev/nsm, as <linux/nsm.h> has it since Linux 6.8; Debian 12's headers are older.
 */
#ifndef RD_NSM_UAPI_H
#define RD_NSM_UAPI_H

#include <stdint.h>
#include <sys/ioctl.h>

struct rd_nsm_iovec {
	uint64_t addr;
	uint64_t len;
};

/* response.len is the buffer's size going in and the response's real length coming back. */
struct rd_nsm_raw {
	struct rd_nsm_iovec request;
	struct rd_nsm_iovec response;
};

#define RD_NSM_IOCTL_RAW _IOWR(0x0a, 0, struct rd_nsm_raw)

#define RD_NSM_DEVICE "/dev/nsm"

#endif
