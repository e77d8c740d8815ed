/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of good chains: sets of a few places, chosen by the name's first bytes. Names are
 * SHA-256, so nobody can aim at a set. In a full set the chain that ends first makes room.
 */
#include "kms/chains.h"

#include "base/byteorder.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* An enclave has a new leaf every 3 hours: a thousand enclaves fit. */
#define SETS   256u
#define PLACES 4u

struct place {
	uint8_t chain[RD_SHA256_SIZE];
	struct rd_verify_life life; /* its end is 0: free */
};

struct kms_chains {
	pthread_mutex_t lock;
	struct place places[SETS][PLACES];
	struct kms_chains_stats stats;
	struct rd_verify_chain_cache cache;
};

static struct place *set_of(struct kms_chains *chains, const uint8_t chain[RD_SHA256_SIZE])
{
	return chains->places[rd_get_be16(chain) % SETS];
}

static bool knows(void *ctx, const uint8_t chain[RD_SHA256_SIZE], struct rd_verify_life *ret)
{
	struct kms_chains *chains = ctx;
	const struct place *set = set_of(chains, chain);
	bool known = false;

	pthread_mutex_lock(&chains->lock);
	for (size_t i = 0; i < PLACES && !known; i++) {
		known = set[i].life.not_after_s != 0 &&
			memcmp(set[i].chain, chain, RD_SHA256_SIZE) == 0;
		*ret = known ? set[i].life : *ret;
	}
	chains->stats.hits += known ? 1 : 0;
	chains->stats.misses += known ? 0 : 1;
	pthread_mutex_unlock(&chains->lock);
	return known;
}

static void remember(
	void *ctx, const uint8_t chain[RD_SHA256_SIZE], const struct rd_verify_life *life)
{
	struct kms_chains *chains = ctx;
	struct place *set = set_of(chains, chain);
	struct place *victim = &set[0];

	pthread_mutex_lock(&chains->lock);
	for (size_t i = 1; i < PLACES; i++) {
		victim = set[i].life.not_after_s < victim->life.not_after_s ? &set[i] : victim;
	}
	memcpy(victim->chain, chain, RD_SHA256_SIZE);
	victim->life = *life;
	pthread_mutex_unlock(&chains->lock);
}

enum rd_status kms_chains_new(struct kms_chains **ret)
{
	struct kms_chains *chains = calloc(1, sizeof(*chains));

	RD_ENSURE(chains != NULL, RD_NOMEM);
	if (pthread_mutex_init(&chains->lock, NULL) != 0) {
		free(chains);
		return RD_NOMEM;
	}
	chains->cache = (struct rd_verify_chain_cache){knows, remember, chains};
	*ret = chains;
	return RD_OK;
}

void kms_chains_free(struct kms_chains **chains)
{
	struct kms_chains *c = rd_steal(chains, NULL);

	if (c != NULL) {
		pthread_mutex_destroy(&c->lock);
		free(c);
	}
}

const struct rd_verify_chain_cache *kms_chains_cache(const struct kms_chains *chains)
{
	return &chains->cache;
}

void kms_chains_stats(struct kms_chains *chains, struct kms_chains_stats *ret)
{
	pthread_mutex_lock(&chains->lock);
	*ret = chains->stats;
	pthread_mutex_unlock(&chains->lock);
}
