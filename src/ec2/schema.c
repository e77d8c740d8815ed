/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of redoubt-ec2: migrations, never changed after a release (db/db.h). */
#include "ec2/schema.h"

static const char *const migrations[] = {
	/* 1 */
	/* Everything that has an id; kind and document: model.h, record.h. */
	"CREATE TABLE resource ("
	" id {text} PRIMARY KEY,"
	" account {text} NOT NULL,"
	" kind BIGINT NOT NULL,"
	" parent {text} NOT NULL,"
	" name {text}," /* NULL: it has none */
	" document {text} NOT NULL,"
	" UNIQUE (account, kind, name));"
	"CREATE INDEX resource_by_kind ON resource (kind, account, parent, id);"
	"CREATE INDEX resource_by_parent ON resource (parent, kind, id);"

	/* Calls that must not happen twice: what they were asked (a digest) and what came of it. */
	"CREATE TABLE client_token ("
	" account {text} NOT NULL,"
	" action {text} NOT NULL,"
	" token {text} NOT NULL,"
	" request {text} NOT NULL,"
	" result {text} NOT NULL,"
	" at_ms BIGINT NOT NULL,"
	" PRIMARY KEY (account, action, token));"
	"CREATE INDEX client_token_by_time ON client_token (at_ms);"

	/* Ports of the host's loopback, and the instance's port behind each. */
	"CREATE TABLE host_port ("
	" protocol {text} NOT NULL,"
	" port BIGINT NOT NULL,"
	" instance {text} NOT NULL,"
	" instance_port BIGINT NOT NULL,"
	" PRIMARY KEY (protocol, port),"
	" UNIQUE (instance, protocol, instance_port));"

	"CREATE TABLE address ("
	" account {text} NOT NULL,"
	" ip {text} NOT NULL,"
	" instance {text} NOT NULL,"
	" PRIMARY KEY (account, ip));"
	"CREATE INDEX address_by_instance ON address (instance);",
};

const struct rd_db_schema ec2_schema = {
	.program = "redoubt-ec2",
	.migrations = migrations,
	.version = RD_ARRAY_LEN(migrations),
};
