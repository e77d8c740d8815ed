/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the log into files. The log only grows: what is below the newest head is the same
 * whenever it is read, so there is nothing to lock.
 */
#include "server/export.h"

#include "audit/format.h"
#include "os/fd.h"
#include "server/schema.h"
#include "server/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read at a time. */
#define ROWS 1000

struct kept_head {
	uint64_t size;
	uint8_t bytes[PAY_HEAD_SIZE];
};

struct export
{
	struct rd_db *db;
	int dir_fd, documents_fd;
	uint64_t size; /* of the newest head */
	uint64_t next, heads, documents;
	uint64_t last_head;     /* its size */
	size_t batch_size;      /* bytes of records since the last head */
	struct kept_head *page; /* ROWS of them, by their size: n have been read, at are written */
	size_t n, at;
	FILE *file;
};

/* --- files --- */

static FILE *create(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (file == NULL) {
		rd_fd_close(&fd);
	}
	return file;
}

static enum rd_status put(FILE *file, struct rd_view bytes)
{
	return fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len ? RD_OK
								  : rd_status_from_errno(errno);
}

/* Keeps the first failure. */
static enum rd_status close_file(FILE **file, enum rd_status st)
{
	int error = fflush(*file) != 0 || fsync(fileno(*file)) != 0 ? errno : 0;

	fclose(*file);
	*file = NULL;
	return st != RD_OK || error == 0 ? st : rd_status_from_errno(error);
}

static enum rd_status put_file(int dir_fd, const char *name, struct rd_view bytes)
{
	FILE *file = create(dir_fd, name);

	RD_ENSURE(file != NULL, rd_status_from_errno(errno));
	return close_file(&file, put(file, bytes));
}

/* --- parts --- */

static enum rd_status put_head(struct export *x)
{
	uint8_t bytes[RD_AUDIT_HEAD_ENTRY_SIZE];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));

	RD_TRY(rd_audit_head_put(x->page[x->at++].bytes, x->batch_size, &buf));
	x->batch_size = 0;
	x->heads++;
	return put(x->file, rd_buf_view(&buf));
}

/* A record, and the head that was signed over it and all before it. */
static enum rd_status record_row(void *arg, uint64_t index, struct rd_view record)
{
	struct export *x = arg;
	uint8_t bytes[sizeof(uint32_t) + PAY_RECORD_MAX];
	struct rd_buf buf = rd_buf_fixed(bytes, sizeof(bytes));

	RD_ENSURE(index == x->next, RD_UNTRUSTED);
	RD_TRY(rd_audit_record_put(record, &buf));
	x->next++;
	x->batch_size += buf.used;
	RD_TRY(put(x->file, rd_buf_view(&buf)));
	return x->at < x->n && x->page[x->at].size == x->next ? put_head(x) : RD_OK;
}

static enum rd_status write_records(struct export *x, uint64_t end)
{
	while (x->next < end) {
		const uint64_t before = x->next, left = end - x->next;

		RD_TRY(ps_store_audit_records(
			x->db, x->next, left < ROWS ? (uint32_t)left : ROWS, record_row, x));
		RD_ENSURE(x->next > before, RD_UNTRUSTED);
	}
	return RD_OK;
}

static enum rd_status head_row(void *arg, struct rd_view head)
{
	struct export *x = arg;
	uint64_t size;
	struct rd_cur c = rd_cur(head);

	/* merkle/head.h: behind magic, log id and time. */
	RD_ENSURE(head.len == PAY_HEAD_SIZE && rd_cur_skip(&c, 48) == RD_OK &&
			  rd_cur_be64(&c, &size) == RD_OK,
		RD_MALFORMED);
	RD_ENSURE(size > x->last_head && x->n < ROWS, RD_UNTRUSTED);
	x->last_head = size;
	if (size <= x->size) {
		x->page[x->n].size = size;
		memcpy(x->page[x->n++].bytes, head.ptr, PAY_HEAD_SIZE);
	}
	return RD_OK;
}

static enum rd_status write_segment(struct export *x)
{
	const struct rd_merkle_range empty = {0};
	uint8_t bytes[RD_AUDIT_SEGMENT_HEAD_MAX];
	struct rd_buf begin = rd_buf_fixed(bytes, sizeof(bytes));

	RD_TRY(rd_audit_segment_put(&empty, &begin));
	RD_TRY(put(x->file, rd_buf_view(&begin)));
	while (x->next < x->size) {
		x->n = 0;
		x->at = 0;
		RD_TRY(ps_store_audit_heads(x->db, x->last_head + 1, ROWS, head_row, x));
		RD_ENSURE(x->n > 0, RD_UNTRUSTED);
		RD_TRY(write_records(x, x->page[x->n - 1].size));
	}
	return RD_OK;
}

static enum rd_status write_segment_file(struct export *x)
{
	char name[RD_AUDIT_NAME_SIZE];
	enum rd_status st;

	rd_audit_name(0, name);
	x->file = create(x->dir_fd, name);
	RD_ENSURE(x->file != NULL, rd_status_from_errno(errno));
	x->page = calloc(ROWS, sizeof(*x->page));
	st = close_file(&x->file, x->page != NULL ? write_segment(x) : RD_NOMEM);
	free(x->page);
	return st;
}

static enum rd_status write_key(struct export *x)
{
	uint8_t spki[RD_EC_SPKI_SIZE_MAX], pem[RD_AUDIT_PEM_MAX];
	struct rd_buf der = rd_buf_fixed(spki, sizeof(spki));
	struct rd_buf text = rd_buf_fixed(pem, sizeof(pem));
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;

	RD_TRY(ps_store_single_get(x->db, PS_SINGLE_LOG_KEY, &der));
	RD_TRY(rd_ec_key_from_spki(rd_buf_view(&der), &key));
	RD_TRY(rd_audit_key_put(key, &text));
	return put_file(x->dir_fd, RD_AUDIT_KEY_FILE, rd_buf_view(&text));
}

static enum rd_status document_row(void *arg, const char *sha256, struct rd_view document)
{
	struct export *x = arg;

	x->documents++;
	return put_file(x->documents_fd, sha256, document);
}

static enum rd_status write_documents(struct export *x)
{
	RD_ENSURE(
		mkdirat(x->dir_fd, RD_AUDIT_DOCUMENTS_DIR, 0700) == 0, rd_status_from_errno(errno));
	x->documents_fd = openat(
		x->dir_fd, RD_AUDIT_DOCUMENTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	RD_ENSURE(x->documents_fd >= 0, rd_status_from_errno(errno));
	return ps_store_documents(x->db, document_row, x);
}

/* --- the whole --- */

static enum rd_status name_of_document(void *arg, const char *sha256, struct rd_view document)
{
	struct export *x = arg;

	(void)document;
	(void)unlinkat(x->documents_fd, sha256, 0);
	return RD_OK;
}

/* What was made, and nothing else. */
static void undo(struct export *x, const char *dir)
{
	char name[RD_AUDIT_NAME_SIZE];

	if (x->documents_fd >= 0) {
		(void)!ps_store_documents(x->db, name_of_document, x);
	}
	(void)unlinkat(x->dir_fd, RD_AUDIT_DOCUMENTS_DIR, AT_REMOVEDIR);
	(void)unlinkat(x->dir_fd, RD_AUDIT_KEY_FILE, 0);
	rd_audit_name(0, name);
	(void)unlinkat(x->dir_fd, name, 0);
	(void)rmdir(dir);
}

static enum rd_status write_all(struct export *x)
{
	uint8_t head[PAY_HEAD_SIZE];

	RD_TRY(ps_store_audit_head(x->db, &x->size, head));
	RD_TRY(write_segment_file(x));
	RD_TRY(write_key(x));
	RD_TRY(write_documents(x));
	return fsync(x->dir_fd) == 0 ? RD_OK : rd_status_from_errno(errno);
}

enum rd_status ps_export_log(
	const struct ps_config *config, const char *dir, FILE *to, struct rd_error *err)
{
	RD_CLEANUP(rd_db_close) struct rd_db *db = NULL;
	struct export x = {.dir_fd = -1, .documents_fd = -1};
	enum rd_status st;

	RD_TRY(rd_db_open(config->database, &ps_schema, &db, err));
	x.db = db;
	if (mkdir(dir, 0700) != 0) {
		return rd_fail_errno(err, errno, "cannot make %s", dir);
	}
	x.dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	st = x.dir_fd < 0 ? rd_status_from_errno(errno) : write_all(&x);
	if (st != RD_OK) {
		undo(&x, dir);
		st = rd_fail(err, st, "%s: %s", dir,
			st == RD_NOTFOUND ? "there is no record yet" : rd_status_text(st));
	} else {
		fprintf(to, "%s: %llu records, %llu tree heads, %llu documents\n", dir,
			(unsigned long long)x.size, (unsigned long long)x.heads,
			(unsigned long long)x.documents);
	}
	rd_fd_close(&x.documents_fd);
	rd_fd_close(&x.dir_fd);
	return st;
}
