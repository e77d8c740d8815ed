/* SPDX-License-Identifier: Apache-2.0 */
/* redoubt audit verify: has a log checked, and says what came of it. */
#include "redoubt/audit.h"

#include "base/text.h"
#include "os/fd.h"
#include "redoubt/redoubt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HASH_TEXT (2 * RD_MERKLE_HASH_SIZE + 1)

static enum rd_status read_file(const char *path, struct rd_buf *out, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum rd_status st;

	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", path);
	}
	st = rd_fd_read_all(fd, out);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "%s: %s", path, rd_status_text(st));
}

static enum rd_status read_key(const char *path, struct rd_ec_key **ret, struct rd_error *err)
{
	uint8_t bytes[RD_AUDIT_PEM_MAX];
	struct rd_buf pem = rd_buf_fixed(bytes, sizeof(bytes));
	enum rd_status st;

	RD_TRY(read_file(path, &pem, err));
	st = rd_audit_key_parse(rd_buf_view(&pem), ret);
	return st == RD_OK ? RD_OK : rd_fail(err, st, "%s: is no public P-256 key in PEM", path);
}

/* Whole or not at all: a head that is cut short would be taken for a forged one later. */
static enum rd_status save_head(
	const char *path, const uint8_t head[RD_MERKLE_HEAD_SIZE], struct rd_error *err)
{
	char temporary[4096];
	RD_CLEANUP(rd_fd_close) int fd = -1;
	enum rd_status st;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
		return rd_fail(err, RD_LIMIT, "%s: the path is too long", path);
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be made", temporary);
	}
	st = rd_fd_write_full(fd, rd_view(head, RD_MERKLE_HEAD_SIZE));
	if (st == RD_OK && (fsync(fd) < 0 || rename(temporary, path) < 0)) {
		st = rd_status_from_errno(errno);
	}
	if (st != RD_OK) {
		(void)unlink(temporary);
		return rd_fail(err, st, "%s: cannot be written: %s", path, rd_status_text(st));
	}
	return RD_OK;
}

static int print_json(json_t *result)
{
	int rc = result != NULL ? json_dumpf(result, stdout, JSON_INDENT(2)) : -1;

	json_decref(result);
	return rc == 0 && putchar('\n') == '\n' && fflush(stdout) == 0 ? 0 : -1;
}

static int print_accepted(
	const struct audit_args *args, const struct rd_audit_verify_report *report)
{
	char root[HASH_TEXT];
	char id[HASH_TEXT];
	char time_text[RD_TIME_TEXT_SIZE];

	rd_hex_string(rd_view(report->head.root.bytes, RD_MERKLE_HASH_SIZE), root);
	rd_hex_string(rd_view(report->log_id.bytes, RD_MERKLE_HASH_SIZE), id);
	rd_time_string(report->head.time_ms, time_text);
	if (args->json) {
		return print_json(json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:s,s:b,s:b,s:I}",
			"verified", 1, "records", (json_int_t)report->head.size, "first",
			(json_int_t)report->first, "segments", (json_int_t)report->segments,
			"heads", (json_int_t)report->heads, "documents",
			(json_int_t)report->documents, "headTime", time_text, "root", root, "logId",
			id, "keyGiven", args->key != NULL, "live", report->live, "uncoveredBytes",
			(json_int_t)report->uncovered));
	}
	printf("The log is whole: records %" PRIu64 " to %" PRIu64 " in %" PRIu64
	       " segments, under %" PRIu64 " signed heads; %" PRIu64 " documents.\n",
		report->first, report->head.size - (report->head.size > report->first),
		report->segments, report->heads, report->documents);
	printf("head   %s of %" PRIu64 " records at %s\n", root, report->head.size, time_text);
	printf("log    %s%s\n", id,
		args->key != NULL ? ""
				  : " (by its own key.pem: compare it with the one that you know)");
	if (report->uncovered > 0) {
		printf("note   a server is writing: %" PRIu64 " bytes are not covered yet\n",
			report->uncovered);
	}
	return fflush(stdout) == 0 ? 0 : -1;
}

static int refuse(const struct audit_args *args, enum rd_audit_result result, const char *why)
{
	fprintf(stderr, "redoubt audit verify: %s: %s: %s\n", args->dir,
		rd_audit_result_text(result), why);
	if (args->json && print_json(json_pack("{s:b,s:s,s:i,s:s,s:s}", "verified", 0, "code",
				  rd_audit_result_name(result), "exit", (int)result, "sentence",
				  rd_audit_result_text(result), "reason", why)) < 0) {
		fprintf(stderr, "redoubt audit verify: cannot write the result\n");
	}
	return (int)result;
}

static int accept_log(const struct audit_args *args, const struct rd_audit_verify_report *report)
{
	struct rd_error err;

	if (args->save != NULL && save_head(args->save, report->head_bytes, &err) != RD_OK) {
		return refuse(args, RD_AUDIT_ERROR, err.text);
	}
	if (print_accepted(args, report) < 0) {
		fprintf(stderr, "redoubt audit verify: cannot write the result\n");
		return RD_EXIT_FAILURE;
	}
	return RD_EXIT_OK;
}

int audit_verify(const struct audit_args *args)
{
	/* One byte more, so that a longer file is refused as a head and not cut to one. */
	uint8_t head_bytes[RD_MERKLE_HEAD_SIZE + 1];
	struct rd_buf head = rd_buf_fixed(head_bytes, sizeof(head_bytes));
	RD_CLEANUP(rd_ec_key_free) struct rd_ec_key *key = NULL;
	struct rd_audit_verify_options options = {.moved = args->moved};
	struct rd_audit_verify_report report;
	RD_CLEANUP(rd_fd_close) int dir = -1;
	enum rd_audit_result result;
	struct rd_error err = {0};

	if (audit_open_dir(args, &dir) != RD_OK) {
		return RD_EXIT_FAILURE;
	}
	if ((args->key != NULL && read_key(args->key, &key, &err) != RD_OK) ||
		(args->against != NULL && read_file(args->against, &head, &err) != RD_OK)) {
		return refuse(args, RD_AUDIT_ERROR, err.text);
	}
	options.key = key;
	options.saved = args->against != NULL ? rd_buf_view(&head) : rd_view(NULL, 0);
	result = rd_audit_verify(dir, &options, &report, &err);
	return result == RD_AUDIT_OK ? accept_log(args, &report) : refuse(args, result, err.text);
}
