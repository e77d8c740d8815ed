/* SPDX-License-Identifier: Apache-2.0 */
/* Root key generations, wrapped by the master. */
#include "kms/store-internal.h"

#include <stdlib.h>
#include <string.h>

static struct rd_view wrapped_of(const struct kms_root *root)
{
	return rd_view(root->wrapped, root->wrapped_len);
}

enum rd_status kms_store_root_add(struct rd_db *db, const struct kms_root *root)
{
	RD_TRY(rd_db_write(db,
		"INSERT INTO root_key_generation (generation, wrapped) VALUES ($1, $2)"
		" ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_int(root->generation), rd_db_blob(wrapped_of(root))), RD_EXISTS));
	return kms_store_change_add(db, 'r', "root");
}

enum rd_status kms_store_root_update(struct rd_db *db, const struct kms_root *root)
{
	RD_TRY(rd_db_write(db, "UPDATE root_key_generation SET wrapped = $1 WHERE generation = $2",
		RD_DB_ARGS(rd_db_blob(wrapped_of(root)), rd_db_int(root->generation)),
		RD_NOTFOUND));
	return kms_store_change_add(db, 'r', "root");
}

struct roots {
	kms_store_root_fn *fn;
	void *arg;
};

static void take_wrapped(struct rd_db_columns *c, struct kms_root *root)
{
	uint8_t *bytes = NULL;
	size_t len;

	rd_db_take_blob(c, &bytes, &len);
	if (len > sizeof(root->wrapped)) {
		c->st = RD_LIMIT;
	} else if (bytes != NULL) {
		memcpy(root->wrapped, bytes, len);
		root->wrapped_len = len;
	}
	free(bytes);
}

static enum rd_status root_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct roots *roots = arg;
	struct kms_root root = {.wrapped_len = 0};

	root.generation = rd_db_take_u32(&c, UINT32_MAX);
	take_wrapped(&c, &root);
	RD_TRY(rd_db_take_finish(&c));
	return roots->fn(roots->arg, &root);
}

enum rd_status kms_store_roots_list(
	struct rd_db *db, uint32_t from, kms_store_root_fn *fn, void *arg)
{
	struct roots roots = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT generation, wrapped FROM root_key_generation WHERE generation >= $1"
		" ORDER BY generation",
		RD_DB_ARGS(rd_db_int(from)), root_row, &roots, NULL);
}
