/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt kms explain: which statement decides a request that is given as JSON. */
#include "redoubt/kms.h"

#include "policy/context.h"
#include "policy/parse.h"
#include "redoubt/redoubt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request has some dozens of condition keys; the file is the administrator's own. */
#define REQUEST_MAX 262144
/* A step names a policy, a Sid, an operator and a key. */
#define LINE_MAX 8192

/* The request and all that it points into. */
struct question {
	json_t *json;
	struct rd_policy_request request;
	struct rd_policy_entry *entries;
	struct rd_view *values;
	struct rd_policy_table table;
	bool has_resource, granted, cross_account;
};

static void finish_question(struct question *q)
{
	free(q->entries);
	free(q->values);
	json_decref(q->json);
}

static enum rd_status need_string(
	json_t *object, const char *name, struct rd_view *ret, struct rd_error *err)
{
	json_t *value = json_object_get(object, name);

	if (!json_is_string(value)) {
		return rd_fail(err, RD_MISSING, "wants \"%s\", a string", name);
	}
	*ret = rd_view(json_string_value(value), json_string_length(value));
	return RD_OK;
}

static enum rd_status may_string(
	json_t *object, const char *name, struct rd_view *ret, struct rd_error *err)
{
	return json_object_get(object, name) != NULL ? need_string(object, name, ret, err) : RD_OK;
}

static enum rd_status may_bool(
	json_t *object, const char *name, bool usual, bool *ret, struct rd_error *err)
{
	json_t *value = json_object_get(object, name);

	if (value != NULL && !json_is_boolean(value)) {
		return rd_fail(err, RD_BAD_TYPE, "wants \"%s\" to be true or false", name);
	}
	*ret = value != NULL ? json_is_true(value) : usual;
	return RD_OK;
}

/* Only what is known: a misspelt member would be a request other than the one that was meant. */
static enum rd_status only(json_t *object, const char *const *known, size_t n, struct rd_error *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		size_t i = 0;

		while (i < n && strcmp(name, known[i]) != 0) {
			i++;
		}
		if (i == n) {
			return rd_fail(err, RD_UNSUPPORTED, "does not know \"%s\"", name);
		}
	}
	return RD_OK;
}

/* The fifth part of an ARN. */
static struct rd_view account_of(struct rd_view arn)
{
	struct rd_view part = arn;
	const uint8_t *end;

	for (int i = 0; i < 4; i++) {
		const uint8_t *colon = part.len > 0 ? memchr(part.ptr, ':', part.len) : NULL;

		if (colon == NULL) {
			return rd_view(NULL, 0);
		}
		part = rd_view(colon + 1, part.len - (size_t)(colon + 1 - part.ptr));
	}
	end = part.len > 0 ? memchr(part.ptr, ':', part.len) : NULL;
	return rd_view(part.ptr, end != NULL ? (size_t)(end - part.ptr) : 0);
}

static enum rd_status read_caller(struct question *q, json_t *caller, struct rd_error *err)
{
	static const char *const known[] = {"arn", "role_arn", "id"};
	struct rd_policy_caller *c = &q->request.caller;

	if (!json_is_object(caller)) {
		return rd_fail(err, RD_MISSING, "wants \"caller\", an object");
	}
	RD_TRY(only(caller, known, RD_ARRAY_LEN(known), err));
	RD_TRY(need_string(caller, "arn", &c->arn, err));
	RD_TRY(may_string(caller, "role_arn", &c->role_arn, err));
	RD_TRY(may_string(caller, "id", &c->id, err));
	c->account = account_of(c->arn);
	if (c->account.len == 0) {
		return rd_fail(err, RD_MALFORMED, "the caller's \"arn\" has no account");
	}
	c->root = c->arn.len > 5 && memcmp(c->arn.ptr + c->arn.len - 5, ":root", 5) == 0;
	return RD_OK;
}

/* A string, or a list of them. */
static enum rd_status read_values(
	json_t *value, const char *name, struct rd_view *ret, size_t *ret_n, struct rd_error *err)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	for (size_t i = 0; i < n; i++) {
		json_t *one = json_is_array(value) ? json_array_get(value, i) : value;

		if (!json_is_string(one)) {
			return rd_fail(err, RD_BAD_TYPE,
				"condition key \"%s\" wants a string or a list of strings", name);
		}
		ret[i] = rd_view(json_string_value(one), json_string_length(one));
	}
	*ret_n = n;
	return RD_OK;
}

static size_t count_values(json_t *context)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	json_object_foreach(context, name, value)
	{
		n += json_is_array(value) ? json_array_size(value) : 1;
	}
	return n;
}

static enum rd_status read_context(struct question *q, json_t *context, struct rd_error *err)
{
	struct rd_view *next;
	const char *name;
	json_t *value;

	if (context != NULL && !json_is_object(context)) {
		return rd_fail(err, RD_BAD_TYPE, "wants \"context\" to be an object");
	}
	q->entries = calloc(json_object_size(context) + 1, sizeof(*q->entries));
	q->values = calloc(count_values(context) + 1, sizeof(*q->values));
	if (q->entries == NULL || q->values == NULL) {
		return rd_fail(err, RD_NOMEM, "out of memory");
	}
	next = q->values;
	json_object_foreach(context, name, value)
	{
		struct rd_policy_entry *e = &q->entries[q->table.n++];

		RD_TRY(read_values(value, name, next, &e->values.n, err));
		e->key = rd_view_str(name);
		e->values.v = next;
		next += e->values.n;
	}
	q->table.entries = q->entries;
	q->request.context = (struct rd_policy_context){
		.lookup = rd_policy_table_lookup, .ctx = &q->table};
	return RD_OK;
}

static enum rd_status read_question(const char *path, struct question *q, struct rd_error *err)
{
	static const char *const known[] = {
		"action", "resource", "caller", "context", "granted", "cross_account"};
	RD_CLEANUP(rd_buf_finish) struct rd_buf text = rd_buf_growable(REQUEST_MAX);
	json_error_t where;

	RD_TRY(kms_read_file(path, &text, err));
	if (text.used == 0) {
		return rd_fail(err, RD_MALFORMED, "is empty; wants the request as JSON");
	}
	q->json = json_loadb((const char *)text.ptr, text.used, JSON_REJECT_DUPLICATES, &where);
	if (!json_is_object(q->json)) {
		return rd_fail(err, RD_MALFORMED, "line %d: %s", q->json != NULL ? 1 : where.line,
			q->json != NULL ? "is not an object" : where.text);
	}
	RD_TRY(only(q->json, known, RD_ARRAY_LEN(known), err));
	RD_TRY(need_string(q->json, "action", &q->request.action, err));
	q->request.resource = rd_view_str("*");
	RD_TRY(may_string(q->json, "resource", &q->request.resource, err));
	RD_TRY(may_bool(q->json, "granted", false, &q->granted, err));
	RD_TRY(may_bool(q->json, "cross_account", true, &q->cross_account, err));
	RD_TRY(read_caller(q, json_object_get(q->json, "caller"), err));
	q->request.resource_account = account_of(q->request.resource);
	q->has_resource = q->request.resource_account.len > 0;
	if (!q->has_resource) {
		/* Without a key, the account is the one that the caller acts in. */
		q->request.resource_account = q->request.caller.account;
	}
	return read_context(q, json_object_get(q->json, "context"), err);
}

/* One line that lib/policy makes; what it quotes came from files, and loses its control characters.
 */
static void print_line(const struct rd_buf *b)
{
	for (size_t i = 0; i < b->used; i++) {
		putchar(b->ptr[i] >= 0x20 && b->ptr[i] != 0x7f ? b->ptr[i] : '?');
	}
	putchar('\n');
}

static void print_step(void *ctx, const struct rd_policy_step *step)
{
	uint8_t bytes[LINE_MAX];
	struct rd_buf b = rd_buf_fixed(bytes, sizeof(bytes));

	(void)ctx;
	if (rd_buf_put_str(&b, "  ") == RD_OK && rd_policy_step_text(step, &b) == RD_OK) {
		print_line(&b);
	}
}

static enum rd_status put_verdict(
	const struct question *q, const struct rd_policy_decision *d, struct rd_buf *b)
{
	if (d->verdict == RD_VERDICT_IMPLICIT_DENY) {
		RD_TRY(rd_buf_put_str(b, "denied: no statement allows it: "));
		return rd_policy_denial_message(&q->request, d, b);
	}
	RD_TRY(rd_buf_put_str(b, d->verdict == RD_VERDICT_ALLOW ? "allowed by " : "denied by "));
	RD_TRY(rd_policy_ref_text(&d->by, b));
	if (d->delegated) {
		RD_TRY(rd_buf_put_str(b, ", which "));
		RD_TRY(rd_policy_ref_text(&d->delegated_by, b));
		RD_TRY(rd_buf_put_str(b, " lets decide"));
	}
	return RD_OK;
}

static int decide(const struct question *q, const struct rd_policy_authority *authority)
{
	static const int codes[] = {[RD_VERDICT_ALLOW] = RD_EXIT_OK,
		[RD_VERDICT_EXPLICIT_DENY] = KMS_EXIT_DENIED,
		[RD_VERDICT_IMPLICIT_DENY] = KMS_EXIT_FINDINGS};
	const struct rd_policy_tracer tracer = {.step = print_step};
	uint8_t bytes[LINE_MAX];
	struct rd_buf b = rd_buf_fixed(bytes, sizeof(bytes));
	struct rd_policy_decision decision;
	enum rd_status st = rd_policy_evaluate(authority, &q->request, &tracer, &decision);

	if (st == RD_OK) {
		st = put_verdict(q, &decision, &b);
	}
	if (st != RD_OK) {
		fprintf(stderr,
			"redoubt kms: the request cannot be decided, so a server refuses it: %s\n",
			rd_status_text(st));
		return RD_EXIT_FAILURE;
	}
	print_line(&b);
	return fflush(stdout) == 0 ? codes[decision.verdict] : RD_EXIT_FAILURE;
}

static int explain(
	const struct kms_args *args, const struct question *q, struct rd_policy **policies)
{
	struct rd_policy_authority authority = {.has_resource_policy = args->policy != NULL,
		.granted = q->granted,
		.cross_account = q->cross_account};
	int rc = RD_EXIT_OK;

	if (args->policy != NULL) {
		rc = kms_read_policy(
			args->policy, RD_POLICY_KEY, &policies[KMS_IDENTITY_POLICIES_MAX]);
	}
	for (size_t i = 0; i < args->n_identity && rc == RD_EXIT_OK; i++) {
		rc = kms_read_policy(args->identity[i], RD_POLICY_IDENTITY, &policies[i]);
	}
	if (rc != RD_EXIT_OK) {
		return rc;
	}
	authority.resource_policy = policies[KMS_IDENTITY_POLICIES_MAX];
	authority.identity = (struct rd_policy_list){
		.v = (const struct rd_policy *const *)policies, .n = args->n_identity};
	return decide(q, &authority);
}

int kms_explain(const struct kms_args *args)
{
	struct rd_policy *policies[KMS_IDENTITY_POLICIES_MAX + 1] = {NULL};
	struct question q = {0};
	struct rd_error err;
	int rc;

	if (read_question(args->request, &q, &err) != RD_OK) {
		fprintf(stderr, "redoubt kms: %s: %s\n", args->request, err.text);
		rc = RD_EXIT_FAILURE;
	} else if (args->policy != NULL && !q.has_resource) {
		fprintf(stderr,
			"redoubt kms: %s: wants \"resource\", the key's ARN, since there is a key "
			"policy\n",
			args->request);
		rc = RD_EXIT_FAILURE;
	} else {
		rc = explain(args, &q, policies);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(policies); i++) {
		rd_policy_free(&policies[i]);
	}
	finish_question(&q);
	return rc;
}
