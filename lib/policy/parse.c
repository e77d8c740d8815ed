/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy text to struct rd_policy. The text's characters and nesting are checked first, then
 * jansson reads it with duplicates refused, then each element is validated and copied into the
 * policy's own memory.
 */
#include "policy/parse.h"

#include "policy/match.h"
#include "policy/parse-internal.h"
#include "policy/text.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_PLAIN     "2008-10-17"
#define VERSION_VARIABLES "2012-10-17"

static void free_json(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}

static enum rd_status check_text(struct rd_view text, struct rd_error *err)
{
	enum rd_status st;

	if (rd_policy_is_too_large(text)) {
		return rd_fail(
			err, RD_LIMIT, "the policy is larger than %u bytes", RD_POLICY_SIZE_MAX);
	}
	st = rd_policy_text_check(text, RD_POLICY_DEPTH_MAX);
	if (st == RD_TOO_DEEP) {
		return rd_fail(err, st, "the policy is nested more than %u levels deep",
			RD_POLICY_DEPTH_MAX);
	}
	if (st != RD_OK) {
		return rd_fail(err, st,
			"the policy has a character outside TAB, LF, CR and U+0020 to U+00FF");
	}
	return RD_OK;
}

static enum rd_status load(struct rd_view text, json_t **ret, struct rd_error *err)
{
	json_error_t why;
	json_t *json = json_loadb(
		text.len > 0 ? (const char *)text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &why);

	if (json == NULL && json_error_code(&why) == json_error_duplicate_key) {
		return rd_fail(
			err, RD_DUPLICATE, "line %d has an element twice in one object", why.line);
	}
	if (json == NULL) {
		/* why.text quotes the input, which may span lines: only the place is passed on. */
		return rd_fail(err, RD_MALFORMED,
			"the policy is not valid JSON (line %d, column %d)", why.line, why.column);
	}
	*ret = json;
	return RD_OK;
}

static enum rd_status check_members(
	struct rd_parser *p, json_t *o, const char *const *known, size_t n)
{
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v)
	{
		bool found = false;

		for (size_t i = 0; !found && i < n; i++) {
			found = strcmp(key, known[i]) == 0;
		}
		if (!found) {
			return rd_fail(p->err, RD_UNSUPPORTED, "unknown element \"%s\"",
				rd_show(rd_view_str(key)).text);
		}
	}
	return RD_OK;
}

static enum rd_status parse_sid(struct rd_parser *p, json_t *o, struct rd_policy_statement *s)
{
	json_t *v = json_object_get(o, "Sid");

	if (v == NULL) {
		return RD_OK;
	}
	RD_TRY(rd_parse_string(p, v, "Sid", true, &s->sid));
	if (!rd_policy_is_sid(s->sid, p->kind == RD_POLICY_KEY)) {
		return rd_fail(p->err, RD_OUT_OF_RANGE,
			"Sid \"%s\" may have letters and digits%s only", rd_show(s->sid).text,
			p->kind == RD_POLICY_KEY ? ", blanks, \"-\" and \"_\"" : "");
	}
	return RD_OK;
}

static enum rd_status parse_effect(struct rd_parser *p, json_t *o, struct rd_policy_statement *s)
{
	json_t *v = json_object_get(o, "Effect");
	struct rd_view effect = {0};

	if (v == NULL) {
		return rd_fail(p->err, RD_MISSING, "Effect is missing");
	}
	RD_TRY(rd_parse_string(p, v, "Effect", false, &effect));
	s->deny = rd_view_equal(effect, rd_view_str("Deny"));
	if (!s->deny && !rd_view_equal(effect, rd_view_str("Allow"))) {
		return rd_fail(p->err, RD_OUT_OF_RANGE,
			"Effect \"%s\" is neither \"Allow\" nor \"Deny\"", rd_show(effect).text);
	}
	return RD_OK;
}

/* Name or NotName, exactly one of them; *ret_name is the one that is there. */
static enum rd_status one_of(struct rd_parser *p, json_t *o, const char *name, const char *not_name,
	const char **ret_name, json_t **ret)
{
	json_t *plain = json_object_get(o, name);
	json_t *negated = json_object_get(o, not_name);

	if (plain != NULL && negated != NULL) {
		return rd_fail(
			p->err, RD_FORBIDDEN, "%s and %s exclude each other", name, not_name);
	}
	if (plain == NULL && negated == NULL) {
		return rd_fail(p->err, RD_MISSING, "neither %s nor %s is there", name, not_name);
	}
	*ret_name = plain != NULL ? name : not_name;
	*ret = plain != NULL ? plain : negated;
	return RD_OK;
}

static enum rd_status forbid(struct rd_parser *p, json_t *o, const char *element, const char *kind)
{
	if (json_object_get(o, element) != NULL) {
		return rd_fail(p->err, RD_FORBIDDEN, "%s has no place in %s", element, kind);
	}
	return RD_OK;
}

static enum rd_status parse_who(struct rd_parser *p, json_t *o, struct rd_policy_statement *s)
{
	const char *name = NULL;
	json_t *v = NULL;

	if (p->kind == RD_POLICY_IDENTITY) {
		RD_TRY(forbid(p, o, "Principal", "an identity policy"));
		return forbid(p, o, "NotPrincipal", "an identity policy");
	}
	RD_TRY(one_of(p, o, "Principal", "NotPrincipal", &name, &v));
	return rd_parse_principals(p, v, name, &s->principals);
}

static enum rd_status parse_what(struct rd_parser *p, json_t *o, struct rd_policy_statement *s)
{
	const char *name = NULL;
	json_t *v = NULL;

	RD_TRY(one_of(p, o, "Action", "NotAction", &name, &v));
	RD_TRY(rd_parse_actions(p, v, name, &s->actions));
	if (p->kind == RD_POLICY_TRUST) {
		RD_TRY(forbid(p, o, "Resource", "a role's trust policy"));
		return forbid(p, o, "NotResource", "a role's trust policy");
	}
	RD_TRY(one_of(p, o, "Resource", "NotResource", &name, &v));
	return rd_parse_resources(p, v, name, &s->resources);
}

static enum rd_status parse_statement(struct rd_parser *p, json_t *o, struct rd_policy_statement *s)
{
	static const char *const known[] = {"Sid", "Effect", "Principal", "NotPrincipal", "Action",
		"NotAction", "Resource", "NotResource", "Condition"};
	json_t *condition;

	if (!json_is_object(o)) {
		return rd_fail(p->err, RD_BAD_TYPE, "a statement must be an object");
	}
	RD_TRY(check_members(p, o, known, RD_ARRAY_LEN(known)));
	RD_TRY(parse_sid(p, o, s));
	RD_TRY(parse_effect(p, o, s));
	RD_TRY(parse_who(p, o, s));
	RD_TRY(parse_what(p, o, s));
	condition = json_object_get(o, "Condition");
	return condition != NULL ? rd_parse_conditions(p, condition, s) : RD_OK;
}

static enum rd_status check_sid_is_new(
	struct rd_parser *p, const struct rd_policy_statement *statements, size_t at)
{
	struct rd_view sid = statements[at].sid;

	for (size_t i = 0; sid.len > 0 && i < at; i++) {
		if (rd_view_equal(statements[i].sid, sid)) {
			return rd_fail(p->err, RD_DUPLICATE,
				"Sid \"%s\" is that of statement %zu already", rd_show(sid).text,
				i + 1);
		}
	}
	return RD_OK;
}

static enum rd_status parse_statements(struct rd_parser *p, json_t *v, struct rd_policy *policy)
{
	struct rd_policy_statement *list;
	size_t n = rd_parse_list_size(v);

	RD_TRY(rd_parse_list_check(p, v, "Statement"));
	if (n > RD_POLICY_STATEMENTS_MAX) {
		return rd_fail(p->err, RD_LIMIT, "the policy has more than %u statements",
			RD_POLICY_STATEMENTS_MAX);
	}
	list = rd_arena_alloc(p->arena, n, sizeof(*list));
	RD_ENSURE(list != NULL, rd_fail(p->err, RD_NOMEM, "out of memory"));
	for (size_t i = 0; i < n; i++) {
		enum rd_status st = parse_statement(p, rd_parse_list_at(v, i), &list[i]);

		if (st == RD_OK) {
			st = check_sid_is_new(p, list, i);
		}
		if (st != RD_OK) {
			return rd_error_wrap(p->err, st, "statement %zu", i + 1);
		}
	}
	policy->statements = list;
	policy->statement_count = n;
	return RD_OK;
}

/* Absent means the old version, in which "${" is text. */
static enum rd_status parse_version(struct rd_parser *p, json_t *o)
{
	json_t *v = json_object_get(o, "Version");
	struct rd_view version = {0};

	if (v == NULL) {
		return RD_OK;
	}
	RD_TRY(rd_parse_string(p, v, "Version", false, &version));
	p->has_variables = rd_view_equal(version, rd_view_str(VERSION_VARIABLES));
	if (!p->has_variables && !rd_view_equal(version, rd_view_str(VERSION_PLAIN))) {
		return rd_fail(p->err, RD_BAD_VERSION,
			"Version \"%s\" is neither " VERSION_VARIABLES " nor " VERSION_PLAIN,
			rd_show(version).text);
	}
	return RD_OK;
}

static enum rd_status parse_document(struct rd_parser *p, json_t *o, struct rd_policy *policy)
{
	static const char *const known[] = {"Version", "Id", "Statement"};
	json_t *v;

	if (!json_is_object(o)) {
		return rd_fail(p->err, RD_BAD_TYPE, "a policy must be a JSON object");
	}
	RD_TRY(check_members(p, o, known, RD_ARRAY_LEN(known)));
	RD_TRY(parse_version(p, o));
	policy->kind = p->kind;
	policy->has_variables = p->has_variables;
	v = json_object_get(o, "Id");
	if (v != NULL) {
		RD_TRY(rd_parse_string(p, v, "Id", true, &policy->id));
	}
	v = json_object_get(o, "Statement");
	if (v == NULL) {
		return rd_fail(p->err, RD_MISSING, "Statement is missing");
	}
	return parse_statements(p, v, policy);
}

/* The policy and the memory that everything in it lies in. */
struct owned {
	struct rd_policy policy;
	struct rd_arena arena;
};

enum rd_status rd_policy_new(struct rd_view text, enum rd_policy_kind kind,
	struct rd_policy **ret_policy, struct rd_error *err)
{
	json_t *json RD_CLEANUP(free_json) = NULL;
	struct rd_policy *policy RD_CLEANUP(rd_policy_free) = NULL;
	struct owned *owned;
	struct rd_parser parser = {.kind = kind, .err = err};

	RD_TRY(check_text(text, err));
	RD_TRY(load(text, &json, err));
	owned = calloc(1, sizeof(*owned));
	RD_ENSURE(owned != NULL, rd_fail(err, RD_NOMEM, "out of memory"));
	owned->policy.memory = owned;
	policy = &owned->policy;
	parser.arena = &owned->arena;
	RD_TRY(parse_document(&parser, json, policy));
	*ret_policy = rd_steal(&policy, NULL);
	return RD_OK;
}

void rd_policy_free(struct rd_policy **policy)
{
	struct owned *owned = *policy != NULL ? (*policy)->memory : NULL;

	if (owned != NULL) {
		rd_arena_finish(&owned->arena);
		free(owned);
	}
	*policy = NULL;
}

/* Laid out over lines, as the service returns it: clients show it as it is. */
enum rd_status rd_policy_put_default(struct rd_view account, struct rd_buf *out)
{
	RD_TRY(rd_buf_put_str(out, "{\n"
				   "  \"Version\" : \"2012-10-17\",\n"
				   "  \"Id\" : \"key-default-1\",\n"
				   "  \"Statement\" : [ {\n"
				   "    \"Sid\" : \"Enable IAM User Permissions\",\n"
				   "    \"Effect\" : \"Allow\",\n"
				   "    \"Principal\" : {\n"
				   "      \"AWS\" : \"arn:aws:iam::"));
	RD_TRY(rd_buf_put_view(out, account));
	return rd_buf_put_str(out, ":root\"\n"
				   "    },\n"
				   "    \"Action\" : \"kms:*\",\n"
				   "    \"Resource\" : \"*\"\n"
				   "  } ]\n"
				   "}");
}
