/* SPDX-License-Identifier: Apache-2.0 */
/* Notes by key in a table of chains, under one lock that is held for a note at a time. */
#include "kms/last_use.h"

#include "base/text.h"
#include "kms/call.h"
#include "kms/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 4096
/* Notes in one transaction: calls that write wait no longer than that. */
#define BATCH 64

struct note {
	struct note *next;
	struct kms_last_use use;
};

struct kms_last_uses {
	pthread_mutex_t lock;
	struct note *chains[CHAINS];
	size_t n;
};

enum rd_status kms_last_use_new(struct kms_last_uses **ret)
{
	struct kms_last_uses *usage = calloc(1, sizeof(*usage));

	RD_ENSURE(usage != NULL, RD_NOMEM);
	pthread_mutex_init(&usage->lock, NULL);
	*ret = usage;
	return RD_OK;
}

void kms_last_use_free(struct kms_last_uses **usage)
{
	struct kms_last_uses *u = rd_steal(usage, NULL);

	if (u == NULL) {
		return;
	}
	for (size_t i = 0; i < CHAINS; i++) {
		while (u->chains[i] != NULL) {
			struct note *note = u->chains[i];

			u->chains[i] = note->next;
			free(note);
		}
	}
	pthread_mutex_destroy(&u->lock);
	free(u);
}

/* FNV-1a; ids are ours and random. */
static struct note **chain_of(struct kms_last_uses *usage, const char *key_id)
{
	uint32_t hash = 2166136261u;

	for (const char *c = key_id; *c != '\0'; c++) {
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	}
	return &usage->chains[hash % CHAINS];
}

/* Where the key's note is linked, or would be: *result is NULL. */
static struct note **find(struct kms_last_uses *usage, const char *key_id)
{
	struct note **link = chain_of(usage, key_id);

	while (*link != NULL && strcmp((*link)->use.key_id, key_id) != 0) {
		link = &(*link)->next;
	}
	return link;
}

static void put(struct kms_last_uses *usage, const struct kms_last_use *use)
{
	struct note **link = find(usage, use->key_id);

	if (*link == NULL && usage->n < KMS_LAST_USES_MAX) {
		*link = calloc(1, sizeof(**link));
		usage->n += *link != NULL ? 1 : 0;
	}
	if (*link != NULL && (*link)->use.used_ms <= use->used_ms) {
		(*link)->use = *use;
	}
}

void kms_last_use_note(struct kms_last_uses *usage, const struct kms_call *call)
{
	struct kms_last_use use = {.used_ms = call->now_ms};

	if (call->n_used == 0 || call->fault.type != KMS_FAULT_NONE) {
		return;
	}
	rd_text_copy(use.operation, sizeof(use.operation), call->op->name);
	rd_text_copy(use.request_id, sizeof(use.request_id), call->request_id);
	pthread_mutex_lock(&usage->lock);
	for (size_t i = 0; i < call->n_used; i++) {
		memcpy(use.key_id, call->used[i], sizeof(use.key_id));
		put(usage, &use);
	}
	pthread_mutex_unlock(&usage->lock);
}

static bool find_noted(struct kms_last_uses *usage, const char *key_id, struct kms_last_use *ret)
{
	const struct note *note;

	pthread_mutex_lock(&usage->lock);
	note = *find(usage, key_id);
	if (note != NULL) {
		*ret = note->use;
	}
	pthread_mutex_unlock(&usage->lock);
	return note != NULL;
}

enum rd_status kms_last_use_find(
	struct kms_last_uses *usage, struct rd_db *db, const char *key_id, struct kms_last_use *ret)
{
	struct kms_last_use noted, written;
	bool is_noted = usage != NULL && find_noted(usage, key_id, &noted);
	enum rd_status st = kms_store_last_use_get(db, key_id, &written);

	if (is_noted && (st == RD_NOTFOUND || (st == RD_OK && written.used_ms <= noted.used_ms))) {
		*ret = noted;
		return RD_OK;
	}
	RD_TRY(st);
	*ret = written;
	return RD_OK;
}

struct batch {
	struct kms_last_use uses[BATCH];
	size_t n;
};

/* Copies of the first notes from chain *at on. */
static void collect(struct kms_last_uses *usage, size_t *at, struct batch *batch)
{
	batch->n = 0;
	pthread_mutex_lock(&usage->lock);
	for (; *at < CHAINS && usage->n > 0; (*at)++) {
		for (struct note *note = usage->chains[*at]; note != NULL; note = note->next) {
			if (batch->n == BATCH) {
				break;
			}
			batch->uses[batch->n++] = note->use;
		}
		if (batch->n == BATCH) {
			break;
		}
	}
	pthread_mutex_unlock(&usage->lock);
}

static enum rd_status write_batch(struct rd_db *db, void *arg)
{
	const struct batch *batch = arg;

	for (size_t i = 0; i < batch->n; i++) {
		RD_TRY(kms_store_last_use_put(db, &batch->uses[i]));
	}
	return RD_OK;
}

/* Those that nothing later has come to. */
static void forget(struct kms_last_uses *usage, const struct batch *batch)
{
	pthread_mutex_lock(&usage->lock);
	for (size_t i = 0; i < batch->n; i++) {
		struct note **link = find(usage, batch->uses[i].key_id);
		struct note *note = *link;

		if (note != NULL && strcmp(note->use.request_id, batch->uses[i].request_id) == 0) {
			*link = note->next;
			free(note);
			usage->n--;
		}
	}
	pthread_mutex_unlock(&usage->lock);
}

enum rd_status kms_last_use_flush(struct kms_last_uses *usage, struct rd_db *db)
{
	struct batch batch;
	size_t at = 0;

	do {
		collect(usage, &at, &batch);
		if (batch.n > 0) {
			RD_TRY(rd_db_transact(db, write_batch, &batch));
			forget(usage, &batch);
		}
	} while (batch.n == BATCH);
	return RD_OK;
}
