/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the linter finds across statements. Conditions restrict only their own statement, so an
 * attested Allow means something only if no other way leads to the plaintext: another Allow, the
 * account's IAM policies, a grant, a re-encryption, a new policy. A Deny for everybody closes such
 * a way.
 */
#include "policy/lint-internal.h"

static const struct rd_policy_statement *statement_at(const struct rd_linter *l, size_t i)
{
	return &l->policy->statements[i];
}

/* Holds for every request without attestation: a negated comparison with a measurement, or Null. */
static bool catches_unattested(const struct rd_policy_condition *c)
{
	if (rd_catalogue_key(c->key) != RD_KEY_ATTESTED) {
		return false;
	}
	if (c->op.family == RD_FAMILY_NULL) {
		return c->operand_count == 1 && c->operands[0].truth;
	}
	return c->op.family == RD_FAMILY_STRING && c->op.negated &&
	       (c->op.set != RD_SET_ANY || c->op.if_exists);
}

/* A Deny for everybody on this very resource; with another condition beside, it may not be there
 * when needed. */
static bool is_general(const struct rd_linter *l, const struct rd_policy_statement *s)
{
	bool everybody = l->policy->kind == RD_POLICY_IDENTITY ||
			 rd_lint_names_kind(s, RD_PRINCIPAL_ANYONE);
	bool everything = false;

	for (size_t i = 0; !s->resources.negated && i < s->resources.n; i++) {
		everything = everything || rd_view_equal(s->resources.v[i].text, rd_view_str("*"));
	}
	return s->deny && everybody && everything;
}

/* No unattested request for the action gets through, whatever allows it. */
static enum rd_status is_closed(struct rd_linter *l, const char *action, bool *ret)
{
	bool closed = false;

	for (size_t i = 0; !closed && i < l->policy->statement_count; i++) {
		const struct rd_policy_statement *s = statement_at(l, i);
		bool always = s->condition_count == 0 ||
			      (s->condition_count == 1 && catches_unattested(&s->conditions[0]));

		if (always && is_general(l, s)) {
			RD_TRY(rd_lint_covers(l, s, action, &closed));
		}
	}
	*ret = closed;
	return RD_OK;
}

/* An unattested Allow of an action that gives plaintext, unless a Deny closes it. */
static enum rd_status lint_plaintext(struct rd_linter *l, size_t statement)
{
	const struct rd_policy_statement *s = statement_at(l, statement);
	bool account = rd_lint_names_kind(s, RD_PRINCIPAL_ACCOUNT);

	for (size_t i = 0; i < RD_CATALOGUE_ACTION_COUNT; i++) {
		const struct rd_catalogue_action *a = &RD_CATALOGUE_ACTIONS[i];
		bool covers = false;
		bool closed = false;

		if (a->class != RD_ACTION_PLAINTEXT) {
			continue;
		}
		RD_TRY(rd_lint_covers(l, s, a->name, &covers));
		if (covers) {
			RD_TRY(is_closed(l, a->name, &closed));
		}
		if (covers && !closed) {
			rd_lint_put(l, account ? RD_LINT_ROOT_DELEGATION : RD_LINT_UNATTESTED,
				statement, rd_view_str(a->name));
			return RD_OK;
		}
	}
	return RD_OK;
}

static enum rd_status lint_side_door(struct rd_linter *l, size_t statement, const char *action,
	const char *closed_by, enum rd_lint_id id)
{
	bool covers = false;
	bool closed = false;

	RD_TRY(rd_lint_covers(l, statement_at(l, statement), action, &covers));
	if (!covers) {
		return RD_OK;
	}
	RD_TRY(is_closed(l, action, &closed));
	if (!closed && closed_by != NULL) {
		RD_TRY(is_closed(l, closed_by, &closed));
	}
	if (!closed) {
		rd_lint_put(l, id, statement, rd_view_str(action));
	}
	return RD_OK;
}

static enum rd_status lint_allow(struct rd_linter *l, size_t statement)
{
	if (!rd_lint_is_attested(statement_at(l, statement))) {
		RD_TRY(lint_plaintext(l, statement));
	}
	RD_TRY(lint_side_door(l, statement, "kms:ReEncryptFrom", NULL, RD_LINT_REENCRYPT_FROM));
	RD_TRY(lint_side_door(
		l, statement, "kms:CreateGrant", "kms:Decrypt", RD_LINT_CREATE_GRANT));
	return lint_side_door(l, statement, "kms:PutKeyPolicy", NULL, RD_LINT_PUT_KEY_POLICY);
}

enum rd_status rd_lint_whole(struct rd_linter *l)
{
	bool attested = false;

	for (size_t i = 0; i < l->policy->statement_count; i++) {
		attested = attested || rd_lint_is_attested(statement_at(l, i));
	}
	for (size_t i = 0; attested && i < l->policy->statement_count; i++) {
		if (!statement_at(l, i)->deny) {
			RD_TRY(lint_allow(l, i));
		}
	}
	return RD_OK;
}
