/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of keys. */
#include "kms/store-internal.h"

static enum rd_status add(struct rd_db *db, const char *key_id, const struct kms_tag *tag)
{
	RD_TRY(kms_store_count(db,
		"UPDATE kms_key SET n_tags = n_tags + 1 WHERE id = $1 AND n_tags < $2", key_id,
		KMS_TAGS_PER_KEY));
	return rd_db_write(db, "INSERT INTO tag (key_id, tag_key, tag_value) VALUES ($1, $2, $3)",
		RD_DB_ARGS(rd_db_text(key_id), rd_db_text(tag->key), rd_db_text(tag->value)),
		RD_INTERNAL);
}

enum rd_status kms_store_tag_put(struct rd_db *db, const char *key_id, const struct kms_tag *tag)
{
	enum rd_status st = rd_db_write(db,
		"UPDATE tag SET tag_value = $1 WHERE key_id = $2 AND tag_key = $3",
		RD_DB_ARGS(rd_db_text(tag->value), rd_db_text(key_id), rd_db_text(tag->key)),
		RD_NOTFOUND);

	if (st == RD_NOTFOUND) {
		st = add(db, key_id, tag);
	}
	RD_TRY(st);
	return kms_store_change_add(db, 'k', key_id);
}

enum rd_status kms_store_tag_delete(struct rd_db *db, const char *key_id, const char *tag_key)
{
	RD_TRY(rd_db_write(db, "DELETE FROM tag WHERE key_id = $1 AND tag_key = $2",
		RD_DB_ARGS(rd_db_text(key_id), rd_db_text(tag_key)), RD_NOTFOUND));
	RD_TRY(rd_db_write(db, "UPDATE kms_key SET n_tags = n_tags - 1 WHERE id = $1",
		RD_DB_ARGS(rd_db_text(key_id)), RD_NOTFOUND));
	return kms_store_change_add(db, 'k', key_id);
}

static enum rd_status tag_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct kms_store_tags *tags = arg;
	struct kms_tag tag;

	rd_db_take_text(&c, tag.key, sizeof(tag.key));
	rd_db_take_text(&c, tag.value, sizeof(tag.value));
	RD_TRY(rd_db_take_finish(&c));
	return tags->fn(tags->arg, &tag);
}

struct rd_db_read kms_store_tags_read(struct kms_store_tags *tags)
{
	return (struct rd_db_read){
		"SELECT tag_key, tag_value FROM tag WHERE key_id = $1 ORDER BY tag_key", tag_row,
		tags};
}

enum rd_status kms_store_tags_list(struct rd_db *db, const char *key_id, const char *after,
	uint32_t max, kms_store_tag_fn *fn, void *arg)
{
	struct kms_store_tags tags = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT tag_key, tag_value FROM tag WHERE key_id = $1 AND tag_key > $2"
		" ORDER BY tag_key LIMIT $3",
		RD_DB_ARGS(rd_db_text(key_id), rd_db_text(after), rd_db_int(max)), tag_row, &tags,
		NULL);
}
