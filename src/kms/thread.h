/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP thread keeps from one call to its next, because memory that it has just used is in
 * the processor's cache. */
#ifndef KMS_THREAD_H
#define KMS_THREAD_H

#include "base/bytes.h"
#include "kms/fresh.h"

struct kms_call;

/* All zeros but for fresh to begin with; of one thread. */
struct kms_thread {
	struct kms_fresh fresh;
	struct kms_call *spare; /* memory of a call that has gone; or NULL */
	struct rd_buf record; /* where the last record was written: some KiB, at most RECORD_MAX */
};

#endif
