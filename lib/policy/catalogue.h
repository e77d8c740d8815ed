/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to lib/policy: the actions and condition keys that exist (kms.md 2.2, 4.5, 4.7), for the
 * linter. */
#ifndef RD_POLICY_CATALOGUE_H
#define RD_POLICY_CATALOGUE_H

#include "policy/policy.h"

enum rd_action_class {
	RD_ACTION_KEY,       /* on a key */
	RD_ACTION_PLAINTEXT, /* on a key, takes a Recipient and gives plaintext without one */
	RD_ACTION_ACCOUNT,   /* without a key: only identity policies count */
};

struct rd_catalogue_action {
	const char *name; /* "kms:Decrypt" */
	enum rd_action_class class;
};

extern const struct rd_catalogue_action RD_CATALOGUE_ACTIONS[];
extern const size_t RD_CATALOGUE_ACTION_COUNT;

enum rd_key_class {
	RD_KEY_UNKNOWN,
	RD_KEY_SINGLE,
	RD_KEY_MULTI,
	RD_KEY_NEVER, /* exists at AWS, and is absent from every request here */
	RD_KEY_ATTESTED,
};

/* By its name, in any case. */
enum rd_key_class rd_catalogue_key(struct rd_view name);

#endif
