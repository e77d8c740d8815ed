/* SPDX-License-Identifier: Apache-2.0 */
/* A context kept as a table. */
#include "policy/context.h"

#include "policy/match.h"

bool rd_policy_table_lookup(
	const void *table, struct rd_view key, struct rd_policy_values *ret_values)
{
	const struct rd_policy_table *t = table;

	for (size_t i = 0; i < t->n; i++) {
		if (rd_view_equal_folded(t->entries[i].key, key)) {
			*ret_values = t->entries[i].values;
			return true;
		}
	}
	return t->next.lookup != NULL && t->next.lookup(t->next.ctx, key, ret_values);
}
