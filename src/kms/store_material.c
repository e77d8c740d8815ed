/* SPDX-License-Identifier: Apache-2.0 */
/* Backing keys: the wrapped bytes of each generation of a key. */
#include "kms/store-internal.h"

#include <stdlib.h>

#define COLUMNS                                                                                    \
	"key_id, generation, id, state, rotation, wrapped, description, expires, valid_to_ms, "    \
	"created_ms, rotated_ms"

static enum rd_status material_from(struct rd_db_columns *c, struct kms_material *m)
{
	rd_db_take_text(c, m->key_id, sizeof(m->key_id));
	m->generation = rd_db_take_u32(c, UINT32_MAX);
	rd_db_take_text(c, m->id, sizeof(m->id));
	m->state = (enum kms_material_state)rd_db_take_u32(c, KMS_MATERIAL_STATE_COUNT - 1);
	m->rotation = (enum kms_rotation_type)rd_db_take_u32(c, KMS_ROTATION_ON_DEMAND);
	rd_db_take_blob(c, &m->wrapped, &m->wrapped_len);
	m->present = m->wrapped != NULL;
	rd_db_take_text(c, m->description, sizeof(m->description));
	m->expires = rd_db_take_bool(c);
	m->valid_to_ms = rd_db_take_i64(c);
	m->created_ms = rd_db_take_i64(c);
	m->rotated_ms = rd_db_take_i64(c);
	return rd_db_take_finish(c);
}

static enum rd_status material_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct kms_store_materials *materials = arg;
	struct kms_material m RD_CLEANUP(kms_material_finish) = {.generation = 0};

	RD_TRY(material_from(&c, &m));
	return materials->fn(materials->arg, &m);
}

/* Absent bytes are SQL's NULL, whatever the record still points to. */
static struct rd_view wrapped_of(const struct kms_material *m)
{
	return m->present ? rd_view(m->wrapped, m->wrapped_len) : rd_view(NULL, 0);
}

enum rd_status kms_store_material_add(struct rd_db *db, const struct kms_material *m)
{
	RD_TRY(kms_store_count(db,
		"UPDATE kms_key SET n_materials = n_materials + 1"
		" WHERE id = $1 AND n_materials < $2",
		m->key_id, KMS_MATERIALS_PER_KEY));
	RD_TRY(rd_db_write(db,
		"INSERT INTO key_material (" COLUMNS ", wrap_generation) VALUES ($1, $2, $3, $4, "
		"$5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(m->key_id), rd_db_int(m->generation), rd_db_text(m->id),
			rd_db_int(m->state), rd_db_int(m->rotation), rd_db_blob(wrapped_of(m)),
			rd_db_text(m->description), rd_db_int(m->expires),
			rd_db_int(m->valid_to_ms), rd_db_int(m->created_ms),
			rd_db_int(m->rotated_ms),
			rd_db_int(kms_store_wrap_generation(wrapped_of(m)))),
		RD_EXISTS));
	return kms_store_change_add(db, 'k', m->key_id);
}

enum rd_status kms_store_material_update(struct rd_db *db, const struct kms_material *m)
{
	RD_TRY(rd_db_write(db,
		"UPDATE key_material SET id = $1, state = $2, rotation = $3, wrapped = $4, "
		"description = $5, expires = $6, valid_to_ms = $7, rotated_ms = $8, "
		"wrap_generation = $9 WHERE key_id = $10 AND generation = $11",
		RD_DB_ARGS(rd_db_text(m->id), rd_db_int(m->state), rd_db_int(m->rotation),
			rd_db_blob(wrapped_of(m)), rd_db_text(m->description),
			rd_db_int(m->expires), rd_db_int(m->valid_to_ms), rd_db_int(m->rotated_ms),
			rd_db_int(kms_store_wrap_generation(wrapped_of(m))), rd_db_text(m->key_id),
			rd_db_int(m->generation)),
		RD_NOTFOUND));
	return kms_store_change_add(db, 'k', m->key_id);
}

/* Nobody need forget what it was wrapped in before. */
enum rd_status kms_store_material_rewrap(struct rd_db *db, const struct kms_material *m)
{
	return rd_db_write(db,
		"UPDATE key_material SET wrapped = $1, wrap_generation = $2"
		" WHERE key_id = $3 AND generation = $4",
		RD_DB_ARGS(rd_db_blob(wrapped_of(m)),
			rd_db_int(kms_store_wrap_generation(wrapped_of(m))), rd_db_text(m->key_id),
			rd_db_int(m->generation)),
		RD_NOTFOUND);
}

struct rd_db_read kms_store_materials_read(struct kms_store_materials *materials)
{
	return (struct rd_db_read){"SELECT " COLUMNS
				   " FROM key_material WHERE key_id = $1 ORDER BY generation",
		material_row, materials};
}

enum rd_status kms_store_material_list(
	struct rd_db *db, const char *key_id, kms_store_material_fn *fn, void *arg)
{
	struct kms_store_materials materials = {.fn = fn, .arg = arg};
	const struct rd_db_read read = kms_store_materials_read(&materials);

	return rd_db_run(db, read.sql, RD_DB_ARGS(rd_db_text(key_id)), read.row, read.arg, NULL);
}

enum rd_status kms_store_material_stale(struct rd_db *db, uint32_t before_generation, uint32_t max,
	kms_store_material_fn *fn, void *arg)
{
	struct kms_store_materials materials = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT " COLUMNS " FROM key_material"
		" WHERE wrapped IS NOT NULL AND wrap_generation < $1"
		" ORDER BY wrap_generation, key_id, generation LIMIT $2",
		RD_DB_ARGS(rd_db_int(before_generation), rd_db_int(max)), material_row, &materials,
		NULL);
}
