/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy document in memory, as rd_policy_new (policy/parse.h) leaves it: immutable, one owner,
 * readable from any number of threads. Every view points into the policy and dies with it.
 *
 * The grammar is that of IAM (specification kms.md, section 4.3). Strings that may hold wildcards
 * or policy variables are compiled once into symbols, so that a "*" which the document escaped, or
 * which a variable's value brings along, can never become a wildcard.
 */
#ifndef RD_POLICY_POLICY_H
#define RD_POLICY_POLICY_H

#include "base/bytes.h"

/* The service's own limit for a key policy. */
#define RD_POLICY_SIZE_MAX 32768u
/* document, Statement list, statement, Condition, operator, key's list; two to spare for an error
 * that names the place. */
#define RD_POLICY_DEPTH_MAX 8u
/* "{"Effect":"Deny",…}" takes 60 bytes at least: a document of the largest size holds no more. */
#define RD_POLICY_STATEMENTS_MAX 500u
/* Strings in one list; more than any list that fits next to its statement. */
#define RD_POLICY_LIST_MAX 2000u
/* One string: the longest ARN that IAM knows. */
#define RD_POLICY_STRING_MAX 2048u
/* Variables in one string. */
#define RD_POLICY_VARIABLES_MAX 32u

/* Whose rules a document follows; session policies and boundaries are identity policies. */
enum rd_policy_kind {
	RD_POLICY_KEY,      /* attached to a key: names principals */
	RD_POLICY_IDENTITY, /* attached to a user or role: names none */
	RD_POLICY_TRUST,    /* who may assume a role: names principals and no resource */
};

/* "${key}" or "${key, 'fallback'}"; fallback.ptr is NULL when there is none. */
struct rd_policy_variable {
	struct rd_view key;
	struct rd_view fallback;
};

/* A symbol below 0x100 is that byte. */
#define RD_SYMBOL_RUN      0x100u /* "*": any run of bytes */
#define RD_SYMBOL_ONE      0x101u /* "?": one character */
#define RD_SYMBOL_VARIABLE 0x200u /* plus the index in variables */

struct rd_policy_pattern {
	const uint16_t *symbols;
	size_t len;
	const struct rd_policy_variable *variables;
	size_t variable_count;
	struct rd_view text; /* as written */
};

enum rd_policy_principal_kind {
	RD_PRINCIPAL_ANYONE,  /* "*" */
	RD_PRINCIPAL_ACCOUNT, /* an account: name is its 12 digits */
	RD_PRINCIPAL_ARN, /* user, role, assumed-role session or federated user: name is the ARN */
	RD_PRINCIPAL_ID,  /* an immutable id (AIDA…, AROA…) */
	RD_PRINCIPAL_SERVICE, /* a service that assumes a role: name is "ec2.amazonaws.com" */
	RD_PRINCIPAL_FOREIGN, /* Federated, CanonicalUser: exist at AWS only, never match */
};

struct rd_policy_principal {
	enum rd_policy_principal_kind kind;
	struct rd_view name;
};

enum rd_policy_family {
	RD_FAMILY_STRING,
	RD_FAMILY_NUMERIC,
	RD_FAMILY_DATE,
	RD_FAMILY_BOOL,
	RD_FAMILY_BINARY,
	RD_FAMILY_IP,
	RD_FAMILY_ARN,
	RD_FAMILY_NULL,
};

/* How a context value relates to the policy's: string relations first, then the ordered ones. */
enum rd_policy_relation {
	RD_RELATION_EQUAL,
	RD_RELATION_EQUAL_FOLDED,
	RD_RELATION_LIKE,
	RD_RELATION_LESS,
	RD_RELATION_LESS_EQUAL,
	RD_RELATION_GREATER,
	RD_RELATION_GREATER_EQUAL,
};

enum rd_policy_set {
	RD_SET_NONE,
	RD_SET_ALL, /* ForAllValues: */
	RD_SET_ANY, /* ForAnyValue: */
};

struct rd_policy_operator {
	enum rd_policy_family family;
	enum rd_policy_relation relation;
	enum rd_policy_set set;
	bool negated;
	bool if_exists;
};

/* A decimal without exponent, exactly: no leading zero in whole, no trailing one in fraction. */
struct rd_policy_decimal {
	bool negative;
	struct rd_view whole;
	struct rd_view fraction;
};

struct rd_policy_date {
	int64_t seconds; /* since the epoch */
	uint32_t nanoseconds;
};

struct rd_policy_network {
	uint8_t address[16];
	uint8_t size;   /* 4 or 16 bytes of address count */
	uint8_t prefix; /* bits */
};

/* One value of a condition; which member counts follows from the operator's family. */
struct rd_policy_operand {
	struct rd_policy_pattern pattern; /* STRING, ARN, BINARY; pattern.text in every family */
	union {
		struct rd_policy_decimal decimal;
		struct rd_policy_date date;
		struct rd_policy_network network;
		bool truth; /* BOOL, NULL */
	};
};

/* operator: {key: [operands]}; one for each key. */
struct rd_policy_condition {
	struct rd_policy_operator op;
	struct rd_view op_text;
	struct rd_view key;
	const struct rd_policy_operand *operands;
	size_t operand_count;
};

struct rd_policy_patterns {
	const struct rd_policy_pattern *v;
	size_t n;
	bool negated; /* NotAction, NotResource */
};

struct rd_policy_principals {
	const struct rd_policy_principal *v;
	size_t n;
	bool negated; /* NotPrincipal */
};

struct rd_policy_statement {
	struct rd_view sid; /* ptr NULL: none */
	bool deny;
	struct rd_policy_principals principals; /* n 0 in identity policies */
	struct rd_policy_patterns actions;
	struct rd_policy_patterns resources; /* n 0 in trust policies */
	const struct rd_policy_condition *conditions;
	size_t condition_count;
};

struct rd_policy {
	enum rd_policy_kind kind;
	bool has_variables; /* Version 2012-10-17: "${…}" is a variable, not text */
	struct rd_view id;
	const struct rd_policy_statement *statements;
	size_t statement_count;
	void *memory;
};

#endif
