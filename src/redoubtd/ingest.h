/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RUN up to the launch: admission first (CPUs, memory, CID, name are taken), then the image is read
 * piece by piece, one piece a turn of the loop, so that a large image holds up nobody; then it is
 * judged and the vmm started.
 *
 * The image comes as a sealed memory file: nobody can change it while or after we read it, and
 * reading it never waits for a disk, a network or a file system in somebody's user space.
 */
#ifndef RD_REDOUBTD_INGEST_H
#define RD_REDOUBTD_INGEST_H

#include "redoubtd/clients.h"

/* One step: some 5 ms of hashing. */
#define RD_INGEST_STEP (1u << 20)

/* Takes eif_fd. A refusal is sent to the client. */
void rd_ingest_start(struct rd_client *c, const struct rd_ctl_run *run, int eif_fd);

/* Its parent has given its memory up, or has not in time (enclave.h): it goes on. */
void rd_ingest_memory(struct rd_ingest *in);

/* Gives everything back. Clears the caller's pointer. */
void rd_ingest_cancel(struct rd_ingest **ingest);

#endif
