/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls, and whether they may. One table of functions, which door.c fills: redoubt-kms decides.
 * Each function sets the call's fault when it returns anything but RD_OK.
 */
#ifndef EC2_AUTHORITY_H
#define EC2_AUTHORITY_H

#include "ec2/call.h"
#include "http/request.h"

/* An instance profile and the one role in it. */
struct ec2_profile {
	char arn[EC2_ARN_SIZE];
	char id[EC2_ID_SIZE];
	char role_arn[EC2_ARN_SIZE]; /* "": it has no role */
};

struct ec2_authority {
	void *ctx;
	/* From the worker's thread. Sets call->who. */
	enum rd_status (*authenticate)(
		void *ctx, struct ec2_call *call, const struct rd_http_request *request);
	/* checks: array of {action, resource, context: {key: [values]}}. RD_DENIED, with *ret_why,
	 * when one of them is not allowed. */
	enum rd_status (*authorize)(
		void *ctx, struct ec2_call *call, json_t *checks, char ret_why[EC2_MESSAGE_SIZE]);
	/* By name or ARN, one of them "". */
	enum rd_status (*profile)(void *ctx, struct ec2_call *call, const char *name,
		const char *arn, struct ec2_profile *ret);
};

/* --- what a call asks for --- */

/* New, or NULL without memory, which every function below takes. */
json_t *ec2_checks_new(void);
/* "arn:aws:ec2:<region>:<account>:<resource>/<id>". Images have no account. */
void ec2_arn(
	const struct ec2_call *call, const char *resource, const char *id, char ret[EC2_ARN_SIZE]);
/* context: taken over; NULL for none. The region is added. */
void ec2_check_add(struct ec2_call *call, json_t *checks, const char *action, const char *resource,
	json_t *context);
/* Tags of the resource: ec2:ResourceTag/<key>, aws:ResourceTag/<key>. */
void ec2_context_resource(json_t *context, const json_t *tags);
/* Tags that are asked for: aws:RequestTag/<key>, aws:TagKeys. */
void ec2_context_request(json_t *context, const json_t *tags);
void ec2_context_put(json_t *context, const char *key, const char *value);

/* One resource of ours and its tags, under the call's own action. record NULL: it is not there,
 * which only who may ask is told. */
void ec2_check_record(struct ec2_call *call, json_t *checks, enum ec2_kind kind, const char *id,
	const void *record);
/* The tags of a resource that is made: CreateTags on it. tags may be empty: nothing to check. */
void ec2_check_tags(struct ec2_call *call, json_t *checks, enum ec2_kind kind, const json_t *tags);

/*
 * Asks, takes checks over, and ends a dry run. RD_OK: go on. UnauthorizedOperation,
 * DryRunOperation.
 */
enum rd_status ec2_allow(struct ec2_call *call, json_t *checks) RD_MUST_USE;
/* The call's action on "*". */
enum rd_status ec2_allow_any(struct ec2_call *call) RD_MUST_USE;

#endif
