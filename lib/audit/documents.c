/* SPDX-License-Identifier: Apache-2.0 */
/* Checks kept documents against their names, and records against them. */
#include "audit/documents.h"

#include "base/text.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN (2 * (size_t)RD_SHA256_SIZE)

enum rd_audit_result rd_audit_documents_open(
	struct rd_audit_documents *d, int dir_fd, struct rd_error *err)
{
	d->fd = openat(
		dir_fd, RD_AUDIT_DOCUMENTS_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (d->fd < 0 && errno != ENOENT) {
		(void)rd_fail_errno(err, errno, "%s: cannot be opened", RD_AUDIT_DOCUMENTS_DIR);
		return RD_AUDIT_ERROR;
	}
	return RD_AUDIT_OK;
}

void rd_audit_documents_close(struct rd_audit_documents *d)
{
	rd_fd_close(&d->fd);
}

static bool is_digest(const char *name)
{
	return strlen(name) == NAME_LEN && strspn(name, "0123456789abcdef") == NAME_LEN;
}

static enum rd_audit_result check_content(
	const struct rd_audit_documents *d, const char *name, struct rd_error *err)
{
	RD_CLEANUP(rd_buf_finish) struct rd_buf content = rd_buf_growable(RD_AUDIT_DOCUMENT_MAX);
	RD_CLEANUP(rd_fd_close)
	int fd = openat(d->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t digest[RD_SHA256_SIZE];
	char hex[2 * RD_SHA256_SIZE + 1];
	enum rd_status st;

	if (fd < 0) {
		(void)rd_fail_errno(
			err, errno, "%s/%s: cannot be opened", RD_AUDIT_DOCUMENTS_DIR, name);
		return RD_AUDIT_ERROR;
	}
	st = rd_fd_read_all(fd, &content);
	if (st != RD_OK && st != RD_LIMIT) {
		(void)rd_fail(err, st, "%s/%s: cannot be read: %s", RD_AUDIT_DOCUMENTS_DIR, name,
			rd_status_text(st));
		return RD_AUDIT_ERROR;
	}
	if (st == RD_OK && rd_digest_once(RD_SHA256, rd_buf_view(&content), digest) == RD_OK) {
		rd_hex_string(rd_view(digest, sizeof(digest)), hex);
		if (strcmp(hex, name) == 0) {
			return RD_AUDIT_OK;
		}
	}
	return rd_audit_refuse(err, RD_AUDIT_DOCUMENT_ALTERED,
		"%s/%s: its content has another SHA-256 than its name", RD_AUDIT_DOCUMENTS_DIR,
		name);
}

static enum rd_audit_result check_listed(
	const struct rd_audit_documents *d, DIR *dir, uint64_t *ret_count, struct rd_error *err)
{
	const struct dirent *entry;
	enum rd_audit_result result = RD_AUDIT_OK;

	while (result == RD_AUDIT_OK && (entry = readdir(dir)) != NULL) {
		if (is_digest(entry->d_name)) {
			result = check_content(d, entry->d_name, err);
			(*ret_count)++;
		}
	}
	return result;
}

enum rd_audit_result rd_audit_documents_check(
	const struct rd_audit_documents *d, uint64_t *ret_count, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = -1;
	enum rd_audit_result result;
	DIR *dir;

	*ret_count = 0;
	if (d->fd < 0) {
		return RD_AUDIT_OK;
	}
	fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		(void)rd_fail_errno(err, errno, "%s: cannot be listed", RD_AUDIT_DOCUMENTS_DIR);
		return RD_AUDIT_ERROR;
	}
	(void)rd_steal(&fd, -1);
	result = check_listed(d, dir, ret_count, err);
	(void)closedir(dir);
	return result;
}

/* The value of the record's document member; NULL when it has none. */
static const char *named_document(json_t *record)
{
	json_t *extra = json_object_get(record, "additionalEventData");
	json_t *recipient = json_object_get(extra, "recipient");

	return json_string_value(json_object_get(recipient, RD_AUDIT_DOCUMENT_MEMBER));
}

static enum rd_audit_result check_named(
	const struct rd_audit_documents *d, uint64_t index, const char *name, struct rd_error *err)
{
	if (!is_digest(name)) {
		return rd_audit_refuse(err, RD_AUDIT_FORM,
			"record %" PRIu64 ": the document that it names is no SHA-256", index);
	}
	if (d->fd < 0 || faccessat(d->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		return rd_audit_refuse(err, RD_AUDIT_DOCUMENT_MISSING,
			"%s/%s: is missing; record %" PRIu64 " names it", RD_AUDIT_DOCUMENTS_DIR,
			name, index);
	}
	return RD_AUDIT_OK;
}

enum rd_audit_result rd_audit_documents_check_record(const struct rd_audit_documents *d,
	uint64_t index, struct rd_view json, struct rd_error *err)
{
	json_t *record = json_loadb((const char *)json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	enum rd_audit_result result = RD_AUDIT_OK;
	const char *name;

	if (!json_is_object(record)) {
		json_decref(record);
		return rd_audit_refuse(
			err, RD_AUDIT_FORM, "record %" PRIu64 ": is not a JSON object", index);
	}
	name = named_document(record);
	if (name != NULL) {
		result = check_named(d, index, name, err);
	}
	json_decref(record);
	return result;
}
