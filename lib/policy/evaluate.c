/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a request is allowed, and which statement decided. The rules are at the top of the
 * header. */
#include "policy/evaluate.h"

#include "policy/statement.h"

/* The first statement of each kind that matched, in one layer. */
struct findings {
	bool denies;
	bool allows;
	bool delegates;
	struct rd_policy_ref deny;
	struct rd_policy_ref allow;
	struct rd_policy_ref delegate;
};

struct run {
	const struct rd_policy_request *request;
	const struct rd_policy_tracer *tracer;
	struct rd_budget budget;
	struct rd_scratch scratch;
};

static void note_first(bool *seen, struct rd_policy_ref *first, const struct rd_policy_ref *ref)
{
	if (!*seen) {
		*seen = true;
		*first = *ref;
	}
}

static void note(struct findings *f, const struct rd_policy_statement *s,
	enum rd_policy_outcome outcome, const struct rd_policy_ref *ref)
{
	bool matches = outcome == RD_OUTCOME_MATCH;

	/* A Deny that names an account is for everyone in it: nothing is delegated by a Deny. */
	if (s->deny && (matches || outcome == RD_OUTCOME_DELEGATES)) {
		note_first(&f->denies, &f->deny, ref);
	} else if (matches) {
		note_first(&f->allows, &f->allow, ref);
	} else if (outcome == RD_OUTCOME_DELEGATES) {
		note_first(&f->delegates, &f->delegate, ref);
	}
}

static void trace(const struct run *run, const struct rd_policy_ref *ref,
	const struct rd_policy_statement *s, const struct rd_statement_match *m)
{
	struct rd_policy_step step = {.ref = *ref, .deny = s->deny, .outcome = m->outcome};

	if (m->condition != NULL) {
		step.op = m->condition->op_text;
		step.key = m->condition->key;
	}
	if (run->tracer != NULL) {
		run->tracer->step(run->tracer->ctx, &step);
	}
}

static enum rd_status look_at(struct run *run, enum rd_policy_layer layer, size_t index,
	const struct rd_policy *policy, struct findings *f)
{
	for (size_t i = 0; i < policy->statement_count; i++) {
		const struct rd_policy_statement *s = &policy->statements[i];
		struct rd_policy_ref ref = {
			.layer = layer, .policy = index, .statement = i, .sid = s->sid};
		struct rd_statement_match match = {0};

		RD_TRY(rd_statement_match(
			policy, s, run->request, &run->scratch, &run->budget, &match));
		trace(run, &ref, s, &match);
		note(f, s, match.outcome, &ref);
	}
	return RD_OK;
}

static enum rd_status look_at_list(
	struct run *run, enum rd_policy_layer layer, struct rd_policy_list list, struct findings *f)
{
	for (size_t i = 0; i < list.n; i++) {
		RD_ENSURE(list.v[i]->kind == RD_POLICY_IDENTITY, RD_USAGE);
		RD_TRY(look_at(run, layer, i, list.v[i], f));
	}
	return RD_OK;
}

struct layers {
	struct findings resource;
	struct findings identity;
	struct findings boundary;
	struct findings session;
};

static enum rd_status look_at_all(
	struct run *run, const struct rd_policy_authority *a, struct layers *l)
{
	struct rd_policy_list boundary = {.v = &a->boundary, .n = a->boundary != NULL ? 1 : 0};

	RD_ENSURE(a->has_resource_policy == (a->resource_policy != NULL), RD_USAGE);
	if (a->has_resource_policy) {
		RD_ENSURE(a->resource_policy->kind != RD_POLICY_IDENTITY, RD_USAGE);
		RD_TRY(look_at(run, RD_LAYER_RESOURCE, 0, a->resource_policy, &l->resource));
	}
	RD_TRY(look_at_list(run, RD_LAYER_IDENTITY, a->identity, &l->identity));
	RD_TRY(look_at_list(run, RD_LAYER_BOUNDARY, boundary, &l->boundary));
	return look_at_list(run, RD_LAYER_SESSION, a->session, &l->session);
}

static bool find_deny(const struct layers *l, struct rd_policy_decision *d)
{
	const struct findings *all[] = {&l->resource, &l->identity, &l->boundary, &l->session};

	for (size_t i = 0; i < RD_ARRAY_LEN(all); i++) {
		if (all[i]->denies) {
			d->verdict = RD_VERDICT_EXPLICIT_DENY;
			d->by = all[i]->deny;
			return true;
		}
	}
	return false;
}

static void allow_by(struct rd_policy_decision *d, const struct rd_policy_ref *by)
{
	d->verdict = RD_VERDICT_ALLOW;
	d->by = *by;
}

/* The identity policy's Allow counts because of the key policy's. */
static void allow_by_both(struct rd_policy_decision *d, const struct rd_policy_ref *identity,
	const struct rd_policy_ref *key)
{
	allow_by(d, identity);
	d->delegated = true;
	d->delegated_by = *key;
}

static void missing(struct rd_policy_decision *d, enum rd_policy_layer layer)
{
	*d = (struct rd_policy_decision){
		.verdict = RD_VERDICT_IMPLICIT_DENY, .by = {.layer = layer}};
}

static void allow_by_layer(struct rd_policy_decision *d, enum rd_policy_layer layer)
{
	allow_by(d, &(struct rd_policy_ref){.layer = layer});
}

static void decide_own_account(
	const struct rd_policy_authority *a, const struct layers *l, struct rd_policy_decision *d)
{
	if (l->resource.allows) {
		allow_by(d, &l->resource.allow);
	} else if (l->resource.delegates && l->identity.allows) {
		allow_by_both(d, &l->identity.allow, &l->resource.delegate);
	} else if (a->granted) {
		allow_by_layer(d, RD_LAYER_GRANT);
	} else {
		missing(d, l->resource.delegates ? RD_LAYER_IDENTITY : RD_LAYER_RESOURCE);
	}
}

static void decide_other_account(const struct rd_policy_authority *a,
	const struct rd_policy_request *r, const struct layers *l, struct rd_policy_decision *d)
{
	bool key = l->resource.allows || l->resource.delegates;
	const struct rd_policy_ref *by = l->resource.allows ? &l->resource.allow
							    : &l->resource.delegate;

	if (!a->cross_account) {
		missing(d, RD_LAYER_RESOURCE);
	} else if (key && l->identity.allows) {
		allow_by_both(d, &l->identity.allow, by);
	} else if (key && r->caller.root) {
		/* A root user has no identity policies: its account allows it what others allow the
		 * account. */
		allow_by(d, by);
	} else if (a->granted) {
		allow_by_layer(d, RD_LAYER_GRANT);
	} else {
		missing(d, key ? RD_LAYER_IDENTITY : RD_LAYER_RESOURCE);
	}
}

static void decide_without_key(
	const struct rd_policy_request *r, const struct layers *l, struct rd_policy_decision *d)
{
	bool own = rd_view_equal(r->caller.account, r->resource_account);

	if (own && l->identity.allows) {
		allow_by(d, &l->identity.allow);
	} else if (own && r->caller.root) {
		allow_by_layer(d, RD_LAYER_ROOT);
	} else {
		missing(d, RD_LAYER_IDENTITY);
	}
}

/* What bounds the credential must allow too. */
static void apply_ceilings(
	const struct rd_policy_authority *a, const struct layers *l, struct rd_policy_decision *d)
{
	if (d->verdict != RD_VERDICT_ALLOW) {
		return;
	}
	if (a->boundary != NULL && !l->boundary.allows) {
		missing(d, RD_LAYER_BOUNDARY);
	} else if (a->session.n > 0 && !l->session.allows) {
		missing(d, RD_LAYER_SESSION);
	}
}

enum rd_status rd_policy_evaluate(const struct rd_policy_authority *authority,
	const struct rd_policy_request *request, const struct rd_policy_tracer *tracer,
	struct rd_policy_decision *ret_decision)
{
	struct run run RD_UNINITIALIZED; /* 8 KiB of scratch, which is written first */
	struct layers layers = {0};
	struct rd_policy_decision d = {0};

	run.request = request;
	run.tracer = tracer;
	run.budget = (struct rd_budget){.left = RD_POLICY_STEPS_MAX};
	RD_TRY(look_at_all(&run, authority, &layers));
	if (!find_deny(&layers, &d)) {
		if (!authority->has_resource_policy) {
			decide_without_key(request, &layers, &d);
		} else if (rd_view_equal(request->caller.account, request->resource_account)) {
			decide_own_account(authority, &layers, &d);
		} else {
			decide_other_account(authority, request, &layers, &d);
		}
		apply_ceilings(authority, &layers, &d);
	}
	*ret_decision = d;
	return RD_OK;
}

enum rd_status rd_policy_check_lockout(const struct rd_policy_authority *authority,
	const struct rd_policy_request *request, struct rd_error *err)
{
	struct rd_policy_request next = *request;
	struct rd_policy_decision d = {0};
	enum rd_status st;

	next.action = rd_view_str("kms:PutKeyPolicy");
	st = rd_policy_evaluate(authority, &next, NULL, &d);
	if (st != RD_OK) {
		return rd_fail(err, st, "the new key policy could not be evaluated");
	}
	if (d.verdict != RD_VERDICT_ALLOW) {
		return rd_fail(err, RD_DENIED,
			"The new key policy will not allow you to update the key policy in the future.");
	}
	return RD_OK;
}
