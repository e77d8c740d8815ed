/* SPDX-License-Identifier: Apache-2.0 */
/* A segment's batches: what a crash may leave of the last one is a tail, what was altered is not.
 */
#include "test.h"

#include "audit/segment.h"
#include "os/fd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTOR    512
#define FILE_MAX  (3 * (size_t)RD_AUDIT_COMMIT_MAX)
#define BATCH_LEN 1400 /* of one record: four or five sectors with its head */

struct log {
	struct rd_ec_key *key;
	struct rd_merkle_range range;
	uint64_t time_ms;
	size_t batch_size; /* of the open batch */
	struct rd_buf file;
	struct rd_audit_end end; /* as it was read last */
	struct rd_error err;
};

static void put_head(struct log *log)
{
	struct rd_merkle_head head = {.size = log->range.size, .time_ms = log->time_ms++};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];

	assert_ok(rd_merkle_root(&log->range, &head.root));
	assert_ok(rd_merkle_head_sign(log->key, &head, bytes));
	assert_ok(rd_audit_head_put(bytes, log->batch_size, &log->file));
	log->batch_size = 0;
}

/* Letters: no record has a zero byte. */
static void put_record(struct log *log, size_t len)
{
	size_t before = log->file.used;
	uint8_t *text = malloc(len);
	struct rd_merkle_hash leaf;

	assert_non_null(text);
	memset(text, 'a' + (int)(log->range.size % 26), len);
	assert_ok(rd_audit_record_put(rd_view(text, len), &log->file));
	assert_ok(rd_merkle_leaf(rd_view(text, len), &leaf));
	assert_ok(rd_merkle_append(&log->range, &leaf, NULL, NULL));
	log->batch_size += log->file.used - before;
	free(text);
}

/* A batch of one record; where it begins. */
static size_t put_batch(struct log *log, size_t len)
{
	size_t at = log->file.used;

	put_record(log, len);
	put_head(log);
	return at;
}

static void begin(struct log *log)
{
	log->file.used = 0;
	log->range = (struct rd_merkle_range){0};
	assert_ok(rd_audit_segment_put(&log->range, &log->file));
	put_head(log);
}

/* A log that ends at this place of a sector. */
static void begin_aligned(struct log *log, size_t at)
{
	size_t entry = sizeof(uint32_t) + RD_AUDIT_HEAD_ENTRY_SIZE;

	begin(log);
	put_batch(log, 2 * SECTOR + at - (log->file.used + entry) % SECTOR);
	assert_int_equal(log->file.used % SECTOR, at);
}

static int setup(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	uint8_t *storage;

	assert_non_null(log);
	assert_ok(rd_ec_key_generate(RD_P256, &log->key));
	storage = malloc(FILE_MAX);
	assert_non_null(storage);
	log->file = rd_buf_fixed(storage, FILE_MAX);
	begin(log);
	*state = log;
	return 0;
}

static int teardown(void **state)
{
	struct log *log = *state;

	rd_ec_key_free(&log->key);
	free(log->file.ptr);
	free(log);
	return 0;
}

static enum rd_audit_result read_as(struct log *log, bool every_signature)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	struct rd_audit_segment segment = {.key = log->key, .every_signature = every_signature};

	log->err = (struct rd_error){0};
	assert_ok(rd_fd_memfd("segment", 0, &fd));
	assert_ok(rd_fd_pwrite_full(fd, rd_buf_view(&log->file), 0));
	segment.fd = fd;
	return rd_audit_segment_read(&segment, &log->end, &log->err);
}

/* Both readers, the verifier's and the starting server's, say so. */
static enum rd_audit_result read_log(struct log *log)
{
	enum rd_audit_result thorough = read_as(log, true);
	struct rd_audit_end end = log->end;
	enum rd_audit_result quick = read_as(log, false);

	assert_int_equal(quick, thorough);
	if (quick == RD_AUDIT_OK) {
		assert_int_equal(log->end.head.size, end.head.size);
		assert_int_equal(log->end.end, end.end);
		assert_int_equal(log->end.tail, end.tail);
	}
	return thorough;
}

static void assert_tail(struct log *log, uint64_t size, size_t end)
{
	enum rd_audit_result result = read_log(log);

	if (result != RD_AUDIT_OK) {
		fail_msg("%s: %s", rd_audit_result_name(result), log->err.text);
	}
	assert_int_equal(log->end.head.size, size);
	assert_int_equal(log->end.range.size, size);
	assert_int_equal(log->end.end, end);
	assert_int_equal(log->end.tail, log->file.used - end);
}

static void reads_batches_of_all_sizes(void **state)
{
	struct log *log = *state;

	put_batch(log, 1);
	for (int i = 0; i < 3000; i++) {
		put_record(log, 40);
	}
	put_head(log);
	for (int i = 0; i < 7; i++) {
		put_record(log, RD_AUDIT_RECORD_MAX);
	}
	put_record(log, RD_AUDIT_BATCH_MAX - 7 * (sizeof(uint32_t) + RD_AUDIT_RECORD_MAX) -
				sizeof(uint32_t));
	put_head(log);
	put_batch(log, 5);
	assert_tail(log, 1 + 3000 + 8 + 1, log->file.used);
	assert_int_equal(log->end.heads, 4);
}

static void refuses_a_batch_above_the_largest(void **state)
{
	struct log *log = *state;
	size_t at = log->file.used;

	for (int i = 0; i < 9; i++) {
		put_record(log, 500000);
	}
	log->batch_size = 0; /* which could not be written */
	put_head(log);
	assert_int_equal(read_log(log), RD_AUDIT_UNCOVERED);
	assert_non_null(strstr(log->err.text, "heads have been cut off"));
	/* As much of it as one write has may be an unfinished one. */
	log->file.used = at + RD_AUDIT_COMMIT_MAX;
	assert_tail(log, 0, at);
	log->file.used++;
	assert_int_equal(read_log(log), RD_AUDIT_UNCOVERED);
}

static void a_batch_cut_short_anywhere_is_a_tail(void **state)
{
	struct log *log = *state;
	size_t at, whole;

	put_batch(log, 10);
	at = put_batch(log, 600);
	whole = log->file.used;
	for (log->file.used = at; log->file.used < whole; log->file.used++) {
		assert_tail(log, 1, at);
	}
	assert_tail(log, 2, whole);
}

/* Zeros for those sectors from at on whose bits are set; how many sectors there are. */
static size_t lose(struct log *log, size_t at, size_t end, unsigned sectors)
{
	size_t n = 0;

	while (at < end) {
		size_t next = at + SECTOR - at % SECTOR;

		next = next < end ? next : end;
		if ((sectors >> n++ & 1) != 0) {
			memset(log->file.ptr + at, 0, next - at);
		}
		at = next;
	}
	return n;
}

static void a_batch_without_some_of_its_sectors_is_a_tail(void **state)
{
	static const size_t places[] = {0, 1, 100, 355, 356, 357, 400, 508, 509, 510, 511};
	struct log *log = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(places); i++) {
		uint8_t *whole;
		size_t at, n;

		begin_aligned(log, places[i]);
		at = put_batch(log, BATCH_LEN);
		whole = malloc(log->file.used);
		assert_non_null(whole);
		memcpy(whole, log->file.ptr, log->file.used);
		n = lose(log, at, log->file.used, 0);
		assert_in_range(n, 4, 5);
		for (unsigned lost = 1; lost < 1u << n; lost++) {
			bool same;

			(void)lose(log, at, log->file.used, lost);
			/* The first bytes of a record's length are zeros anyway. */
			same = memcmp(whole, log->file.ptr, log->file.used) == 0;
			assert_tail(log, same ? 2 : 1, same ? log->file.used : at);
			memcpy(log->file.ptr, whole, log->file.used);
		}
		free(whole);
	}
}

static void a_byte_changed_in_the_last_batch_is_refused(void **state)
{
	struct log *log = *state;
	size_t at;

	begin_aligned(log, 100);
	at = put_batch(log, 700);
	for (size_t i = at; i < log->file.used; i++) {
		log->file.ptr[i] ^= (uint8_t)(1u << i % 8);
		assert_in_range(read_log(log), RD_AUDIT_NO_LOG, RD_AUDIT_FORKED);
		assert_true(log->err.text[0] != '\0');
		log->file.ptr[i] ^= (uint8_t)(1u << i % 8);
	}
	assert_tail(log, 2, log->file.used);
}

/* Each sector of the batch before the last: what follows shows that it was durable. */
static void a_sector_lost_before_the_last_batch_is_refused(void **state)
{
	static const size_t places[] = {0, 100, 356, 400, 511};
	struct log *log = *state;

	for (size_t i = 0; i < RD_ARRAY_LEN(places); i++) {
		size_t at, last, n;
		uint8_t *whole;

		begin_aligned(log, places[i]);
		at = put_batch(log, BATCH_LEN);
		last = put_batch(log, 2 * SECTOR);
		whole = malloc(log->file.used);
		assert_non_null(whole);
		memcpy(whole, log->file.ptr, log->file.used);
		n = lose(log, at, last, 0);
		for (unsigned sector = 0; sector < n; sector++) {
			/* Its end, too, where the last batch has a part of the sector. */
			(void)lose(log, at, last + SECTOR - last % SECTOR, 1u << sector);
			if (memcmp(whole, log->file.ptr, log->file.used) != 0) {
				assert_in_range(read_log(log), RD_AUDIT_NO_LOG, RD_AUDIT_FORKED);
			}
			memcpy(log->file.ptr, whole, log->file.used);
		}
		free(whole);
	}
}

static void zeros_do_not_hide_two_heads(void **state)
{
	struct log *log = *state;
	size_t at = put_batch(log, BATCH_LEN);

	put_batch(log, 10);
	put_batch(log, 10);
	(void)lose(log, at, at + BATCH_LEN, 2);
	assert_int_equal(read_log(log), RD_AUDIT_ALTERED);
	/* Alone it may have been the last. */
	log->file.used = at + sizeof(uint32_t) + BATCH_LEN + RD_AUDIT_HEAD_ENTRY_SIZE;
	assert_tail(log, 0, at);
	/* Nor does an old head count, wherever it is. */
	memcpy(log->file.ptr + at + SECTOR + 200, log->file.ptr + 20, RD_MERKLE_HEAD_SIZE);
	(void)lose(log, at, log->file.used, 1);
	assert_tail(log, 0, at);
}

static void records_and_heads_that_do_not_fit_are_refused(void **state)
{
	struct log *log = *state;
	size_t first = put_batch(log, 10);
	size_t second = put_batch(log, 10);
	const size_t record = sizeof(uint32_t) + 10;
	const size_t used = log->file.used;
	uint8_t whole[1024];

	assert_true(used <= sizeof(whole));
	memcpy(whole, log->file.ptr, used);
	/* A record is dropped. */
	memmove(log->file.ptr + second, log->file.ptr + second + record, used - second - record);
	log->file.used = used - record;
	assert_int_equal(read_log(log), RD_AUDIT_MISSING);
	/* A head is. */
	memcpy(log->file.ptr, whole, used);
	memmove(log->file.ptr + first + record, whole + second, used - second);
	log->file.used = used - RD_AUDIT_HEAD_ENTRY_SIZE;
	assert_int_equal(read_log(log), RD_AUDIT_ALTERED);
	assert_non_null(strstr(log->err.text, "says that it follows 14 bytes"));
	/* A record is written twice. */
	memcpy(log->file.ptr, whole, used);
	memcpy(log->file.ptr + second + record, whole + second, record);
	memcpy(log->file.ptr + second + 2 * record, whole + second + record,
		RD_AUDIT_HEAD_ENTRY_SIZE);
	log->file.used = used + record;
	assert_int_equal(read_log(log), RD_AUDIT_ALTERED);
	/* A head is. */
	memcpy(log->file.ptr, whole, used);
	memcpy(log->file.ptr + used, whole + used - RD_AUDIT_HEAD_ENTRY_SIZE,
		RD_AUDIT_HEAD_ENTRY_SIZE);
	log->file.used = used + RD_AUDIT_HEAD_ENTRY_SIZE;
	assert_int_equal(read_log(log), RD_AUDIT_HEAD_ORDER);
	log->file.used = 16;
	assert_int_equal(read_log(log), RD_AUDIT_FORM);
}

/* A starting server verifies the last signature alone: it is always the last good one. */
static void the_last_head_is_always_verified(void **state)
{
	struct log *log = *state;
	size_t second;

	put_batch(log, 10);
	second = put_batch(log, 10);
	log->file.ptr[log->file.used - 1] ^= 1;
	assert_int_equal(read_log(log), RD_AUDIT_HEAD_SIGNATURE);
	log->file.ptr[log->file.used - 1] ^= 1;
	log->file.ptr[second - 1] ^= 1;
	assert_int_equal(read_as(log, true), RD_AUDIT_HEAD_SIGNATURE);
	assert_int_equal(read_as(log, false), RD_AUDIT_OK);
	log->file.used = second + 9;
	assert_int_equal(read_log(log), RD_AUDIT_HEAD_SIGNATURE);
}

static void refuses_the_format_before(void **state)
{
	struct log *log = *state;
	uint64_t first;
	char name[RD_AUDIT_NAME_SIZE];

	log->file.ptr[6] = '1';
	assert_int_equal(read_log(log), RD_AUDIT_FORM);
	rd_audit_name(7, name);
	assert_string_equal(name, "log-0000000000000000007");
	assert_ok(rd_audit_name_parse(name, &first));
	assert_int_equal(first, 7);
	assert_status(rd_audit_name_parse("heads-0000000000000000007", &first), RD_BAD_MAGIC);
	assert_status(rd_audit_name_parse("heads-7", &first), RD_NOTFOUND);
	assert_status(rd_audit_name_parse("log-000000000000000000x", &first), RD_NOTFOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(reads_batches_of_all_sizes),
		T(refuses_a_batch_above_the_largest),
		T(a_batch_cut_short_anywhere_is_a_tail),
		T(a_batch_without_some_of_its_sectors_is_a_tail),
		T(a_byte_changed_in_the_last_batch_is_refused),
		T(a_sector_lost_before_the_last_batch_is_refused),
		T(zeros_do_not_hide_two_heads),
		T(records_and_heads_that_do_not_fit_are_refused),
		T(the_last_head_is_always_verified),
		T(refuses_the_format_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
