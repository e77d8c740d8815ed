/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema of payments-server: migrations, never changed after a release (db/db.h). There is no
 * column for a card number: what the enclave has sealed is in vault, and nothing here opens it.
 */
#include "server/schema.h"

static const char *const migrations[] = {
	/* 1 */
	"CREATE TABLE merchant ("
	" id {text} PRIMARY KEY,"
	" name {text} NOT NULL UNIQUE,"
	" created_ms BIGINT NOT NULL);"

	"CREATE TABLE api_key ("
	" id {text} PRIMARY KEY,"
	" sha256 {blob} NOT NULL UNIQUE,"
	" role BIGINT NOT NULL,"
	" merchant {text} REFERENCES merchant (id)," /* NULL: not a merchant's */
	" name {text} NOT NULL,"
	" created_ms BIGINT NOT NULL);"

	/* state, and kinds and states below: model.h. */
	"CREATE TABLE shop_order ("
	" id {text} PRIMARY KEY,"
	" merchant {text} NOT NULL REFERENCES merchant (id),"
	" amount BIGINT NOT NULL,"
	" currency {text} NOT NULL,"
	" reference {text} NOT NULL,"
	" state BIGINT NOT NULL,"
	" payment {text} NOT NULL,"
	" created_ms BIGINT NOT NULL);"
	"CREATE INDEX shop_order_by_merchant ON shop_order (merchant, created_ms, id);"

	"CREATE TABLE payment ("
	" id {text} PRIMARY KEY,"
	" shop_order {text} NOT NULL REFERENCES shop_order (id),"
	" merchant {text} NOT NULL,"
	" client_key {text} NOT NULL,"
	" state BIGINT NOT NULL,"
	" amount BIGINT NOT NULL,"
	" currency {text} NOT NULL,"
	" token {text} NOT NULL,"
	" fpe_token {text} NOT NULL,"
	" masked {text} NOT NULL,"
	" brand {text} NOT NULL,"
	" auth_code {text} NOT NULL,"
	" rrn {text} NOT NULL,"
	" reason {text} NOT NULL,"
	" operation {text} NOT NULL,"
	" due_ms BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" updated_ms BIGINT NOT NULL);"
	"CREATE INDEX payment_by_merchant ON payment (merchant, created_ms, id);"
	"CREATE INDEX payment_by_time ON payment (created_ms, id);"
	"CREATE INDEX payment_due ON payment (due_ms, id) WHERE due_ms > 0;"

	"CREATE TABLE operation ("
	" id {text} PRIMARY KEY,"
	" payment {text} NOT NULL REFERENCES payment (id),"
	" kind BIGINT NOT NULL,"
	" state BIGINT NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" done_ms BIGINT NOT NULL);"
	"CREATE INDEX operation_by_payment ON operation (payment, created_ms);"

	/* Requests that must not happen twice: what they asked (a digest) and what came of it. */
	"CREATE TABLE idempotency_key ("
	" scope {text} NOT NULL,"
	" client_key {text} NOT NULL,"
	" request {blob} NOT NULL,"
	" subject {text} NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" PRIMARY KEY (scope, client_key));"

	/* Cards as the enclave has sealed them. blind is NULL where two payments with a new card
	 * were under way at once: the second one's token finds its card, and the card finds the
	 * first's. */
	"CREATE TABLE vault ("
	" merchant {text} NOT NULL,"
	" token {text} NOT NULL,"
	" fpe_token {text} NOT NULL,"
	" blind {blob},"
	" sealed {blob} NOT NULL,"
	" key_version BIGINT NOT NULL,"
	" PRIMARY KEY (merchant, token),"
	" UNIQUE (merchant, blind));"
	"CREATE INDEX vault_by_version ON vault (key_version);"

	/* Data keys, wrapped by the key server for the enclave; sealed: the log's own key. */
	"CREATE TABLE data_key ("
	" purpose BIGINT NOT NULL,"
	" version BIGINT NOT NULL,"
	" wrapped {blob} NOT NULL,"
	" sealed {blob} NOT NULL,"
	" created_ms BIGINT NOT NULL,"
	" PRIMARY KEY (purpose, version));"

	/* The log: records, the inner nodes of their tree (merkle/range.h), signed heads. */
	"CREATE TABLE audit_record ("
	" place BIGINT PRIMARY KEY,"
	" record {blob} NOT NULL,"
	" at_ms BIGINT NOT NULL);"
	"CREATE TABLE audit_node ("
	" level BIGINT NOT NULL,"
	" place BIGINT NOT NULL,"
	" hash {blob} NOT NULL,"
	" PRIMARY KEY (level, place));"
	"CREATE TABLE audit_head ("
	" size BIGINT PRIMARY KEY,"
	" head {blob} NOT NULL);"

	/* Attestation documents, one of each start of an enclave. */
	"CREATE TABLE document ("
	" sha256 {text} PRIMARY KEY,"
	" document {blob} NOT NULL,"
	" at_ms BIGINT NOT NULL);"

	/* What there is one of: the policy that the enclave sealed, the log's public key. */
	"CREATE TABLE single ("
	" name {text} PRIMARY KEY,"
	" value {blob} NOT NULL);",
};

const struct rd_db_schema ps_schema = {
	.program = "payments-server",
	.migrations = migrations,
	.version = RD_ARRAY_LEN(migrations),
};
