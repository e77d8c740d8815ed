/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment's file from outside, behind a byte of flags. With flag 1 its first heads are signed, as
 * an attacker who has the key could; without, none may be believed. With flag 2 it is read as by a
 * server that starts. What is accepted must be consistent in itself. Also the key file's reader.
 */
#include "audit/segment.h"
#include "base/byteorder.h"
#include "os/fd.h"

#include <stdlib.h>
#include <string.h>

/* Signing costs a millisecond. */
#define HEADS_SIGNED_MAX 4
#define FLAG_SIGNED      1u
#define FLAG_STARTS      2u

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

/* Wherever their magic stands, so that heads in what is no entry are signed too. */
static void sign_heads(const struct rd_ec_key *key, uint8_t *log, size_t len)
{
	static const uint8_t magic[8] = RD_MERKLE_HEAD_MAGIC;
	unsigned done = 0;

	for (size_t at = 0; at + RD_MERKLE_HEAD_SIZE <= len && done < HEADS_SIGNED_MAX; at++) {
		uint8_t *bytes = log + at;
		struct rd_merkle_head head = {
			.time_ms = rd_get_be64(bytes + 40), .size = rd_get_be64(bytes + 48)};

		if (memcmp(bytes, magic, sizeof(magic)) == 0) {
			memcpy(head.root.bytes, bytes + 56, sizeof(head.root.bytes));
			(void)!rd_merkle_head_sign(key, &head, bytes);
			done++;
		}
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

static void read_segment(
	const struct rd_ec_key *key, struct rd_view log, uint64_t first, unsigned flags)
{
	RD_CLEANUP(rd_fd_close) int fd = file_of(log);
	struct rd_audit_segment segment = {.fd = fd, .first = first, .key = key};
	uint64_t next = first;
	struct rd_merkle_hash root;
	struct rd_audit_end end;
	struct rd_error err = {0};

	segment.every_signature = (flags & FLAG_STARTS) == 0;
	segment.visitor = (struct rd_audit_visitor){.ctx = &next, .record = see_record};
	if (rd_audit_segment_read(&segment, &end, &err) != RD_AUDIT_OK) {
		require(err.text[0] != '\0');
		return;
	}
	require((flags & FLAG_SIGNED) != 0 && end.range.size == next && end.head.size == next);
	require(rd_merkle_root(&end.range, &root) == RD_OK);
	require(rd_merkle_equal(&root, &end.head.root));
	require(end.end + end.tail == log.len && end.tail <= RD_AUDIT_COMMIT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rd_ec_key *key;
	struct rd_cur c = rd_cur(rd_view(data, size));
	struct rd_ec_key *parsed = NULL;
	struct rd_merkle_range range = {0};
	struct rd_cur begin;
	uint8_t *log;
	uint8_t flags;

	if (key == NULL) {
		require(rd_ec_key_generate(RD_P256, &key) == RD_OK);
	}
	if (rd_audit_key_parse(rd_view(data, size), &parsed) == RD_OK) {
		rd_ec_key_free(&parsed);
	}
	if (rd_cur_u8(&c, &flags) != RD_OK) {
		return 0;
	}
	/* The name says what the file says, or not. */
	begin = c;
	(void)!rd_audit_segment_next(&begin, &range);
	log = malloc(c.left + 1);
	require(log != NULL);
	memcpy(log, c.ptr, c.left);
	if ((flags & FLAG_SIGNED) != 0) {
		sign_heads(key, log, c.left);
	}
	read_segment(key, rd_view(log, c.left), range.size, flags);
	free(log);
	return 0;
}
