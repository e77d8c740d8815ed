/* SPDX-License-Identifier: Apache-2.0 */
/* Names of roles and states. */
#include "server/model.h"

#include <string.h>

static const char *const roles[PS_ROLE_COUNT] = {
	[PS_MERCHANT] = "merchant",
	[PS_VIEWER] = "viewer",
	[PS_OPERATOR] = "operator",
	[PS_CUSTODIAN] = "custodian",
};

static const char *const order_states[PS_ORDER_STATE_COUNT] = {
	[PS_OPEN] = "OPEN",
	[PS_PAYING] = "PAYING",
	[PS_PAID] = "PAID",
};

static const struct {
	const char *name;
	bool pending;
} payment_states[PS_PAYMENT_STATE_COUNT] = {
#define X(name, text, pending) [PS_##name] = {text, pending},
	PS_PAYMENT_STATES(X)
#undef X
};

const char *ps_role_name(enum ps_role role)
{
	return roles[role];
}

bool ps_role_parse(const char *name, enum ps_role *ret)
{
	for (int i = 0; i < PS_ROLE_COUNT; i++) {
		if (strcmp(name, roles[i]) == 0) {
			*ret = (enum ps_role)i;
			return true;
		}
	}
	return false;
}

const char *ps_order_state_name(enum ps_order_state state)
{
	return order_states[state];
}

const char *ps_payment_state_name(enum ps_payment_state state)
{
	return payment_states[state].name;
}

bool ps_payment_is_pending(enum ps_payment_state state)
{
	return payment_states[state].pending;
}
