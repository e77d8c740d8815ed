/* SPDX-License-Identifier: Apache-2.0 */
/* Records: columns for what is looked for, a document for the rest. */
#include "ec2/store.h"

#include "db/db_rows.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS "id, account, parent, name, document"

static enum rd_status read_row(
	enum ec2_kind kind, void *record, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct ec2_head *head = record;
	char *name = NULL, *document = NULL;
	enum rd_status st;

	rd_db_take_text(&c, head->id, sizeof(head->id));
	rd_db_take_text(&c, head->account, sizeof(head->account));
	rd_db_take_text(&c, head->parent, sizeof(head->parent));
	rd_db_take_dup(&c, &name);
	rd_db_take_dup(&c, &document);
	st = rd_db_take_finish(&c);
	if (st == RD_OK && name != NULL) {
		st = strlen(name) < sizeof(head->name) ? RD_OK : RD_LIMIT;
	}
	if (st == RD_OK) {
		memcpy(head->name, name == NULL ? "" : name, name == NULL ? 1 : strlen(name) + 1);
		st = document == NULL ? RD_BAD_TYPE
				      : ec2_record_read(kind, rd_view_str(document), record);
	}
	free(name);
	free(document);
	return st;
}

static const char *name_of(const struct ec2_head *head)
{
	return head->name[0] == '\0' ? NULL : head->name;
}

enum rd_status ec2_store_add(struct rd_db *db, enum ec2_kind kind, const void *record)
{
	const struct ec2_head *head = record;
	char *document = NULL;
	enum rd_status st;

	RD_TRY(ec2_record_write(kind, record, &document));
	st = rd_db_write(db,
		"INSERT INTO resource (id, account, kind, parent, name, document)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(head->id), rd_db_text(head->account), rd_db_int(kind),
			rd_db_text(head->parent), rd_db_text(name_of(head)), rd_db_text(document)),
		RD_EXISTS);
	free(document);
	return st;
}

enum rd_status ec2_store_put(struct rd_db *db, enum ec2_kind kind, const void *record)
{
	const struct ec2_head *head = record;
	char *document = NULL;
	enum rd_status st;

	RD_TRY(ec2_record_write(kind, record, &document));
	st = rd_db_write(db,
		"UPDATE resource SET document = $1, name = $2 WHERE id = $3 AND kind = $4",
		RD_DB_ARGS(rd_db_text(document), rd_db_text(name_of(head)), rd_db_text(head->id),
			rd_db_int(kind)),
		RD_NOTFOUND);
	free(document);
	return st;
}

struct one {
	enum ec2_kind kind;
	void *record;
};

static enum rd_status one_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	const struct one *one = arg;

	return read_row(one->kind, one->record, columns, n);
}

enum rd_status ec2_store_get(
	struct rd_db *db, enum ec2_kind kind, const char *account, const char *id, void *ret_record)
{
	struct one one = {.kind = kind, .record = ret_record};

	RD_TRY(rd_db_one(db, "SELECT " COLUMNS " FROM resource WHERE id = $1 AND kind = $2",
		RD_DB_ARGS(rd_db_text(id), rd_db_int(kind)), one_row, &one));
	return account == NULL ||
			       strcmp(((const struct ec2_head *)ret_record)->account, account) == 0
		       ? RD_OK
		       : RD_NOTFOUND;
}

enum rd_status ec2_store_by_name(struct rd_db *db, enum ec2_kind kind, const char *account,
	const char *name, void *ret_record)
{
	struct one one = {.kind = kind, .record = ret_record};

	return rd_db_one(db,
		"SELECT " COLUMNS " FROM resource WHERE account = $1 AND kind = $2 AND name = $3",
		RD_DB_ARGS(rd_db_text(account), rd_db_int(kind), rd_db_text(name)), one_row, &one);
}

enum rd_status ec2_store_delete(struct rd_db *db, enum ec2_kind kind, const char *id)
{
	return rd_db_write(db, "DELETE FROM resource WHERE id = $1 AND kind = $2",
		RD_DB_ARGS(rd_db_text(id), rd_db_int(kind)), RD_NOTFOUND);
}

/* --- lists --- */

/* First room of a list; it doubles. */
#define LIST_ROOM 16

void *ec2_list_at(const struct ec2_list *list, size_t i)
{
	return list->items + i * ec2_record_size(list->kind);
}

enum rd_status ec2_list_push(struct ec2_list *list, void *record)
{
	const size_t size = ec2_record_size(list->kind);

	if (list->n == list->room) {
		size_t room = list->room == 0 ? LIST_ROOM : 2 * list->room;
		uint8_t *items = reallocarray(list->items, room, size);

		if (items == NULL) {
			ec2_record_finish(list->kind, record);
			return RD_NOMEM;
		}
		list->items = items;
		list->room = room;
	}
	memcpy(list->items + list->n * size, record, size);
	list->n++;
	return RD_OK;
}

void ec2_list_finish(struct ec2_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		ec2_record_finish(list->kind, ec2_list_at(list, i));
	}
	free(list->items);
	*list = (struct ec2_list){.kind = list->kind};
}

static enum rd_status list_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct ec2_list *list = arg;
	union ec2_record record;
	enum rd_status st;

	memset(&record, 0, sizeof(record));
	st = read_row(list->kind, &record, columns, n);
	if (st != RD_OK) {
		ec2_record_finish(list->kind, &record);
		return st;
	}
	return ec2_list_push(list, &record);
}

enum rd_status ec2_store_load(
	struct rd_db *db, const char *account, const char *parent, struct ec2_list *list)
{
	const struct rd_db_value kind = rd_db_int(list->kind);

	if (parent != NULL) {
		return rd_db_run(db,
			"SELECT " COLUMNS
			" FROM resource WHERE parent = $1 AND kind = $2 ORDER BY id",
			RD_DB_ARGS(rd_db_text(parent), kind), list_row, list, NULL);
	}
	if (account != NULL) {
		return rd_db_run(db,
			"SELECT " COLUMNS
			" FROM resource WHERE kind = $1 AND account = $2 ORDER BY parent, id",
			RD_DB_ARGS(kind, rd_db_text(account)), list_row, list, NULL);
	}
	return rd_db_run(db, "SELECT " COLUMNS " FROM resource WHERE kind = $1 ORDER BY parent, id",
		RD_DB_ARGS(kind), list_row, list, NULL);
}

static enum rd_status number_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);

	*(int64_t *)arg = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

enum rd_status ec2_store_count(
	struct rd_db *db, enum ec2_kind kind, const char *account, int64_t *ret)
{
	return rd_db_one(db, "SELECT count(*) FROM resource WHERE kind = $1 AND account = $2",
		RD_DB_ARGS(rd_db_int(kind), rd_db_text(account)), number_row, ret);
}

/* --- tokens --- */

struct found_token {
	char request[65];
	char result[EC2_TOKEN_RESULT_SIZE];
};

static enum rd_status token_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	struct found_token *found = arg;

	rd_db_take_text(&c, found->request, sizeof(found->request));
	rd_db_take_text(&c, found->result, sizeof(found->result));
	return rd_db_take_finish(&c);
}

enum rd_status ec2_store_token_find(
	struct rd_db *db, const struct ec2_token *token, char ret_result[EC2_TOKEN_RESULT_SIZE])
{
	struct found_token found;

	RD_TRY(rd_db_one(db,
		"SELECT request, result FROM client_token"
		" WHERE account = $1 AND action = $2 AND token = $3",
		RD_DB_ARGS(rd_db_text(token->account), rd_db_text(token->action),
			rd_db_text(token->token)),
		token_row, &found));
	RD_ENSURE(strcmp(found.request, token->request) == 0, RD_FORBIDDEN);
	memcpy(ret_result, found.result, sizeof(found.result));
	return RD_EXISTS;
}

enum rd_status ec2_store_token(struct rd_db *db, const struct ec2_token *token, const char *result,
	int64_t now_ms, char ret_result[EC2_TOKEN_RESULT_SIZE])
{
	enum rd_status st = ec2_store_token_find(db, token, ret_result);

	if (st != RD_NOTFOUND) {
		return st;
	}
	return rd_db_write(db,
		"INSERT INTO client_token (account, action, token, request, result, at_ms)"
		" VALUES ($1, $2, $3, $4, $5, $6)",
		RD_DB_ARGS(rd_db_text(token->account), rd_db_text(token->action),
			rd_db_text(token->token), rd_db_text(token->request), rd_db_text(result),
			rd_db_int(now_ms)),
		RD_INTERNAL);
}

enum rd_status ec2_store_token_drop(
	struct rd_db *db, const char *account, const char *action, const char *token)
{
	return rd_db_run(db,
		"DELETE FROM client_token WHERE account = $1 AND action = $2 AND token = $3",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(action), rd_db_text(token)), NULL, NULL,
		NULL);
}

enum rd_status ec2_store_token_expire(struct rd_db *db, int64_t before_ms)
{
	return rd_db_run(db, "DELETE FROM client_token WHERE at_ms < $1",
		RD_DB_ARGS(rd_db_int(before_ms)), NULL, NULL, NULL);
}

/* --- ports --- */

struct ports {
	ec2_store_port_fn *fn;
	void *arg;
};

static enum rd_status port_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	const struct ports *ports = arg;
	struct ec2_port port;

	rd_db_take_text(&c, port.protocol, sizeof(port.protocol));
	port.port = (uint16_t)rd_db_take_u32(&c, UINT16_MAX);
	port.instance_port = (uint16_t)rd_db_take_u32(&c, UINT16_MAX);
	RD_TRY(rd_db_take_finish(&c));
	return ports->fn(ports->arg, &port);
}

enum rd_status ec2_store_ports(
	struct rd_db *db, const char *instance, ec2_store_port_fn *fn, void *arg)
{
	struct ports ports = {.fn = fn, .arg = arg};

	return rd_db_run(db,
		"SELECT protocol, port, instance_port FROM host_port WHERE instance = $1"
		" ORDER BY protocol, instance_port",
		RD_DB_ARGS(rd_db_text(instance)), port_row, &ports, NULL);
}

struct gap {
	int64_t next; /* the lowest that may be free */
};

static enum rd_status gap_row(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct gap *gap = arg;

	RD_ENSURE(n == 1 && columns[0].type == RD_DB_INT, RD_BAD_TYPE);
	if (columns[0].number == gap->next) {
		gap->next++;
	}
	return RD_OK;
}

/* Neither an instance has it nor another program. */
static enum rd_status find_port(struct rd_db *db, const char *protocol,
	const struct ec2_port_range *range, int64_t *ret_port)
{
	struct gap gap = {.next = range->first};

	for (;; gap.next++) {
		RD_TRY(rd_db_run(db,
			"SELECT port FROM host_port WHERE protocol = $1 AND port >= $2"
			" ORDER BY port",
			RD_DB_ARGS(rd_db_text(protocol), rd_db_int(gap.next)), gap_row, &gap,
			NULL));
		RD_ENSURE(gap.next <= range->last, RD_LIMIT);
		if (range->is_free(range->arg, protocol, (uint16_t)gap.next)) {
			*ret_port = gap.next;
			return RD_OK;
		}
	}
}

enum rd_status ec2_store_port_take(struct rd_db *db, const char *instance, const char *protocol,
	uint16_t instance_port, const struct ec2_port_range *range)
{
	int64_t port = 0, has = 0;
	enum rd_status st = rd_db_one(db,
		"SELECT port FROM host_port"
		" WHERE instance = $1 AND protocol = $2 AND instance_port = $3",
		RD_DB_ARGS(rd_db_text(instance), rd_db_text(protocol), rd_db_int(instance_port)),
		number_row, &has);

	if (st != RD_NOTFOUND) {
		return st;
	}
	RD_TRY(find_port(db, protocol, range, &port));
	return rd_db_write(db,
		"INSERT INTO host_port (protocol, port, instance, instance_port)"
		" VALUES ($1, $2, $3, $4)",
		RD_DB_ARGS(rd_db_text(protocol), rd_db_int(port), rd_db_text(instance),
			rd_db_int(instance_port)),
		RD_INTERNAL);
}

enum rd_status ec2_store_port_drop(
	struct rd_db *db, const char *instance, const char *protocol, uint16_t instance_port)
{
	return rd_db_run(db,
		"DELETE FROM host_port"
		" WHERE instance = $1 AND protocol = $2 AND instance_port = $3",
		RD_DB_ARGS(rd_db_text(instance), rd_db_text(protocol), rd_db_int(instance_port)),
		NULL, NULL, NULL);
}

/* --- addresses --- */

enum rd_status ec2_store_address_take(
	struct rd_db *db, const char *account, const char *ip, const char *instance)
{
	return rd_db_write(db,
		"INSERT INTO address (account, ip, instance) VALUES ($1, $2, $3)"
		" ON CONFLICT DO NOTHING",
		RD_DB_ARGS(rd_db_text(account), rd_db_text(ip), rd_db_text(instance)), RD_EXISTS);
}

enum rd_status ec2_store_address_count(struct rd_db *db, const char *account, int64_t *ret)
{
	return rd_db_one(db, "SELECT count(*) FROM address WHERE account = $1",
		RD_DB_ARGS(rd_db_text(account)), number_row, ret);
}

enum rd_status ec2_store_release(struct rd_db *db, const char *instance)
{
	RD_TRY(rd_db_run(db, "DELETE FROM host_port WHERE instance = $1",
		RD_DB_ARGS(rd_db_text(instance)), NULL, NULL, NULL));
	return rd_db_run(db, "DELETE FROM address WHERE instance = $1",
		RD_DB_ARGS(rd_db_text(instance)), NULL, NULL, NULL);
}
