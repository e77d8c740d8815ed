/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: what is acknowledged is there, in order, and whatever is changed is found. */
#include "test.h"

#include "audit/verify.h"
#include "kms/audit.h"
#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEGMENT0 "0000000000000000000"

struct fixture {
	char dir[64]; /* of the log */
	char copy[80];
	struct rd_ec_key *key;
	struct kms_audit *audit;
};

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int setup(void **state)
{
	static const char template[] = "/tmp/redoubt-audit-XXXXXX";
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	memcpy(f->dir, template, sizeof(template));
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->copy, sizeof(f->copy), "%s.copy", f->dir);
	assert_ok(rd_ec_key_generate(RD_P256, &f->key));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kms_audit_close(&f->audit);
	rd_ec_key_free(&f->key);
	remove_tree(f->dir);
	remove_tree(f->copy);
	free(f);
	return 0;
}

static void open_log(struct fixture *f)
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

static enum rd_status append(struct kms_audit *audit, const char *text, uint64_t *ret_index)
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

static void append_many(struct fixture *f, int from, int to)
{
	char text[64];

	for (int i = from; i < to; i++) {
		uint64_t index = UINT64_MAX;

		snprintf(text, sizeof(text), "{\"n\":%d}", i);
		assert_ok(append(f->audit, text, &index));
		assert_int_equal(index, i);
	}
}

static enum rd_audit_result verify_with(const char *dir,
	const struct rd_audit_verify_options *options, struct rd_audit_verify_report *report,
	struct rd_error *err)
{
	RD_CLEANUP(rd_fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return rd_audit_verify(fd, options, report, err);
}

static enum rd_audit_result verify(const char *dir, struct rd_audit_verify_report *report)
{
	struct rd_audit_verify_options options = {0};
	struct rd_audit_verify_report own;
	struct rd_error err = {0};
	enum rd_audit_result result = verify_with(
		dir, &options, report != NULL ? report : &own, &err);

	if (result != RD_AUDIT_OK) {
		print_message("  %s: %s\n", rd_audit_result_name(result), err.text);
	}
	return result;
}

static void copy_tree(const char *from, const char *to)
{
	char command[256];

	remove_tree(to);
	snprintf(command, sizeof(command), "cp -a %s %s", from, to);
	assert_int_equal(system(command), 0);
}

static void path_of(char path[256], const char *dir, const char *name)
{
	snprintf(path, 256, "%s/%s", dir, name);
}

static uint8_t *read_file(const char *dir, const char *name, size_t *ret_len)
{
	char path[256];
	struct stat st;
	uint8_t *bytes;
	int fd;

	path_of(path, dir, name);
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

static void write_file(const char *dir, const char *name, const uint8_t *bytes, size_t len)
{
	char path[256];
	int fd;

	path_of(path, dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_ok(rd_fd_write_full(fd, rd_view(bytes, len)));
	close(fd);
}

static void append_to_file(const char *dir, const char *name, size_t len, int byte)
{
	char path[256];
	uint8_t *bytes = malloc(len);
	int fd;

	assert_non_null(bytes);
	memset(bytes, byte, len);
	path_of(path, dir, name);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_ok(rd_fd_write_full(fd, rd_view(bytes, len)));
	close(fd);
	free(bytes);
}

static void truncate_file(const char *dir, const char *name, size_t len)
{
	char path[256];

	path_of(path, dir, name);
	assert_int_equal(truncate(path, (off_t)len), 0);
}

static void an_empty_log_verifies_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_report report;

	open_log(f);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_true(report.live);
	assert_int_equal(report.head.size, 0);
	append_many(f, 0, 3);
	kms_audit_close(&f->audit);
	open_log(f);
	append_many(f, 3, 5);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_false(report.live);
	assert_int_equal(report.head.size, 5);
}

static void refuses_what_is_no_record(void **state)
{
	struct fixture *f = *state;
	char *large = calloc(1, RD_AUDIT_RECORD_MAX + 2);

	assert_non_null(large);
	memset(large, 'x', RD_AUDIT_RECORD_MAX + 1);
	open_log(f);
	assert_status(append(f->audit, "", NULL), RD_USAGE);
	assert_status(append(f->audit, large, NULL), RD_LIMIT);
	large[RD_AUDIT_RECORD_MAX] = '\0';
	assert_ok(append(f->audit, large, NULL));
	free(large);
}

/* Several threads at once. */
#define THREADS    8
#define PER_THREAD 400

struct sender {
	struct kms_audit *audit;
	int number;
	pthread_t thread;
	uint64_t index[PER_THREAD];
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	char text[64];

	for (int i = 0; i < PER_THREAD; i++) {
		snprintf(text, sizeof(text), "{\"thread\":%d,\"n\":%d}", s->number, i);
		if (append(s->audit, text, &s->index[i]) != RD_OK) {
			return s;
		}
	}
	return NULL;
}

struct found {
	struct sender *senders;
	uint64_t count;
};

static enum rd_audit_result check_place(
	void *ctx, uint64_t index, struct rd_view json, struct rd_error *err)
{
	struct found *found = ctx;
	json_t *record = json_loadb((const char *)json.ptr, json.len, 0, NULL);
	json_int_t thread = json_integer_value(json_object_get(record, "thread"));
	json_int_t n = json_integer_value(json_object_get(record, "n"));

	(void)err;
	json_decref(record);
	assert_in_range(thread, 0, THREADS - 1);
	assert_in_range(n, 0, PER_THREAD - 1);
	assert_int_equal(found->senders[thread].index[n], index);
	found->count++;
	return RD_AUDIT_OK;
}

static void threads_share_heads_and_keep_their_order(void **state)
{
	struct fixture *f = *state;
	struct sender *senders = calloc(THREADS, sizeof(*senders));
	struct found found = {.senders = senders};
	struct rd_audit_visitor visitor = {.ctx = &found, .record = check_place};
	struct rd_audit_verify_report report;
	struct rd_error err = {0};
	int fd;

	assert_non_null(senders);
	open_log(f);
	for (int i = 0; i < THREADS; i++) {
		senders[i].audit = f->audit;
		senders[i].number = i;
		assert_int_equal(
			pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		assert_int_equal(pthread_join(senders[i].thread, &failed), 0);
		assert_null(failed);
		for (int n = 1; n < PER_THREAD; n++) {
			assert_true(senders[i].index[n] > senders[i].index[n - 1]);
		}
	}
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.head.size, THREADS * PER_THREAD);
	print_message("  %d records under %d heads\n", THREADS * PER_THREAD, (int)report.heads);
	assert_true(report.heads < THREADS * PER_THREAD);
	fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rd_audit_each(fd, 0, &visitor, &err), RD_AUDIT_OK);
	close(fd);
	assert_int_equal(found.count, THREADS * PER_THREAD);
	free(senders);
}

/* A writer that is held up, so that the queue fills. */
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool open;
	int passed;
};

static void pass_gate(void *arg, enum rd_status st, uint64_t index)
{
	struct gate *g = arg;

	(void)index;
	pthread_mutex_lock(&g->mutex);
	while (!g->open) {
		pthread_cond_wait(&g->cond, &g->mutex);
	}
	g->passed += st == RD_OK;
	pthread_mutex_unlock(&g->mutex);
}

static void a_full_queue_refuses_at_once(void **state)
{
	struct fixture *f = *state;
	struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	char *text = malloc(RD_AUDIT_RECORD_MAX);
	enum rd_status st = RD_OK;
	int taken = 0;

	assert_non_null(text);
	memset(text, 'x', RD_AUDIT_RECORD_MAX);
	open_log(f);
	while (st == RD_OK && taken < 1000) {
		st = kms_audit_append(
			f->audit, rd_view(text, RD_AUDIT_RECORD_MAX), pass_gate, &gate);
		taken += st == RD_OK;
	}
	assert_status(st, RD_LIMIT);
	assert_true(kms_audit_healthy(f->audit));
	pthread_mutex_lock(&gate.mutex);
	gate.open = true;
	pthread_cond_broadcast(&gate.cond);
	pthread_mutex_unlock(&gate.mutex);
	kms_audit_close(&f->audit);
	assert_int_equal(gate.passed, taken);
	free(text);
}

struct later {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	int done, done_before_after, afters;
};

static void count_done(void *arg, enum rd_status st, uint64_t index)
{
	struct later *l = arg;

	pthread_mutex_lock(&l->mutex);
	l->done += st == RD_OK && index == (uint64_t)l->done;
	pthread_mutex_unlock(&l->mutex);
}

static void count_after(void *arg)
{
	struct later *l = arg;

	pthread_mutex_lock(&l->mutex);
	l->done_before_after = l->done;
	l->afters++;
	pthread_cond_signal(&l->cond);
	pthread_mutex_unlock(&l->mutex);
}

static void what_is_appended_later_shares_batches(void **state)
{
	struct later l = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct fixture *f = *state;
	size_t before, behind;

	open_log(f);
	free(read_file(f->dir, "heads-" SEGMENT0, &before));
	kms_audit_after_batch(f->audit, count_after, &l);
	for (int i = 0; i < 100; i++) {
		assert_ok(kms_audit_append_later(
			f->audit, rd_view_str("{\"later\":true}"), count_done, &l));
	}
	kms_audit_wake(f->audit);
	pthread_mutex_lock(&l.mutex);
	while (l.done_before_after < 100) {
		pthread_cond_wait(&l.cond, &l.mutex);
	}
	pthread_mutex_unlock(&l.mutex);
	kms_audit_close(&f->audit);
	/* One, unless the writer looked while they were being appended. */
	assert_true(l.afters >= 1 && l.afters <= 10);
	free(read_file(f->dir, "heads-" SEGMENT0, &behind));
	assert_int_equal(behind - before, l.afters * RD_MERKLE_HEAD_SIZE);
}

static void sleep_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

static void wait_until_healthy(const struct kms_audit *audit)
{
	for (int i = 0; i < 200 && !kms_audit_healthy(audit); i++) {
		sleep_ms(50);
	}
	assert_true(kms_audit_healthy(audit));
}

/* Appends until the log cannot be written; how many were acknowledged. */
static int append_until_full(struct fixture *f, const char *filler)
{
	enum rd_status st = RD_OK;
	char *text = NULL;
	int n = 0;

	while (st == RD_OK && n < 100000) {
		assert_true(asprintf(&text, "{\"n\":%d,\"filler\":\"%s\"}", n, filler) > 0);
		st = append(f->audit, text, NULL);
		free(text);
		n += st == RD_OK;
	}
	assert_status(st, RD_NOSPACE);
	return n;
}

static enum rd_audit_result count_numbers(
	void *ctx, uint64_t index, struct rd_view json, struct rd_error *err)
{
	struct found *found = ctx;

	(void)index;
	(void)err;
	found->count += json.len > 5 && memcmp(json.ptr, "{\"n\":", 5) == 0;
	return RD_AUDIT_OK;
}

static void recovers_when_there_is_room(struct fixture *f, int acknowledged)
{
	struct found found = {0};
	struct rd_audit_visitor visitor = {.ctx = &found, .record = count_numbers};
	struct rd_audit_verify_report report;
	struct rd_error err = {0};
	int fd;

	wait_until_healthy(f->audit);
	assert_ok(append(f->audit, "{\"n\":-1}", NULL));
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rd_audit_each(fd, 0, &visitor, &err), RD_AUDIT_OK);
	close(fd);
	/* A refused one may be there too: it was written, and not acknowledged. */
	assert_true(found.count >= (uint64_t)acknowledged + 1);
	assert_true(report.head.size > found.count);
}

static void nothing_is_acknowledged_beyond_a_file_size_limit(void **state)
{
	struct fixture *f = *state;
	struct rlimit before;
	struct rlimit small;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	int acknowledged;

	open_log(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	acknowledged = append_until_full(f, "0123456789012345678901234567890123456789");
	assert_false(kms_audit_healthy(f->audit));
	assert_status(append(f->audit, "{\"n\":-2}", NULL), RD_IO);
	sleep_ms(700);
	assert_false(kms_audit_healthy(f->audit));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	recovers_when_there_is_room(f, acknowledged);
	signal(SIGXFSZ, handler);
}

static void a_document_outlives_the_failure_to_write_it(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_report report;
	struct rlimit before;
	struct rlimit small;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	uint8_t *document = calloc(1, 30000);
	char name[65];
	char text[256];

	assert_non_null(document);
	open_log(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_ok(kms_audit_keep_document(f->audit, rd_view(document, 30000), name));
	snprintf(text, sizeof(text), "{\"additionalEventData\":{\"recipient\":{\"%s\":\"%s\"}}}",
		RD_AUDIT_DOCUMENT_MEMBER, name);
	/* Together with it, or after it: not with RD_OK in either case. */
	assert_int_not_equal(append(f->audit, text, NULL), RD_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	wait_until_healthy(f->audit);
	assert_ok(append(f->audit, text, NULL));
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.documents, 1);
	free(document);
	signal(SIGXFSZ, handler);
}

static void nothing_is_acknowledged_on_a_full_disk(void **state)
{
	struct fixture *f = *state;
	char path[256];
	int acknowledged;
	int ballast;

	/* In a mount namespace of its own, so that it ends with this process. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", f->dir, "tmpfs", 0, "size=256k,mode=0700") < 0) {
		print_message("  no tmpfs may be mounted here (%s)\n", strerror(errno));
		skip();
	}
	path_of(path, f->dir, "ballast");
	ballast = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(ballast >= 0);
	assert_int_equal(posix_fallocate(ballast, 0, 64 * 1024), 0);
	open_log(f);
	acknowledged = append_until_full(f, "01234567890123456789");
	assert_false(kms_audit_healthy(f->audit));
	assert_int_equal(ftruncate(ballast, 0), 0);
	close(ballast);
	recovers_when_there_is_room(f, acknowledged);
	assert_int_equal(umount(f->dir), 0);
}

/* What a child writes until it is killed, and says of it. */
static void acknowledge(void *arg, enum rd_status st, uint64_t index)
{
	int fd = (int)(intptr_t)arg;

	if (st == RD_OK && write(fd, &index, sizeof(index)) != sizeof(index)) {
		_exit(2);
	}
}

static void child_writes(const struct fixture *f, int fd, int round)
{
	struct kms_audit *audit = NULL;
	char text[64];

	if (kms_audit_open(f->dir, f->key, &audit, NULL) != RD_OK) {
		_exit(3);
	}
	kms_audit_limit_segments(audit, 2048);
	for (int n = 0;; n++) {
		char hex[65];

		snprintf(text, sizeof(text), "{\"round\":%d,\"n\":%d}", round, n);
		if (n % 7 == 0 && kms_audit_keep_document(audit, rd_view_str(text), hex) != RD_OK) {
			_exit(4);
		}
		if (kms_audit_append(audit, rd_view_str(text), acknowledge, (void *)(intptr_t)fd) !=
			RD_OK) {
			_exit(5);
		}
		if (n % 5 == 0) {
			sleep_ms(1);
		}
	}
}

/* The highest index that the child was told of; it is killed after some milliseconds. */
static uint64_t run_child(const struct fixture *f, int round, long ms)
{
	uint64_t highest = 0;
	uint64_t index;
	int fds[2];
	int status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[1], F_SETPIPE_SZ, 1 << 20) > 0, 1);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		child_writes(f, fds[1], round);
	}
	close(fds[1]);
	/* Time counts from the first acknowledgement: what comes before is the start. */
	assert_int_equal(read(fds[0], &highest, sizeof(highest)), sizeof(highest));
	sleep_ms(ms);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(fds[0], &index, sizeof(index)) == sizeof(index)) {
		highest = index > highest ? index : highest;
	}
	close(fds[0]);
	return highest;
}

static void killed_at_any_time_it_has_what_it_acknowledged(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_report report;

	for (int round = 0; round < 12; round++) {
		uint64_t highest = run_child(f, round, (round * 13) % 60);

		open_log(f);
		kms_audit_close(&f->audit);
		assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
		assert_true(report.head.size > highest);
	}
	print_message("  %d records in %d segments\n", (int)report.head.size, (int)report.segments);
	assert_true(report.segments > 1);
}

/* A small log with a document: files of every kind. */
static void make_small_log(struct fixture *f, char ret_name[65])
{
	char text[256];

	open_log(f);
	append_many(f, 0, 2);
	assert_ok(kms_audit_keep_document(f->audit, rd_view_str("a document"), ret_name));
	snprintf(text, sizeof(text), "{\"additionalEventData\":{\"recipient\":{\"%s\":\"%s\"}}}",
		RD_AUDIT_DOCUMENT_MEMBER, ret_name);
	assert_ok(append(f->audit, text, NULL));
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_OK);
}

static enum rd_audit_result verify_quietly(const struct fixture *f, struct rd_error *err)
{
	struct rd_audit_verify_options options = {.key = f->key};
	struct rd_audit_verify_report report;

	return verify_with(f->dir, &options, &report, err);
}

static void flip_all(struct fixture *f, const char *name, size_t step)
{
	size_t len;
	uint8_t *bytes = read_file(f->dir, name, &len);

	for (size_t i = 0; i < len; i += step) {
		struct rd_error err = {0};

		bytes[i] ^= (uint8_t)(1u << (i % 8));
		write_file(f->dir, name, bytes, len);
		if (verify_quietly(f, &err) < RD_AUDIT_NO_LOG || err.text[0] == '\0') {
			fail_msg("byte %zu of %s: not found (%s)", i, name, err.text);
		}
		bytes[i] ^= (uint8_t)(1u << (i % 8));
	}
	write_file(f->dir, name, bytes, len);
	free(bytes);
}

static void a_flipped_byte_anywhere_is_found(void **state)
{
	struct fixture *f = *state;
	char name[65];
	char document[96];
	size_t len;
	uint8_t *bytes;

	make_small_log(f, name);
	snprintf(document, sizeof(document), "%s/%s", RD_AUDIT_DOCUMENTS_DIR, name);
	flip_all(f, "log-" SEGMENT0, 1);
	flip_all(f, "heads-" SEGMENT0, 1);
	flip_all(f, document, 1);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_OK);
	bytes = read_file(f->dir, RD_AUDIT_KEY_FILE, &len);
	bytes[60] ^= 1;
	write_file(f->dir, RD_AUDIT_KEY_FILE, bytes, len);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_KEY);
	free(bytes);
}

static void a_cut_file_is_found(void **state)
{
	static const char *const files[] = {"log-" SEGMENT0, "heads-" SEGMENT0};
	struct fixture *f = *state;
	char name[65];

	make_small_log(f, name);
	for (size_t i = 0; i < RD_ARRAY_LEN(files); i++) {
		size_t len;
		uint8_t *bytes = read_file(f->dir, files[i], &len);

		for (size_t n = 0; n < len; n += 5) {
			struct rd_error err = {0};

			truncate_file(f->dir, files[i], n);
			if (verify_quietly(f, &err) < RD_AUDIT_NO_LOG) {
				fail_msg("%s cut to %zu: not found", files[i], n);
			}
			write_file(f->dir, files[i], bytes, len);
		}
		free(bytes);
	}
}

static void reordered_and_dropped_records_are_found(void **state)
{
	struct fixture *f = *state;
	size_t len;
	uint8_t *bytes;
	uint8_t swapped[11];

	open_log(f);
	append_many(f, 0, 4);
	kms_audit_close(&f->audit);
	/* Each record is be32 and {"n":N}: 11 bytes, behind 16 of the segment's head. */
	bytes = read_file(f->dir, "log-" SEGMENT0, &len);
	assert_int_equal(len, 16 + 4 * 11);
	memcpy(swapped, bytes + 16, 11);
	memcpy(bytes + 16, bytes + 27, 11);
	memcpy(bytes + 27, swapped, 11);
	write_file(f->dir, "log-" SEGMENT0, bytes, len);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_ALTERED);
	memmove(bytes + 16, bytes + 27, len - 27);
	write_file(f->dir, "log-" SEGMENT0, bytes, len - 11);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_ALTERED);
	free(bytes);
}

static void documents_are_kept_once_and_missed(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_report report;
	char name[65];
	char again[65];
	char path[256];

	make_small_log(f, name);
	open_log(f);
	assert_ok(kms_audit_keep_document(f->audit, rd_view_str("a document"), again));
	assert_string_equal(name, again);
	assert_status(kms_audit_keep_document(f->audit, rd_view_str(""), again), RD_USAGE);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.documents, 1);
	snprintf(path, sizeof(path), "%s/%s/%s", f->dir, RD_AUDIT_DOCUMENTS_DIR, name);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_DOCUMENT_MISSING);
}

static void segments_follow_each_other(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_options moved = {.moved = true};
	struct rd_audit_verify_report report;
	struct rd_error err = {0};
	char second[RD_AUDIT_NAME_SIZE];
	char path[256];
	char aside[256];
	uint64_t first = 0;

	open_log(f);
	kms_audit_limit_segments(f->audit, 600);
	append_many(f, 0, 20);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_true(report.segments >= 3);
	open_log(f);
	append_many(f, 20, 22);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	/* The second one is found by trying. */
	do {
		rd_audit_name(RD_AUDIT_LOG, ++first, second);
		path_of(path, f->dir, second);
	} while (access(path, F_OK) < 0 && first < 22);
	path_of(aside, f->dir, "aside");
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_SEGMENT);
	assert_int_equal(rename(aside, path), 0);
	path_of(path, f->dir, "log-" SEGMENT0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_SEGMENT);
	path_of(path, f->dir, "heads-" SEGMENT0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_MOVED);
	assert_int_equal(verify_with(f->dir, &moved, &report, &err), RD_AUDIT_OK);
	assert_int_equal(report.first, first);
	/* A server needs the last one alone. */
	open_log(f);
	append_many(f, 22, 24);
}

static void a_fork_and_a_rollback_are_found(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_report report;
	struct rd_audit_verify_options against = {0};
	struct rd_error err = {0};
	struct rd_ec_key *other = NULL;
	uint8_t saved[RD_MERKLE_HEAD_SIZE];
	char dir[64];

	open_log(f);
	append_many(f, 0, 3);
	kms_audit_close(&f->audit);
	copy_tree(f->dir, f->copy);
	open_log(f);
	append_many(f, 3, 6);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	memcpy(saved, report.head_bytes, sizeof(saved));
	against.saved = rd_view(saved, sizeof(saved));
	assert_int_equal(verify_with(f->dir, &against, &report, &err), RD_AUDIT_OK);
	assert_int_equal(verify_with(f->copy, &against, &report, &err), RD_AUDIT_ROLLED_BACK);
	memcpy(dir, f->dir, sizeof(dir));
	memcpy(f->dir, f->copy, sizeof(dir));
	open_log(f);
	for (int i = 0; i < 4; i++) {
		assert_ok(append(f->audit, "{\"another\":\"history\"}", NULL));
	}
	kms_audit_close(&f->audit);
	memcpy(f->dir, dir, sizeof(dir));
	/* On its own, the other history is as good as the first. */
	assert_int_equal(verify(f->copy, NULL), RD_AUDIT_OK);
	assert_int_equal(verify_with(f->copy, &against, &report, &err), RD_AUDIT_FORKED);
	saved[60] ^= 1;
	assert_int_equal(verify_with(f->dir, &against, &report, &err), RD_AUDIT_SAVED_HEAD);
	assert_ok(rd_ec_key_generate(RD_P256, &other));
	against = (struct rd_audit_verify_options){.key = other};
	assert_int_equal(verify_with(f->dir, &against, &report, &err), RD_AUDIT_KEY);
	rd_ec_key_free(&other);
}

static void assert_not_opened(struct fixture *f, enum rd_status want, const char *part)
{
	struct rd_error err = {0};

	assert_status(kms_audit_open(f->dir, f->key, &f->audit, &err), want);
	if (strstr(err.text, part) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", err.text, part);
	}
}

static void a_torn_end_is_cut_and_said(void **state)
{
	struct fixture *f = *state;
	struct rd_audit_verify_report report;
	char name[65];

	make_small_log(f, name);
	append_to_file(f->dir, "log-" SEGMENT0, 100, 'x');
	append_to_file(f->dir, "heads-" SEGMENT0, 100, 'x');
	assert_int_equal(verify(f->dir, NULL), RD_AUDIT_UNCOVERED);
	open_log(f);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.head.size, 4);
	/* A head of zeros is what power loss leaves. */
	append_to_file(f->dir, "heads-" SEGMENT0, RD_MERKLE_HEAD_SIZE, 0);
	open_log(f);
	kms_audit_close(&f->audit);
	assert_int_equal(verify(f->dir, &report), RD_AUDIT_OK);
	append_to_file(f->dir, "heads-" SEGMENT0, RD_MERKLE_HEAD_SIZE, 'x');
	assert_not_opened(f, RD_UNTRUSTED, "heads-" SEGMENT0 ": head 5");
}

static void an_altered_log_is_not_gone_on_with(void **state)
{
	struct fixture *f = *state;
	struct rd_ec_key *key = f->key;
	struct kms_audit *second = NULL;
	struct rd_error err = {0};
	char name[65];
	size_t len;
	uint8_t *bytes;

	make_small_log(f, name);
	append_to_file(f->dir, "log-" SEGMENT0, RD_AUDIT_BATCH_MAX + 1, 'x');
	assert_not_opened(f, RD_UNTRUSTED, "heads have been cut off");
	bytes = read_file(f->dir, "log-" SEGMENT0, &len);
	len -= RD_AUDIT_BATCH_MAX + 1;
	bytes[25] ^= 1;
	write_file(f->dir, "log-" SEGMENT0, bytes, len);
	assert_not_opened(f, RD_UNTRUSTED, "log-" SEGMENT0 ": records 0 to 0");
	bytes[25] ^= 1;
	write_file(f->dir, "log-" SEGMENT0, bytes, len);
	free(bytes);
	f->key = NULL;
	assert_ok(rd_ec_key_generate(RD_P256, &f->key));
	assert_not_opened(f, RD_WRONG_KEY, RD_AUDIT_KEY_FILE);
	rd_ec_key_free(&f->key);
	f->key = key;
	open_log(f);
	assert_status(kms_audit_open(f->dir, f->key, &second, &err), RD_EXISTS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_log_verifies_and_goes_on),
		T(refuses_what_is_no_record),
		T(threads_share_heads_and_keep_their_order),
		T(a_full_queue_refuses_at_once),
		T(what_is_appended_later_shares_batches),
		T(nothing_is_acknowledged_beyond_a_file_size_limit),
		T(a_document_outlives_the_failure_to_write_it),
		T(nothing_is_acknowledged_on_a_full_disk),
		T(killed_at_any_time_it_has_what_it_acknowledged),
		T(a_flipped_byte_anywhere_is_found),
		T(a_cut_file_is_found),
		T(reordered_and_dropped_records_are_found),
		T(documents_are_kept_once_and_missed),
		T(segments_follow_each_other),
		T(a_fork_and_a_rollback_are_found),
		T(a_torn_end_is_cut_and_said),
		T(an_altered_log_is_not_gone_on_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
