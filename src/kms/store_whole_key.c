/* SPDX-License-Identifier: Apache-2.0 */
/* A key with all that belongs to it: what servers keep in memory. */
#include "kms/store-internal.h"

#include <string.h>

struct own_aliases {
	const struct kms_key *key;
	const struct kms_whole_key *whole;
};

/* Another account's key is none of an alias's (store_aliases.c), whatever the database says. */
static enum rd_status own_alias(void *arg, const struct kms_alias *alias)
{
	const struct own_aliases *own = arg;

	return strcmp(alias->account, own->key->account) == 0
		       ? own->whole->alias(own->whole->arg, alias)
		       : RD_OK;
}

enum rd_status kms_store_whole_key_get(
	struct rd_db *db, const char *id, struct kms_key *ret, const struct kms_whole_key *whole)
{
	struct own_aliases own = {.key = ret, .whole = whole};
	struct kms_store_materials materials = {.fn = whole->material, .arg = whole->arg};
	struct kms_store_tags tags = {.fn = whole->tag, .arg = whole->arg};
	struct kms_store_aliases aliases = {.fn = own_alias, .arg = &own};
	const struct rd_db_read reads[] = {
		kms_store_key_read(ret),
		kms_store_materials_read(&materials),
		kms_store_tags_read(&tags),
		kms_store_aliases_read(&aliases),
	};

	RD_TRY(rd_db_read(db, reads, RD_ARRAY_LEN(reads), RD_DB_ARGS(rd_db_text(id))));
	return ret->id[0] == '\0' ? RD_NOTFOUND : RD_OK;
}
