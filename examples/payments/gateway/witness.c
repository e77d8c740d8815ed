/* SPDX-License-Identifier: Apache-2.0 */
/* Heads that were seen: the newest in the database, all of them in a text file. */
#include "gateway/witness.h"

#include "audit/format.h"
#include "base/text.h"
#include "db/db_rows.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_FILE "witness.log"
#define LOG_MODE 0600
/* Where a head has its log's id (merkle/head.h). */
#define HEAD_ID_AT 8
/* Time, two hashes, a size, a head in base64, and blanks. */
#define LINE_SIZE_MAX 512
/* A P-256 key in PEM form has under 200 bytes. */
#define PEM_MAX 1024

_Static_assert(PAY_GATEWAY_HEAD_SIZE == RD_MERKLE_HEAD_SIZE, "a signed tree head");

/* A log as it is in the database. */
struct known {
	uint8_t key[PAY_GATEWAY_LOG_KEY_SIZE];
	uint8_t head[PAY_GATEWAY_HEAD_SIZE];
};

/* --- the key that was given --- */

static enum rd_status read_key(const char *path, struct rd_ec_key **ret, struct rd_error *err)
{
	uint8_t text[PEM_MAX];
	struct rd_buf pem = rd_buf_fixed(text, sizeof(text));
	int fd RD_CLEANUP(rd_fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "cannot open %s", path);
	}
	st = rd_fd_read_all(fd, &pem);
	st = st == RD_OK ? rd_audit_key_parse(rd_buf_view(&pem), ret) : st;
	if (st != RD_OK || rd_ec_key_curve(*ret) != RD_P256) {
		return rd_fail(err, st == RD_OK ? RD_WRONG_KEY : st,
			"%s is not a P-256 public key in PEM form (BEGIN PUBLIC KEY)", path);
	}
	return RD_OK;
}

enum rd_status gw_witness_check_key(const char *key_path, struct rd_error *err)
{
	struct rd_ec_key *key = NULL;
	enum rd_status st = read_key(key_path, &key, err);

	rd_ec_key_free(&key);
	return st;
}

/* --- the database --- */

static enum rd_status take_known(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct known *ret = arg;

	RD_ENSURE(n == 2 && columns[0].type == RD_DB_BLOB && columns[1].type == RD_DB_BLOB,
		RD_BAD_TYPE);
	RD_ENSURE(columns[0].bytes.len == sizeof(ret->key), RD_BAD_TYPE);
	RD_ENSURE(columns[1].bytes.len == sizeof(ret->head), RD_BAD_TYPE);
	memcpy(ret->key, columns[0].bytes.ptr, sizeof(ret->key));
	memcpy(ret->head, columns[1].bytes.ptr, sizeof(ret->head));
	return RD_OK;
}

/* RD_NOTFOUND: this log was never shown. */
static enum rd_status find(struct rd_db *db, const uint8_t *id, struct known *ret)
{
	return rd_db_one(db, "SELECT key, head FROM witness WHERE log = $1",
		RD_DB_ARGS(rd_db_blob(rd_view(id, RD_MERKLE_HASH_SIZE))), take_known, ret);
}

static enum rd_status take_count(void *arg, const struct rd_db_value *columns, size_t n)
{
	struct rd_db_columns c = rd_db_columns(columns, n);
	int64_t *ret = arg;

	*ret = rd_db_take_i64(&c);
	return rd_db_take_finish(&c);
}

static enum rd_status store(
	struct rd_db *db, const uint8_t *id, const struct known *known, int64_t now_ms)
{
	return rd_db_write(db,
		"INSERT INTO witness (log, key, head, at_ms) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (log) DO UPDATE SET head = excluded.head, at_ms = excluded.at_ms",
		RD_DB_ARGS(rd_db_blob(rd_view(id, RD_MERKLE_HASH_SIZE)),
			rd_db_blob(rd_view(known->key, sizeof(known->key))),
			rd_db_blob(rd_view(known->head, sizeof(known->head))), rd_db_int(now_ms)),
		RD_INTERNAL);
}

/* --- the text file --- */

/* What was not written whole was never answered: it goes, or the next line would hang on to it. */
static enum rd_status cut_torn_line(int fd)
{
	char end[LINE_SIZE_MAX];
	uint64_t size = 0;
	size_t len, kept;

	RD_TRY(rd_fd_size(fd, &size));
	len = size < sizeof(end) ? (size_t)size : sizeof(end);
	RD_TRY(rd_fd_pread_full(fd, end, len, size - len));
	kept = len;
	while (kept > 0 && end[kept - 1] != '\n') {
		kept--;
	}
	if (kept == len) {
		return RD_OK;
	}
	/* No line is so long: this is some other file. */
	RD_ENSURE(kept > 0 || len == size, RD_MALFORMED);
	return ftruncate(fd, (off_t)(size - (len - kept))) == 0 ? RD_OK
								: rd_status_from_errno(errno);
}

static enum rd_status append_line(struct gw_witness *witness, const uint8_t *id,
	const struct rd_merkle_head *head, const uint8_t *bytes, int64_t now_ms)
{
	char line[LINE_SIZE_MAX], time[RD_TIME_TEXT_SIZE];
	struct rd_buf b = rd_buf_fixed(line, sizeof(line));
	enum rd_status st;

	rd_time_string((uint64_t)now_ms, time);
	RD_TRY(rd_buf_printf(&b, "%s ", time));
	RD_TRY(rd_hex_encode(rd_view(id, RD_MERKLE_HASH_SIZE), &b));
	RD_TRY(rd_buf_printf(&b, " %llu ", (unsigned long long)head->size));
	RD_TRY(rd_hex_encode(rd_view(head->root.bytes, sizeof(head->root.bytes)), &b));
	RD_TRY(rd_buf_u8(&b, ' '));
	RD_TRY(rd_base64_encode(rd_view(bytes, RD_MERKLE_HEAD_SIZE), &b));
	RD_TRY(rd_buf_u8(&b, '\n'));
	st = rd_fd_write_full(witness->log_fd, rd_buf_view(&b));
	if (st != RD_OK) {
		/* Disk full, say. What cannot be cut now is cut at the next start. */
		(void)!cut_torn_line(witness->log_fd);
		return st;
	}
	return fdatasync(witness->log_fd) == 0 ? RD_OK : rd_status_from_errno(errno);
}

enum rd_status gw_witness_open(struct rd_db *db, int state_dir, const char *key_path,
	struct gw_witness *ret, struct rd_error *err)
{
	enum rd_status st;

	*ret = (struct gw_witness){.db = db, .log_fd = -1};
	if (key_path != NULL) {
		RD_TRY(read_key(key_path, &ret->only, err));
	}
	ret->log_fd = openat(
		state_dir, LOG_FILE, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, LOG_MODE);
	if (ret->log_fd < 0) {
		return rd_fail_errno(err, errno, "cannot open " LOG_FILE);
	}
	st = cut_torn_line(ret->log_fd);
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, LOG_FILE " cannot be gone on with: %s",
				     rd_status_text(st));
}

void gw_witness_close(struct gw_witness *witness)
{
	rd_ec_key_free(&witness->only);
	rd_fd_close(&witness->log_fd);
}

/* --- the rules --- */

static void refuse(struct pay_gateway_answer *answer, const char *reason)
{
	rd_text_copy(answer->response, sizeof(answer->response), PAY_GATEWAY_ERROR);
	rd_text_copy(answer->reason, sizeof(answer->reason), reason);
}

/* The key that has to have signed: the one that was given, the first one of this log, or its own.
 * False, and refused: there is none. */
static bool choose_key(const struct gw_witness *witness, const struct pay_gateway_head *head,
	bool is_known, struct known *known, struct rd_ec_key **ret,
	struct pay_gateway_answer *answer)
{
	struct rd_buf b = rd_buf_fixed(known->key, sizeof(known->key));

	if (witness->only != NULL && rd_ec_key_to_spki(witness->only, &b) != RD_OK) {
		refuse(answer, "the key of --witness-key cannot be used");
		return false;
	}
	if (witness->only == NULL && !is_known && !head->has_key) {
		refuse(answer,
			"the log is not known here: its key has to be sent with its first head");
		return false;
	}
	if (witness->only == NULL && !is_known) {
		memcpy(known->key, head->key, sizeof(known->key));
	}
	if (rd_ec_key_from_spki(rd_view(known->key, sizeof(known->key)), ret) != RD_OK) {
		refuse(answer, "the log's key is not a P-256 public key");
		return false;
	}
	return true;
}

static bool verify(const struct gw_witness *witness, const struct pay_gateway_head *head,
	bool is_known, struct known *known, struct rd_merkle_head *ret,
	struct pay_gateway_answer *answer)
{
	struct rd_ec_key *key = NULL;
	enum rd_status st;

	if (!choose_key(witness, head, is_known, known, &key, answer)) {
		return false;
	}
	st = rd_merkle_head_verify(key, rd_view(head->bytes, sizeof(head->bytes)), ret);
	rd_ec_key_free(&key);
	if (st == RD_WRONG_KEY) {
		refuse(answer, "the head is not of the log that is witnessed here");
	} else if (st != RD_OK) {
		refuse(answer, "the head is not one, or its signature does not verify");
	}
	return st == RD_OK;
}

/* False, and refused: the log that it shows is not a later state of the one that was shown. */
static bool goes_on(const struct rd_merkle_head *head, const struct rd_merkle_head *last,
	struct pay_gateway_answer *answer)
{
	char reason[sizeof(answer->reason)];

	if (head->size < last->size) {
		(void)snprintf(reason, sizeof(reason),
			"rollback: size %llu is below %llu, which was witnessed",
			(unsigned long long)head->size, (unsigned long long)last->size);
		refuse(answer, reason);
		return false;
	}
	if (head->size == last->size && !rd_merkle_equal(&head->root, &last->root)) {
		(void)snprintf(reason, sizeof(reason),
			"fork: another root of size %llu was witnessed",
			(unsigned long long)last->size);
		refuse(answer, reason);
		return false;
	}
	return true;
}

/* What the last head says; it was verified when it was stored. */
static enum rd_status read_last(const struct known *known, struct rd_merkle_head *ret)
{
	struct rd_ec_key *key = NULL;
	enum rd_status st;

	RD_TRY(rd_ec_key_from_spki(rd_view(known->key, sizeof(known->key)), &key));
	st = rd_merkle_head_read(key, rd_view(known->head, sizeof(known->head)), ret);
	rd_ec_key_free(&key);
	return st;
}

static enum rd_status check_room(
	struct rd_db *db, bool is_known, struct pay_gateway_answer *answer, bool *ret)
{
	int64_t count = 0;

	*ret = true;
	if (is_known) {
		return RD_OK;
	}
	RD_TRY(rd_db_one(db, "SELECT count(*) FROM witness", NULL, 0, take_count, &count));
	if (count >= GW_LOGS_MAX) {
		refuse(answer, "no further log is witnessed here");
		*ret = false;
	}
	return RD_OK;
}

enum rd_status gw_witness_sign_on(struct gw_witness *witness,
	const struct pay_gateway_request *request, int64_t now_ms,
	struct pay_gateway_answer *answer)
{
	const struct pay_gateway_head *head = &request->head;
	const uint8_t *id = head->bytes + HEAD_ID_AT;
	struct rd_merkle_head shown, last;
	struct known known;
	bool is_known, room;
	enum rd_status st;

	if (!head->present) {
		return RD_OK;
	}
	st = find(witness->db, id, &known);
	RD_ENSURE(st == RD_OK || st == RD_NOTFOUND, st);
	is_known = st == RD_OK;
	if (is_known) {
		answer->head.present = true;
		memcpy(answer->head.bytes, known.head, sizeof(known.head));
		RD_TRY(read_last(&known, &last));
	}
	if (!verify(witness, head, is_known, &known, &shown, answer) ||
		(is_known && !goes_on(&shown, &last, answer))) {
		return RD_OK;
	}
	RD_TRY(check_room(witness->db, is_known, answer, &room));
	if (!room || (is_known && memcmp(known.head, head->bytes, sizeof(known.head)) == 0)) {
		return RD_OK;
	}
	RD_TRY(append_line(witness, id, &shown, head->bytes, now_ms));
	memcpy(known.head, head->bytes, sizeof(known.head));
	return store(witness->db, id, &known, now_ms);
}
