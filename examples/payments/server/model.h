/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What payments-server has on record. (The prefix ps_ is "payments-server".)
 *
 * A payment:
 *
 *	AUTHORISING ─┬─► AUTHORISED ─┬─► CAPTURING ──► CAPTURED ──► REFUNDING ──► REFUNDED
 *	             │               └─► REVERSING ──► REVERSED
 *	             ├─► DECLINED, INVALID
 *	             └─► VOIDING ──► FAILED      nobody asked again before its deadline
 *
 * A state in …ING has an operation that the enclave was given, or is to be given: what it is about
 * was committed before, so that it is found again after any crash. When the gateway refuses what
 * CAPTURING, REFUNDING or REVERSING asked for, the state is the one before again.
 */
#ifndef PS_MODEL_H
#define PS_MODEL_H

#include "base/bytes.h"
#include "wire/link.h"

#include <stdbool.h>

/* Four letters of what it is, and 22 of base 62: 131 random bits. */
#define PS_ID_SIZE 32
/* Of a merchant, an API key: with "custodian:" before it, it is the audit log's "who". */
#define PS_NAME_SIZE 49
/* A merchant's own number for an order: text, printable. */
#define PS_REFERENCE_SIZE 65
/* Idempotency keys: UUIDs, and what else clients make up. */
#define PS_KEY_SIZE      (PAY_ID_MAX + 1)
#define PS_CURRENCY_SIZE (PAY_CURRENCY_MAX + 1)
/* DE 4 has twelve digits. */
#define PS_AMOUNT_MAX ((int64_t)PAY_AMOUNT_MAX)
/* A merchant's id is DE 42 as well. */
#define PS_MERCHANT_ID_SIZE (PAY_MERCHANT_MAX + 1)

enum ps_role { PS_MERCHANT, PS_VIEWER, PS_OPERATOR, PS_CUSTODIAN, PS_ROLE_COUNT };

enum ps_order_state { PS_OPEN, PS_PAYING, PS_PAID, PS_ORDER_STATE_COUNT };

/* Stored by number: never reordered. X(name, as the API says it, waits for the enclave) */
#define PS_PAYMENT_STATES(X)                                                                       \
	X(AUTHORISING, "AUTHORISING", true)                                                        \
	X(AUTHORISED, "AUTHORISED", false)                                                         \
	X(DECLINED, "DECLINED", false)                                                             \
	X(INVALID, "INVALID", false)                                                               \
	X(FAILED, "FAILED", false)                                                                 \
	X(CAPTURING, "CAPTURING", true)                                                            \
	X(CAPTURED, "CAPTURED", false)                                                             \
	X(REFUNDING, "REFUNDING", true)                                                            \
	X(REFUNDED, "REFUNDED", false)                                                             \
	X(REVERSING, "REVERSING", true)                                                            \
	X(REVERSED, "REVERSED", false)                                                             \
	X(VOIDING, "REVERSING", true)

enum ps_payment_state {
#define X(name, text, pending) PS_##name,
	PS_PAYMENT_STATES(X)
#undef X
		PS_PAYMENT_STATE_COUNT
};

/* Stored by number: never reordered. A void is a reversal of what was never answered. */
enum ps_operation_kind { PS_OP_CAPTURE, PS_OP_REFUND, PS_OP_REVERSE, PS_OP_VOID, PS_OP_KIND_COUNT };
enum ps_operation_state { PS_OP_PENDING, PS_OP_DONE, PS_OP_REFUSED, PS_OP_STATE_COUNT };

const char *ps_role_name(enum ps_role role);
/* False: there is no such role. */
bool ps_role_parse(const char *name, enum ps_role *ret);
const char *ps_order_state_name(enum ps_order_state state);
const char *ps_payment_state_name(enum ps_payment_state state);
bool ps_payment_is_pending(enum ps_payment_state state);

struct ps_merchant {
	char id[PS_MERCHANT_ID_SIZE]; /* mer_… */
	char name[PS_NAME_SIZE];
	int64_t created_ms;
};

/* An API key. The key itself is known to its owner alone. */
struct ps_api_key {
	char id[PS_ID_SIZE]; /* key_… */
	uint8_t sha256[32];
	enum ps_role role;
	char merchant[PS_MERCHANT_ID_SIZE]; /* "" unless the role is PS_MERCHANT */
	char name[PS_NAME_SIZE];            /* of who uses it: what the audit log calls him */
	int64_t created_ms;
};

struct ps_order {
	char id[PS_ID_SIZE]; /* ord_… */
	char merchant[PS_MERCHANT_ID_SIZE];
	int64_t amount; /* minor units */
	char currency[PS_CURRENCY_SIZE];
	char reference[PS_REFERENCE_SIZE];
	enum ps_order_state state;
	char payment[PS_ID_SIZE]; /* the last one; "": none yet */
	int64_t created_ms;
};

struct ps_payment {
	char id[PS_ID_SIZE]; /* pay_… */
	char order[PS_ID_SIZE];
	char merchant[PS_MERCHANT_ID_SIZE];
	char key[PS_KEY_SIZE]; /* the client's idempotency key, which its card is sealed for */
	enum ps_payment_state state;
	int64_t amount;
	char currency[PS_CURRENCY_SIZE];
	/* Of the enclave, once it has said; "" and nothing before. */
	char token[PAY_TOKEN_MAX + 1], fpe_token[PAY_PAN_MAX + 1];
	char masked[PAY_PAN_MAX + 1];
	char brand[PAY_WORD_MAX + 1];
	char auth_code[PAY_APPROVAL_MAX + 1];
	char rrn[PAY_RRN_MAX + 1];
	char reason[PAY_WORD_MAX + 1]; /* why it was not approved */
	char operation[PS_ID_SIZE];    /* under way, or the last one */
	int64_t due_ms;                /* when recovery looks at it; 0: never, it is settled */
	int64_t created_ms, updated_ms;
};

struct ps_operation {
	char id[PS_ID_SIZE]; /* ops_… */
	char payment[PS_ID_SIZE];
	enum ps_operation_kind kind;
	enum ps_operation_state state;
	int64_t created_ms, done_ms;
};

#endif
