/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in the database. Statuses are those of db/db.h, and RD_NOTFOUND; a row that is not one of
 * ours is RD_MALFORMED or RD_BAD_TYPE. What changes something belongs into a transaction.
 */
#ifndef PS_STORE_H
#define PS_STORE_H

#include "db/db.h"
#include "merkle/proof.h"
#include "server/model.h"

/* --- merchants and API keys --- */

/* RD_EXISTS: the name. */
enum rd_status ps_store_merchant_add(struct rd_db *db, const struct ps_merchant *m) RD_MUST_USE;
enum rd_status ps_store_merchant_get(struct rd_db *db, const char *id, struct ps_merchant *ret)
	RD_MUST_USE;

enum rd_status ps_store_api_key_add(struct rd_db *db, const struct ps_api_key *k) RD_MUST_USE;
enum rd_status ps_store_api_key_find(
	struct rd_db *db, const uint8_t sha256[32], struct ps_api_key *ret) RD_MUST_USE;

/* --- orders --- */

enum rd_status ps_store_order_add(struct rd_db *db, const struct ps_order *o) RD_MUST_USE;
enum rd_status ps_store_order_get(struct rd_db *db, const char *id, struct ps_order *ret)
	RD_MUST_USE;
/* State and payment anew. */
enum rd_status ps_store_order_put(struct rd_db *db, const struct ps_order *o) RD_MUST_USE;

/* A page of a list, newest first. */
struct ps_page {
	const char *merchant; /* NULL: all */
	const char *after;    /* the last id of the page before; "" for the first page */
	uint32_t limit;
};
typedef enum rd_status ps_order_fn(void *arg, const struct ps_order *o);
enum rd_status ps_store_orders(
	struct rd_db *db, const struct ps_page *page, ps_order_fn *fn, void *arg) RD_MUST_USE;

/* --- payments and their operations --- */

enum rd_status ps_store_payment_add(struct rd_db *db, const struct ps_payment *p) RD_MUST_USE;
enum rd_status ps_store_payment_get(struct rd_db *db, const char *id, struct ps_payment *ret)
	RD_MUST_USE;
/* Everything that changes in a payment's life, anew. */
enum rd_status ps_store_payment_put(struct rd_db *db, const struct ps_payment *p) RD_MUST_USE;
typedef enum rd_status ps_payment_fn(void *arg, const struct ps_payment *p);
enum rd_status ps_store_payments(
	struct rd_db *db, const struct ps_page *page, ps_payment_fn *fn, void *arg) RD_MUST_USE;
/* Those that recovery has to look at by then, longest due first. */
enum rd_status ps_store_payments_due(
	struct rd_db *db, int64_t now_ms, uint32_t limit, ps_payment_fn *fn, void *arg) RD_MUST_USE;
/* How many are in each state. */
enum rd_status ps_store_payment_counts(struct rd_db *db, int64_t ret[PS_PAYMENT_STATE_COUNT])
	RD_MUST_USE;

enum rd_status ps_store_operation_add(struct rd_db *db, const struct ps_operation *o) RD_MUST_USE;
enum rd_status ps_store_operation_get(struct rd_db *db, const char *id, struct ps_operation *ret)
	RD_MUST_USE;
enum rd_status ps_store_operation_finish(struct rd_db *db, const char *id,
	enum ps_operation_state state, int64_t now_ms) RD_MUST_USE;

/* A client's idempotency key. */
struct ps_idempotency {
	const char *scope; /* "payment:mer_…" */
	const char *key;
	const uint8_t *request; /* SHA-256 of what it asks for */
};
/* RD_OK: it was used for the same request, and ret_subject is what came of it. RD_FORBIDDEN: for
 * another request. RD_NOTFOUND: it is new. */
enum rd_status ps_store_idempotency_find(
	struct rd_db *db, const struct ps_idempotency *i, char ret_subject[PS_ID_SIZE]) RD_MUST_USE;
enum rd_status ps_store_idempotency_take(struct rd_db *db, const struct ps_idempotency *i,
	const char *subject, int64_t now_ms) RD_MUST_USE;

/* --- what the enclave has sealed --- */

struct ps_vault {
	const char *merchant, *token, *fpe_token;
	struct rd_view blind;
	struct rd_view sealed;
	int64_t key_version;
};
/* A token that is there stays as it is. A blind index that the merchant has already is left out. */
enum rd_status ps_store_vault_keep(struct rd_db *db, const struct ps_vault *v) RD_MUST_USE;
/* The token's sealed card, appended to ret. */
enum rd_status ps_store_vault_get(
	struct rd_db *db, const char *merchant, const char *token, struct rd_buf *ret) RD_MUST_USE;
/* Which token a card has. */
enum rd_status ps_store_vault_find(struct rd_db *db, const char *merchant, struct rd_view blind,
	char ret_token[PAY_TOKEN_MAX + 1], struct rd_buf *ret) RD_MUST_USE;
enum rd_status ps_store_vault_rewrap(struct rd_db *db, const char *merchant, const char *token,
	struct rd_view sealed, int64_t key_version) RD_MUST_USE;
/* One that is sealed under an older version; RD_NOTFOUND: there is none. */
enum rd_status ps_store_vault_older(struct rd_db *db, int64_t key_version,
	char ret_merchant[PS_MERCHANT_ID_SIZE], char ret_token[PAY_TOKEN_MAX + 1]) RD_MUST_USE;

/* RD_EXISTS: that purpose and version. */
enum rd_status ps_store_data_key_add(struct rd_db *db, const struct pay_key *key, int64_t now_ms)
	RD_MUST_USE;
/* All, with their bytes appended to ret_bytes, which stays as it is meanwhile (rd_buf_fixed);
 * RD_LIMIT: more than PAY_KEYS_MAX. */
enum rd_status ps_store_data_keys(struct rd_db *db, struct pay_keys *ret, struct rd_buf *ret_bytes)
	RD_MUST_USE;
/* The newest version for a purpose; 0: none. */
enum rd_status ps_store_data_key_newest(struct rd_db *db, enum pay_purpose purpose, int64_t *ret)
	RD_MUST_USE;

#define PS_SINGLE_POLICY         "policy"
#define PS_SINGLE_POLICY_VERSION "policy-version"
#define PS_SINGLE_LOG_KEY        "log-key" /* SubjectPublicKeyInfo */
/* RD_NOTFOUND; the value is appended. */
enum rd_status ps_store_single_get(struct rd_db *db, const char *name, struct rd_buf *ret)
	RD_MUST_USE;
enum rd_status ps_store_single_put(struct rd_db *db, const char *name, struct rd_view value)
	RD_MUST_USE;

enum rd_status ps_store_document_keep(struct rd_db *db, struct rd_view document, int64_t now_ms)
	RD_MUST_USE;
typedef enum rd_status ps_document_fn(void *arg, const char *sha256, struct rd_view document);
enum rd_status ps_store_documents(struct rd_db *db, ps_document_fn *fn, void *arg) RD_MUST_USE;

/* --- the audit log --- */

/* How many records there are. */
enum rd_status ps_store_audit_size(struct rd_db *db, uint64_t *ret) RD_MUST_USE;
/*
 * Appends a record, the nodes that it completes, and its head. RD_UNTRUSTED: not the next one, or
 * the head is not of the log with it. The head's signature is the caller's to check.
 */
enum rd_status ps_store_audit_append(
	struct rd_db *db, const struct pay_logged *logged, int64_t now_ms) RD_MUST_USE;
/* The newest; RD_NOTFOUND: an empty log. */
enum rd_status ps_store_audit_head(
	struct rd_db *db, uint64_t *ret_size, uint8_t ret_head[PAY_HEAD_SIZE]) RD_MUST_USE;
enum rd_status ps_store_audit_range(struct rd_db *db, uint64_t size, struct rd_merkle_range *ret)
	RD_MUST_USE;
/* RD_OUT_OF_RANGE: sizes that the log never had. */
enum rd_status ps_store_audit_proof(struct rd_db *db, uint64_t old_size, uint64_t size,
	struct rd_merkle_proof *ret) RD_MUST_USE;
/* The last record of a log of that size, which is not 0, and the proof that it is. */
enum rd_status ps_store_audit_last(struct rd_db *db, uint64_t size, struct rd_buf *record,
	struct rd_merkle_proof *ret) RD_MUST_USE;
typedef enum rd_status ps_audit_fn(void *arg, uint64_t index, struct rd_view record);
enum rd_status ps_store_audit_records(
	struct rd_db *db, uint64_t from, uint32_t limit, ps_audit_fn *fn, void *arg) RD_MUST_USE;
typedef enum rd_status ps_audit_head_fn(void *arg, struct rd_view head);
enum rd_status ps_store_audit_heads(struct rd_db *db, uint64_t from_size, uint32_t limit,
	ps_audit_head_fn *fn, void *arg) RD_MUST_USE;

#endif
