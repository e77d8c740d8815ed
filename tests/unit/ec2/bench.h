/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One server's worth of state for unit tests: a database in a temporary directory, an authority
 * that allows what the test says, and a host that notes what it is asked.
 */
#ifndef TEST_EC2_BENCH_H
#define TEST_EC2_BENCH_H

#include "test.h"

#include "ec2/authority.h"
#include "ec2/life.h"
#include "ec2/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct bench {
	struct ec2 ec2;
	struct ec2_authority authority;
	struct ec2_host host;
	char dir[64];
	struct rd_db *db;
	bool denied;                               /* the authority's answer */
	bool away;                                 /* redoubtd is */
	uint64_t refusal;                          /* of redoubtd, to INSTANCE_RUN */
	unsigned asked[RD_CTL_VMM_BALLOON_AT + 1]; /* questions to redoubtd, by type */
	struct rd_ctl_instance truth[8];           /* what redoubtd has */
	size_t n_truth;
	struct rd_buf answer;
	int status;
};

static int64_t bench_clock = 1800000000000;

static inline int64_t bench_now(void)
{
	return bench_clock;
}

static inline enum rd_status bench_authorize(
	void *ctx, struct ec2_call *call, json_t *checks, char ret_why[EC2_MESSAGE_SIZE])
{
	(void)call;
	assert_true(json_array_size(checks) > 0);
	snprintf(ret_why, EC2_MESSAGE_SIZE, "the test says so");
	return ((struct bench *)ctx)->denied ? RD_DENIED : RD_OK;
}

static inline enum rd_status bench_ask(void *ctx, const struct rd_ctl_message *m, int fd,
	ec2_host_fn *each, void *arg, struct ec2_refusal *ret_why)
{
	struct bench *b = ctx;

	(void)fd;
	b->asked[m->type]++;
	if (b->away) {
		return RD_UNAVAILABLE;
	}
	if (m->type == RD_CTL_INSTANCE_RUN && b->refusal != 0) {
		ret_why->code = b->refusal;
		snprintf(ret_why->text, sizeof(ret_why->text), "no room");
		return RD_FORBIDDEN;
	}
	for (size_t i = 0; m->type == RD_CTL_INSTANCE_DESCRIBE && i < b->n_truth; i++) {
		struct rd_ctl_message *said = calloc(1, sizeof(*said));

		assert_non_null(said);
		said->type = RD_CTL_INSTANCE;
		said->instance = b->truth[i];
		assert_ok(each(arg, said, NULL));
		free(said);
	}
	return RD_OK;
}

static inline void bench_open(struct bench *b)
{
	struct rd_error err = {.text = ""};
	char url[128], path[128];
	uint8_t disk[1024] = {[510] = 0x55, [511] = 0xaa};
	FILE *file;

	memset(b, 0, sizeof(*b));
	snprintf(b->dir, sizeof(b->dir), "/tmp/ec2-bench.XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	snprintf(url, sizeof(url), "sqlite:%s/ec2.db", b->dir);
	if (rd_db_open(url, &ec2_schema, &b->db, &err) != RD_OK) {
		fail_msg("%s", err.text);
	}
	snprintf(path, sizeof(path), "%s/disk.raw", b->dir);
	file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(disk, sizeof(disk), 1, file), 1);
	assert_int_equal(fclose(file), 0);
	snprintf(b->ec2.config.region, sizeof(b->ec2.config.region), "local-1");
	/* Loopback, where nobody else listens. */
	snprintf(
		b->ec2.config.forward_address, sizeof(b->ec2.config.forward_address), "127.77.0.1");
	snprintf(b->ec2.config.run, sizeof(b->ec2.config.run), "/run/redoubt");
	snprintf(b->ec2.config.images[0], RD_PATH_MAX, "%s", b->dir);
	b->ec2.config.n_images = 1;
	b->ec2.config.forward_first = 20000;
	b->ec2.config.forward_last = 20002;
	b->ec2.config.max_instances = 10;
	b->ec2.now_ms = bench_now;
	b->authority = (struct ec2_authority){.ctx = b, .authorize = bench_authorize};
	b->host = (struct ec2_host){.ctx = b, .ask = bench_ask};
	b->ec2.authority = &b->authority;
	b->ec2.host = &b->host;
}

static inline void bench_close(struct bench *b)
{
	char command[128];

	rd_buf_finish(&b->answer);
	rd_db_close(&b->db);
	snprintf(command, sizeof(command), "rm -r '%s'", b->dir);
	assert_int_equal(system(command), 0);
}

/* Runs a query; what it answers is b->answer, with a NUL behind it. */
static inline const char *bench_call(struct bench *b, const char *query)
{
	struct rd_query *q = calloc(1, sizeof(*q));
	struct ec2_call *call = calloc(1, sizeof(*call));
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	char text[8192];

	assert_non_null(q);
	assert_non_null(call);
	snprintf(text, sizeof(text), "Version=2016-11-15&Action=%s", query);
	assert_ok(rd_query_parse(rd_view_str(text), &storage, q));
	rd_buf_finish(&b->answer);
	b->answer = rd_buf_growable(EC2_ANSWER_MAX);
	call->ec2 = &b->ec2;
	call->db = b->db;
	call->now_ms = bench_now();
	snprintf(call->request_id, sizeof(call->request_id), "request");
	snprintf(call->who.account, sizeof(call->who.account), "000000000001");
	snprintf(call->who.arn, sizeof(call->who.arn), "arn:aws:iam::000000000001:user/u");
	ec2_call_run(call, q, &b->answer, &b->status);
	assert_ok(rd_buf_u8(&b->answer, '\0'));
	free(call);
	free(q);
	return (const char *)b->answer.ptr;
}

static inline void bench_has(struct bench *b, const char *query, const char *part)
{
	if (strstr(bench_call(b, query), part) == NULL) {
		fail_msg("%s: no %s in: %s", query, part, (const char *)b->answer.ptr);
	}
}

/* The text of the first such element of the last answer. */
static inline void bench_take(const struct bench *b, const char *name, char *ret, size_t size)
{
	char open[64];
	const char *at, *end;

	snprintf(open, sizeof(open), "<%s>", name);
	at = strstr((const char *)b->answer.ptr, open);
	assert_non_null(at);
	at += strlen(open);
	end = strchr(at, '<');
	assert_true((size_t)(end - at) < size);
	memcpy(ret, at, (size_t)(end - at));
	ret[end - at] = '\0';
}

#endif
