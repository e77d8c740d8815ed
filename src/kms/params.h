/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of a call, read flatly: getters remember what was wrong, kms_params_end turns it into
 * the fault (SerializationException for wrong form, else one ValidationException that names every
 * broken constraint of the model). What getters return belongs to call->in.
 */
#ifndef KMS_PARAMS_H
#define KMS_PARAMS_H

#include "aws/json_in.h"
#include "kms/call.h"

struct kms_params {
	struct kms_call *call;
	enum rd_status st; /* the first failure of form */
	struct rd_json_in in;
	struct rd_validation validation;
};

/* p stays where it is: its reader points into it. */
void kms_params_begin(struct kms_params *p, struct kms_call *call);
enum rd_status kms_params_end(struct kms_params *p) RD_MUST_USE;

/*
 * The audit record shows parameters of the request, under the names of AWS's records ("keyId"): all
 * but secrets and blobs. The getters below do it; this one is for what is read otherwise.
 */
void kms_param_show(struct kms_params *p, const char *name);

/* NUL-terminated; NULL when absent. */
const char *kms_param_string(
	struct kms_params *p, const char *name, const struct rd_json_string_rule *rule);
/* KeyRef: 1 to 2,048 characters. */
const char *kms_param_key(struct kms_params *p, const char *name, bool required);
/* Index in values, -1 when absent. */
int kms_param_enum(
	struct kms_params *p, const char *name, bool required, const char *const *values, size_t n);
bool kms_param_bool(struct kms_params *p, const char *name);
/* fallback when absent. */
int64_t kms_param_int(
	struct kms_params *p, const char *name, int64_t min, int64_t max, int64_t fallback);
bool kms_param_time(struct kms_params *p, const char *name, int64_t *ret_ms);
/* Appended to out, which the caller owns; see rd_json_in_blob. */
struct rd_view kms_param_blob(
	struct kms_params *p, const char *name, size_t min, size_t max, struct rd_buf *out);
/* How much out needs to have, and no less than 1, so that it may be a secret's capacity. */
size_t kms_param_blob_room(const struct kms_call *call, const char *name, size_t max);
struct rd_json_list kms_param_list(
	struct kms_params *p, const char *name, bool required, size_t min, size_t max);
/* GrantTokens, checked, as kms_question takes them; NULL when absent. */
json_t *kms_param_grant_tokens(struct kms_params *p);

/* Limit and Marker: how many an answer lists, clamped to most. */
struct kms_page {
	uint32_t limit;
	const char *marker; /* NULL: from the first */
};
struct kms_page kms_param_page(struct kms_params *p, uint32_t most, uint32_t fallback);

/* The patterns of the model, and what they let through. */
bool kms_matches_principal(struct rd_view text);   /* ^[\w+=,.@:/-]+$ */
bool kms_matches_name(struct rd_view text);        /* ^[a-zA-Z0-9:/_-]+$ */
bool kms_matches_policy_name(struct rd_view text); /* [\w]+ */
bool kms_matches_material_id(struct rd_view text); /* ^[a-f0-9]+$ */
#define KMS_PATTERN_PRINCIPAL   "^[\\w+=,.@:/-]+$"
#define KMS_PATTERN_NAME        "^[a-zA-Z0-9:/_-]+$"
#define KMS_PATTERN_POLICY_NAME "[\\w]+"
#define KMS_PATTERN_MATERIAL_ID "^[a-f0-9]+$"

/* A fault without a message member. */
enum rd_status kms_fail_silently(struct kms_call *call, enum kms_fault_type type);
/* What no caller can cause: KMSInternalException (KeyUnavailableException while the master is away,
 * DependencyTimeoutException when the database takes too long), unless a fault is set already.
 * RD_OK stays. */
enum rd_status kms_settle(struct kms_call *call, enum rd_status st);

#endif
