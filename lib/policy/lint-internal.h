/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: the linter's table of findings and what its two parts share. */
#ifndef RD_POLICY_LINT_INTERNAL_H
#define RD_POLICY_LINT_INTERNAL_H

#include "policy/catalogue.h"
#include "policy/lint.h"
#include "policy/match.h"

/* X(name, "id", "sentence", "remedy") */
#define RD_LINT_LIST(X)                                                                              \
	X(HEX_PREFIX, "hex-prefix",                                                                  \
		"a measurement is written with the prefix 0x, and never matches",                    \
		"write the digits only")                                                             \
	X(HEX_CASE, "hex-case",                                                                      \
		"measurements are lowercase, and a case-sensitive operator compares this one",       \
		"write it in lowercase or use StringEqualsIgnoreCase")                               \
	X(HEX_LENGTH, "hex-length", "a measurement does not have 96 hexadecimal digits",             \
		"copy the whole SHA-384 value")                                                      \
	X(HEX_DIGITS, "hex-digits",                                                                  \
		"a measurement has characters that are not hexadecimal digits",                      \
		"copy the SHA-384 value as it is printed by describe-eif")                           \
	X(HEX_WILDCARD, "hex-wildcard", "a wildcard stands in a measurement",                        \
		"list the full value of each image that you mean")                                   \
	X(ZERO_PCR, "zero-pcr", "an all-zero measurement is that of every enclave in debug mode",    \
		"measure the image as it runs in production")                                        \
	X(LONE_PCR4, "lone-pcr4",                                                                    \
		"PCR4 names the parent instance: any image on it satisfies the statement",           \
		"require kms:RecipientAttestation:ImageSha384 or PCR0 as well")                      \
	X(LONE_PCR8, "lone-pcr8",                                                                    \
		"PCR8 alone admits every image ever signed with that key, old ones included",        \
		"require kms:RecipientAttestation:ImageSha384 or PCR0 as well")                      \
	X(LONE_PCR, "lone-pcr", "none of the required registers measures the image",                 \
		"require kms:RecipientAttestation:ImageSha384 or PCR0 as well")                      \
	X(NITROTPM, "nitrotpm-registers",                                                            \
		"NitroTPM conditions without PCR7 and PCR12 leave the boot command line open",       \
		"require NitroTPMPCR7, and NitroTPMPCR12 as 96 zeros")                               \
	X(ATTESTED_OPTIONAL, "attested-optional",                                                    \
		"this operator holds for a request without attestation",                             \
		"use StringEqualsIgnoreCase without IfExists, ForAllValues or negation")             \
	X(ATTESTED_OPERATOR, "attested-operator",                                                    \
		"measurements are strings: this operator never matches one",                         \
		"use StringEqualsIgnoreCase")                                                        \
	X(ATTESTED_ACTION, "attested-action",                                                        \
		"this action takes no Recipient: an Allow with an attestation condition never "      \
		"matches it",                                                                        \
		"name the actions that take one, or none with that condition")                       \
	X(DENY_MISSES, "deny-misses-unattested",                                                     \
		"ForAnyValue is false for an absent key: this Deny lets unattested requests pass",   \
		"use the negated operator without ForAnyValue")                                      \
	X(UNATTESTED, "unattested-plaintext",                                                        \
		"an action that gives plaintext is allowed without attestation beside others that "  \
		"need it",                                                                           \
		"add the condition, or a Deny with StringNotEqualsIgnoreCase for everybody")         \
	X(ROOT_DELEGATION, "root-delegation",                                                        \
		"the account is named: its IAM policies can allow plaintext without attestation",    \
		"add a Deny with StringNotEqualsIgnoreCase on the image for everybody")              \
	X(REENCRYPT_FROM, "reencrypt-from",                                                          \
		"kms:ReEncryptFrom moves ciphertexts to a key without conditions, unattested",       \
		"take it out, or deny it to everybody")                                              \
	X(CREATE_GRANT, "create-grant",                                                              \
		"a grant carries no attestation condition: its grantee can decrypt without one",     \
		"deny kms:CreateGrant, or deny plaintext to requests without the right image")       \
	X(PUT_KEY_POLICY, "put-key-policy",                                                          \
		"who holds kms:PutKeyPolicy can take the attestation condition away",                \
		"give it to a principal that has no use of the data, under two persons' control")    \
	X(UNKNOWN_ACTION, "unknown-action", "no action of this service has this name here",          \
		"check its spelling; ReEncrypt is kms:ReEncryptFrom and kms:ReEncryptTo")            \
	X(FOREIGN_ACTION, "foreign-action", "a key policy decides on actions of KMS only",           \
		"take the action out")                                                               \
	X(NO_EFFECT_ACTION, "no-effect-action",                                                      \
		"this action has no key: a key policy has no effect on it",                          \
		"put it into an identity policy")                                                    \
	X(UNKNOWN_KEY, "unknown-condition-key", "no request has this condition key",                 \
		"check its spelling; for any attestation at all, test ImageSha384 with Null")        \
	X(NEVER_KEY, "never-present-key",                                                            \
		"this condition key exists at AWS only: here it is always absent",                   \
		"take the condition out, or test for something that this server knows")              \
	X(IDENTITY_KEY, "identity-only-key",                                                         \
		"this condition key exists in identity policies only: here it is always absent",     \
		"put the statement into an identity policy")                                         \
	X(SET_MISSING, "multi-valued-key",                                                           \
		"this key has several values and the operator does not say how many must match",     \
		"write ForAllValues: or ForAnyValue: in front of the operator")                      \
	X(FOR_ALL_ALLOW, "for-all-values",                                                           \
		"ForAllValues in an Allow holds for a request without the key",                      \
		"add a Null condition of \"false\" on the same key")                                 \
	X(ARN_PARTS, "arn-parts",                                                                    \
		"an ARN operator compares six parts: a value with fewer never matches",              \
		"write arn:partition:service:region:account:resource")                               \
	X(ALLOW_NOT_ACTION, "allow-not-action",                                                      \
		"Allow with NotAction allows every other action, those of the future included",      \
		"list the actions that are meant")                                                   \
	X(ALLOW_NOT_PRINCIPAL, "allow-not-principal",                                                \
		"Allow with NotPrincipal allows everybody else, other accounts included",            \
		"list the principals that are meant")                                                \
	X(DENY_NOT_PRINCIPAL, "deny-not-principal",                                                  \
		"Deny with NotPrincipal exempts nobody whose account, role and session are not all " \
		"listed",                                                                            \
		"deny \"*\" with a condition ArnNotLike on aws:PrincipalArn")                        \
	X(ALLOW_NOT_RESOURCE, "allow-not-resource",                                                  \
		"Allow with NotResource allows every other resource",                                \
		"list the resources that are meant")                                                 \
	X(ANYONE, "allow-anyone", "everybody is allowed, without a condition",                       \
		"name principals, or add a condition on the caller")                                 \
	X(FOREIGN_PRINCIPAL, "foreign-principal",                                                    \
		"this kind of principal exists at AWS only: here it never matches",                  \
		"name a user, a role or an account")                                                 \
	X(OTHER_RESOURCE, "other-resource",                                                          \
		"a key policy is about its own key: another Resource has no effect",                 \
		"write \"*\"")                                                                       \
	X(PLAIN_VARIABLE, "plain-variable",                                                          \
		"without Version 2012-10-17 a policy variable is plain text",                        \
		"add \"Version\": \"2012-10-17\"")                                                   \
	X(DENY_VARIABLE, "deny-variable",                                                            \
		"a Deny does not match where its policy variable has no value",                      \
		"give the variable a default: ${key, 'text'}")

enum rd_lint_id {
#define X(name, id, sentence, remedy) RD_LINT_##name,
	RD_LINT_LIST(X)
#undef X
};

/* One run of the linter. */
struct rd_linter {
	const struct rd_policy *policy;
	const struct rd_lint_report *report;
	struct rd_budget budget;
};

void rd_lint_put(
	const struct rd_linter *l, enum rd_lint_id id, size_t statement, struct rd_view subject);

/* One action pattern, and a statement's Action or NotAction as a whole, against an action's name.
 */
enum rd_status rd_lint_matches(struct rd_linter *l, const struct rd_policy_pattern *pattern,
	const char *action, bool *ret) RD_MUST_USE;
enum rd_status rd_lint_covers(struct rd_linter *l, const struct rd_policy_statement *s,
	const char *action, bool *ret) RD_MUST_USE;

bool rd_lint_names_kind(const struct rd_policy_statement *s, enum rd_policy_principal_kind kind);

/* The statement has a condition on a kms:RecipientAttestation key. */
bool rd_lint_is_attested(const struct rd_policy_statement *s);

/* Findings of one statement for itself: its conditions, and the rest. */
enum rd_status rd_lint_conditions(struct rd_linter *l, size_t statement) RD_MUST_USE;
/* Findings that need the other statements. */
enum rd_status rd_lint_whole(struct rd_linter *l) RD_MUST_USE;

#endif
