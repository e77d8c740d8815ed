/* SPDX-License-Identifier: Apache-2.0 */
/* The linter's frame, and what it finds in a statement's principals, actions and resources. */
#include "policy/lint.h"

#include "policy/lint-internal.h"
#include "policy/principal.h"

/* Every pattern against every action: a hundredfold of an evaluation, and not in a request's way.
 */
#define LINT_STEPS_MAX (10ull * RD_POLICY_STEPS_MAX)

static const struct {
	const char *id;
	const char *sentence;
	const char *remedy;
} FINDINGS[] = {
#define X(name, id, sentence, remedy) {id, sentence, remedy},
	RD_LINT_LIST(X)
#undef X
};

void rd_lint_put(
	const struct rd_linter *l, enum rd_lint_id id, size_t statement, struct rd_view subject)
{
	struct rd_lint_finding finding = {
		.id = FINDINGS[id].id,
		.statement = statement,
		.subject = subject,
		.sentence = FINDINGS[id].sentence,
		.remedy = FINDINGS[id].remedy,
	};

	if (statement != RD_LINT_WHOLE) {
		finding.sid = l->policy->statements[statement].sid;
	}
	l->report->finding(l->report->ctx, &finding);
}

enum rd_status rd_lint_matches(
	struct rd_linter *l, const struct rd_policy_pattern *pattern, const char *action, bool *ret)
{
	struct rd_symbols symbols = {.v = pattern->symbols, .n = pattern->len};

	return rd_match_symbols(symbols, rd_view_str(action), true, &l->budget, ret);
}

enum rd_status rd_lint_covers(
	struct rd_linter *l, const struct rd_policy_statement *s, const char *action, bool *ret)
{
	bool any = false;

	for (size_t i = 0; !any && i < s->actions.n; i++) {
		RD_TRY(rd_lint_matches(l, &s->actions.v[i], action, &any));
	}
	*ret = any != s->actions.negated;
	return RD_OK;
}

bool rd_lint_names_kind(const struct rd_policy_statement *s, enum rd_policy_principal_kind kind)
{
	for (size_t i = 0; !s->principals.negated && i < s->principals.n; i++) {
		if (s->principals.v[i].kind == kind) {
			return true;
		}
	}
	return false;
}

bool rd_lint_is_attested(const struct rd_policy_statement *s)
{
	for (size_t i = 0; i < s->condition_count; i++) {
		if (rd_catalogue_key(s->conditions[i].key) == RD_KEY_ATTESTED) {
			return true;
		}
	}
	return false;
}

/* What a pattern stands for among the known actions. */
struct coverage {
	bool any;
	bool key;       /* one that is on a key */
	bool recipient; /* one that takes a Recipient */
};

static enum rd_status cover(
	struct rd_linter *l, const struct rd_policy_pattern *pattern, struct coverage *ret)
{
	struct coverage c = {0};

	for (size_t i = 0; i < RD_CATALOGUE_ACTION_COUNT; i++) {
		const struct rd_catalogue_action *a = &RD_CATALOGUE_ACTIONS[i];
		bool matches = false;

		RD_TRY(rd_lint_matches(l, pattern, a->name, &matches));
		c.any = c.any || matches;
		c.key = c.key || (matches && a->class != RD_ACTION_ACCOUNT);
		c.recipient = c.recipient || (matches && a->class == RD_ACTION_PLAINTEXT);
	}
	/* GenerateRandom takes a Recipient and has no key. */
	if (!c.recipient) {
		RD_TRY(rd_lint_matches(l, pattern, "kms:GenerateRandom", &c.recipient));
	}
	*ret = c;
	return RD_OK;
}

static enum rd_status lint_action(
	struct rd_linter *l, size_t statement, const struct rd_policy_pattern *pattern)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];
	bool ec2 = rd_view_starts_folded(pattern->text, "ec2:") &&
		   l->policy->kind == RD_POLICY_IDENTITY;
	bool kms = rd_view_starts_folded(pattern->text, "kms:") ||
		   rd_view_equal(pattern->text, rd_view_str("*"));
	struct coverage c = {0};

	if (!kms && !ec2) {
		if (l->policy->kind == RD_POLICY_KEY) {
			rd_lint_put(l, RD_LINT_FOREIGN_ACTION, statement, pattern->text);
		}
		return RD_OK;
	}
	RD_TRY(cover(l, pattern, &c));
	if (!c.any) {
		rd_lint_put(l, RD_LINT_UNKNOWN_ACTION, statement, pattern->text);
	} else if (l->policy->kind == RD_POLICY_KEY && !c.key) {
		rd_lint_put(l, RD_LINT_NO_EFFECT_ACTION, statement, pattern->text);
	} else if (!s->deny && !s->actions.negated && !c.recipient && rd_lint_is_attested(s)) {
		rd_lint_put(l, RD_LINT_ATTESTED_ACTION, statement, pattern->text);
	}
	return RD_OK;
}

static void lint_principals(const struct rd_linter *l, size_t statement)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];

	if (s->principals.negated) {
		rd_lint_put(l, s->deny ? RD_LINT_DENY_NOT_PRINCIPAL : RD_LINT_ALLOW_NOT_PRINCIPAL,
			statement, rd_view(NULL, 0));
	}
	if (!s->deny && s->condition_count == 0 && rd_lint_names_kind(s, RD_PRINCIPAL_ANYONE)) {
		rd_lint_put(l, RD_LINT_ANYONE, statement, rd_view_str("*"));
	}
	for (size_t i = 0; i < s->principals.n; i++) {
		const struct rd_policy_principal *p = &s->principals.v[i];

		/* Only roles are used by a service, and only by this one. */
		if (p->kind == RD_PRINCIPAL_FOREIGN ||
			(p->kind == RD_PRINCIPAL_SERVICE &&
				(l->policy->kind != RD_POLICY_TRUST ||
					!rd_view_equal(p->name, rd_view_str(RD_SERVICE_EC2))))) {
			rd_lint_put(
				l, RD_LINT_FOREIGN_PRINCIPAL, statement, s->principals.v[i].name);
		}
	}
}

static bool looks_like_variable(struct rd_view text)
{
	for (size_t i = 1; i < text.len; i++) {
		if (text.ptr[i - 1] == '$' && text.ptr[i] == '{') {
			return true;
		}
	}
	return false;
}

static bool has_bare_variable(const struct rd_policy_pattern *p)
{
	for (size_t i = 0; i < p->variable_count; i++) {
		if (p->variables[i].fallback.ptr == NULL) {
			return true;
		}
	}
	return false;
}

static void lint_variable(
	const struct rd_linter *l, size_t statement, const struct rd_policy_pattern *p)
{
	if (!l->policy->has_variables && looks_like_variable(p->text)) {
		rd_lint_put(l, RD_LINT_PLAIN_VARIABLE, statement, p->text);
	}
	if (l->policy->statements[statement].deny && has_bare_variable(p)) {
		rd_lint_put(l, RD_LINT_DENY_VARIABLE, statement, p->text);
	}
}

static void lint_variables(const struct rd_linter *l, size_t statement)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];

	for (size_t i = 0; i < s->resources.n; i++) {
		lint_variable(l, statement, &s->resources.v[i]);
	}
	for (size_t i = 0; i < s->condition_count; i++) {
		for (size_t k = 0; k < s->conditions[i].operand_count; k++) {
			lint_variable(l, statement, &s->conditions[i].operands[k].pattern);
		}
	}
}

static void lint_resources(const struct rd_linter *l, size_t statement)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];

	if (s->resources.negated && !s->deny) {
		rd_lint_put(l, RD_LINT_ALLOW_NOT_RESOURCE, statement, rd_view(NULL, 0));
	}
	for (size_t i = 0; l->policy->kind == RD_POLICY_KEY && i < s->resources.n; i++) {
		if (!rd_view_equal(s->resources.v[i].text, rd_view_str("*"))) {
			rd_lint_put(l, RD_LINT_OTHER_RESOURCE, statement, s->resources.v[i].text);
		}
	}
}

static enum rd_status lint_statement(struct rd_linter *l, size_t statement)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];

	lint_principals(l, statement);
	if (s->actions.negated && !s->deny) {
		rd_lint_put(l, RD_LINT_ALLOW_NOT_ACTION, statement, rd_view(NULL, 0));
	}
	for (size_t i = 0; i < s->actions.n; i++) {
		RD_TRY(lint_action(l, statement, &s->actions.v[i]));
	}
	lint_resources(l, statement);
	lint_variables(l, statement);
	return rd_lint_conditions(l, statement);
}

enum rd_status rd_policy_lint(const struct rd_policy *policy, const struct rd_lint_report *report)
{
	struct rd_linter l = {
		.policy = policy, .report = report, .budget = {.left = LINT_STEPS_MAX}};

	for (size_t i = 0; i < policy->statement_count; i++) {
		RD_TRY(lint_statement(&l, i));
	}
	return rd_lint_whole(&l);
}
