/* SPDX-License-Identifier: Apache-2.0 */
/* A small table, searched from its beginning: it is nearly always empty. */
#include "kms/backoff.h"

#include <stdio.h>
#include <string.h>

/* The key's place, or n. */
static size_t find(const struct kms_backoff *backoff, const char *id)
{
	size_t i = 0;

	while (i < backoff->n && strcmp(backoff->keys[i].id, id) != 0) {
		i++;
	}
	return i;
}

bool kms_backoff_holds(const struct kms_backoff *backoff, const char *id, int64_t now_ms)
{
	size_t i = find(backoff, id);

	return i < backoff->n && now_ms < backoff->keys[i].until_ms;
}

bool kms_backoff_fail(struct kms_backoff *backoff, const char *id, int64_t now_ms)
{
	size_t i = find(backoff, id);
	struct kms_backoff_key *key = &backoff->keys[i];

	if (i == KMS_BACKOFF_KEYS_MAX) {
		return true;
	}
	if (i == backoff->n) {
		*key = (struct kms_backoff_key){.pause_ms = KMS_BACKOFF_MIN_MS / 2};
		(void)snprintf(key->id, sizeof(key->id), "%s", id);
		backoff->n++;
	}
	key->pause_ms = key->pause_ms < KMS_BACKOFF_MAX_MS / 2 ? 2 * key->pause_ms
							       : KMS_BACKOFF_MAX_MS;
	key->until_ms = now_ms + key->pause_ms;
	return key->pause_ms == KMS_BACKOFF_MIN_MS;
}

void kms_backoff_forget(struct kms_backoff *backoff, const char *id)
{
	size_t i = find(backoff, id);

	if (i < backoff->n) {
		backoff->keys[i] = backoff->keys[--backoff->n];
	}
}
