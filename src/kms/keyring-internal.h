/* SPDX-License-Identifier: Apache-2.0 */
/* The ring, between keyring.c, which uses its keys, and keyring_master.c, which asks the master. */
#ifndef KMS_KEYRING_INTERNAL_H
#define KMS_KEYRING_INTERNAL_H

#include "kms/keyring.h"
#include "kms/master.h"

#include <pthread.h>

#define KMS_PURPOSE_KEY_SIZE 32

/* One generation, and the keys that it gives. */
struct kms_ring_root {
	uint32_t generation;
	struct rd_secret secret;
	struct rd_secret keys; /* KMS_PURPOSE_KEY_SIZE for each purpose, by its number */
};

struct kms_keyring {
	uint8_t installation[KMS_INSTALLATION_SIZE];
	pthread_rwlock_t lock;       /* over roots and n_roots */
	struct kms_ring_root *roots; /* ascending; the last is the current one */
	size_t n_roots;
	struct kms_ring_root hashes; /* generation 0; does not change once the ring is open */

	pthread_mutex_t master_lock; /* over what follows, and one thread asks at a time */
	struct kms_master *master;
	int64_t failed_ms; /* when the master was last found away; 0: not since it answered */
};

/* Derives the keys of root->secret. */
enum rd_status kms_ring_root_derive(const struct kms_keyring *keyring, struct kms_ring_root *root)
	RD_MUST_USE;
void kms_ring_root_finish(struct kms_ring_root *root);
/* Takes it over, unless the ring has its generation already, and leaves an empty one. */
enum rd_status kms_ring_add(struct kms_keyring *keyring, struct kms_ring_root *root) RD_MUST_USE;

#endif
