/* SPDX-License-Identifier: Apache-2.0 */
/* All material of one key. */
#include "kms/materials.h"

#include <stdlib.h>
#include <string.h>

void kms_materials_finish(struct kms_materials *materials)
{
	for (size_t i = 0; i < materials->n; i++) {
		kms_material_finish(&materials->list[i]);
	}
	free(materials->list);
	*materials = (struct kms_materials){.list = NULL};
}

static enum rd_status keep(void *arg, struct kms_material *material)
{
	struct kms_materials *all = arg;
	struct kms_material *list;

	RD_ENSURE(all->n < KMS_MATERIALS_PER_KEY, RD_LIMIT);
	list = realloc(all->list, (all->n + 1) * sizeof(*list));
	RD_ENSURE(list != NULL, RD_NOMEM);
	all->list = list;
	list[all->n++] = *material;
	material->wrapped = NULL;
	return RD_OK;
}

enum rd_status kms_materials_load(struct rd_db *db, const char *key_id, struct kms_materials *ret)
{
	enum rd_status st;

	*ret = (struct kms_materials){.list = NULL};
	st = kms_store_material_list(db, key_id, keep, ret);
	if (st != RD_OK) {
		kms_materials_finish(ret);
	}
	return st;
}

struct kms_material *kms_materials_in_state(
	const struct kms_materials *materials, enum kms_material_state state)
{
	for (size_t i = 0; i < materials->n; i++) {
		if (materials->list[i].state == state) {
			return &materials->list[i];
		}
	}
	return NULL;
}

struct kms_material *kms_materials_by_id(const struct kms_materials *materials, const char *id)
{
	for (size_t i = 0; i < materials->n; i++) {
		if (strcmp(materials->list[i].id, id) == 0) {
			return &materials->list[i];
		}
	}
	return NULL;
}

bool kms_materials_lack(const struct kms_materials *materials)
{
	for (size_t i = 0; i < materials->n; i++) {
		if (!materials->list[i].present &&
			materials->list[i].state != KMS_MATERIAL_PENDING_ROTATION) {
			return true;
		}
	}
	return materials->n == 0;
}

uint32_t kms_materials_next(const struct kms_materials *materials)
{
	return materials->n == 0 ? 1 : materials->list[materials->n - 1].generation + 1;
}

enum rd_status kms_materials_succeed(struct rd_db *db, struct kms_material *old,
	struct kms_material *next, enum kms_rotation_type how, int64_t now_ms)
{
	if (old != NULL) {
		old->state = KMS_MATERIAL_NON_CURRENT;
		RD_TRY(kms_store_material_update(db, old));
	}
	next->state = KMS_MATERIAL_CURRENT;
	next->rotation = how;
	next->rotated_ms = now_ms;
	return kms_store_material_update(db, next);
}
