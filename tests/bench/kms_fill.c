/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a key server's database with keys, by its own store: kms-fill URL MASTER ACCOUNT N SAMPLE.
 * Symmetric keys with the default policy, BATCH to a transaction. Prints SAMPLE of their ids,
 * evenly spread over the N. The server is not running meanwhile.
 */
#include "aws/key_ref.h"
#include "crypto/random.h"
#include "crypto/secret.h"
#include "kms/make_key.h"
#include "kms/material.h"
#include "kms/schema.h"
#include "kms/store.h"
#include "policy/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH     4000
#define HEAP_SIZE (1u << 20)

struct fill {
	struct kms_keyring *keyring;
	const char *account;
	char *policy;
	unsigned long begin, end; /* of the batch */
	char (*ids)[KMS_KEY_ID_SIZE];
};

static void require(enum rd_status st, const char *what, const char *why)
{
	if (st != RD_OK) {
		fprintf(stderr, "kms-fill: %s: %s (%s)\n", what, rd_status_text(st), why);
		exit(1);
	}
}

static enum rd_status add(struct rd_db *db, const struct fill *fill, char id[KMS_KEY_ID_SIZE])
{
	struct rd_secret secret RD_CLEANUP(rd_secret_finish) = {.ptr = NULL};
	struct kms_material material RD_CLEANUP(kms_material_finish) = {
		.generation = 1, .state = KMS_MATERIAL_CURRENT};
	struct kms_key key = {.policy = fill->policy, .version = 1};
	uint8_t random[16];

	RD_TRY(rd_random_bytes(random, sizeof(random)));
	rd_key_id_make(random, false, key.id);
	snprintf(key.account, sizeof(key.account), "%s", fill->account);
	key.created_ms = (int64_t)time(NULL) * 1000;
	material.created_ms = key.created_ms;
	RD_TRY(kms_make_material(KMS_SPEC_SYMMETRIC_DEFAULT, &secret));
	RD_TRY(kms_material_seal(fill->keyring, &key, rd_secret_view(&secret), &material));
	RD_TRY(kms_store_key_add(db, &key));
	RD_TRY(kms_store_material_add(db, &material));
	memcpy(id, key.id, KMS_KEY_ID_SIZE);
	return RD_OK;
}

static enum rd_status add_batch(struct rd_db *db, void *arg)
{
	const struct fill *fill = arg;

	for (unsigned long i = fill->begin; i < fill->end; i++) {
		RD_TRY(add(db, fill, fill->ids[i - fill->begin]));
	}
	return RD_OK;
}

static void fill_all(struct rd_db *db, struct fill *fill, unsigned long n, unsigned long sample)
{
	for (fill->begin = 0; fill->begin < n; fill->begin = fill->end) {
		fill->end = n - fill->begin < BATCH ? n : fill->begin + BATCH;
		require(rd_db_transact(db, add_batch, fill), "keys", rd_db_error(db));
		for (unsigned long i = fill->begin; i < fill->end; i++) {
			if (i * sample / n != (i + 1) * sample / n) {
				puts(fill->ids[i - fill->begin]);
			}
		}
	}
}

int main(int argc, char **argv)
{
	static char ids[BATCH][KMS_KEY_ID_SIZE];
	struct rd_error err = {0};
	struct rd_buf policy = rd_buf_growable(KMS_POLICY_MAX);
	struct rd_db *db = NULL;
	struct fill fill = {.ids = ids};

	if (argc != 6) {
		fprintf(stderr, "usage: kms-fill URL MASTER ACCOUNT N SAMPLE\n");
		return 2;
	}
	fill.account = argv[3];
	require(rd_secret_heap_open(HEAP_SIZE, &err), "memory for secrets", err.text);
	require(rd_db_open(argv[1], &kms_schema, &db, &err), "database", err.text);
	require(kms_keyring_open(db, argv[2], &fill.keyring, &err), "master", err.text);
	require(rd_policy_put_default(rd_view_str(fill.account), &policy), "policy", "");
	require(rd_buf_u8(&policy, 0), "policy", "");
	fill.policy = (char *)policy.ptr;
	fill_all(db, &fill, strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10));
	kms_keyring_free(&fill.keyring);
	rd_db_close(&db);
	rd_buf_finish(&policy);
	return 0;
}
