/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy is evaluated against: a request's context keys and their values (kms.md 4.7).
 *
 * Every value is text: numbers in decimal, booleans "true" and "false", times in ISO 8601 or
 * seconds since the epoch, binary in base64. Key names compare without regard to the case of ASCII
 * letters. A key that is absent and one with no value are the same to every operator.
 */
#ifndef RD_POLICY_CONTEXT_H
#define RD_POLICY_CONTEXT_H

#include "base/bytes.h"

struct rd_policy_values {
	const struct rd_view *v;
	size_t n;
};

struct rd_policy_context {
	/* The key's values, borrowed until the evaluation ends; false when the key is absent. */
	bool (*lookup)(const void *ctx, struct rd_view key, struct rd_policy_values *ret_values);
	const void *ctx;
};

/* A context kept as a table: ctx of rd_policy_table_lookup. The first entry of a name counts. */
struct rd_policy_entry {
	struct rd_view key;
	struct rd_policy_values values;
};

struct rd_policy_table {
	const struct rd_policy_entry *entries;
	size_t n;
	/* Asked for what the table lacks; lookup NULL: nobody. */
	struct rd_policy_context next;
};

bool rd_policy_table_lookup(
	const void *table, struct rd_view key, struct rd_policy_values *ret_values);

#endif
