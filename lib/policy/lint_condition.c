/* SPDX-License-Identifier: Apache-2.0 */
/* What the linter finds in conditions: measurements above all. */
#include "policy/lint-internal.h"

#include "policy/attested.h"

#define ARN_COLONS 5u

/* The condition is an exemption from attestation: true where there is none. */
static bool holds_unattested(const struct rd_policy_operator *op)
{
	return op->if_exists || op->set == RD_SET_ALL || (op->negated && op->set == RD_SET_NONE);
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

struct spelling {
	bool other; /* than hexadecimal digits */
	bool upper;
	bool nonzero;
};

static struct spelling spelling_of(struct rd_view text)
{
	struct spelling s = {0};

	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		s.other = s.other || !is_hex(c);
		s.upper = s.upper || (c >= 'A' && c <= 'F');
		s.nonzero = s.nonzero || c != '0';
	}
	return s;
}

static bool has_wildcard(const struct rd_policy_pattern *p)
{
	for (size_t i = 0; i < p->len; i++) {
		if (p->symbols[i] == RD_SYMBOL_RUN || p->symbols[i] == RD_SYMBOL_ONE) {
			return true;
		}
	}
	return false;
}

static bool measures_image(const struct rd_attested_key *key)
{
	return key->kind == RD_ATTESTED_KEY_IMAGE ||
	       (key->kind == RD_ATTESTED_KEY_PCR && key->index <= 2);
}

static void lint_measurement(const struct rd_linter *l, size_t statement,
	const struct rd_policy_condition *c, const struct rd_attested_key *key,
	const struct rd_policy_pattern *value)
{
	struct rd_view text = value->text;
	struct spelling s = spelling_of(text);

	if (has_wildcard(value)) {
		rd_lint_put(l, RD_LINT_HEX_WILDCARD, statement, text);
		return;
	}
	if (value->variable_count > 0) {
		return;
	}
	if (rd_view_starts_folded(text, "0x")) {
		rd_lint_put(l, RD_LINT_HEX_PREFIX, statement, text);
		return;
	}
	if (s.other) {
		rd_lint_put(l, RD_LINT_HEX_DIGITS, statement, text);
		return;
	}
	if (text.len != RD_ATTESTED_HEX) {
		rd_lint_put(l, RD_LINT_HEX_LENGTH, statement, text);
	} else if (!s.nonzero && measures_image(key)) {
		rd_lint_put(l, RD_LINT_ZERO_PCR, statement, c->key);
	}
	if (s.upper && c->op.relation != RD_RELATION_EQUAL_FOLDED) {
		rd_lint_put(l, RD_LINT_HEX_CASE, statement, text);
	}
}

static void lint_attested(const struct rd_linter *l, size_t statement,
	const struct rd_policy_condition *c, const struct rd_attested_key *key)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];

	if (c->op.family == RD_FAMILY_NULL) {
		return;
	}
	if (c->op.family != RD_FAMILY_STRING) {
		rd_lint_put(l, RD_LINT_ATTESTED_OPERATOR, statement, c->op_text);
		return;
	}
	if (!s->deny && holds_unattested(&c->op)) {
		rd_lint_put(l, RD_LINT_ATTESTED_OPTIONAL, statement, c->op_text);
	}
	if (s->deny && c->op.set == RD_SET_ANY && c->op.negated && !c->op.if_exists) {
		rd_lint_put(l, RD_LINT_DENY_MISSES, statement, c->op_text);
	}
	for (size_t i = 0; i < c->operand_count; i++) {
		lint_measurement(l, statement, c, key, &c->operands[i].pattern);
	}
}

static void lint_arn(
	const struct rd_linter *l, size_t statement, const struct rd_policy_condition *c)
{
	for (size_t i = 0; i < c->operand_count; i++) {
		const struct rd_policy_pattern *p = &c->operands[i].pattern;
		size_t colons = 0;

		for (size_t k = 0; k < p->len; k++) {
			/* A variable may stand for the whole ARN. */
			colons += p->symbols[k] == ':'                  ? 1
				  : p->symbols[k] >= RD_SYMBOL_VARIABLE ? ARN_COLONS
									: 0;
		}
		if (colons < ARN_COLONS) {
			rd_lint_put(l, RD_LINT_ARN_PARTS, statement, p->text);
		}
	}
}

/* An Allow with ForAllValues is closed by a Null test of the same key beside it. */
static bool is_present_tested(const struct rd_policy_statement *s, struct rd_view key)
{
	for (size_t i = 0; i < s->condition_count; i++) {
		const struct rd_policy_condition *c = &s->conditions[i];

		if (c->op.family == RD_FAMILY_NULL && rd_view_equal_folded(c->key, key) &&
			c->operand_count == 1 && !c->operands[0].truth) {
			return true;
		}
	}
	return false;
}

static void lint_unknown_key(
	const struct rd_linter *l, size_t statement, const struct rd_policy_condition *c)
{
	static const char *const ours[] = {"aws:", "ec2:", "kms:", "redoubt:"};
	bool is_ours = false;

	for (size_t i = 0; i < RD_ARRAY_LEN(ours); i++) {
		is_ours = is_ours || rd_view_starts_folded(c->key, ours[i]);
	}
	/* An identity policy may be about other services. */
	if (is_ours || l->policy->kind == RD_POLICY_KEY) {
		rd_lint_put(l, RD_LINT_UNKNOWN_KEY, statement, c->key);
	}
}

static void lint_condition(
	const struct rd_linter *l, size_t statement, const struct rd_policy_condition *c)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];
	enum rd_key_class class = rd_catalogue_key(c->key);
	struct rd_attested_key attested = {0};

	if (class == RD_KEY_ATTESTED && rd_attested_key_parse(c->key, &attested) == RD_OK) {
		lint_attested(l, statement, c, &attested);
		return;
	}
	if (class == RD_KEY_UNKNOWN) {
		lint_unknown_key(l, statement, c);
	} else if (class == RD_KEY_NEVER) {
		rd_lint_put(l, RD_LINT_NEVER_KEY, statement, c->key);
	} else if (l->policy->kind != RD_POLICY_IDENTITY &&
		   rd_view_equal_folded(c->key, rd_view_str("kms:ResourceAliases"))) {
		rd_lint_put(l, RD_LINT_IDENTITY_KEY, statement, c->key);
	} else if (class == RD_KEY_MULTI && c->op.set == RD_SET_NONE &&
		   c->op.family != RD_FAMILY_NULL) {
		rd_lint_put(l, RD_LINT_SET_MISSING, statement, c->key);
	}
	if (!s->deny && c->op.set == RD_SET_ALL && !is_present_tested(s, c->key)) {
		rd_lint_put(l, RD_LINT_FOR_ALL_ALLOW, statement, c->key);
	}
	if (c->op.family == RD_FAMILY_ARN) {
		lint_arn(l, statement, c);
	}
}

/* The registers that an Allow requires: a bit for each, the image among them as PCR0. */
struct required {
	uint32_t pcr;
	uint32_t nitrotpm;
};

static struct required required_registers(const struct rd_policy_statement *s)
{
	struct required r = {0};

	for (size_t i = 0; i < s->condition_count; i++) {
		const struct rd_policy_condition *c = &s->conditions[i];
		struct rd_attested_key key = {0};

		if (c->op.family != RD_FAMILY_STRING || holds_unattested(&c->op) || c->op.negated ||
			rd_attested_key_parse(c->key, &key) != RD_OK) {
			continue;
		}
		if (key.kind == RD_ATTESTED_KEY_NITROTPM) {
			r.nitrotpm |= 1u << key.index;
		} else {
			r.pcr |= 1u << key.index;
		}
	}
	return r;
}

/* PCR0 is the image; PCR1 and PCR2 together are its kernel, ramdisk and application. */
static void lint_registers(const struct rd_linter *l, size_t statement)
{
	const struct required r = required_registers(&l->policy->statements[statement]);
	const uint32_t boot = 1u << 7 | 1u << 12;
	bool image = (r.pcr & 1u) != 0 || (r.pcr & 6u) == 6u;

	if (r.nitrotpm != 0 && (r.nitrotpm & boot) != boot) {
		rd_lint_put(l, RD_LINT_NITROTPM, statement, rd_view(NULL, 0));
	}
	if (r.pcr == 0 || image) {
		return;
	}
	if ((r.pcr & 1u << 8) != 0) {
		rd_lint_put(l, RD_LINT_LONE_PCR8, statement, rd_view(NULL, 0));
	} else if (r.pcr == 1u << 4) {
		rd_lint_put(l, RD_LINT_LONE_PCR4, statement, rd_view(NULL, 0));
	} else {
		rd_lint_put(l, RD_LINT_LONE_PCR, statement, rd_view(NULL, 0));
	}
}

enum rd_status rd_lint_conditions(struct rd_linter *l, size_t statement)
{
	const struct rd_policy_statement *s = &l->policy->statements[statement];

	for (size_t i = 0; i < s->condition_count; i++) {
		RD_TRY(rd_budget_take(&l->budget, 1));
		lint_condition(l, statement, &s->conditions[i]);
	}
	if (!s->deny) {
		lint_registers(l, statement);
	}
	return RD_OK;
}
