/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections each client has: a hash table of chains, under a lock. */
#include "http/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Chains; a few thousand addresses at once are plenty, and longer chains only cost time. */
#define BUCKETS 4096

struct peer {
	struct peer *next;
	unsigned count;
	char address[RD_HTTP_PEER_SIZE];
};

struct rd_http_peers {
	unsigned per_peer;
	pthread_mutex_t lock;
	struct peer *buckets[BUCKETS];
};

enum rd_status rd_http_peers_new(unsigned per_peer, struct rd_http_peers **ret)
{
	struct rd_http_peers *peers = calloc(1, sizeof(*peers));

	RD_ENSURE(peers != NULL, RD_NOMEM);
	peers->per_peer = per_peer;
	(void)pthread_mutex_init(&peers->lock, NULL);
	*ret = peers;
	return RD_OK;
}

void rd_http_peers_limit(struct rd_http_peers *peers, unsigned per_peer)
{
	(void)pthread_mutex_lock(&peers->lock);
	peers->per_peer = per_peer;
	(void)pthread_mutex_unlock(&peers->lock);
}

void rd_http_peers_free(struct rd_http_peers **peers)
{
	if (*peers != NULL) {
		/* Every connection has left, and with it its entry. */
		(void)pthread_mutex_destroy(&(*peers)->lock);
		free(*peers);
		*peers = NULL;
	}
}

/* FNV-1a: clients do not choose addresses as freely as they would need to fill one chain. */
static struct peer **find(struct rd_http_peers *peers, const char *address)
{
	uint32_t hash = 2166136261u;
	struct peer **at;

	for (const char *p = address; *p != '\0'; p++) {
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	}
	at = &peers->buckets[hash % BUCKETS];
	while (*at != NULL && strcmp((*at)->address, address) != 0) {
		at = &(*at)->next;
	}
	return at;
}

static bool count_one(struct rd_http_peers *peers, const char *address)
{
	struct peer **at = find(peers, address);

	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL) {
			return false;
		}
		(void)snprintf((*at)->address, RD_HTTP_PEER_SIZE, "%s", address);
	}
	if (peers->per_peer != 0 && (*at)->count >= peers->per_peer) {
		return false;
	}
	(*at)->count++;
	return true;
}

bool rd_http_peers_enter(struct rd_http_peers *peers, const char *address)
{
	bool entered;

	(void)pthread_mutex_lock(&peers->lock);
	entered = count_one(peers, address);
	(void)pthread_mutex_unlock(&peers->lock);
	return entered;
}

void rd_http_peers_leave(struct rd_http_peers *peers, const char *address)
{
	struct peer **at, *left;

	(void)pthread_mutex_lock(&peers->lock);
	at = find(peers, address);
	if (*at != NULL && --(*at)->count == 0) {
		left = *at;
		*at = left->next;
		free(left);
	}
	(void)pthread_mutex_unlock(&peers->lock);
}
