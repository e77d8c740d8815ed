/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log's files.
 *
 * Order is what makes a crash harmless: documents are synced before the batch that names them is
 * begun, and each batch, its records and their head in one write, before the next one. So up to the
 * last good head everything is there, and what is behind it was never acknowledged. A new segment
 * is a file under a temporary name, synced and renamed: it is there from its first head on.
 */
#include "kms/audit-internal.h"

#include "audit/directory.h"
#include "base/text.h"
#include "os/fd.h"
#include "os/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NEW_FILE "new"

static enum rd_status sync_fd(int fd)
{
	return fsync(fd) == 0 ? RD_OK : rd_status_from_errno(errno);
}

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A whole file that is there with all its bytes, or not at all. The directory is not synced. */
static enum rd_status put_file(int dir_fd, const char *name, struct rd_view bytes)
{
	RD_CLEANUP(rd_fd_close)
	int fd = openat(
		dir_fd, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	RD_ENSURE(fd >= 0, rd_status_from_errno(errno));
	RD_TRY(rd_fd_write_full(fd, bytes));
	RD_TRY(sync_fd(fd));
	RD_ENSURE(renameat(dir_fd, NEW_FILE, dir_fd, name) == 0, rd_status_from_errno(errno));
	return RD_OK;
}

static enum rd_status lock_directory(
	struct kms_audit_file *file, const char *dir, struct rd_error *err)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	file->lock_fd = openat(
		file->dir_fd, RD_AUDIT_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->lock_fd < 0) {
		return rd_fail_errno(err, errno, "%s/%s", dir, RD_AUDIT_LOCK_FILE);
	}
	if (fcntl(file->lock_fd, F_OFD_SETLK, &lock) < 0) {
		return rd_fail(err, RD_EXISTS,
			"%s: another server writes its audit log here; give each server a "
			"directory of its own",
			dir);
	}
	return RD_OK;
}

/* key.pem is there and is ours, or is made. */
static enum rd_status check_key(struct kms_audit_file *file, const char *dir, struct rd_error *err)
{
	uint8_t bytes[2][RD_AUDIT_PEM_MAX];
	struct rd_buf own = rd_buf_fixed(bytes[0], sizeof(bytes[0]));
	struct rd_buf there = rd_buf_fixed(bytes[1], sizeof(bytes[1]));
	RD_CLEANUP(rd_fd_close)
	int fd = openat(file->dir_fd, RD_AUDIT_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum rd_status st = rd_audit_key_put(file->key, &own);

	if (st == RD_OK && fd < 0) {
		st = errno == ENOENT ? put_file(file->dir_fd, RD_AUDIT_KEY_FILE, rd_buf_view(&own))
				     : rd_status_from_errno(errno);
	} else if (st == RD_OK) {
		st = rd_fd_read_all(fd, &there);
	}
	if (st != RD_OK) {
		return rd_fail(err, st, "%s/%s: %s", dir, RD_AUDIT_KEY_FILE, rd_status_text(st));
	}
	if (fd >= 0 && !rd_view_equal(rd_buf_view(&own), rd_buf_view(&there))) {
		return rd_fail(err, RD_WRONG_KEY,
			"%s/%s: is not the key of this server's database; move the directory away "
			"if the log is another installation's",
			dir, RD_AUDIT_KEY_FILE);
	}
	return RD_OK;
}

static enum rd_status open_documents(
	struct kms_audit_file *file, const char *dir, struct rd_error *err)
{
	if (mkdirat(file->dir_fd, RD_AUDIT_DOCUMENTS_DIR, 0700) < 0 && errno != EEXIST) {
		return rd_fail_errno(err, errno, "%s/%s", dir, RD_AUDIT_DOCUMENTS_DIR);
	}
	file->documents_fd = openat(file->dir_fd, RD_AUDIT_DOCUMENTS_DIR,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (file->documents_fd < 0 || fsync(file->dir_fd) < 0) {
		return rd_fail_errno(err, errno, "%s/%s", dir, RD_AUDIT_DOCUMENTS_DIR);
	}
	return RD_OK;
}

enum rd_status kms_audit_file_open(struct kms_audit_file *file, const char *dir,
	const struct rd_ec_key *key, struct rd_error *err)
{
	enum rd_status st;

	*file = (struct kms_audit_file)KMS_AUDIT_FILE_INIT;
	file->key = key;
	file->segment_max = KMS_AUDIT_SEGMENT_MAX;
	st = rd_merkle_log_id(key, &file->id);
	if (st != RD_OK) {
		return rd_fail(err, st, "the audit log's key: %s", rd_status_text(st));
	}
	RD_TRY(rd_paths_make_dir(dir, 0700, err));
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file->dir_fd < 0) {
		return rd_fail_errno(err, errno, "%s: cannot be opened", dir);
	}
	RD_TRY(lock_directory(file, dir, err));
	RD_TRY(check_key(file, dir, err));
	return open_documents(file, dir, err);
}

void kms_audit_file_close(struct kms_audit_file *file)
{
	rd_fd_close(&file->log_fd);
	rd_fd_close(&file->documents_fd);
	rd_fd_close(&file->lock_fd);
	rd_fd_close(&file->dir_fd);
}

/* Nothing is read. */
static enum rd_status open_segment(
	struct kms_audit_file *file, uint64_t first, struct rd_error *err)
{
	rd_fd_close(&file->log_fd);
	RD_TRY(rd_audit_open(file->dir_fd, first, O_RDWR, &file->log_fd, err));
	file->first = first;
	return RD_OK;
}

/* A new segment that goes on where file's tree ends; head_bytes is its first head. */
static enum rd_status make_segment(struct kms_audit_file *file)
{
	uint8_t bytes[RD_AUDIT_SEGMENT_HEAD_MAX + RD_AUDIT_HEAD_ENTRY_SIZE];
	struct rd_buf begin = rd_buf_fixed(bytes, sizeof(bytes));
	char name[RD_AUDIT_NAME_SIZE];

	RD_TRY(rd_audit_segment_put(&file->range, &begin));
	RD_TRY(rd_audit_head_put(file->head_bytes, 0, &begin));
	rd_audit_name(file->range.size, name);
	RD_TRY(put_file(file->dir_fd, name, rd_buf_view(&begin)));
	RD_TRY(sync_fd(file->dir_fd));
	RD_TRY(open_segment(file, file->range.size, NULL));
	file->end = begin.used;
	return RD_OK;
}

static enum rd_status make_first_segment(struct kms_audit_file *file, struct rd_error *err)
{
	enum rd_status st;

	file->head.time_ms = clock_ms();
	st = rd_merkle_empty_root(&file->head.root);
	if (st == RD_OK) {
		st = rd_merkle_head_sign_as(file->key, &file->id, &file->head, file->head_bytes);
	}
	if (st == RD_OK) {
		st = make_segment(file);
	}
	return st == RD_OK ? RD_OK
			   : rd_fail(err, st, "the audit log's first segment cannot be made: %s",
				     rd_status_text(st));
}

/* Synced, so that what is written here next is not found mixed with what was here before. */
static enum rd_status cut(const struct kms_audit_file *file, uint64_t end, struct rd_error *err)
{
	return ftruncate(file->log_fd, (off_t)end) == 0 && fsync(file->log_fd) == 0
		       ? RD_OK
		       : rd_fail_errno(err, errno, "the audit log's torn end cannot be cut off");
}

/* Takes over what a checked segment says, and cuts off what no head covers. */
static enum rd_status take_over(
	struct kms_audit_file *file, const struct rd_audit_end *end, struct rd_error *err)
{
	if (end->head.size < file->head.size) {
		return rd_fail(err, RD_UNTRUSTED,
			"the audit log has %llu records, and %llu were written",
			(unsigned long long)end->head.size, (unsigned long long)file->head.size);
	}
	if (end->tail > 0) {
		RD_TRY(cut(file, end->end, err));
	}
	file->range = end->range;
	file->head = end->head;
	memcpy(file->head_bytes, end->last_head, sizeof(file->head_bytes));
	file->end = end->end;
	file->cut = end->tail;
	return RD_OK;
}

/* After a failed sync the kernel shows what it has given up writing: all that was not acknowledged
 * is taken back, and written again from what comes next. */
static enum rd_status forget_failed(
	struct kms_audit_file *file, uint64_t first, struct rd_error *err)
{
	struct stat st;

	if (file->end == 0 || file->first != first) {
		return RD_OK;
	}
	if (fstat(file->log_fd, &st) < 0) {
		return rd_fail_errno(err, errno, "the audit log's last write cannot be undone");
	}
	return (uint64_t)st.st_size > file->end ? cut(file, file->end, err) : RD_OK;
}

static enum rd_status read_segment(
	struct kms_audit_file *file, uint64_t first, struct rd_error *err)
{
	struct rd_audit_segment segment = {.first = first, .key = file->key};
	struct rd_audit_end end;
	enum rd_audit_result result;

	RD_TRY(forget_failed(file, first, err));
	RD_TRY(open_segment(file, first, err));
	segment.fd = file->log_fd;
	result = rd_audit_segment_read(&segment, &end, err);
	if (result == RD_AUDIT_ERROR) {
		return err->status;
	}
	if (result != RD_AUDIT_OK) {
		return rd_error_wrap(err, RD_UNTRUSTED,
			"the audit log is not as it was written: %s", rd_audit_result_text(result));
	}
	return take_over(file, &end, err);
}

enum rd_status kms_audit_file_load(struct kms_audit_file *file, struct rd_error *err)
{
	RD_CLEANUP(rd_audit_list_finish) struct rd_audit_list list = {0};
	struct rd_error own = {0};

	err = err != NULL ? err : &own;
	RD_TRY(rd_audit_list(file->dir_fd, &list, err));
	if (list.n == 0) {
		return file->head.size == 0
			       ? make_first_segment(file, err)
			       : rd_fail(err, RD_UNTRUSTED, "the audit log's segments are gone");
	}
	return read_segment(file, list.v[list.n - 1], err);
}

enum rd_status kms_audit_file_keep(
	struct kms_audit_file *file, const char *name, struct rd_view document, bool *ret_new)
{
	if (faccessat(file->documents_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		*ret_new = false;
		return RD_OK;
	}
	RD_TRY(put_file(file->documents_fd, name, document));
	*ret_new = true;
	return RD_OK;
}

enum rd_status kms_audit_file_sync_documents(struct kms_audit_file *file)
{
	return sync_fd(file->documents_fd);
}

enum rd_status kms_audit_file_add(
	struct rd_merkle_range *range, struct rd_buf *batch, struct rd_view record)
{
	struct rd_merkle_hash leaf;

	RD_TRY(rd_merkle_leaf(record, &leaf));
	RD_TRY(rd_audit_record_put(record, batch));
	return rd_merkle_append(range, &leaf, NULL, NULL);
}

enum rd_status kms_audit_file_commit(
	struct kms_audit_file *file, const struct rd_merkle_range *range, struct rd_buf *batch)
{
	struct rd_merkle_head head = {.time_ms = clock_ms(), .size = range->size};
	uint8_t bytes[RD_MERKLE_HEAD_SIZE];

	if (file->end > file->segment_max) {
		RD_TRY(make_segment(file));
	}
	/* A clock that was set back must not make heads go backwards. */
	head.time_ms = head.time_ms > file->head.time_ms ? head.time_ms : file->head.time_ms;
	RD_TRY(rd_merkle_root(range, &head.root));
	RD_TRY(rd_merkle_head_sign_as(file->key, &file->id, &head, bytes));
	RD_TRY(rd_audit_head_put(bytes, batch->used, batch));
	RD_TRY(rd_fd_pwrite_full(file->log_fd, rd_buf_view(batch), file->end));
	RD_ENSURE(fdatasync(file->log_fd) == 0, rd_status_from_errno(errno));
	file->range = *range;
	file->head = head;
	memcpy(file->head_bytes, bytes, sizeof(bytes));
	file->end += batch->used;
	return RD_OK;
}
