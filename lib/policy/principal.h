/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Principals: the forms that a policy may name (kms.md 4.4), and a caller compared with them.
 */
#ifndef RD_POLICY_PRINCIPAL_H
#define RD_POLICY_PRINCIPAL_H

#include "policy/policy.h"

/* The one service that uses roles here, for its instances. */
#define RD_SERVICE_EC2 "ec2.amazonaws.com"

/* Who makes a request, as its authentication established it. Views are borrowed. */
struct rd_policy_caller {
	struct rd_view account;  /* 12 digits */
	struct rd_view arn;      /* user, assumed-role session, federated user or account root */
	struct rd_view role_arn; /* of a session: its role's, with its path; ptr NULL otherwise */
	struct rd_view id;       /* the user's or role's immutable id; ptr NULL: none */
	bool root;               /* the account's root user */
	struct rd_view service;  /* a service in its own name ("ec2.amazonaws.com"), with the
				    account that it acts for; ptr NULL: a user or session */
};

enum rd_principal_match {
	RD_PRINCIPAL_NO,
	RD_PRINCIPAL_DELEGATED, /* the caller's account is named: its IAM policies decide */
	RD_PRINCIPAL_DIRECT,
};

/*
 * text stands under "AWS". RD_FORBIDDEN for what is no principal: a group, a wildcard inside an
 * ARN, another service's ARN, an account that is not 12 digits. name in *ret_principal points into
 * text.
 */
enum rd_status rd_policy_principal_parse(
	struct rd_view text, struct rd_policy_principal *ret_principal) RD_MUST_USE;

/*
 * What a statement's principals say of the caller. NotPrincipal is read against the statement's
 * author in both directions: in a Deny only a caller all of whose identities (account; role; user
 * or session) are listed is exempt, as IAM has it; in an Allow one listed identity is enough to be
 * left out.
 */
enum rd_principal_match rd_principals_match(const struct rd_policy_principals *principals,
	const struct rd_policy_caller *caller, bool deny);

#endif
