/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launch templates. A version's data is kept as the parameters that it was made from, in a query's
 * form: what RunInstances understands is what a template may hold, and merging the two is merging
 * queries (launch.h).
 */
#include "ec2/ops.h"

#include "aws/uri.h"
#include "ec2/authority.h"
#include "ec2/ids.h"
#include "ec2/launch.h"
#include "ec2/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "LaunchTemplateData."
/* EC2's quotas. */
#define TEMPLATES_MAX 5000
#define VERSIONS_MAX  10000
/* User data of 16 KiB in base64, percent-encoded, fits a record's document. */
#define DATA_MAX (48u << 10)

/* --- data --- */

/* The parameters behind the prefix, of q, as a query's text. */
static enum rd_status write_data(const struct rd_query *q, size_t skip, struct rd_buf *out)
{
	for (size_t i = 0; i < q->n; i++) {
		struct rd_view name = q->params[i].name;

		if (skip > 0 && !rd_text_has_prefix(name, PREFIX)) {
			continue;
		}
		if (out->used > 0) {
			RD_TRY(rd_buf_u8(out, '&'));
		}
		RD_TRY(rd_buf_put_view(out, rd_text_from(name, skip)));
		RD_TRY(rd_buf_u8(out, '='));
		RD_TRY(rd_uri_encode(q->params[i].value, out));
	}
	return RD_OK;
}

struct parsed {
	struct rd_query q;
	struct rd_buf storage;
};

static enum rd_status check_data(struct ec2_call *call, const char *data)
{
	struct parsed *p = calloc(1, sizeof(*p));
	struct ec2_launch launch = {.hop_limit = 0};
	enum rd_status st;

	RD_ENSURE(p != NULL, RD_NOMEM);
	p->storage = rd_buf_growable(RD_QUERY_SIZE_MAX);
	st = rd_query_parse(rd_view_str(data), &p->storage, &p->q);
	if (st == RD_OK) {
		st = ec2_params_known(call, &p->q, ec2_launch_params);
	}
	if (st == RD_OK) {
		st = ec2_launch_parse((struct ec2_in){.call = call, .q = &p->q}, &launch);
	}
	ec2_launch_finish(&launch);
	rd_buf_finish(&p->storage);
	free(p);
	return st;
}

/* The request's data over base's (NULL: none), checked. Caller frees. */
static enum rd_status make_data(struct ec2_call *call, const char *base, char **ret)
{
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(DATA_MAX);
	struct parsed *own = calloc(1, sizeof(*own));
	struct ec2_merged *merged = NULL;
	enum rd_status st;

	RD_ENSURE(own != NULL, RD_NOMEM);
	own->storage = rd_buf_growable(RD_QUERY_SIZE_MAX);
	st = write_data(call->q, strlen(PREFIX), &out);
	if (st == RD_OK) {
		st = rd_query_parse(rd_buf_view(&out), &own->storage, &own->q);
	}
	if (rd_category(st) == RD_CAT_MALFORMED) {
		st = ec2_fail(call, EC2_FAULT_UNKNOWN_PARAMETER, "%s",
			"LaunchTemplateData has a member without a name.");
	}
	if (st == RD_OK && base != NULL) {
		st = ec2_merge(call, &own->q, base, &merged);
		if (st == RD_OK) {
			out.used = 0;
			st = write_data(&merged->q, 0, &out);
		}
	}
	if (st == RD_OK) {
		st = rd_buf_u8(&out, '\0');
	}
	if (st == RD_NOSPACE || st == RD_LIMIT) {
		st = ec2_fail(call, EC2_FAULT_PARAMETER_VALUE,
			"LaunchTemplateData is larger than %u bytes.", DATA_MAX);
	}
	if (st == RD_OK) {
		*ret = strdup((const char *)out.ptr);
		st = *ret == NULL ? RD_NOMEM : check_data(call, *ret);
	}
	ec2_merged_free(&merged);
	rd_buf_finish(&own->storage);
	free(own);
	return st;
}

/* --- finding --- */

static enum rd_status find_template(
	struct ec2_in in, const char *prefix, struct ec2_template *ret, enum rd_status *ret_found)
{
	char id[EC2_ID_SIZE], wanted[EC2_NAME_SIZE], member[EC2_PARAM_NAME_SIZE];

	snprintf(member, sizeof(member), "%sLaunchTemplateId", prefix);
	RD_TRY(ec2_in_text(in, member, id, sizeof(id)));
	snprintf(member, sizeof(member), "%sLaunchTemplateName", prefix);
	RD_TRY(ec2_in_text(in, member, wanted, sizeof(wanted)));
	if ((id[0] == '\0') == (wanted[0] == '\0')) {
		return ec2_fail(in.call,
			id[0] == '\0' ? EC2_FAULT_MISSING_PARAMETER
				      : EC2_FAULT_PARAMETER_COMBINATION,
			"%s",
			"Either the launch template ID or the launch template name must be "
			"specified, but not both");
	}
	*ret_found = id[0] != '\0' ? ec2_store_get(in.call->db, EC2_KIND_TEMPLATE,
					     in.call->who.account, id, ret)
				   : ec2_store_by_name(in.call->db, EC2_KIND_TEMPLATE,
					     in.call->who.account, wanted, ret);
	RD_ENSURE(*ret_found == RD_OK || *ret_found == RD_NOTFOUND, *ret_found);
	if (*ret_found == RD_NOTFOUND) {
		(void)ec2_not_found_name(in.call,
			id[0] != '\0' ? EC2_FAULT_TEMPLATE_ID_NOT_FOUND
				      : EC2_FAULT_TEMPLATE_NAME_NOT_FOUND,
			"launch template", id[0] != '\0' ? id : wanted);
	}
	return RD_OK;
}

/* Checked with the authority under the call's action, then required to be there. */
static enum rd_status need_template(struct ec2_call *call, struct ec2_template *ret)
{
	enum rd_status found = RD_NOTFOUND;
	struct ec2_fault missing;
	json_t *checks;

	RD_TRY(find_template(ec2_in(call), "", ret, &found));
	missing = call->fault;
	call->fault = (struct ec2_fault){.type = EC2_FAULT_NONE};
	checks = ec2_checks_new();
	ec2_check_record(call, checks, EC2_KIND_TEMPLATE, found == RD_OK ? ret->head.id : "*",
		found == RD_OK ? ret : NULL);
	RD_TRY(ec2_allow(call, checks));
	if (found != RD_OK) {
		call->fault = missing;
		return RD_FORBIDDEN;
	}
	return RD_OK;
}

static void version_id(const char *template, int64_t number, char ret[EC2_ID_SIZE])
{
	snprintf(ret, EC2_ID_SIZE, "%.24s:%010" PRId64, template, number);
}

static enum rd_status find_version(struct ec2_call *call, const struct ec2_template *t,
	int64_t number, struct ec2_version *ret)
{
	char id[EC2_ID_SIZE];
	enum rd_status st;

	version_id(t->head.id, number, id);
	st = ec2_store_get(call->db, EC2_KIND_VERSION, call->who.account, id, ret);
	if (st == RD_NOTFOUND) {
		return ec2_fail(call, EC2_FAULT_TEMPLATE_VERSION,
			"The launch template %s has no version %lld.", t->head.id,
			(long long)number);
	}
	return st;
}

/* "$Default", "$Latest", or a number. */
static enum rd_status read_number(
	struct ec2_in in, const char *param, const struct ec2_template *t, int64_t *ret)
{
	struct rd_view value = rd_query_get(in.q, param);

	*ret = t->default_version;
	if (value.ptr == NULL || rd_text_is(value, "$Default")) {
		return RD_OK;
	}
	if (rd_text_is(value, "$Latest")) {
		*ret = t->latest_version;
		return RD_OK;
	}
	return ec2_in_number(in, param, 1, INT64_MAX, ret);
}

enum rd_status ec2_template_data(
	struct ec2_in in, struct ec2_template *ret_template, int64_t *ret_number, char **ret_data)
{
	struct ec2_version v RD_CLEANUP(ec2_version_finish) = {.number = 0};
	enum rd_status found = RD_NOTFOUND;

	*ret_data = NULL;
	if (!ec2_in_has_part(in, "LaunchTemplate")) {
		return RD_OK;
	}
	RD_TRY(find_template(in, "LaunchTemplate.", ret_template, &found));
	if (found != RD_OK) {
		return RD_FORBIDDEN;
	}
	RD_TRY(read_number(in, "LaunchTemplate.Version", ret_template, ret_number));
	RD_TRY(find_version(in.call, ret_template, *ret_number, &v));
	*ret_data = rd_steal(&v.data, NULL);
	return RD_OK;
}

/* --- making --- */

struct making {
	struct ec2_call *call;
	struct ec2_template *template;
	struct ec2_version *version;
	bool first;
};

/* Above the latest when that has been deleted; a record of before has none. */
static int64_t last_number(const struct ec2_template *t)
{
	return t->last_number > t->latest_version ? t->last_number : t->latest_version;
}

static enum rd_status make_work(struct rd_db *db, void *arg)
{
	struct making *m = arg;
	int64_t n = 0;

	if (m->first) {
		RD_TRY(ec2_store_count(db, EC2_KIND_TEMPLATE, m->call->who.account, &n));
		RD_ENSURE(n < TEMPLATES_MAX, RD_LIMIT);
		RD_TRY(ec2_store_add(db, EC2_KIND_TEMPLATE, m->template));
	} else {
		char id[EC2_ID_SIZE];

		memcpy(id, m->template->head.id, sizeof(id));
		ec2_template_finish(m->template);
		RD_TRY(ec2_store_get(db, EC2_KIND_TEMPLATE, m->call->who.account, id, m->template));
		RD_ENSURE(last_number(m->template) < VERSIONS_MAX, RD_LIMIT);
		m->template->last_number = last_number(m->template) + 1;
		m->template->latest_version = m->template->last_number;
		RD_TRY(ec2_store_put(db, EC2_KIND_TEMPLATE, m->template));
	}
	m->version->number = m->template->latest_version;
	version_id(m->template->head.id, m->version->number, m->version->head.id);
	memcpy(m->version->head.parent, m->template->head.id, sizeof(m->version->head.parent));
	return ec2_store_add(db, EC2_KIND_VERSION, m->version);
}

static enum rd_status make(struct making *m)
{
	enum rd_status st = rd_db_transact(m->call->db, make_work, m);

	if (st == RD_EXISTS) {
		return ec2_fail(m->call, EC2_FAULT_TEMPLATE_NAME_EXISTS,
			"Launch template name already in use.");
	}
	if (st == RD_LIMIT) {
		return ec2_fail(m->call, EC2_FAULT_RESOURCE_LIMIT,
			"At most %d launch templates of an account, and %d versions of each.",
			TEMPLATES_MAX, VERSIONS_MAX);
	}
	return st;
}

static void put_template(struct rd_xml_out *x, const char *name, const struct ec2_template *t)
{
	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "launchTemplateId", t->head.id);
	rd_xml_out_str(x, "launchTemplateName", t->head.name);
	ec2_put_time(x, "createTime", t->head.created_ms);
	rd_xml_out_str(x, "createdBy", t->created_by);
	rd_xml_out_int(x, "defaultVersionNumber", t->default_version);
	rd_xml_out_int(x, "latestVersionNumber", t->latest_version);
	ec2_put_tags(x, t->head.tags);
	rd_xml_out_end(x);
}

/* EC2: 3 to 128 of letters, digits and ( ) . / _ - */
static enum rd_status check_name(struct ec2_call *call, const char *name)
{
	size_t len = strlen(name);

	if (len < 3 || len > 128 ||
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
			     "()./_-") != len) {
		return ec2_fail(call, EC2_FAULT_PARAMETER_VALUE, "%s",
			"Launch template names have 3 to 128 letters, numbers, and ( ) . / _ -");
	}
	return RD_OK;
}

static void begin_version(struct ec2_call *call, struct ec2_version *v)
{
	memcpy(v->head.account, call->who.account, sizeof(v->head.account));
	v->head.created_ms = call->now_ms;
	snprintf(v->created_by, sizeof(v->created_by), "%s", call->who.arn);
}

static enum rd_status create_template(
	struct ec2_call *call, struct ec2_template *t, struct ec2_version *v)
{
	struct making m = {.call = call, .template = t, .version = v, .first = true};
	json_t *checks;
	char arn[EC2_ARN_SIZE];

	RD_TRY(ec2_in_need(ec2_in(call), "LaunchTemplateName", t->head.name, sizeof(t->head.name)));
	RD_TRY(check_name(call, t->head.name));
	RD_TRY(ec2_in_text(
		ec2_in(call), "VersionDescription", v->description, sizeof(v->description)));
	RD_TRY(ec2_in_tags(ec2_in(call), "launch-template", &t->head.tags));
	RD_TRY(make_data(call, NULL, &v->data));
	checks = ec2_checks_new();
	ec2_arn(call, "launch-template", "*", arn);
	ec2_check_add(call, checks, "ec2:CreateLaunchTemplate", arn, NULL);
	ec2_check_tags(call, checks, EC2_KIND_TEMPLATE, t->head.tags);
	RD_TRY(ec2_allow(call, checks));
	RD_TRY(ec2_make_id("lt-", t->head.id));
	memcpy(t->head.account, call->who.account, sizeof(t->head.account));
	t->head.created_ms = call->now_ms;
	t->default_version = t->latest_version = 1;
	snprintf(t->created_by, sizeof(t->created_by), "%s", call->who.arn);
	begin_version(call, v);
	RD_TRY(make(&m));
	put_template(call->x, "launchTemplate", t);
	return RD_OK;
}

enum rd_status ec2_create_launch_template(struct ec2_call *call)
{
	struct ec2_template t RD_CLEANUP(ec2_template_finish) = {.latest_version = 0};
	struct ec2_version v RD_CLEANUP(ec2_version_finish) = {.number = 0};

	return create_template(call, &t, &v);
}

/* --- versions in answers --- */

static void put_switch(struct rd_xml_out *x, const char *name, enum ec2_switch value)
{
	if (value != EC2_UNSET) {
		rd_xml_out_bool(x, name, value == EC2_ON);
	}
}

static void put_text(struct rd_xml_out *x, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0') {
		rd_xml_out_str(x, name, text);
	}
}

static void put_tag_specification(struct rd_xml_out *x, const char *type, const json_t *tags)
{
	if (json_object_size(tags) == 0) {
		return;
	}
	rd_xml_out_begin(x, "item");
	rd_xml_out_str(x, "resourceType", type);
	ec2_put_tags(x, tags);
	rd_xml_out_end(x);
}

static void put_metadata(struct rd_xml_out *x, const struct ec2_launch *l)
{
	if (l->tokens == EC2_TOKENS_UNSET && l->metadata == EC2_UNSET && l->hop_limit == 0 &&
		l->metadata_tags == EC2_UNSET) {
		return;
	}
	rd_xml_out_begin(x, "metadataOptions");
	if (l->tokens != EC2_TOKENS_UNSET) {
		rd_xml_out_str(x, "httpTokens",
			l->tokens == EC2_TOKENS_REQUIRED ? "required" : "optional");
	}
	if (l->hop_limit != 0) {
		rd_xml_out_int(x, "httpPutResponseHopLimit", l->hop_limit);
	}
	if (l->metadata != EC2_UNSET) {
		rd_xml_out_str(x, "httpEndpoint", l->metadata == EC2_ON ? "enabled" : "disabled");
	}
	if (l->metadata_tags != EC2_UNSET) {
		rd_xml_out_str(x, "instanceMetadataTags",
			l->metadata_tags == EC2_ON ? "enabled" : "disabled");
	}
	rd_xml_out_end(x);
}

static void put_nested(struct rd_xml_out *x, const struct ec2_launch *l)
{
	if (l->profile_name[0] != '\0' || l->profile_arn[0] != '\0') {
		rd_xml_out_begin(x, "iamInstanceProfile");
		put_text(x, "arn", l->profile_arn);
		put_text(x, "name", l->profile_name);
		rd_xml_out_end(x);
	}
	if (l->root_device[0] != '\0') {
		rd_xml_out_begin(x, "blockDeviceMappingSet");
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "deviceName", l->root_device);
		rd_xml_out_begin(x, "ebs");
		if (l->root_gib != 0) {
			rd_xml_out_int(x, "volumeSize", l->root_gib);
		}
		rd_xml_out_end(x);
		rd_xml_out_end(x);
		rd_xml_out_end(x);
	}
	if (l->monitoring != EC2_UNSET) {
		rd_xml_out_begin(x, "monitoring");
		put_switch(x, "enabled", l->monitoring);
		rd_xml_out_end(x);
	}
	if (l->zone[0] != '\0') {
		rd_xml_out_begin(x, "placement");
		rd_xml_out_str(x, "availabilityZone", l->zone);
		rd_xml_out_end(x);
	}
	if (l->enclaves != EC2_UNSET) {
		rd_xml_out_begin(x, "enclaveOptions");
		put_switch(x, "enabled", l->enclaves);
		rd_xml_out_end(x);
	}
	put_metadata(x, l);
}

static void put_lists(struct rd_xml_out *x, const struct ec2_launch *l)
{
	if (l->n_groups > 0) {
		rd_xml_out_begin(x, "securityGroupIdSet");
		for (size_t i = 0; i < l->n_groups; i++) {
			rd_xml_out_str(x, "item", l->groups[i]);
		}
		rd_xml_out_end(x);
	}
	if (l->n_group_names > 0) {
		rd_xml_out_begin(x, "securityGroupSet");
		for (size_t i = 0; i < l->n_group_names; i++) {
			rd_xml_out_str(x, "item", l->group_names[i]);
		}
		rd_xml_out_end(x);
	}
	if (json_object_size(l->instance_tags) + json_object_size(l->volume_tags) +
			json_object_size(l->interface_tags) >
		0) {
		rd_xml_out_begin(x, "tagSpecificationSet");
		put_tag_specification(x, "instance", l->instance_tags);
		put_tag_specification(x, "volume", l->volume_tags);
		put_tag_specification(x, "network-interface", l->interface_tags);
		rd_xml_out_end(x);
	}
}

static void put_launch(struct rd_xml_out *x, const struct ec2_launch *l)
{
	rd_xml_out_begin(x, "launchTemplateData");
	put_text(x, "imageId", l->image);
	put_text(x, "instanceType", l->type);
	put_text(x, "keyName", l->key_name);
	put_text(x, "userData", l->user_data);
	put_switch(x, "ebsOptimized", l->ebs_optimized);
	put_switch(x, "disableApiTermination", l->termination_disabled);
	put_switch(x, "disableApiStop", l->stop_disabled);
	if (l->shutdown_terminates != EC2_UNSET) {
		rd_xml_out_str(x, "instanceInitiatedShutdownBehavior",
			l->shutdown_terminates == EC2_ON ? "terminate" : "stop");
	}
	put_nested(x, l);
	put_lists(x, l);
	rd_xml_out_end(x);
}

static enum rd_status put_data(struct ec2_call *call, const char *data)
{
	struct parsed *p = calloc(1, sizeof(*p));
	struct ec2_launch launch = {.hop_limit = 0};
	enum rd_status st;

	RD_ENSURE(p != NULL, RD_NOMEM);
	p->storage = rd_buf_growable(RD_QUERY_SIZE_MAX);
	st = rd_query_parse(rd_view_str(data), &p->storage, &p->q);
	if (st == RD_OK) {
		st = ec2_launch_parse((struct ec2_in){.call = call, .q = &p->q}, &launch);
	}
	if (st == RD_OK) {
		put_launch(call->x, &launch);
	}
	ec2_launch_finish(&launch);
	rd_buf_finish(&p->storage);
	free(p);
	return st;
}

static enum rd_status put_version(struct ec2_call *call, const char *name,
	const struct ec2_template *t, const struct ec2_version *v)
{
	struct rd_xml_out *x = call->x;

	rd_xml_out_begin(x, name);
	rd_xml_out_str(x, "launchTemplateId", t->head.id);
	rd_xml_out_str(x, "launchTemplateName", t->head.name);
	rd_xml_out_int(x, "versionNumber", v->number);
	put_text(x, "versionDescription", v->description);
	ec2_put_time(x, "createTime", v->head.created_ms);
	rd_xml_out_str(x, "createdBy", v->created_by);
	rd_xml_out_bool(x, "defaultVersion", v->number == t->default_version);
	RD_TRY(put_data(call, v->data == NULL ? "" : v->data));
	rd_xml_out_end(x);
	return RD_OK;
}

static enum rd_status create_version(
	struct ec2_call *call, struct ec2_template *t, struct ec2_version *v)
{
	struct making m = {.call = call, .template = t, .version = v};
	struct ec2_version source RD_CLEANUP(ec2_version_finish) = {.number = 0};
	int64_t number = 0;

	RD_TRY(ec2_in_text(
		ec2_in(call), "VersionDescription", v->description, sizeof(v->description)));
	RD_TRY(need_template(call, t));
	if (ec2_in_has(ec2_in(call), "SourceVersion")) {
		RD_TRY(read_number(ec2_in(call), "SourceVersion", t, &number));
		RD_TRY(find_version(call, t, number, &source));
	}
	RD_TRY(make_data(call, source.data, &v->data));
	begin_version(call, v);
	RD_TRY(make(&m));
	return put_version(call, "launchTemplateVersion", t, v);
}

enum rd_status ec2_create_launch_template_version(struct ec2_call *call)
{
	struct ec2_template t RD_CLEANUP(ec2_template_finish) = {.latest_version = 0};
	struct ec2_version v RD_CLEANUP(ec2_version_finish) = {.number = 0};

	return create_version(call, &t, &v);
}

/* --- describing --- */

static void template_facts(struct ec2_call *call, struct ec2_filters *f, const void *record)
{
	const struct ec2_template *t = record;

	(void)call;
	ec2_fact(f, "launch-template-name", t->head.name);
	ec2_fact_time(f, "create-time", t->head.created_ms);
}

static const char *const template_filters[] = {
	"launch-template-name", "create-time", "tag:", "tag-key", NULL};

static const struct ec2_select select_templates = {.kind = EC2_KIND_TEMPLATE,
	.ids = "LaunchTemplateId",
	.id_fault = EC2_FAULT_TEMPLATE_ID_NOT_FOUND,
	.names = "LaunchTemplateName",
	.name_fault = EC2_FAULT_TEMPLATE_NAME_NOT_FOUND,
	.what = "launch template",
	.filters = template_filters,
	.facts = template_facts};

enum rd_status ec2_describe_launch_templates(struct ec2_call *call)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_TEMPLATE};
	char next[EC2_NEXT_SIZE];

	RD_TRY(ec2_allow_any(call));
	RD_TRY(ec2_select(call, &select_templates, &list, next));
	rd_xml_out_begin(call->x, "launchTemplates");
	for (size_t n = 0; n < list.n; n++) {
		put_template(call->x, "item", ec2_list_at(&list, n));
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

/* LaunchTemplateVersion.N, or all between MinVersion and MaxVersion, the newest first. */
static enum rd_status wants_version(
	struct ec2_call *call, const struct ec2_template *t, size_t n, int64_t number, bool *ret)
{
	char name[EC2_PARAM_NAME_SIZE];
	int64_t min = 1, max = INT64_MAX, wanted = 0;

	*ret = false;
	for (size_t i = 1; i <= n && !*ret; i++) {
		RD_TRY(read_number(ec2_in(call),
			ec2_in_name(name, "LaunchTemplateVersion", i, NULL), t, &wanted));
		*ret = wanted == number;
	}
	RD_TRY(ec2_in_number(ec2_in(call), "MinVersion", 1, INT64_MAX, &min));
	RD_TRY(ec2_in_number(ec2_in(call), "MaxVersion", 1, INT64_MAX, &max));
	*ret = n > 0 ? *ret : number >= min && number <= max;
	return RD_OK;
}

/* The token is the number of the last version that was shown. */
static enum rd_status put_versions(
	struct ec2_call *call, const struct ec2_template *t, size_t n, const struct ec2_list *list)
{
	int64_t max = EC2_PAGE_MAX, before = INT64_MAX, shown = 0, last = 0;
	char next[24] = "";

	RD_TRY(ec2_in_number(ec2_in(call), "MaxResults", 1, EC2_PAGE_MAX, &max));
	RD_TRY(ec2_in_number(ec2_in(call), "NextToken", 1, INT64_MAX, &before));
	rd_xml_out_begin(call->x, "launchTemplateVersionSet");
	for (size_t i = list->n; i-- > 0;) {
		const struct ec2_version *v = ec2_list_at(list, i);
		bool wanted = false;

		RD_TRY(wants_version(call, t, n, v->number, &wanted));
		if (!wanted || v->number >= before) {
			continue;
		}
		if (shown == max) {
			snprintf(next, sizeof(next), "%" PRId64, last);
			break;
		}
		RD_TRY(put_version(call, "item", t, v));
		last = v->number;
		shown++;
	}
	rd_xml_out_end(call->x);
	ec2_put_next(call->x, next);
	return RD_OK;
}

enum rd_status ec2_describe_launch_template_versions(struct ec2_call *call)
{
	struct ec2_template t RD_CLEANUP(ec2_template_finish) = {.latest_version = 0};
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_VERSION};
	char name[EC2_PARAM_NAME_SIZE];
	size_t n = 0;

	RD_TRY(ec2_in_count(ec2_in(call), "LaunchTemplateVersion", 200, &n));
	RD_TRY(need_template(call, &t));
	for (size_t i = 1; i <= n; i++) {
		struct ec2_version v RD_CLEANUP(ec2_version_finish) = {.number = 0};
		int64_t number = 0;

		RD_TRY(read_number(ec2_in(call),
			ec2_in_name(name, "LaunchTemplateVersion", i, NULL), &t, &number));
		RD_TRY(find_version(call, &t, number, &v));
	}
	RD_TRY(ec2_store_load(call->db, NULL, t.head.id, &list));
	return put_versions(call, &t, n, &list);
}

/* --- changing --- */

struct default_change {
	struct ec2_call *call;
	struct ec2_template *template;
	int64_t number;
};

static enum rd_status default_work(struct rd_db *db, void *arg)
{
	struct default_change *d = arg;
	char id[EC2_ID_SIZE];

	memcpy(id, d->template->head.id, sizeof(id));
	ec2_template_finish(d->template);
	RD_TRY(ec2_store_get(db, EC2_KIND_TEMPLATE, d->call->who.account, id, d->template));
	d->template->default_version = d->number;
	return ec2_store_put(db, EC2_KIND_TEMPLATE, d->template);
}

enum rd_status ec2_modify_launch_template(struct ec2_call *call)
{
	struct ec2_template t RD_CLEANUP(ec2_template_finish) = {.latest_version = 0};
	struct ec2_version v RD_CLEANUP(ec2_version_finish) = {.number = 0};
	struct default_change d = {.call = call, .template = &t};
	/* The model's name for it. */
	static const char param[] = "SetDefaultVersion";

	RD_TRY(need_template(call, &t));
	if (!ec2_in_has(ec2_in(call), param)) {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER,
			"The request must contain the parameter %s", param);
	}
	RD_TRY(read_number(ec2_in(call), param, &t, &d.number));
	RD_TRY(find_version(call, &t, d.number, &v));
	RD_TRY(rd_db_transact(call->db, default_work, &d));
	put_template(call->x, "launchTemplate", &t);
	return RD_OK;
}

static enum rd_status delete_work(struct rd_db *db, void *arg)
{
	const struct ec2_template *t = arg;
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_VERSION};

	RD_TRY(ec2_store_load(db, NULL, t->head.id, &list));
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_head *head = ec2_list_at(&list, n);

		RD_TRY(ec2_store_delete(db, EC2_KIND_VERSION, head->id));
	}
	return ec2_store_delete(db, EC2_KIND_TEMPLATE, t->head.id);
}

enum rd_status ec2_delete_launch_template(struct ec2_call *call)
{
	struct ec2_template t RD_CLEANUP(ec2_template_finish) = {.latest_version = 0};

	RD_TRY(need_template(call, &t));
	RD_TRY(rd_db_transact(call->db, delete_work, &t));
	put_template(call->x, "launchTemplate", &t);
	return RD_OK;
}

/* --- deleting versions --- */

/* EC2's bound of one call. */
#define DELETIONS_MAX 200

struct deletion {
	int64_t number;
	const char *fault; /* NULL: deleted */
	const char *message;
};

struct deletions {
	struct ec2_call *call;
	struct ec2_template *template;
	struct deletion items[DELETIONS_MAX];
	size_t n;
};

static enum rd_status delete_version(
	struct rd_db *db, const struct ec2_template *t, struct deletion *d)
{
	char id[EC2_ID_SIZE];
	enum rd_status st;

	d->fault = NULL;
	if (d->number == t->default_version) {
		d->fault = "unexpectedError";
		d->message = "The default version cannot be deleted: make another one the default.";
		return RD_OK;
	}
	version_id(t->head.id, d->number, id);
	st = ec2_store_delete(db, EC2_KIND_VERSION, id);
	if (st == RD_NOTFOUND) {
		d->fault = "launchTemplateVersionDoesNotExist";
		d->message = "The launch template has no such version.";
		return RD_OK;
	}
	return st;
}

/* $Latest is the highest that there is; the default one is never deleted. */
static enum rd_status find_latest(struct rd_db *db, struct ec2_template *t)
{
	struct ec2_list list RD_CLEANUP(ec2_list_finish) = {.kind = EC2_KIND_VERSION};

	RD_TRY(ec2_store_load(db, NULL, t->head.id, &list));
	t->last_number = last_number(t);
	t->latest_version = t->default_version;
	for (size_t n = 0; n < list.n; n++) {
		const struct ec2_version *v = ec2_list_at(&list, n);

		if (v->number > t->latest_version) {
			t->latest_version = v->number;
		}
	}
	return RD_OK;
}

static enum rd_status deletions_work(struct rd_db *db, void *arg)
{
	struct deletions *d = arg;
	char id[EC2_ID_SIZE];

	memcpy(id, d->template->head.id, sizeof(id));
	ec2_template_finish(d->template);
	RD_TRY(ec2_store_get(db, EC2_KIND_TEMPLATE, d->call->who.account, id, d->template));
	for (size_t i = 0; i < d->n; i++) {
		RD_TRY(delete_version(db, d->template, &d->items[i]));
	}
	RD_TRY(find_latest(db, d->template));
	return ec2_store_put(db, EC2_KIND_TEMPLATE, d->template);
}

static void put_deletions(const struct deletions *d, const char *set, bool failed)
{
	struct rd_xml_out *x = d->call->x;

	rd_xml_out_begin(x, set);
	for (size_t i = 0; i < d->n; i++) {
		const struct deletion *one = &d->items[i];

		if ((one->fault != NULL) != failed) {
			continue;
		}
		rd_xml_out_begin(x, "item");
		rd_xml_out_str(x, "launchTemplateId", d->template->head.id);
		rd_xml_out_str(x, "launchTemplateName", d->template->head.name);
		rd_xml_out_int(x, "versionNumber", one->number);
		if (failed) {
			rd_xml_out_begin(x, "responseError");
			rd_xml_out_str(x, "code", one->fault);
			rd_xml_out_str(x, "message", one->message);
			rd_xml_out_end(x);
		}
		rd_xml_out_end(x);
	}
	rd_xml_out_end(x);
}

/* Each for itself: those that cannot be are named in the answer, and the others are deleted. */
enum rd_status ec2_delete_launch_template_versions(struct ec2_call *call)
{
	struct ec2_template t RD_CLEANUP(ec2_template_finish) = {.latest_version = 0};
	struct deletions d = {.call = call, .template = &t};
	char name[EC2_PARAM_NAME_SIZE];

	RD_TRY(ec2_in_count(ec2_in(call), "LaunchTemplateVersion", DELETIONS_MAX, &d.n));
	RD_TRY(need_template(call, &t));
	if (d.n == 0) {
		return ec2_fail(call, EC2_FAULT_MISSING_PARAMETER, "%s",
			"The request must contain the parameter LaunchTemplateVersion");
	}
	for (size_t i = 0; i < d.n; i++) {
		RD_TRY(ec2_in_number(ec2_in(call),
			ec2_in_name(name, "LaunchTemplateVersion", i + 1, NULL), 1, INT64_MAX,
			&d.items[i].number));
	}
	RD_TRY(rd_db_transact(call->db, deletions_work, &d));
	put_deletions(&d, "successfullyDeletedLaunchTemplateVersionSet", false);
	put_deletions(&d, "unsuccessfullyDeletedLaunchTemplateVersionSet", true);
	return RD_OK;
}
