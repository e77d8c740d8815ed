/* SPDX-License-Identifier: Apache-2.0 */
/* The table: every field of every message of the link, once. */
#include "wire/schema.h"

#define AT(field)  offsetof(struct pay_message, field)
#define MAX(field) (sizeof(((struct pay_message *)NULL)->field) - 1)

#define U64(name, field, mandatory, min, max)                                                      \
	{                                                                                          \
		name, PAY_KIND_U64, mandatory, AT(field), min, max                                 \
	}
#define ID(name, field, mandatory)                                                                 \
	{                                                                                          \
		name, PAY_KIND_ID, mandatory, AT(field), 1, MAX(field)                             \
	}
#define TEXT(name, field, mandatory)                                                               \
	{                                                                                          \
		name, PAY_KIND_TEXT, mandatory, AT(field), 1, MAX(field)                           \
	}
#define STRING(name, field, mandatory, max)                                                        \
	{                                                                                          \
		name, PAY_KIND_STRING, mandatory, AT(field), 1, max                                \
	}
#define BYTES(name, field, mandatory, min, max)                                                    \
	{                                                                                          \
		name, PAY_KIND_BYTES, mandatory, AT(field), min, max                               \
	}
#define SIZED(name, field, mandatory, size) BYTES(name, field, mandatory, size, size)
#define LOGGED(of, mandatory)                                                                      \
	U64("index", of.logged.index, mandatory, 0, INT64_MAX - 1),                                \
		BYTES("record", of.logged.record, mandatory, 2, PAY_RECORD_MAX),                   \
		SIZED("head", of.logged.head, mandatory, PAY_HEAD_SIZE)

static const struct pay_field start_fields[] = {
	STRING("access_key_id", start.access_key_id, true, PAY_CREDENTIAL_MAX),
	STRING("secret_access_key", start.secret_access_key, true, PAY_CREDENTIAL_MAX),
	STRING("session_token", start.session_token, false, PAY_CREDENTIAL_MAX),
	{"keyring", PAY_KIND_KEYS, true, AT(start.keyring), 0, PAY_KEYS_MAX},
	BYTES("policy", start.policy, false, 1, PAY_POLICY_SEALED_MAX),
	U64("size", start.size, true, 0, INT64_MAX),
	BYTES("peaks", start.peaks, false, 32, PAY_PEAKS_MAX),
	SIZED("head", start.head, false, PAY_HEAD_SIZE),
	BYTES("last", start.last, false, 1, PAY_RECORD_MAX),
	BYTES("last_proof", start.last_proof, false, 32, PAY_PROOF_MAX),
	U64("prepare", start.prepare, false, 1, 1),
};

static const struct pay_field started_fields[] = {
	U64("size", started.size, true, 1, INT64_MAX),
	SIZED("head", started.head, true, PAY_HEAD_SIZE),
	SIZED("log_id", started.log_id, true, 32),
	BYTES("log_key", started.log_key, true, 1, 192),
	U64("image_version", started.image_version, true, 1, UINT32_MAX),
	U64("policy_version", started.policy_version, true, 1, UINT32_MAX),
};

static const struct pay_field attest_fields[] = {
	BYTES("nonce", attest.nonce, true, PAY_PAGE_NONCE_MIN, PAY_PAGE_NONCE_MAX),
};

static const struct pay_field attested_fields[] = {
	BYTES("document", attested.document, true, 1, PAY_DOCUMENT_MAX),
};

static const struct pay_field authorise_fields[] = {
	ID("merchant", authorise.merchant, true),
	ID("order", authorise.order, true),
	ID("payment", authorise.payment, true),
	U64("amount", authorise.amount, true, 1, PAY_AMOUNT_MAX),
	ID("currency", authorise.currency, true),
	SIZED("sealed", authorise.sealed, true, PAY_SEALED_CARD_SIZE),
	TEXT("who", authorise.who, true),
	TEXT("origin", authorise.origin, false),
};

static const struct pay_field follow_fields[] = {
	ID("merchant", follow.merchant, true),
	ID("order", follow.order, true),
	ID("payment", follow.payment, true),
	ID("operation", follow.operation, true),
	U64("amount", follow.amount, true, 1, PAY_AMOUNT_MAX),
	ID("currency", follow.currency, true),
	ID("token", follow.token, false),
	TEXT("masked", follow.masked, false),
	TEXT("who", follow.who, true),
	TEXT("origin", follow.origin, false),
};

static const struct pay_field result_fields[] = {
	U64("state", result.state, true, PAY_AUTHORISED, PAY_STATE_END - 1),
	TEXT("reason", result.reason, false),
	ID("response", result.response, false),
	TEXT("approval", result.approval, false),
	ID("rrn", result.rrn, false),
	ID("token", result.token, false),
	ID("fpe", result.fpe, false),
	TEXT("masked", result.masked, false),
	ID("brand", result.brand, false),
	LOGGED(result, true),
};

static const struct pay_field rewrap_fields[] = {
	ID("merchant", rewrap.merchant, true),
	ID("token", rewrap.token, true),
	BYTES("vault", rewrap.vault, true, 1, PAY_VAULT_MAX),
};

static const struct pay_field rewrapped_fields[] = {
	BYTES("vault", rewrapped.vault, true, 1, PAY_VAULT_MAX),
	U64("version", rewrapped.version, true, 1, UINT32_MAX),
	LOGGED(rewrapped, true),
};

static const struct pay_field rotate_fields[] = {
	TEXT("who", rotate.who, true),
	TEXT("origin", rotate.origin, false),
};

static const struct pay_field rotated_fields[] = {
	U64("version", rotated.version, true, 1, UINT32_MAX),
	LOGGED(rotated, true),
};

static const struct pay_field nonce_fields[] = {
	SIZED("nonce", nonce.nonce, true, PAY_NONCE_SIZE),
};

static const struct pay_field dual_fields[] = {
	BYTES("request", dual.request, true, 1, PAY_SIGNED_MAX),
	{"signatures", PAY_KIND_SIGNATURES, true, AT(dual.signatures), 1, PAY_SIGNATURES_MAX},
	BYTES("vault", dual.vault, false, 1, PAY_VAULT_MAX),
	TEXT("origin", dual.origin, false),
};

static const struct pay_field exported_fields[] = {
	BYTES("sealed", exported.sealed, true, 1, PAY_EXPORT_MAX),
};

static const struct pay_field policy_set_fields[] = {
	U64("version", policy_set.version, true, 1, UINT32_MAX),
	BYTES("sealed", policy_set.sealed, true, 1, PAY_POLICY_SEALED_MAX),
	LOGGED(policy_set, true),
};

static const struct pay_field error_fields[] = {
	U64("code", error.code, true, PAY_ERROR_LINK, PAY_ERROR_END - 1),
	TEXT("text", error.text, true),
	LOGGED(error, false),
};

static const struct pay_field record_fields[] = {
	U64("request", record.request, false, 1, INT64_MAX),
	LOGGED(record, true),
	ID("token", record.token, false),
	ID("fpe", record.fpe, false),
	SIZED("blind", record.blind, false, PAY_BLIND_SIZE),
	BYTES("vault", record.vault, false, 1, PAY_VAULT_MAX),
	U64("version", record.version, false, 1, UINT32_MAX),
	BYTES("document", record.document, false, 1, PAY_DOCUMENT_MAX),
};

static const struct pay_field recorded_fields[] = {
	U64("size", recorded.size, true, 1, INT64_MAX),
};

static const struct pay_field lookup_fields[] = {
	ID("merchant", lookup.merchant, true),
	SIZED("blind", lookup.blind, true, PAY_BLIND_SIZE),
};

static const struct pay_field found_fields[] = {
	ID("token", found.token, false),
	BYTES("vault", found.vault, false, 1, PAY_VAULT_MAX),
};

static const struct pay_field proof_fields[] = {
	U64("old_size", proof.old_size, true, 1, INT64_MAX),
	U64("size", proof.size, true, 1, INT64_MAX),
};

static const struct pay_field proved_fields[] = {
	BYTES("proof", proved.proof, true, 32, PAY_PROOF_MAX),
};

static const struct pay_field new_key_fields[] = {
	U64("purpose", new_key.purpose, true, PAY_KEY_CARD, PAY_PURPOSE_END - 1),
	U64("version", new_key.version, true, 1, UINT32_MAX),
	BYTES("wrapped", new_key.wrapped, true, 1, PAY_WRAPPED_MAX),
	BYTES("sealed", new_key.sealed, false, 1, PAY_WRAPPED_MAX),
};

#define ROW(type, direction, fields)                                                               \
	{                                                                                          \
		PAY_##type, #type, direction, fields, RD_ARRAY_LEN(fields)                         \
	}
#define BARE(type, direction)                                                                      \
	{                                                                                          \
		PAY_##type, #type, direction, NULL, 0                                              \
	}

static const struct pay_schema schemas[] = {
	ROW(START, PAY_TO_ENCLAVE, start_fields),
	ROW(ATTEST, PAY_TO_ENCLAVE, attest_fields),
	ROW(AUTHORISE, PAY_TO_ENCLAVE, authorise_fields),
	ROW(CAPTURE, PAY_TO_ENCLAVE, follow_fields),
	ROW(REFUND, PAY_TO_ENCLAVE, follow_fields),
	ROW(REVERSE, PAY_TO_ENCLAVE, follow_fields),
	ROW(REWRAP, PAY_TO_ENCLAVE, rewrap_fields),
	ROW(ROTATE, PAY_TO_ENCLAVE, rotate_fields),
	BARE(CHALLENGE, PAY_TO_ENCLAVE),
	ROW(EXPORT, PAY_TO_ENCLAVE, dual_fields),
	ROW(POLICY, PAY_TO_ENCLAVE, dual_fields),

	ROW(STARTED, PAY_TO_SERVER, started_fields),
	ROW(ATTESTED, PAY_TO_SERVER, attested_fields),
	ROW(RESULT, PAY_TO_SERVER, result_fields),
	ROW(REWRAPPED, PAY_TO_SERVER, rewrapped_fields),
	ROW(ROTATED, PAY_TO_SERVER, rotated_fields),
	ROW(NONCE, PAY_TO_SERVER, nonce_fields),
	ROW(EXPORTED, PAY_TO_SERVER, exported_fields),
	ROW(POLICY_SET, PAY_TO_SERVER, policy_set_fields),
	ROW(ERROR, PAY_TO_SERVER, error_fields),
	BARE(PREPARED, PAY_TO_SERVER),

	ROW(RECORD, PAY_TO_SERVER, record_fields),
	ROW(LOOKUP, PAY_TO_SERVER, lookup_fields),
	ROW(PROOF, PAY_TO_SERVER, proof_fields),
	ROW(NEW_KEY, PAY_TO_SERVER, new_key_fields),

	ROW(RECORDED, PAY_TO_ENCLAVE, recorded_fields),
	ROW(FOUND, PAY_TO_ENCLAVE, found_fields),
	ROW(PROVED, PAY_TO_ENCLAVE, proved_fields),
	BARE(KEPT, PAY_TO_ENCLAVE),
};

const struct pay_schema *pay_schema(uint64_t type)
{
	for (size_t i = 0; i < RD_ARRAY_LEN(schemas); i++) {
		if ((uint64_t)schemas[i].type == type) {
			return &schemas[i];
		}
	}
	return NULL;
}

static bool is_id(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_';
}

bool pay_text_is(enum pay_kind kind, struct rd_view text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];

		if (kind == PAY_KIND_ID ? !is_id(c) : c < ' ' || c > '~') {
			return false;
		}
	}
	return true;
}

const char *pay_type_name(uint64_t type)
{
	const struct pay_schema *s = pay_schema(type);

	return s == NULL ? "unknown" : s->name;
}

static const char *name_of(const char *const *names, size_t n, uint64_t value)
{
	return value < n && names[value] != NULL ? names[value] : "unknown";
}

const char *pay_error_name(uint64_t code)
{
	static const char *const names[PAY_ERROR_END] = {
		[PAY_ERROR_LINK] = "link",
		[PAY_ERROR_NOT_STARTED] = "not_started",
		[PAY_ERROR_BUSY] = "busy",
		[PAY_ERROR_CHANNEL] = "channel",
		[PAY_ERROR_CARD] = "card",
		[PAY_ERROR_SEALED] = "sealed",
		[PAY_ERROR_KEYS] = "keys",
		[PAY_ERROR_LOG] = "log",
		[PAY_ERROR_WITNESS] = "witness",
		[PAY_ERROR_GATEWAY] = "gateway",
		[PAY_ERROR_POLICY] = "policy",
		[PAY_ERROR_SIGNATURES] = "signatures",
		[PAY_ERROR_NONCE] = "nonce",
		[PAY_ERROR_DOCUMENT] = "document",
		[PAY_ERROR_INTERNAL] = "internal",
	};

	return name_of(names, RD_ARRAY_LEN(names), code);
}

const char *pay_state_name(uint64_t state)
{
	static const char *const names[PAY_STATE_END] = {
		[PAY_AUTHORISED] = "authorised",
		[PAY_DECLINED] = "declined",
		[PAY_INVALID] = "invalid",
		[PAY_REVERSED] = "reversed",
		[PAY_CAPTURED] = "captured",
		[PAY_REFUNDED] = "refunded",
	};

	return name_of(names, RD_ARRAY_LEN(names), state);
}

const char *pay_purpose_name(uint64_t purpose)
{
	static const char *const names[PAY_PURPOSE_END] = {
		[PAY_KEY_CARD] = "card",
		[PAY_KEY_INDEX] = "index",
		[PAY_KEY_TOKEN] = "token",
		[PAY_KEY_RRN] = "rrn",
		[PAY_KEY_LOG] = "log",
		[PAY_KEY_POLICY] = "policy",
	};

	return purpose < RD_ARRAY_LEN(names) ? names[purpose] : NULL;
}
