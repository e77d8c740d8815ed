/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a request is allowed, and which statement decided (kms.md 4.8).
 *
 * 1. A matching Deny anywhere (key policy, identity policies, boundary, session policies) denies.
 * 2. Within the key's account, one of these allows: a key-policy Allow that names the caller; a
 * key-policy Allow that names the account, together with an identity-policy Allow (the account's
 * root user needs no second one); a grant.
 * 3. A caller of another account needs a key-policy Allow for itself or its account and an
 * identity-policy Allow of its own account, or a grant; and an operation that may cross accounts.
 * 4. A permissions boundary and session policies, where there are any, must allow as well, whatever
 * allowed above. (IAM lets some key-policy grants to users and sessions pass them by; here they are
 * a ceiling without exceptions.)
 * 5. Otherwise the request is denied without a statement.
 *
 * Operations without a key (CreateKey, GenerateRandom, ListKeys, …) are decided by identity
 * policies alone. sts:AssumeRole is decided as an operation on a key is, with the role's trust
 * policy in the place of the key's.
 */
#ifndef RD_POLICY_EVALUATE_H
#define RD_POLICY_EVALUATE_H

#include "base/error.h"
#include "policy/context.h"
#include "policy/policy.h"
#include "policy/principal.h"

enum rd_policy_layer {
	RD_LAYER_RESOURCE, /* the key's, or the role's trust policy: "resource-based policy" in
			      messages */
	RD_LAYER_IDENTITY, /* "identity-based policy" */
	RD_LAYER_BOUNDARY,
	RD_LAYER_SESSION,
	RD_LAYER_GRANT, /* decided by no policy */
	RD_LAYER_ROOT,  /* the account's root user, for an operation without a key */
};

struct rd_policy_request {
	struct rd_policy_caller caller;
	struct rd_view action;   /* "kms:Decrypt" */
	struct rd_view resource; /* ARN of the key or alias, or "*" for an operation without one */
	struct rd_view resource_account;
	struct rd_policy_context context;
};

struct rd_policy_list {
	const struct rd_policy *const *v;
	size_t n;
};

struct rd_policy_authority {
	bool has_resource_policy; /* the operation is on a key, or on a role that is assumed */
	const struct rd_policy *resource_policy; /* the key's or the trust policy; NULL: none */
	struct rd_policy_list identity;          /* of the caller, and of nobody else */
	const struct rd_policy *boundary;        /* NULL: none */
	struct rd_policy_list session;           /* n 0: the credential has none */
	bool granted;                            /* a grant of the key matches (policy/grant.h) */
	bool cross_account; /* the operation may be called from other accounts */
};

enum rd_policy_verdict {
	RD_VERDICT_ALLOW,
	RD_VERDICT_EXPLICIT_DENY,
	RD_VERDICT_IMPLICIT_DENY,
};

/* Indices count from 0; sid.ptr is NULL where the statement has none. */
struct rd_policy_ref {
	enum rd_policy_layer layer;
	size_t policy;
	size_t statement;
	struct rd_view sid;
};

struct rd_policy_decision {
	enum rd_policy_verdict verdict;
	/* ALLOW and EXPLICIT_DENY: what decided. IMPLICIT_DENY: only layer counts, it is where an
	 * Allow is missing. */
	struct rd_policy_ref by;
	/* ALLOW by an identity policy on a key: the key-policy statement that lets it. */
	bool delegated;
	struct rd_policy_ref delegated_by;
};

enum rd_policy_outcome {
	RD_OUTCOME_MATCH,
	RD_OUTCOME_DELEGATES, /* matches, for the caller's account as a whole */
	RD_OUTCOME_ACTION,    /* the action is not among the statement's, */
	RD_OUTCOME_PRINCIPAL, /* … the caller, */
	RD_OUTCOME_RESOURCE,  /* … the resource */
	RD_OUTCOME_CONDITION, /* a condition does not hold */
	RD_OUTCOME_VARIABLE,  /* a policy variable has no value in this request */
};

/* One statement's part in a decision; views live as long as the policy. */
struct rd_policy_step {
	struct rd_policy_ref ref;
	bool deny;
	enum rd_policy_outcome outcome;
	struct rd_view op;  /* CONDITION (and VARIABLE of a condition): its operator … */
	struct rd_view key; /* … and key */
};

/* Told of every statement in order, if not NULL. */
struct rd_policy_tracer {
	void (*step)(void *ctx, const struct rd_policy_step *step);
	void *ctx;
};

/*
 * RD_OK with a decision. Everything else must be treated as a refusal: RD_LIMIT when the
 * evaluation's steps (RD_POLICY_STEPS_MAX) or a variable's value is too long, RD_USAGE when a key's
 * policy is missing or a policy is of the wrong kind. Allocates nothing.
 */
enum rd_status rd_policy_evaluate(const struct rd_policy_authority *authority,
	const struct rd_policy_request *request, const struct rd_policy_tracer *tracer,
	struct rd_policy_decision *ret_decision) RD_MUST_USE;

/*
 * The lockout check of CreateKey and PutKeyPolicy (kms.md 4.10): authority, with the new policy as
 * its resource_policy, must let the request's caller put the next one. RD_DENIED, with the
 * service's sentence in err, if it does not.
 */
enum rd_status rd_policy_check_lockout(const struct rd_policy_authority *authority,
	const struct rd_policy_request *request, struct rd_error *err) RD_MUST_USE;

/* The Message of AccessDeniedException for a decision that is not ALLOW (kms.md 4.9), appended to
 * out. */
enum rd_status rd_policy_denial_message(const struct rd_policy_request *request,
	const struct rd_policy_decision *decision, struct rd_buf *out) RD_MUST_USE;

/* For traces and audit records: "identity-based policy 1 statement 2 (Sid)", appended; indices
 * from 1. */
enum rd_status rd_policy_ref_text(const struct rd_policy_ref *ref, struct rd_buf *out) RD_MUST_USE;

/* One line for a step: "resource-based policy 1 statement 2, Deny: is not for this action". */
enum rd_status rd_policy_step_text(const struct rd_policy_step *step, struct rd_buf *out)
	RD_MUST_USE;

#endif
