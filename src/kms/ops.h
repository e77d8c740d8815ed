/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of the KMS operations, one for each (kms.md 2.2); ops.c has the table that names them.
 * What a handler may expect and has to do is in call.h. Sorted by name.
 */
#ifndef KMS_OPS_H
#define KMS_OPS_H

#include "kms/call.h"

enum rd_status kms_op_cancel_key_deletion(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_create_alias(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_create_grant(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_create_key(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_decrypt(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_delete_alias(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_delete_imported_key_material(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_derive_shared_secret(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_describe_key(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_disable_key(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_disable_key_rotation(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_enable_key(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_enable_key_rotation(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_encrypt(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_generate_data_key(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_generate_data_key_pair(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_generate_data_key_pair_without_plaintext(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_generate_data_key_without_plaintext(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_generate_mac(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_generate_random(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_get_key_last_usage(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_get_key_policy(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_get_key_rotation_status(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_get_parameters_for_import(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_get_public_key(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_import_key_material(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_aliases(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_grants(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_key_policies(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_key_rotations(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_keys(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_resource_tags(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_list_retirable_grants(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_put_key_policy(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_re_encrypt(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_retire_grant(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_revoke_grant(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_rotate_key_on_demand(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_schedule_key_deletion(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_sign(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_tag_resource(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_untag_resource(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_update_alias(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_update_key_description(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_verify(struct kms_call *call) RD_MUST_USE;
enum rd_status kms_op_verify_mac(struct kms_call *call) RD_MUST_USE;

/* Entries of the table, which kms_op_find searches: for metrics, and for tests. */
extern const struct kms_op kms_ops[];
extern const size_t kms_ops_count;

#endif
