/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has been acknowledged is there, whatever dies: a child writes, and says so for each commit
 * through a pipe; it is killed in the middle. PostgreSQL's server is brought down without a
 * checkpoint as well. (Issue: kill -9 during 10,000 mixed writes, repeated.)
 */
#include "database.h"

#include <signal.h>
#include <sys/wait.h>

/* All rounds together. */
#define WRITES 10000
#define ROUNDS 4
/* Write number n is of kind n % KINDS, on the key that the last write of kind 0 made. */
#define KINDS 5

static enum rd_status write_number(struct rd_db *db, void *arg)
{
	const unsigned n = *(const unsigned *)arg;
	struct kms_key key = test_key(n - n % KINDS);
	struct kms_tag tag = {.key = "n"};
	struct kms_alias alias;
	struct kms_material m;
	struct kms_grant grant;

	switch (n % KINDS) {
	case 0:
		m = test_material(key.id, 1);
		RD_TRY(kms_store_key_add(db, &key));
		return kms_store_material_add(db, &m);
	case 1:
		grant = test_grant(key.id, n);
		return kms_store_grant_add(db, &grant);
	case 2:
		alias = test_alias("alias/", key.id);
		strcat(alias.name, key.id);
		return kms_store_alias_add(db, &alias);
	case 3:
		snprintf(tag.value, sizeof(tag.value), "%u", n);
		return kms_store_tag_put(db, key.id, &tag);
	default:
		key.state = KMS_STATE_DISABLED;
		return kms_store_key_update(db, &key);
	}
}

/* Never returns. */
static void write_and_acknowledge(const char *url, unsigned first, int pipe_fd)
{
	struct rd_error err = {.text = ""};
	struct rd_db *db = NULL;

	if (rd_db_open(url, &kms_schema, &db, &err) != RD_OK) {
		fprintf(stderr, "%s\n", err.text);
		_exit(1);
	}
	for (unsigned n = first; n < WRITES; n++) {
		if (rd_db_transact(db, write_number, &n) != RD_OK) {
			fprintf(stderr, "write %u: %s\n", n, rd_db_error(db));
			_exit(1);
		}
		if (write(pipe_fd, &n, sizeof(n)) != sizeof(n)) {
			_exit(1);
		}
	}
	_exit(0);
}

static enum rd_status count_tag(void *arg, const struct kms_tag *tag)
{
	*(unsigned *)arg = (unsigned)strtoul(tag->value, NULL, 10);
	return RD_OK;
}

static enum rd_status count_material(void *arg, struct kms_material *m)
{
	assert_true(m->present);
	++*(unsigned *)arg;
	return RD_OK;
}

/* Is write number n there, all of it? */
static bool is_there(struct rd_db *db, unsigned n)
{
	struct kms_key key = test_key(n - n % KINDS), got;
	struct kms_grant grant = test_grant(key.id, n);
	char name[KMS_ALIAS_SIZE] = "alias/";
	struct kms_alias alias;
	unsigned count = 0;
	enum rd_status st;

	switch (n % KINDS) {
	case 0:
		st = kms_store_key_find(db, key.id, &got);
		assert_ok(kms_store_material_list(db, key.id, count_material, &count));
		assert_int_equal(count, st == RD_OK ? 1 : 0);
		break;
	case 1:
		st = kms_store_grant_get(db, key.id, grant.id, &grant);
		break;
	case 2:
		strcat(name, key.id);
		st = kms_store_alias_get(db, ACCOUNT, name, &alias);
		break;
	case 3:
		st = kms_store_tags_list(db, key.id, "", 9, count_tag, &count);
		return st == RD_OK && count == n;
	default:
		assert_ok(kms_store_key_find(db, key.id, &got));
		kms_key_finish(&got);
		return got.version == 2 && got.state == KMS_STATE_DISABLED;
	}
	if (st == RD_OK && n % KINDS == 0) {
		kms_key_finish(&got);
	}
	if (st == RD_OK && n % KINDS == 1) {
		kms_grant_finish(&grant);
	}
	return st == RD_OK;
}

/* Reads acknowledgements; kills the child (and the server) at one of them. Returns the last. */
static unsigned follow(pid_t child, int fd, unsigned kill_at)
{
	unsigned n, last = 0;
	bool killed = false;
	ssize_t got;

	while ((got = read(fd, &n, sizeof(n))) == sizeof(n)) {
		last = n;
		if (!killed && n >= kill_at) {
			assert_int_equal(kill(child, SIGKILL), 0);
			killed = true;
		}
	}
	assert_int_equal(got, 0);
	return last;
}

static unsigned run_and_kill(const struct test_database *t, unsigned first, unsigned kill_at)
{
	unsigned last;
	pid_t child;
	int fds[2], status;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(fds[0]);
		write_and_acknowledge(t->url, first, fds[1]);
	}
	close(fds[1]);
	last = follow(child, fds[0], kill_at);
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(kill_at >= WRITES ? status == 0 : WIFSIGNALED(status));
	return last;
}

static void every_acknowledged_write_is_there(void **state)
{
	struct test_database *t = *state;
	unsigned next = 0;

	rd_db_close(&t->db);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		unsigned last = run_and_kill(
			t, next, round == ROUNDS ? WRITES : round * (WRITES / ROUNDS) + round * 17);

		if (on_postgres) {
			test_postgres_control("crash");
			test_postgres_control("start");
		}
		test_open(t, &t->db);
		for (unsigned n = next; n <= last; n++) {
			if (!is_there(t->db, n)) {
				fail_msg("round %u: write %u was acknowledged and is lost", round,
					n);
			}
		}
		/* One more may have been committed and not acknowledged; none after it. */
		next = last + 1;
		if (next < WRITES && is_there(t->db, next)) {
			next++;
		}
		rd_db_close(&t->db);
	}
	assert_int_equal(next, WRITES);
	test_open(t, &t->db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {DATABASE_TEST(every_acknowledged_write_is_there)};

	signal(SIGPIPE, SIG_IGN);
	return RUN_ON_BOTH(tests);
}
