/* SPDX-License-Identifier: Apache-2.0 */
/* Principals: the forms that a policy may name, and a caller compared with them. */
#include "policy/principal.h"

#include <string.h>

#define ACCOUNT_DIGITS 12u
/* AIDA…, AROA…: 4 letters and at least 12 more; 128 at most. */
#define ID_MIN 16u
#define ID_MAX 128u

static bool is_account(struct rd_view v)
{
	if (v.len != ACCOUNT_DIGITS) {
		return false;
	}
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9') {
			return false;
		}
	}
	return true;
}

static bool is_upper_or_digit(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unique_id(struct rd_view v)
{
	if (v.len < ID_MIN || v.len > ID_MAX ||
		(memcmp(v.ptr, "AIDA", 4) != 0 && memcmp(v.ptr, "AROA", 4) != 0)) {
		return false;
	}
	for (size_t i = 0; i < v.len; i++) {
		if (!is_upper_or_digit(v.ptr[i])) {
			return false;
		}
	}
	return true;
}

/* Up to the next separator, which is consumed; false when there is none or nothing is in front of
 * it. */
static bool take_until(struct rd_cur *c, char separator, struct rd_view *ret)
{
	const uint8_t *at = c->left > 0 ? memchr(c->ptr, separator, c->left) : NULL;

	if (at == NULL) {
		return false;
	}
	return rd_cur_take(c, (size_t)(at - c->ptr), ret) == RD_OK && rd_cur_skip(c, 1) == RD_OK;
}

/* IAM's characters of names and paths; anything else, a wildcard above all, is no part of a
 * principal. */
static bool is_name(struct rd_view v, bool with_path)
{
	if (v.len == 0 || v.ptr[0] == '/' || v.ptr[v.len - 1] == '/') {
		return false;
	}
	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.ptr[i];
		bool word = (c >= 'a' && c <= 'z') || is_upper_or_digit(c) ||
			    (c != '\0' && strchr("_+=,.@-", c) != NULL);
		/* Paths may hold every printable character; those with a meaning in ARNs and
		 * patterns may not. */
		bool path = with_path && c > ' ' && c < 0x7f && strchr("*?:${}", c) == NULL;

		if (!word && !path) {
			return false;
		}
	}
	return true;
}

/* What follows "arn:aws:iam::<account>:" or "arn:aws:sts::<account>:". */
static bool is_resource(struct rd_view service, struct rd_cur rest)
{
	struct rd_view kind = {0};
	struct rd_view name = {0};

	if (!take_until(&rest, '/', &kind)) {
		return false;
	}
	if (rd_view_equal(service, rd_view_str("iam"))) {
		return (rd_view_equal(kind, rd_view_str("user")) ||
			       rd_view_equal(kind, rd_view_str("role"))) &&
		       is_name(rd_view(rest.ptr, rest.left), true);
	}
	if (rd_view_equal(kind, rd_view_str("assumed-role"))) {
		return take_until(&rest, '/', &name) && is_name(name, false) &&
		       is_name(rd_view(rest.ptr, rest.left), false);
	}
	return rd_view_equal(kind, rd_view_str("federated-user")) &&
	       is_name(rd_view(rest.ptr, rest.left), false);
}

static enum rd_status parse_arn(struct rd_view text, struct rd_policy_principal *ret)
{
	struct rd_cur c = rd_cur(text);
	struct rd_view arn = {0};
	struct rd_view partition = {0};
	struct rd_view service = {0};
	struct rd_view region = {0};
	struct rd_view account = {0};
	bool iam;

	RD_ENSURE(take_until(&c, ':', &arn) && take_until(&c, ':', &partition) &&
			  take_until(&c, ':', &service) && take_until(&c, ':', &region) &&
			  take_until(&c, ':', &account),
		RD_FORBIDDEN);
	iam = rd_view_equal(service, rd_view_str("iam"));
	RD_ENSURE(rd_view_equal(arn, rd_view_str("arn")) && partition.len >= 3 &&
			  memcmp(partition.ptr, "aws", 3) == 0 && is_name(partition, false),
		RD_FORBIDDEN);
	RD_ENSURE(iam || rd_view_equal(service, rd_view_str("sts")), RD_FORBIDDEN);
	RD_ENSURE(region.len == 0 && is_account(account), RD_FORBIDDEN);
	if (iam && rd_view_equal(rd_view(c.ptr, c.left), rd_view_str("root"))) {
		*ret = (struct rd_policy_principal){.kind = RD_PRINCIPAL_ACCOUNT, .name = account};
		return RD_OK;
	}
	RD_ENSURE(is_resource(service, c), RD_FORBIDDEN);
	*ret = (struct rd_policy_principal){.kind = RD_PRINCIPAL_ARN, .name = text};
	return RD_OK;
}

enum rd_status rd_policy_principal_parse(
	struct rd_view text, struct rd_policy_principal *ret_principal)
{
	if (rd_view_equal(text, rd_view_str("*"))) {
		*ret_principal = (struct rd_policy_principal){.kind = RD_PRINCIPAL_ANYONE};
		return RD_OK;
	}
	if (is_account(text)) {
		*ret_principal = (struct rd_policy_principal){
			.kind = RD_PRINCIPAL_ACCOUNT, .name = text};
		return RD_OK;
	}
	if (is_unique_id(text)) {
		*ret_principal = (struct rd_policy_principal){
			.kind = RD_PRINCIPAL_ID, .name = text};
		return RD_OK;
	}
	return parse_arn(text, ret_principal);
}

static bool equal_present(struct rd_view a, struct rd_view b)
{
	return a.ptr != NULL && b.ptr != NULL && rd_view_equal(a, b);
}

static enum rd_principal_match match_one(
	const struct rd_policy_principal *p, const struct rd_policy_caller *caller)
{
	bool same;

	switch (p->kind) {
	case RD_PRINCIPAL_ANYONE:
		return RD_PRINCIPAL_DIRECT;
	case RD_PRINCIPAL_ACCOUNT:
		if (!equal_present(p->name, caller->account) || caller->service.ptr != NULL) {
			return RD_PRINCIPAL_NO;
		}
		return caller->root ? RD_PRINCIPAL_DIRECT : RD_PRINCIPAL_DELEGATED;
	case RD_PRINCIPAL_ARN:
		same = equal_present(p->name, caller->arn) ||
		       equal_present(p->name, caller->role_arn);
		return same ? RD_PRINCIPAL_DIRECT : RD_PRINCIPAL_NO;
	case RD_PRINCIPAL_ID:
		same = equal_present(p->name, caller->id);
		return same ? RD_PRINCIPAL_DIRECT : RD_PRINCIPAL_NO;
	case RD_PRINCIPAL_SERVICE:
		same = equal_present(p->name, caller->service);
		return same ? RD_PRINCIPAL_DIRECT : RD_PRINCIPAL_NO;
	case RD_PRINCIPAL_FOREIGN:
	default:
		return RD_PRINCIPAL_NO;
	}
}

static enum rd_principal_match best_match(
	const struct rd_policy_principals *list, const struct rd_policy_caller *caller)
{
	enum rd_principal_match best = RD_PRINCIPAL_NO;

	for (size_t i = 0; i < list->n; i++) {
		enum rd_principal_match m = match_one(&list->v[i], caller);

		best = m > best ? m : best;
	}
	return best;
}

/* A list that names the identity: as an ARN, by its account, by its id or as anyone. */
static bool lists(const struct rd_policy_principals *list, const struct rd_policy_caller *identity)
{
	return best_match(list, identity) != RD_PRINCIPAL_NO;
}

/* Account, role and session are asked for one by one: a list with one of them leaves the others to
 * be denied. */
static bool lists_every_identity(
	const struct rd_policy_principals *list, const struct rd_policy_caller *caller)
{
	struct rd_policy_caller account = {.account = caller->account};
	struct rd_policy_caller role = {.arn = caller->role_arn};
	struct rd_policy_caller self = {.arn = caller->arn};
	struct rd_policy_caller id = {.id = caller->id};

	if (!lists(list, &account)) {
		return false;
	}
	if (caller->root) {
		return true;
	}
	if (caller->role_arn.ptr != NULL) {
		return (lists(list, &role) || lists(list, &id)) && lists(list, &self);
	}
	return lists(list, &self) || lists(list, &id);
}

enum rd_principal_match rd_principals_match(const struct rd_policy_principals *principals,
	const struct rd_policy_caller *caller, bool deny)
{
	bool exempt;

	if (!principals->negated) {
		return best_match(principals, caller);
	}
	exempt = deny && caller->service.ptr == NULL ? lists_every_identity(principals, caller)
						     : lists(principals, caller);
	return exempt ? RD_PRINCIPAL_NO : RD_PRINCIPAL_DIRECT;
}
