/* SPDX-License-Identifier: Apache-2.0 */
/* A log to be written, verified and spoilt. */
#include "audit_fixture.h"

#include "os/fd.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void log_remove_tree(const char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int log_setup(void **state)
{
	static const char template[] = "/tmp/redoubt-audit-XXXXXX";
	struct audit_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memcpy(f->dir, template, sizeof(template));
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->copy, sizeof(f->copy), "%s.copy", f->dir);
	assert_ok(rd_ec_key_generate(RD_P256, &f->key));
	*state = f;
	return 0;
}

int log_teardown(void **state)
{
	struct audit_fixture *f = *state;

	kms_audit_close(&f->audit);
	rd_ec_key_free(&f->key);
	log_remove_tree(f->dir);
	log_remove_tree(f->copy);
	free(f);
	return 0;
}

void log_open(struct audit_fixture *f)
{
	struct rd_error err = {0};

	if (kms_audit_open(f->dir, f->key, &f->audit, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
}

/* Waiting for one append. */
struct waiter {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
	enum rd_status st;
	uint64_t index;
};

static void wake(void *arg, enum rd_status st, uint64_t index)
{
	struct waiter *w = arg;

	pthread_mutex_lock(&w->mutex);
	w->done = true;
	w->st = st;
	w->index = index;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

enum rd_status log_append(struct kms_audit *audit, const char *text, uint64_t *ret_index)
{
	struct waiter w = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

	RD_TRY(kms_audit_append(audit, rd_view_str(text), wake, &w));
	pthread_mutex_lock(&w.mutex);
	while (!w.done) {
		pthread_cond_wait(&w.cond, &w.mutex);
	}
	pthread_mutex_unlock(&w.mutex);
	if (ret_index != NULL) {
		*ret_index = w.index;
	}
	return w.st;
}

void log_append_many(struct audit_fixture *f, int from, int to)
{
	char text[64];

	for (int i = from; i < to; i++) {
		uint64_t index = UINT64_MAX;

		snprintf(text, sizeof(text), "{\"n\":%d}", i);
		assert_ok(log_append(f->audit, text, &index));
		assert_int_equal(index, i);
	}
}

enum rd_audit_result log_verify_with(const char *dir, const struct rd_audit_verify_options *options,
	struct rd_audit_verify_report *report, struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return rd_audit_verify(fd, options, report, err);
}

enum rd_audit_result log_verify(const char *dir, struct rd_audit_verify_report *report)
{
	struct rd_audit_verify_options options = {0};
	struct rd_audit_verify_report own;
	struct rd_error err = {0};
	enum rd_audit_result result = log_verify_with(
		dir, &options, report != NULL ? report : &own, &err);

	if (result != RD_AUDIT_OK) {
		print_message("  %s: %s\n", rd_audit_result_name(result), err.text);
	}
	return result;
}

void log_path(char path[256], const char *dir, const char *name)
{
	snprintf(path, 256, "%s/%s", dir, name);
}

uint8_t *log_read_file(const char *dir, const char *name, size_t *ret_len)
{
	char path[256];
	struct stat st;
	uint8_t *bytes;
	int fd;

	log_path(path, dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_ok(rd_fd_read_full(fd, bytes, (size_t)st.st_size));
	close(fd);
	*ret_len = (size_t)st.st_size;
	return bytes;
}

void log_write_file(const char *dir, const char *name, const uint8_t *bytes, size_t len)
{
	char path[256];
	int fd;

	log_path(path, dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_ok(rd_fd_write_full(fd, rd_view(bytes, len)));
	close(fd);
}
