/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log file and a heads file from outside: flags (1), be32 length of the log, the log, the heads.
 * With flag 1 the heads are signed first, as an attacker who has the key could; without, none may
 * be believed. What is accepted must be consistent in itself. Also the key file's reader.
 */
#include "audit/segment.h"
#include "base/byteorder.h"
#include "os/fd.h"

#include <stdlib.h>
#include <string.h>

/* Signing costs a millisecond. */
#define HEADS_SIGNED_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static int file_of(struct rd_view bytes)
{
	int fd = -1;

	require(rd_fd_memfd("fuzz", 0, &fd) == RD_OK);
	require(rd_fd_pwrite_full(fd, bytes, 0) == RD_OK);
	return fd;
}

static void sign_heads(const struct rd_ec_key *key, uint8_t *heads, size_t len)
{
	for (size_t i = 0; i < HEADS_SIGNED_MAX && len >= RD_MERKLE_HEAD_SIZE; i++) {
		struct rd_merkle_head head = {
			.time_ms = rd_get_be64(heads + 40), .size = rd_get_be64(heads + 48)};

		memcpy(head.root.bytes, heads + 56, sizeof(head.root.bytes));
		(void)!rd_merkle_head_sign(key, &head, heads);
		heads += RD_MERKLE_HEAD_SIZE;
		len -= RD_MERKLE_HEAD_SIZE;
	}
}

static enum rd_audit_result see_record(
	void *ctx, uint64_t index, struct rd_view json, struct rd_error *err)
{
	uint64_t *next = ctx;

	(void)err;
	require(index == *next && json.len > 0 && json.len <= RD_AUDIT_RECORD_MAX);
	(*next)++;
	return RD_AUDIT_OK;
}

static void read_segment(const struct rd_ec_key *key, struct rd_view log, struct rd_view heads,
	uint64_t first, bool is_signed)
{
	RD_CLEANUP(rd_fd_close) int log_fd = file_of(log);
	RD_CLEANUP(rd_fd_close) int heads_fd = file_of(heads);
	struct rd_audit_segment segment = {
		.log_fd = log_fd, .heads_fd = heads_fd, .first = first, .key = key};
	uint64_t next = first;
	struct rd_merkle_hash root;
	struct rd_audit_end end;
	struct rd_error err = {0};

	segment.every_signature = true;
	segment.visitor = (struct rd_audit_visitor){.ctx = &next, .record = see_record};
	if (rd_audit_segment_read(&segment, &end, &err) != RD_AUDIT_OK) {
		require(err.text[0] != '\0');
		return;
	}
	require(is_signed && end.range.size == next && end.head.size == next);
	require(rd_merkle_root(&end.range, &root) == RD_OK);
	require(rd_merkle_equal(&root, &end.head.root));
	require(end.log_end + end.log_tail == log.len);
	require(end.heads_end + end.heads_tail == heads.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_ec_key *key;
	struct rd_cur c = rd_cur(rd_view(data, size));
	struct rd_ec_key *parsed = NULL;
	struct rd_merkle_range range = {0};
	struct rd_view log;
	struct rd_cur begin;
	uint8_t *heads;
	uint8_t flags;
	uint32_t len;

	if (key == NULL) {
		require(rd_ec_key_generate(RD_P256, &key) == RD_OK);
	}
	if (rd_audit_key_parse(rd_view(data, size), &parsed) == RD_OK) {
		rd_ec_key_free(&parsed);
	}
	if (rd_cur_u8(&c, &flags) != RD_OK || rd_cur_be32(&c, &len) != RD_OK ||
		rd_cur_take(&c, len, &log) != RD_OK) {
		return 0;
	}
	/* The name says what the file says, or not. */
	begin = rd_cur(log);
	(void)!rd_audit_segment_next(&begin, &range);
	heads = malloc(c.left + 1);
	require(heads != NULL);
	memcpy(heads, c.ptr, c.left);
	if ((flags & 1) != 0) {
		sign_heads(key, heads, c.left);
	}
	read_segment(key, log, rd_view(heads, c.left), range.size, (flags & 1) != 0);
	free(heads);
	return 0;
}
