/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's files: whatever is changed is found, and what a crash leaves is cut off. */
#include "audit_fixture.h"

#include "base/byteorder.h"
#include "os/fd.h"

#include <fcntl.h>
#include <unistd.h>

static void copy_tree(const char *from, const char *to)
{
	char command[256];

	log_remove_tree(to);
	snprintf(command, sizeof(command), "cp -a %s %s", from, to);
	assert_int_equal(system(command), 0);
}

static void append_to_file(const char *dir, const char *name, size_t len, int byte)
{
	char path[256];
	uint8_t *bytes = malloc(len);
	int fd;

	assert_non_null(bytes);
	memset(bytes, byte, len);
	log_path(path, dir, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(rd_fd_write_full(fd, rd_view(bytes, len)));
	close(fd);
	free(bytes);
}

static void truncate_file(const char *dir, const char *name, size_t len)
{
	char path[256];

	log_path(path, dir, name);
	assert_int_equal(truncate(path, (off_t)len), 0);
}

/* A small log with a document: files of every kind. */
static void make_small_log(struct audit_fixture *f, char ret_name[65])
{
	char text[256];

	log_open(f);
	log_append_many(f, 0, 2);
	assert_ok(kms_audit_keep_document(f->audit, rd_view_str("a document"), ret_name));
	snprintf(text, sizeof(text), "{\"additionalEventData\":{\"recipient\":{\"%s\":\"%s\"}}}",
		RD_AUDIT_DOCUMENT_MEMBER, ret_name);
	assert_ok(log_append(f->audit, text, NULL));
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_OK);
}

static enum rd_audit_result verify_quietly(const struct audit_fixture *f, struct rd_error *err)
{
	struct rd_audit_verify_options options = {.key = f->key};
	struct rd_audit_verify_report report;

	return log_verify_with(f->dir, &options, &report, err);
}

static void flip_all(struct audit_fixture *f, const char *name, size_t step)
{
	size_t len;
	uint8_t *bytes = log_read_file(f->dir, name, &len);

	for (size_t i = 0; i < len; i += step) {
		struct rd_error err = {0};

		bytes[i] ^= (uint8_t)(1u << (i % 8));
		log_write_file(f->dir, name, bytes, len);
		if (verify_quietly(f, &err) < RD_AUDIT_NO_LOG || err.text[0] == '\0') {
			fail_msg("byte %zu of %s: not found (%s)", i, name, err.text);
		}
		bytes[i] ^= (uint8_t)(1u << (i % 8));
	}
	log_write_file(f->dir, name, bytes, len);
	free(bytes);
}

static void a_flipped_byte_anywhere_is_found(void **state)
{
	struct audit_fixture *f = *state;
	char name[65];
	char document[96];
	size_t len;
	uint8_t *bytes;

	make_small_log(f, name);
	snprintf(document, sizeof(document), "%s/%s", RD_AUDIT_DOCUMENTS_DIR, name);
	flip_all(f, "log-" SEGMENT0, 1);
	flip_all(f, document, 1);
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_OK);
	bytes = log_read_file(f->dir, RD_AUDIT_KEY_FILE, &len);
	bytes[60] ^= 1;
	log_write_file(f->dir, RD_AUDIT_KEY_FILE, bytes, len);
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_KEY);
	free(bytes);
}

/* Where each entry of the log begins, and behind the last one; how many there are. */
#define ENTRIES_MAX 32

static size_t find_entries(const uint8_t *bytes, size_t len, size_t at[ENTRIES_MAX + 1])
{
	struct rd_cur c = rd_cur(rd_view(bytes, len));
	struct rd_merkle_range range;
	struct rd_audit_entry entry;
	size_t n = 0;

	assert_ok(rd_audit_segment_next(&c, &range));
	for (at[0] = len - c.left; c.left > 0; at[++n] = len - c.left) {
		assert_true(n < ENTRIES_MAX);
		assert_ok(rd_audit_entry_next(&c, &entry));
	}
	return n;
}

/* Made, read and taken apart; freed by the caller. */
static uint8_t *read_small_log(
	struct audit_fixture *f, size_t at[ENTRIES_MAX + 1], size_t *ret_len, size_t *ret_n)
{
	char name[65];
	uint8_t *bytes;

	make_small_log(f, name);
	bytes = log_read_file(f->dir, "log-" SEGMENT0, ret_len);
	*ret_n = find_entries(bytes, *ret_len, at);
	return bytes;
}

static bool is_head(const uint8_t *entry)
{
	return (entry[0] & 0x80) != 0;
}

/* What is cut off behind a head cannot be seen without a head that was saved. */
static void a_cut_file_is_found(void **state)
{
	struct audit_fixture *f = *state;
	size_t at[ENTRIES_MAX + 1];
	size_t len, n, entry = 0;
	uint8_t *bytes;

	bytes = read_small_log(f, at, &len, &n);
	assert_int_equal(n, 1 + 2 * 3);
	for (size_t cut = 0; cut < len; cut++) {
		struct rd_error err = {0};
		enum rd_audit_result result;

		entry += cut > at[entry + 1] ? 1 : 0;
		truncate_file(f->dir, "log-" SEGMENT0, cut);
		result = verify_quietly(f, &err);
		if (cut == at[entry + 1] && is_head(bytes + at[entry])) {
			assert_int_equal(result, RD_AUDIT_OK);
		} else if (result != (cut < at[1] ? RD_AUDIT_FORM : RD_AUDIT_UNCOVERED)) {
			fail_msg("cut to %zu: %s", cut, rd_audit_result_name(result));
		}
		log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	}
	free(bytes);
}

/* The log of these entries of the one that was read. */
static enum rd_audit_result verify_of(const struct audit_fixture *f, const uint8_t *bytes,
	const size_t at[ENTRIES_MAX + 1], const int *entries, struct rd_error *err)
{
	uint8_t out[4096];
	size_t len = at[0];

	memcpy(out, bytes, len);
	for (; *entries >= 0; entries++) {
		size_t n = at[*entries + 1] - at[*entries];

		assert_true(n <= sizeof(out) - len);
		memcpy(out + len, bytes + at[*entries], n);
		len += n;
	}
	log_write_file(f->dir, "log-" SEGMENT0, out, len);
	return verify_quietly(f, err);
}

static void reordered_dropped_and_inserted_entries_are_found(void **state)
{
	/* Of: head 0, record 0, head 1, record 1, head 2, record 2, head 3. */
	static const struct {
		int entries[10];
		enum rd_audit_result want;
		const char *what;
	} cases[] = {
		{{0, 1, 2, 3, 4, 5, 6, -1}, RD_AUDIT_OK, "as it was"},
		{{0, 3, 2, 1, 4, 5, 6, -1}, RD_AUDIT_ALTERED, "two records swapped"},
		{{0, 1, 2, 4, 5, 6, -1}, RD_AUDIT_MISSING, "a record dropped"},
		{{0, 1, 2, 5, 4, 3, 6, -1}, RD_AUDIT_ALTERED, "the last two swapped"},
		{{0, 1, 2, 3, 3, 4, 5, 6, -1}, RD_AUDIT_ALTERED, "a record inserted"},
		{{0, 1, 2, 3, 4, 5, 5, 6, -1}, RD_AUDIT_ALTERED, "one inserted at the end"},
		{{0, 1, 3, 4, 5, 6, -1}, RD_AUDIT_ALTERED, "a head dropped"},
		{{0, 1, 2, 5, 6, -1}, RD_AUDIT_MISSING, "a batch dropped"},
		{{0, 3, 4, 1, 2, 5, 6, -1}, RD_AUDIT_MISSING, "two batches swapped"},
		{{0, 1, 2, 3, 4, 3, 4, 5, 6, -1}, RD_AUDIT_HEAD_ORDER, "a batch twice"},
		{{0, 1, 2, 3, 4, 6, 5, -1}, RD_AUDIT_MISSING, "a head before its record"},
		{{1, 2, 3, 4, 5, 6, -1}, RD_AUDIT_OK, "no head of the empty log"},
		{{0, 1, 2, 3, 4, -1}, RD_AUDIT_OK, "rolled back to a head"},
		{{0, 1, 2, 3, 4, 5, -1}, RD_AUDIT_UNCOVERED, "the last head dropped"},
	};
	struct audit_fixture *f = *state;
	size_t at[ENTRIES_MAX + 1];
	size_t len;
	uint8_t *bytes;

	log_open(f);
	log_append_many(f, 0, 3);
	kms_audit_close(&f->audit);
	bytes = log_read_file(f->dir, "log-" SEGMENT0, &len);
	assert_int_equal(find_entries(bytes, len, at), 7);
	for (size_t i = 0; i < RD_ARRAY_LEN(cases); i++) {
		struct rd_error err = {0};
		enum rd_audit_result got = verify_of(f, bytes, at, cases[i].entries, &err);

		if (got != cases[i].want) {
			fail_msg("%s: %s (%s)", cases[i].what, rd_audit_result_name(got), err.text);
		}
	}
	free(bytes);
}

static void documents_are_kept_once_and_missed(void **state)
{
	struct audit_fixture *f = *state;
	struct rd_audit_verify_report report;
	char name[65];
	char again[65];
	char path[256];

	make_small_log(f, name);
	log_open(f);
	assert_ok(kms_audit_keep_document(f->audit, rd_view_str("a document"), again));
	assert_string_equal(name, again);
	assert_status(kms_audit_keep_document(f->audit, rd_view_str(""), again), RD_USAGE);
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.documents, 1);
	snprintf(path, sizeof(path), "%s/%s/%s", f->dir, RD_AUDIT_DOCUMENTS_DIR, name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_DOCUMENT_MISSING);
}

static void segments_follow_each_other(void **state)
{
	struct audit_fixture *f = *state;
	struct rd_audit_verify_options moved = {.moved = true};
	struct rd_audit_verify_report report;
	struct rd_error err = {0};
	char second[RD_AUDIT_NAME_SIZE];
	char path[256];
	char aside[256];
	uint64_t first = 0;

	log_open(f);
	kms_audit_limit_segments(f->audit, 600);
	log_append_many(f, 0, 20);
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	assert_true(report.segments >= 3);
	log_open(f);
	log_append_many(f, 20, 22);
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	/* The second one is found by trying. */
	do {
		rd_audit_name(++first, second);
		log_path(path, f->dir, second);
	} while (access(path, F_OK) < 0 && first < 22);
	log_path(aside, f->dir, "aside");
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_SEGMENT);
	assert_int_equal(rename(aside, path), 0);
	log_path(path, f->dir, "log-" SEGMENT0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_MOVED);
	assert_int_equal(log_verify_with(f->dir, &moved, &report, &err), RD_AUDIT_OK);
	assert_int_equal(report.first, first);
	/* A server needs the last one alone. */
	log_open(f);
	log_append_many(f, 22, 24);
}

static void a_fork_and_a_rollback_are_found(void **state)
{
	struct audit_fixture *f = *state;
	struct rd_audit_verify_report report;
	struct rd_audit_verify_options against = {0};
	struct rd_error err = {0};
	struct rd_ec_key *other = NULL;
	uint8_t saved[RD_MERKLE_HEAD_SIZE];
	char dir[64];

	log_open(f);
	log_append_many(f, 0, 3);
	kms_audit_close(&f->audit);
	copy_tree(f->dir, f->copy);
	log_open(f);
	log_append_many(f, 3, 6);
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	memcpy(saved, report.head_bytes, sizeof(saved));
	against.saved = rd_view(saved, sizeof(saved));
	assert_int_equal(log_verify_with(f->dir, &against, &report, &err), RD_AUDIT_OK);
	assert_int_equal(log_verify_with(f->copy, &against, &report, &err), RD_AUDIT_ROLLED_BACK);
	memcpy(dir, f->dir, sizeof(dir));
	memcpy(f->dir, f->copy, sizeof(dir));
	log_open(f);
	for (int i = 0; i < 4; i++) {
		assert_ok(log_append(f->audit, "{\"another\":\"history\"}", NULL));
	}
	kms_audit_close(&f->audit);
	memcpy(f->dir, dir, sizeof(dir));
	/* On its own, the other history is as good as the first. */
	assert_int_equal(log_verify(f->copy, NULL), RD_AUDIT_OK);
	assert_int_equal(log_verify_with(f->copy, &against, &report, &err), RD_AUDIT_FORKED);
	saved[60] ^= 1;
	assert_int_equal(log_verify_with(f->dir, &against, &report, &err), RD_AUDIT_SAVED_HEAD);
	assert_ok(rd_ec_key_generate(RD_P256, &other));
	against = (struct rd_audit_verify_options){.key = other};
	assert_int_equal(log_verify_with(f->dir, &against, &report, &err), RD_AUDIT_KEY);
	rd_ec_key_free(&other);
}

static void assert_not_opened(struct audit_fixture *f, enum rd_status want, const char *part)
{
	struct rd_error err = {0};

	assert_status(kms_audit_open(f->dir, f->key, &f->audit, &err), want);
	if (strstr(err.text, part) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
	}
}

/* Opens the log, which says that it has cut off its last batch. */
static void goes_on_without_the_last(struct audit_fixture *f, uint64_t records)
{
	struct rd_audit_verify_report report;
	struct rd_error err = {0};

	assert_int_equal(verify_quietly(f, &err), RD_AUDIT_UNCOVERED);
	log_open(f);
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	/* And the record of it. */
	assert_int_equal(report.head.size, records + 1);
}

static void a_torn_end_is_cut_and_said(void **state)
{
	struct audit_fixture *f = *state;
	size_t at[ENTRIES_MAX + 1];
	size_t len, n;
	uint8_t *bytes;

	bytes = read_small_log(f, at, &len, &n);
	/* Each byte of the last batch, which is a record and its head. */
	for (size_t cut = at[n - 2] + 1; cut < len; cut++) {
		log_write_file(f->dir, "log-" SEGMENT0, bytes, cut);
		goes_on_without_the_last(f, 2);
	}
	/* Nothing of a batch but the size that the file got. */
	log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	append_to_file(f->dir, "log-" SEGMENT0, 1000, 0);
	goes_on_without_the_last(f, 3);
	free(bytes);
}

/* A log whose last batch has six sectors; where they begin, in the file that is read. */
static uint8_t *make_long_batch(struct audit_fixture *f, size_t *ret_at, size_t *ret_len)
{
	char text[2801];
	size_t at[ENTRIES_MAX + 1];
	uint8_t *bytes;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "{\"x\":\"", 6);
	memcpy(text + sizeof(text) - 3, "\"}", 3);
	log_open(f);
	log_append_many(f, 0, 2);
	assert_ok(log_append(f->audit, text, NULL));
	kms_audit_close(&f->audit);
	bytes = log_read_file(f->dir, "log-" SEGMENT0, ret_len);
	*ret_at = at[find_entries(bytes, *ret_len, at) - 2];
	return bytes;
}

static void sectors_that_never_came_to_the_disk_are_cut(void **state)
{
	struct audit_fixture *f = *state;
	size_t len, at;
	uint8_t *bytes = make_long_batch(f, &at, &len);

	for (size_t sector = at; sector < len; sector += 512 - sector % 512) {
		size_t end = sector + 512 - sector % 512;
		uint8_t *torn = malloc(len);

		assert_non_null(torn);
		memcpy(torn, bytes, len);
		memset(torn + sector, 0, (end < len ? end : len) - sector);
		log_write_file(f->dir, "log-" SEGMENT0, torn, len);
		free(torn);
		goes_on_without_the_last(f, 2);
	}
	free(bytes);
}

/* Sectors of a batch that another one follows: it had been durable. */
static void sectors_that_were_lost_later_are_not_cut(void **state)
{
	struct audit_fixture *f = *state;
	size_t at, end, len, now;
	uint8_t *bytes = make_long_batch(f, &at, &end);

	free(bytes);
	log_open(f);
	log_append_many(f, 3, 5);
	kms_audit_close(&f->audit);
	bytes = log_read_file(f->dir, "log-" SEGMENT0, &len);
	for (size_t sector = at + 512 - at % 512; sector < end; sector += 512) {
		struct rd_error err = {0};
		uint8_t kept[512];

		memcpy(kept, bytes + sector, 512);
		memset(bytes + sector, 0, 512);
		log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
		assert_in_range(verify_quietly(f, &err), RD_AUDIT_NO_LOG, RD_AUDIT_ALTERED);
		assert_status(kms_audit_open(f->dir, f->key, &f->audit, &err), RD_UNTRUSTED);
		free(log_read_file(f->dir, "log-" SEGMENT0, &now));
		assert_int_equal(now, len);
		memcpy(bytes + sector, kept, 512);
	}
	free(bytes);
}

static void an_altered_log_is_not_gone_on_with(void **state)
{
	struct audit_fixture *f = *state;
	struct rd_ec_key *key = f->key;
	struct kms_audit *second = NULL;
	struct rd_error err = {0};
	size_t at[ENTRIES_MAX + 1];
	size_t len, n;
	uint8_t *bytes;

	bytes = read_small_log(f, at, &len, &n);
	bytes[at[1] + 5] ^= 1;
	log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	assert_not_opened(f, RD_UNTRUSTED, "log-" SEGMENT0 ": records 0 to 0");
	bytes[at[1] + 5] ^= 1;
	/* The last batch, too, as long as no sector is lost. */
	bytes[at[n - 2] + 5] ^= 1;
	log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	assert_not_opened(f, RD_UNTRUSTED, "log-" SEGMENT0 ": records 2 to 2");
	bytes[at[n - 2] + 5] ^= 1;
	bytes[len - 1] ^= 1;
	log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	assert_not_opened(f, RD_UNTRUSTED, "log-" SEGMENT0 ": head 3");
	bytes[len - 1] ^= 1;
	log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	free(bytes);
	f->key = NULL;
	assert_ok(rd_ec_key_generate(RD_P256, &f->key));
	assert_not_opened(f, RD_WRONG_KEY, RD_AUDIT_KEY_FILE);
	rd_ec_key_free(&f->key);
	f->key = key;
	log_open(f);
	assert_status(kms_audit_open(f->dir, f->key, &second, &err), RD_EXISTS);
}

/* Without heads there may be no more than one write. */
static void more_than_a_batch_is_not_cut(void **state)
{
	struct audit_fixture *f = *state;
	uint8_t *record = malloc(sizeof(uint32_t) + RD_AUDIT_RECORD_MAX);
	char path[256];
	char name[65];
	int fd;

	assert_non_null(record);
	memset(record, 'x', sizeof(uint32_t) + RD_AUDIT_RECORD_MAX);
	rd_put_be32(record, RD_AUDIT_RECORD_MAX);
	make_small_log(f, name);
	log_path(path, f->dir, "log-" SEGMENT0);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < 9; i++) {
		assert_ok(rd_fd_write_full(
			fd, rd_view(record, sizeof(uint32_t) + RD_AUDIT_RECORD_MAX)));
	}
	close(fd);
	free(record);
	assert_not_opened(f, RD_UNTRUSTED, "heads have been cut off");
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_UNCOVERED);
}

static void a_log_of_the_format_before_is_refused(void **state)
{
	struct audit_fixture *f = *state;
	char path[256];
	char name[65];
	size_t len;
	uint8_t *bytes;

	make_small_log(f, name);
	log_write_file(f->dir, "heads-" SEGMENT0, (const uint8_t *)"x", 1);
	assert_not_opened(f, RD_BAD_MAGIC, "heads-" SEGMENT0 ": the log is of an older format");
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_FORM);
	log_path(path, f->dir, "heads-" SEGMENT0);
	assert_int_equal(unlink(path), 0);
	bytes = log_read_file(f->dir, "log-" SEGMENT0, &len);
	memcpy(bytes, "RDLOGS1", 8);
	log_write_file(f->dir, "log-" SEGMENT0, bytes, len);
	free(bytes);
	assert_not_opened(f, RD_UNTRUSTED, "log-" SEGMENT0 ": its beginning does not start with");
	assert_int_equal(log_verify(f->dir, NULL), RD_AUDIT_FORM);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, log_setup, log_teardown)
	const struct CMUnitTest tests[] = {
		T(a_flipped_byte_anywhere_is_found),
		T(a_cut_file_is_found),
		T(reordered_dropped_and_inserted_entries_are_found),
		T(documents_are_kept_once_and_missed),
		T(segments_follow_each_other),
		T(a_fork_and_a_rollback_are_found),
		T(a_torn_end_is_cut_and_said),
		T(sectors_that_never_came_to_the_disk_are_cut),
		T(sectors_that_were_lost_later_are_not_cut),
		T(an_altered_log_is_not_gone_on_with),
		T(more_than_a_batch_is_not_cut),
		T(a_log_of_the_format_before_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
