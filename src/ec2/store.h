/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in the database. Everything is of an account; a look-up under another one finds nothing.
 * Statuses are those of db/db.h, and RD_NOTFOUND; a row that is not one of ours is RD_MALFORMED.
 */
#ifndef EC2_STORE_H
#define EC2_STORE_H

#include "db/db.h"
#include "ec2/record.h"

/* RD_EXISTS: the id, or the name among those of its kind and account. */
enum rd_status ec2_store_add(struct rd_db *db, enum ec2_kind kind, const void *record) RD_MUST_USE;
/* The whole record anew; RD_NOTFOUND when it has gone. */
enum rd_status ec2_store_put(struct rd_db *db, enum ec2_kind kind, const void *record) RD_MUST_USE;
/* account NULL: any. ret_record: zeroed, to be finished by the caller whatever comes back. */
enum rd_status ec2_store_get(struct rd_db *db, enum ec2_kind kind, const char *account,
	const char *id, void *ret_record) RD_MUST_USE;
enum rd_status ec2_store_by_name(struct rd_db *db, enum ec2_kind kind, const char *account,
	const char *name, void *ret_record) RD_MUST_USE;
enum rd_status ec2_store_delete(struct rd_db *db, enum ec2_kind kind, const char *id) RD_MUST_USE;

/* Records side by side. Zero-initialise, set kind. */
struct ec2_list {
	enum ec2_kind kind;
	uint8_t *items;
	size_t n, room;
};
void *ec2_list_at(const struct ec2_list *list, size_t i);
/* Takes the record over, in any case. */
enum rd_status ec2_list_push(struct ec2_list *list, void *record) RD_MUST_USE;
void ec2_list_finish(struct ec2_list *list);

/* All of list->kind in the order of parent and id. account, parent: NULL for any. */
enum rd_status ec2_store_load(struct rd_db *db, const char *account, const char *parent,
	struct ec2_list *list) RD_MUST_USE;
/* How many of a kind an account has. */
enum rd_status ec2_store_count(
	struct rd_db *db, enum ec2_kind kind, const char *account, int64_t *ret) RD_MUST_USE;

/*
 * A call's token. RD_OK: it is new and noted with its result. RD_EXISTS: it was used for the same
 * request, and *ret_result is what came of it. RD_FORBIDDEN: for another request.
 */
#define EC2_TOKEN_RESULT_SIZE EC2_ID_SIZE
struct ec2_token {
	const char *account, *action, *token;
	const char *request; /* digest of the parameters, hex */
};
enum rd_status ec2_store_token(struct rd_db *db, const struct ec2_token *token, const char *result,
	int64_t now_ms, char ret_result[EC2_TOKEN_RESULT_SIZE]) RD_MUST_USE;
/* The same without noting it: RD_NOTFOUND when it is new. */
enum rd_status ec2_store_token_find(struct rd_db *db, const struct ec2_token *token,
	char ret_result[EC2_TOKEN_RESULT_SIZE]) RD_MUST_USE;
/* So that the call may be tried again. */
enum rd_status ec2_store_token_drop(
	struct rd_db *db, const char *account, const char *action, const char *token) RD_MUST_USE;
enum rd_status ec2_store_token_expire(struct rd_db *db, int64_t before_ms) RD_MUST_USE;

/* --- ports of the host --- */

struct ec2_port {
	char protocol[8]; /* "tcp" or "udp" */
	uint16_t port;    /* of the host */
	uint16_t instance_port;
};
typedef enum rd_status ec2_store_port_fn(void *arg, const struct ec2_port *port);
enum rd_status ec2_store_ports(
	struct rd_db *db, const char *instance, ec2_store_port_fn *fn, void *arg) RD_MUST_USE;
/* Which ports of the host may be given to instances. */
struct ec2_port_range {
	uint16_t first, last;
	/* Whether no other program has it. */
	bool (*is_free)(void *arg, const char *protocol, uint16_t port);
	void *arg;
};
/* Takes the lowest free one; the one that it has, if it has one. RD_LIMIT: none is free. */
enum rd_status ec2_store_port_take(struct rd_db *db, const char *instance, const char *protocol,
	uint16_t instance_port, const struct ec2_port_range *range) RD_MUST_USE;
enum rd_status ec2_store_port_drop(struct rd_db *db, const char *instance, const char *protocol,
	uint16_t instance_port) RD_MUST_USE;

/* --- addresses --- */

/* RD_EXISTS: somebody of the account has it. */
enum rd_status ec2_store_address_take(
	struct rd_db *db, const char *account, const char *ip, const char *instance) RD_MUST_USE;
enum rd_status ec2_store_address_count(struct rd_db *db, const char *account, int64_t *ret)
	RD_MUST_USE;

/* Ports and address of an instance that has gone. */
enum rd_status ec2_store_release(struct rd_db *db, const char *instance) RD_MUST_USE;

#endif
