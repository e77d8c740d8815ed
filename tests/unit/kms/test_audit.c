/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's writer: what is acknowledged is there, in order, whatever becomes of the server.
 */
#include "audit_fixture.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void an_empty_log_verifies_and_goes_on(void **state)
{
	struct audit_fixture *f = *state;
	struct rd_audit_verify_report report;

	log_open(f);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	assert_true(report.live);
	assert_int_equal(report.head.size, 0);
	log_append_many(f, 0, 3);
	kms_audit_close(&f->audit);
	log_open(f);
	log_append_many(f, 3, 5);
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	assert_false(report.live);
	assert_int_equal(report.head.size, 5);
}

static void refuses_what_is_no_record(void **state)
{
	struct audit_fixture *f = *state;
	char *large = calloc(1, RD_AUDIT_RECORD_MAX + 2);

	assert_non_null(large);
	memset(large, 'x', RD_AUDIT_RECORD_MAX + 1);
	log_open(f);
	assert_status(log_append(f->audit, "", NULL), RD_USAGE);
	assert_status(log_append(f->audit, large, NULL), RD_LIMIT);
	large[RD_AUDIT_RECORD_MAX] = '\0';
	assert_ok(log_append(f->audit, large, NULL));
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
		if (log_append(s->audit, text, &s->index[i]) != RD_OK) {
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
	struct audit_fixture *f = *state;
	struct sender *senders = calloc(THREADS, sizeof(*senders));
	struct found found = {.senders = senders};
	struct rd_audit_visitor visitor = {.ctx = &found, .record = check_place};
	struct rd_audit_verify_report report;
	struct rd_error err = {0};
	int fd;

	assert_non_null(senders);
	log_open(f);
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
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
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
	struct audit_fixture *f = *state;
	struct gate gate = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	char *text = malloc(RD_AUDIT_RECORD_MAX);
	enum rd_status st = RD_OK;
	int taken = 0;

	assert_non_null(text);
	memset(text, 'x', RD_AUDIT_RECORD_MAX);
	log_open(f);
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
	struct audit_fixture *f = *state;
	struct rd_audit_verify_report report;

	log_open(f);
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
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.heads, l.afters);
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
static int append_until_full(struct audit_fixture *f, const char *filler)
{
	enum rd_status st = RD_OK;
	char *text = NULL;
	int n = 0;

	while (st == RD_OK && n < 100000) {
		assert_true(asprintf(&text, "{\"n\":%d,\"filler\":\"%s\"}", n, filler) > 0);
		st = log_append(f->audit, text, NULL);
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

static void recovers_when_there_is_room(struct audit_fixture *f, int acknowledged)
{
	struct found found = {0};
	struct rd_audit_visitor visitor = {.ctx = &found, .record = count_numbers};
	struct rd_audit_verify_report report;
	struct rd_error err = {0};
	int fd;

	wait_until_healthy(f->audit);
	assert_ok(log_append(f->audit, "{\"n\":-1}", NULL));
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rd_audit_each(fd, 0, &visitor, &err), RD_AUDIT_OK);
	close(fd);
	/* A refused one may be there too: it was written, and not acknowledged. */
	assert_true(found.count >= (uint64_t)acknowledged + 1);
	assert_true(report.head.size > found.count);
}

static void nothing_is_acknowledged_beyond_a_file_size_limit(void **state)
{
	struct audit_fixture *f = *state;
	struct rlimit before;
	struct rlimit small;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	int acknowledged;

	log_open(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	acknowledged = append_until_full(f, "0123456789012345678901234567890123456789");
	assert_false(kms_audit_healthy(f->audit));
	assert_status(log_append(f->audit, "{\"n\":-2}", NULL), RD_IO);
	sleep_ms(700);
	assert_false(kms_audit_healthy(f->audit));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	recovers_when_there_is_room(f, acknowledged);
	signal(SIGXFSZ, handler);
}

static void a_document_outlives_the_failure_to_write_it(void **state)
{
	struct audit_fixture *f = *state;
	struct rd_audit_verify_report report;
	struct rlimit before;
	struct rlimit small;
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	uint8_t *document = calloc(1, 30000);
	char name[65];
	char text[256];

	assert_non_null(document);
	log_open(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 20000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_ok(kms_audit_keep_document(f->audit, rd_view(document, 30000), name));
	snprintf(text, sizeof(text), "{\"additionalEventData\":{\"recipient\":{\"%s\":\"%s\"}}}",
		RD_AUDIT_DOCUMENT_MEMBER, name);
	/* Together with it, or after it: not with RD_OK in either case. */
	assert_int_not_equal(log_append(f->audit, text, NULL), RD_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	wait_until_healthy(f->audit);
	assert_ok(log_append(f->audit, text, NULL));
	kms_audit_close(&f->audit);
	assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
	assert_int_equal(report.documents, 1);
	free(document);
	signal(SIGXFSZ, handler);
}

static void nothing_is_acknowledged_on_a_full_disk(void **state)
{
	struct audit_fixture *f = *state;
	char path[256];
	int acknowledged;
	int ballast;

	/* In a mount namespace of its own, so that it ends with this process. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", f->dir, "tmpfs", 0, "size=256k,mode=0700") < 0) {
		print_message("  no tmpfs may be mounted here (%s)\n", strerror(errno));
		skip();
	}
	log_path(path, f->dir, "ballast");
	ballast = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(ballast >= 0);
	assert_int_equal(posix_fallocate(ballast, 0, 64 * 1024), 0);
	log_open(f);
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

static void child_writes(const struct audit_fixture *f, int fd, int round)
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
static uint64_t run_child(const struct audit_fixture *f, int round, long ms)
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
	struct audit_fixture *f = *state;
	struct rd_audit_verify_report report;

	for (int round = 0; round < 12; round++) {
		uint64_t highest = run_child(f, round, (round * 13) % 60);

		log_open(f);
		kms_audit_close(&f->audit);
		assert_int_equal(log_verify(f->dir, &report), RD_AUDIT_OK);
		assert_true(report.head.size > highest);
	}
	print_message("  %d records in %d segments\n", (int)report.head.size, (int)report.segments);
	assert_true(report.segments > 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, log_setup, log_teardown)
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
