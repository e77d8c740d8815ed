/* SPDX-License-Identifier: Apache-2.0 */
/* What the API refuses: a status, a code for programs and a sentence for people. */
#ifndef PS_FAULT_H
#define PS_FAULT_H

/* X(name, HTTP status, code, "message") */
#define PS_FAULTS(X)                                                                               \
	X(BAD_REQUEST, 400, "bad_request", "The request is not of the form that is wanted here.")  \
	X(BAD_JSON, 400, "bad_json", "The body is not a JSON object as RFC 8259 has it.")          \
	X(BAD_KEY, 400, "bad_idempotency_key",                                                     \
		"Idempotency-Key is wanted: 1 to 64 of A-Z a-z 0-9 - _.")                          \
	X(BAD_CARD, 400, "bad_card_message", "What was sealed is not a card message.")             \
	X(UNAUTHENTICATED, 401, "unauthenticated", "An API key is wanted: Authorization: Bearer.") \
	X(FORBIDDEN, 403, "forbidden", "This key's role does not allow it.")                       \
	X(SIGNATURES, 403, "signatures",                                                           \
		"Two custodians' signatures over this request are wanted.")                        \
	X(POLICY, 403, "policy", "The policy in force does not allow it.")                         \
	X(NOT_FOUND, 404, "not_found", "There is no such thing here.")                             \
	X(NO_METHOD, 405, "method_not_allowed", "This cannot be done with it.")                    \
	X(IN_PROGRESS, 409, "in_progress", "It is under way: ask again in a second.")              \
	X(ORDER_TAKEN, 409, "order_taken", "The order is paid, or another payment is under way.")  \
	X(WRONG_STATE, 409, "wrong_state", "The payment's state does not allow it.")               \
	X(CHANNEL, 409, "sealed_to_other_key",                                                     \
		"Not sealed to the enclave's key for this order, payment and amount: fetch a new " \
		"document and seal again, under the same key.")                                    \
	X(NONCE, 409, "nonce", "The nonce is not this enclave's, or was used, or is too old.")     \
	X(OTHER_CARD, 409, "other_card",                                                           \
		"Another card was under way for this payment: it is reversed; use a new "          \
		"Idempotency-Key.")                                                                \
	X(KEY_REUSED, 422, "key_reused", "The Idempotency-Key was used for something else.")       \
	X(INVALID, 422, "invalid", "A value is not one that is taken here.")                       \
	X(BUSY, 429, "busy", "Too much waits: ask again in some seconds.")                         \
	X(INTERNAL, 500, "internal", "It failed here, and nothing was changed.")                   \
	X(GATEWAY, 502, "gateway",                                                                 \
		"The gateway gave no answer that counts: ask again under the same key.")           \
	X(ENCLAVE, 502, "enclave", "The enclave could not do it.")                                 \
	X(UNAVAILABLE, 503, "unavailable",                                                         \
		"It is not known yet whether it happened: ask again under the same key.")

enum ps_fault {
	PS_FAULT_NONE,
#define X(name, status, code, message) PS_FAULT_##name,
	PS_FAULTS(X)
#undef X
		PS_FAULT_COUNT
};

int ps_fault_status(enum ps_fault fault);
const char *ps_fault_code(enum ps_fault fault);
const char *ps_fault_message(enum ps_fault fault);

#endif
