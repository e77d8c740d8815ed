/* SPDX-License-Identifier: Apache-2.0 */
/* All material of one key as the database has it, for changes within a transaction. */
#ifndef KMS_MATERIALS_H
#define KMS_MATERIALS_H

#include "kms/store.h"

struct kms_materials {
	struct kms_material *list; /* ascending generations */
	size_t n;
};

enum rd_status kms_materials_load(struct rd_db *db, const char *key_id, struct kms_materials *ret)
	RD_MUST_USE;
/* For RD_CLEANUP. */
void kms_materials_finish(struct kms_materials *materials);

/* NULL when there is none. */
struct kms_material *kms_materials_in_state(
	const struct kms_materials *materials, enum kms_material_state state);
struct kms_material *kms_materials_by_id(const struct kms_materials *materials, const char *id);
/* Whether one that should be there is not: any but one that waits for rotation. */
bool kms_materials_lack(const struct kms_materials *materials);
/* The generation of the next one. */
uint32_t kms_materials_next(const struct kms_materials *materials);

/* old (may be NULL) gives way to next, which is in the database already. */
enum rd_status kms_materials_succeed(struct rd_db *db, struct kms_material *old,
	struct kms_material *next, enum kms_rotation_type how, int64_t now_ms) RD_MUST_USE;

#endif
