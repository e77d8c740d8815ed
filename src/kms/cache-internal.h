/* SPDX-License-Identifier: Apache-2.0 */
/* What is cached, between cache.c, which keeps it, and cache_load.c, which reads it. */
#ifndef KMS_CACHE_INTERNAL_H
#define KMS_CACHE_INTERNAL_H

#include "kms/cache.h"

enum kms_cache_kind {
	KMS_CACHE_KEY = 'k',
	KMS_CACHE_ALIAS = 'a',
	KMS_CACHE_PRINCIPAL = 'p',
	KMS_CACHE_CREDENTIAL = 'c'
};

union kms_cached {
	struct kms_cached_key key;
	struct kms_alias alias;
	struct kms_cached_principal principal;
	struct kms_cached_credential credential;
};

struct kms_load {
	struct kms_keyring *keyring;
	const char *region;
	struct rd_db *db;
	enum kms_cache_kind kind;
	const char *id; /* of an alias: "<account>:<name>" */
};

/* Fills a zeroed *ret, which on failure too is kms_cached_finish's to clear. */
enum rd_status kms_cached_load(const struct kms_load *load, union kms_cached *ret) RD_MUST_USE;
void kms_cached_finish(enum kms_cache_kind kind, union kms_cached *cached);

#endif
