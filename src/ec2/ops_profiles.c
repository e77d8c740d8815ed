/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instance profiles of instances: DescribeIamInstanceProfileAssociations, Associate…,
 * Disassociate…. An association is a part of its instance's record. What an enclave's PCR3 holds is
 * the role that its instance had when it was started.
 */
#include "ec2/ops.h"

#include "ec2/authority.h"
#include "ec2/ids.h"
#include "ec2/instances.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_association(
	struct ec2_call *call, const char *name, const struct ec2_instance *i, const char *state)
{
	struct rd_xml_out *x = call->x;

	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "associationId", i->association);
	rd_xml_out_str(x, "instanceId", i->head.id);
	rd_xml_out_begin(x, "iamInstanceProfile");
	rd_xml_out_str(x, "arn", i->profile_arn);
	rd_xml_out_str(x, "id", i->profile_id);
	rd_xml_out_end(x);
	rd_xml_out_str(x, "state", state);
	ec2_put_time(x, "timestamp", i->associated_ms);
	rd_xml_out_end(x);
}

struct association_change {
	struct ec2_call *call;
	struct ec2_instance *i;            /* as it is to be told */
	const struct ec2_profile *profile; /* NULL: none any more */
};

static enum rd_status change_work(struct rd_db *db, void *arg)
{
	static const struct ec2_profile none = {.arn = ""};
	struct association_change *c = arg;
	const struct ec2_profile *profile = c->profile == NULL ? &none : c->profile;
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};

	RD_TRY(ec2_store_get(db, EC2_KIND_INSTANCE, c->call->who.account, c->i->head.id, &i));
	if (c->profile != NULL && i.association[0] != '\0') {
		return ec2_fail(c->call, EC2_FAULT_ASSOCIATION_STATE,
			"There is an existing association for instance %s", i.head.id);
	}
	if (i.state == EC2_TERMINATED || i.state == EC2_SHUTTING_DOWN) {
		return ec2_fail(c->call, EC2_FAULT_INSTANCE_STATE, "The instance '%s' is %s.",
			i.head.id, ec2_state_name(i.state));
	}
	memcpy(i.profile_arn, profile->arn, sizeof(i.profile_arn));
	memcpy(i.profile_id, profile->id, sizeof(i.profile_id));
	memcpy(i.role_arn, profile->role_arn, sizeof(i.role_arn));
	i.association[0] = '\0';
	if (c->profile != NULL) {
		RD_TRY(ec2_make_id("iip-assoc-", i.association));
	}
	i.associated_ms = c->call->now_ms;
	RD_TRY(ec2_store_put(db, EC2_KIND_INSTANCE, &i));
	if (c->profile != NULL) {
		ec2_instance_finish(c->i);
		*c->i = i;
		i = (struct ec2_instance){.state = 0};
	}
	return RD_OK;
}

enum rd_status ec2_associate_iam_instance_profile(struct ec2_call *call)
{
	const struct ec2_authority *authority = call->ec2->authority;
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct ec2_profile profile = {.arn = ""};
	struct association_change c = {.call = call, .i = &i, .profile = &profile};
	struct ec2_in in = ec2_in(call);
	char id[EC2_ID_SIZE], name[EC2_NAME_SIZE], arn[EC2_ARN_SIZE];
	json_t *checks, *context;
	enum rd_status st;

	RD_TRY(ec2_in_need(in, "InstanceId", id, sizeof(id)));
	RD_TRY(ec2_in_text(in, "IamInstanceProfile.Name", name, sizeof(name)));
	RD_TRY(ec2_in_text(in, "IamInstanceProfile.Arn", arn, sizeof(arn)));
	if ((name[0] == '\0') == (arn[0] == '\0')) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_COMBINATION, "%s",
			"Either IamInstanceProfile.Name or IamInstanceProfile.Arn must be given.");
	}
	RD_TRY(authority->profile(authority->ctx, call, name, arn, &profile));
	st = ec2_store_get(call->db, EC2_KIND_INSTANCE, call->who.account, id, &i);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	checks = ec2_checks_new();
	ec2_check_record(call, checks, EC2_KIND_INSTANCE, id, st == RD_OK ? &i : NULL);
	if (profile.role_arn[0] != '\0') {
		context = json_object();
		ec2_context_put(context, "iam:PassedToService", "ec2.amazonaws.com");
		ec2_check_add(call, checks, "iam:PassRole", profile.role_arn, context);
	}
	RD_TRY(ec2_allow(call, checks));
	if (st == RD_NOTFOUND) {
		return ec2_not_found(call, EC2_KIND_INSTANCE, id);
	}
	RD_TRY(rd_db_transact(call->db, change_work, &c));
	put_association(call, "iamInstanceProfileAssociation", &i, "associated");
	return RD_OK;
}

/* The account's instance with that association. */
static enum rd_status find_association(
	struct ec2_call *call, const char *id, struct ec2_instance *ret)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};

	RD_TRY(ec2_store_load(call->db, call->who.account, NULL, &list));
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_instance *i = ec2_list_at(&list, n);

		if (strcmp(i->association, id) == 0) {
			return ec2_record_copy(EC2_KIND_INSTANCE, i, ret);
		}
	}
	return RD_NOTFOUND;
}

enum rd_status ec2_disassociate_iam_instance_profile(struct ec2_call *call)
{
	struct ec2_instance i RD_CLEANUP(ec2_instance_finish) = {.state = 0};
	struct association_change c = {.call = call, .i = &i};
	char id[EC2_ID_SIZE];
	json_t *checks;
	enum rd_status st;

	RD_TRY(ec2_in_need(ec2_in(call), "AssociationId", id, sizeof(id)));
	st = find_association(call, id, &i);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	checks = ec2_checks_new();
	ec2_check_record(call, checks, EC2_KIND_INSTANCE, st == RD_OK ? i.head.id : "*",
		st == RD_OK ? &i : NULL);
	RD_TRY(ec2_allow(call, checks));
	if (st == RD_NOTFOUND) {
		return ec2_not_found_name(
			call, EC2_FAULT_ASSOCIATION_NOT_FOUND, "association ID", id);
	}
	RD_TRY(rd_db_transact(call->db, change_work, &c));
	put_association(call, "iamInstanceProfileAssociation", &i, "disassociating");
	return RD_OK;
}

/* --- describing --- */

static bool has_none(struct ec2_call *call, const void *record)
{
	const struct ec2_instance *i = record;
	struct ec2_in in = ec2_in(call);
	size_t n = 0;

	if (i->association[0] == '\0' || i->state == EC2_TERMINATED) {
		return true;
	}
	if (rd_query_items(in.q, "AssociationId", RD_QUERY_PARAMS_MAX, &n) != RD_OK || n == 0) {
		return false;
	}
	for (size_t k = 1; k <= n; k++) {
		if (rd_view_equal(rd_query_item(in.q, "AssociationId", k, NULL),
			    rd_view_str(i->association))) {
			return false;
		}
	}
	return true;
}

static void association_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_instance *i = record;

	(void)call;
	ec2_fact(f, "instance-id", i->head.id);
	ec2_fact(f, "state", "associated");
}

static const char *const association_filters[] = {"instance-id", "state", NULL};

static const struct ec2_select select_associations = {.kind = EC2_KIND_INSTANCE,
	.ids = "InstanceId",
	.id_fault = EC2_FAULT_INSTANCE_NOT_FOUND,
	.what = "instance ID",
	.filters = association_filters,
	.facts = association_facts,
	.hidden = has_none};

enum rd_status ec2_describe_iam_instance_profile_associations(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_INSTANCE};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_associations, &list, next));
	rd_xml_out_begin(call->x, "iamInstanceProfileAssociationSet");
	for (size_t n = 0; n < list.n; n++) {
		put_association(call, "item", ec2_list_at(&list, n), "associated");
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}
