/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys whose work failed, and when it is tried again: after one minute, then twice as long each
 * time, at most an hour. Only in memory: after a restart each has its turn at once.
 */
#ifndef KMS_BACKOFF_H
#define KMS_BACKOFF_H

#include "kms/model.h"

/* Failures are rare. Of more keys than this, the others are tried in every round. */
#define KMS_BACKOFF_KEYS_MAX 256
#define KMS_BACKOFF_MIN_MS   (60 * INT64_C(1000))
#define KMS_BACKOFF_MAX_MS   (60 * 60 * INT64_C(1000))

/* Zero-initialise. */
struct kms_backoff {
	struct kms_backoff_key {
		char id[KMS_KEY_ID_SIZE];
		int64_t pause_ms;
		int64_t until_ms;
	} keys[KMS_BACKOFF_KEYS_MAX];
	size_t n;
};

/* Whether the key has to wait. */
bool kms_backoff_holds(const struct kms_backoff *backoff, const char *id, int64_t now_ms);
/* Returns whether this is the first failure in a row, the one to be told. */
bool kms_backoff_fail(struct kms_backoff *backoff, const char *id, int64_t now_ms);
void kms_backoff_forget(struct kms_backoff *backoff, const char *id);

#endif
