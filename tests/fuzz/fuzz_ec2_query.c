/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a call to EC2's API: an answer of one of two forms, whatever comes. Calls that
 * change something are denied behind their parameters, so that every input meets the same state.
 */
#include "ec2/authority.h"
#include "ec2/host.h"
#include "ec2/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[64];
static struct ec2 ec2;

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static int64_t now(void)
{
	return 1800000000000;
}

static enum rd_status authorize(
	void *ctx, struct ec2_call *call, json_t *checks, char ret_why[EC2_MESSAGE_SIZE])
{
	(void)ctx;
	require(json_array_size(checks) > 0);
	ret_why[0] = '\0';
	return strncmp(call->op->name, "Describe", 8) == 0 ? RD_OK : RD_DENIED;
}

static enum rd_status profile(void *ctx, struct ec2_call *call, const char *name, const char *arn,
	struct ec2_profile *ret)
{
	(void)ctx;
	(void)call;
	(void)name;
	(void)arn;
	*ret = (struct ec2_profile){.arn = "arn:aws:iam::000000000001:instance-profile/p",
		.id = "AIPA",
		.role_arn = "arn:aws:iam::000000000001:role/r"};
	return RD_OK;
}

static enum rd_status ask(void *ctx, const struct rd_ctl_message *m, int fd, ec2_host_fn *each,
	void *arg, struct ec2_refusal *ret_why)
{
	(void)ctx;
	(void)m;
	(void)fd;
	(void)each;
	(void)arg;
	(void)ret_why;
	return RD_UNAVAILABLE;
}

static void remove_state(void)
{
	static const char *const names[] = {"ec2.db", "ec2.db-wal", "ec2.db-shm"};
	char path[128];

	rd_db_close(&ec2.dbs[0]);
	for (size_t i = 0; i < RD_ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static void open_state(void)
{
	static const struct ec2_authority authority = {.authorize = authorize, .profile = profile};
	static const struct ec2_host host = {.ask = ask};
	static struct rd_db *db;
	static struct rd_db *dbs[1];
	char url[128];

	snprintf(dir, sizeof(dir), "/tmp/fuzz-ec2.XXXXXX");
	require(mkdtemp(dir) != NULL);
	snprintf(url, sizeof(url), "sqlite:%s/ec2.db", dir);
	require(rd_db_open(url, &ec2_schema, &db, NULL) == RD_OK);
	dbs[0] = db;
	ec2.dbs = dbs;
	ec2.authority = &authority;
	ec2.host = &host;
	ec2.now_ms = now;
	ec2.config.max_instances = 10;
	snprintf(ec2.config.region, sizeof(ec2.config.region), "local-1");
	require(atexit(remove_state) == 0);
}

static void call(const struct rd_query *q)
{
	static struct ec2_call c;
	struct rd_buf out RD_CLEANUP(rd_buf_finish) = rd_buf_growable(EC2_ANSWER_MAX);
	int status = 0;

	memset(&c, 0, sizeof(c));
	c.ec2 = &ec2;
	c.db = ec2.dbs[0];
	c.now_ms = now();
	snprintf(c.request_id, sizeof(c.request_id), "id");
	snprintf(c.who.account, sizeof(c.who.account), "000000000001");
	ec2_call_run(&c, q, &out, &status);
	require(out.used > 0 && status >= 200 && status < 600);
	require((status == 200) == (c.fault.type == EC2_FAULT_NONE));
	require(c.fault.type != EC2_FAULT_INTERNAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd_buf storage RD_CLEANUP(rd_buf_finish) = rd_buf_growable(RD_QUERY_SIZE_MAX);
	struct rd_query q;

	if (dir[0] == '\0') {
		open_state();
	}
	if (rd_query_parse(rd_view(data, size), &storage, &q) == RD_OK) {
		call(&q);
	}
	return 0;
}
