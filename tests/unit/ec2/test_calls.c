/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and instances' lives, with a redoubtd and an authority that do as they are told. */
#include "bench.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUN "RunInstances&ImageId=ami-12345678&MinCount=1&MaxCount=1"

static int open_bench(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	char query[256];

	assert_non_null(b);
	bench_open(b);
	snprintf(query, sizeof(query), "RegisterImage&Name=ami-12345678&ImageLocation=%s/disk.raw",
		b->dir);
	bench_has(b, query, "<imageId>ami-12345678</imageId>");
	*state = b;
	return 0;
}

static int close_bench(void **state)
{
	bench_close(*state);
	free(*state);
	return 0;
}

static void say(
	struct bench *b, const char *id, enum rd_ctl_instance_state state, enum rd_ctl_cause cause)
{
	struct rd_ctl_instance said = {.state = state, .cause = cause};

	snprintf(said.instance_id, sizeof(said.instance_id), "%s", id);
	ec2_observe(&b->ec2, b->db, &said);
}

static void run_one(struct bench *b, const char *more, char ret_id[EC2_ID_SIZE])
{
	char query[512];

	snprintf(query, sizeof(query), RUN "%s", more);
	bench_has(b, query,
		"<RunInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">");
	bench_take(b, "instanceId", ret_id, EC2_ID_SIZE);
}

static void expect_state(struct bench *b, const char *id, const char *name)
{
	char query[128], part[64];

	snprintf(query, sizeof(query), "DescribeInstances&InstanceId.1=%s", id);
	snprintf(part, sizeof(part), "<name>%s</name>", name);
	bench_has(b, query, part);
}

static void denied_calls_change_nothing(void **state)
{
	struct bench *b = *state;

	b->denied = true;
	bench_has(b, RUN, "<Code>UnauthorizedOperation</Code>");
	assert_int_equal(b->status, 403);
	b->denied = false;
	bench_has(b, "DescribeInstances", "<reservationSet></reservationSet>");
	assert_int_equal(b->asked[RD_CTL_INSTANCE_RUN], 0);
}

static void a_dry_run_changes_nothing(void **state)
{
	struct bench *b = *state;

	bench_has(b, RUN "&DryRun=true", "<Code>DryRunOperation</Code>");
	assert_int_equal(b->status, 412);
	bench_has(b, "DescribeInstances", "<reservationSet></reservationSet>");
}

static void errors_have_ec2s_form(void **state)
{
	struct bench *b = *state;

	assert_string_equal(bench_call(b, "Nonsense"),
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>"
		"InvalidAction</Code><Message>The action Nonsense is not valid for this web "
		"service.</Message></Error></Errors><RequestID>request</RequestID></Response>");
	assert_int_equal(b->status, 400);
	bench_has(b, "DescribeInstances&Filter.1.Name=%01&Filter.1.Value.1=x",
		"<Code>InvalidParameterValue</Code><Message></Message>");
}

static void lives_through_its_states(void **state)
{
	struct bench *b = *state;
	char id[EC2_ID_SIZE], query[128];

	run_one(b, "", id);
	expect_state(b, id, "pending");
	say(b, id, RD_CTL_INSTANCE_RUNNING, 0);
	expect_state(b, id, "running");
	snprintf(query, sizeof(query), "StopInstances&InstanceId.1=%s", id);
	bench_has(b, query, "<name>stopping</name>");
	assert_int_equal(b->asked[RD_CTL_INSTANCE_STOP], 1);
	say(b, id, RD_CTL_INSTANCE_RUNNING, 0); /* late */
	expect_state(b, id, "stopping");
	say(b, id, RD_CTL_INSTANCE_STOPPED, RD_CTL_CAUSE_TERMINATED);
	expect_state(b, id, "stopped");
	snprintf(query, sizeof(query), "TerminateInstances&InstanceId.1=%s", id);
	bench_has(b, query, "<name>shutting-down</name>");
	say(b, id, RD_CTL_INSTANCE_TERMINATED, 0);
	expect_state(b, id, "terminated");
	say(b, id, RD_CTL_INSTANCE_RUNNING, 0);
	expect_state(b, id, "terminated");
}

static void power_off_stops_or_terminates(void **state)
{
	struct bench *b = *state;
	char one[EC2_ID_SIZE], two[EC2_ID_SIZE];

	run_one(b, "", one);
	run_one(b, "&InstanceInitiatedShutdownBehavior=terminate", two);
	say(b, one, RD_CTL_INSTANCE_RUNNING, 0);
	say(b, two, RD_CTL_INSTANCE_RUNNING, 0);
	say(b, one, RD_CTL_INSTANCE_STOPPED, RD_CTL_CAUSE_EXITED);
	expect_state(b, one, "stopped");
	assert_non_null(strstr((char *)b->answer.ptr, "Client.InstanceInitiatedShutdown"));
	say(b, two, RD_CTL_INSTANCE_STOPPED, RD_CTL_CAUSE_EXITED);
	expect_state(b, two, "shutting-down");
	assert_int_equal(b->asked[RD_CTL_INSTANCE_TERMINATE], 1);
}

static void a_crash_never_terminates(void **state)
{
	struct bench *b = *state;
	char id[EC2_ID_SIZE];

	run_one(b, "&InstanceInitiatedShutdownBehavior=terminate", id);
	say(b, id, RD_CTL_INSTANCE_RUNNING, 0);
	say(b, id, RD_CTL_INSTANCE_STOPPED, RD_CTL_CAUSE_VMM_LOST);
	expect_state(b, id, "stopped");
	assert_non_null(strstr((char *)b->answer.ptr, "Server.InternalError"));
}

static void too_little_room_takes_everything_back(void **state)
{
	struct bench *b = *state;

	b->refusal = RD_I_CAPACITY;
	bench_has(b, RUN "&ClientToken=t", "<Code>InsufficientInstanceCapacity</Code>");
	assert_int_equal(b->status, 500);
	bench_has(b, "DescribeVolumes", "<volumeSet></volumeSet>");
	b->refusal = 0;
	bench_has(b, RUN "&ClientToken=t", "<name>pending</name>"); /* the token is free again */
}

static void a_token_is_for_one_request(void **state)
{
	struct bench *b = *state;
	char first[EC2_ID_SIZE], again[EC2_ID_SIZE];

	run_one(b, "&ClientToken=t", first);
	run_one(b, "&ClientToken=t", again);
	assert_string_equal(first, again);
	assert_int_equal(b->asked[RD_CTL_INSTANCE_RUN], 1);
	bench_has(b, RUN "&ClientToken=t&InstanceType=c5.large",
		"<Code>IdempotentParameterMismatch</Code>");
	run_one(b, "&ClientToken=u", again);
	assert_string_not_equal(first, again);
}

static void the_limit_of_instances_counts_those_that_live(void **state)
{
	struct bench *b = *state;
	char id[EC2_ID_SIZE], query[128];

	bench_has(b, "RunInstances&ImageId=ami-12345678&MinCount=11&MaxCount=11",
		"<Code>InstanceLimitExceeded</Code>");
	bench_has(b, "RunInstances&ImageId=ami-12345678&MinCount=9&MaxCount=9", "pending");
	run_one(b, "", id);
	bench_has(b, RUN, "<Code>InstanceLimitExceeded</Code>");
	snprintf(query, sizeof(query), "TerminateInstances&InstanceId.1=%s", id);
	(void)bench_call(b, query);
	say(b, id, RD_CTL_INSTANCE_TERMINATED, 0);
	run_one(b, "", id);
}

static void ports_run_out_by_name(void **state)
{
	struct bench *b = *state;
	char id[EC2_ID_SIZE];

	run_one(b, "", id);
	bench_has(b,
		"AuthorizeSecurityGroupIngress&GroupName=default&IpProtocol=tcp&FromPort=1&ToPort=3"
		"&CidrIp=0.0.0.0/0",
		"<return>true</return>");
	bench_has(
		b, "DescribeInstances", "<key>redoubt:tcp:3</key><value>127.77.0.1:20002</value>");
	bench_has(b,
		"AuthorizeSecurityGroupIngress&GroupName=default&IpProtocol=tcp&FromPort=9&ToPort=9"
		"&CidrIp=0.0.0.0/0",
		"<Code>ResourceLimitExceeded</Code>");
	bench_has(b, "DescribeSecurityGroupRules", "<fromPort>1</fromPort>");
	assert_null(strstr((char *)b->answer.ptr, "<fromPort>9</fromPort>"));
}

/* A socket of that type at the port of the address that ports are published on. */
static int occupy(const struct bench *b, int type, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, type, 0);

	assert_int_equal(inet_pton(AF_INET, b->ec2.config.forward_address, &at.sin_addr), 1);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	if (type == SOCK_STREAM) {
		assert_int_equal(listen(fd, 1), 0);
	}
	return fd;
}

static void ports_of_other_programs_are_left_to_them(void **state)
{
	struct bench *b = *state;
	int tcp = occupy(b, SOCK_STREAM, 20001), udp = occupy(b, SOCK_DGRAM, 20000);
	char id[EC2_ID_SIZE];

	run_one(b, "", id);
	bench_has(b,
		"AuthorizeSecurityGroupIngress&GroupName=default&IpProtocol=tcp&FromPort=1&ToPort=2"
		"&CidrIp=0.0.0.0/0",
		"<return>true</return>");
	bench_has(b,
		"AuthorizeSecurityGroupIngress&GroupName=default&IpProtocol=udp&FromPort=1&ToPort=1"
		"&CidrIp=0.0.0.0/0",
		"<return>true</return>");
	bench_has(
		b, "DescribeInstances", "<key>redoubt:tcp:1</key><value>127.77.0.1:20000</value>");
	bench_has(
		b, "DescribeInstances", "<key>redoubt:tcp:2</key><value>127.77.0.1:20002</value>");
	bench_has(
		b, "DescribeInstances", "<key>redoubt:udp:1</key><value>127.77.0.1:20001</value>");
	bench_has(b,
		"AuthorizeSecurityGroupIngress&GroupName=default&IpProtocol=tcp&FromPort=9&ToPort=9"
		"&CidrIp=0.0.0.0/0",
		"<Code>ResourceLimitExceeded</Code>");
	close(tcp);
	close(udp);
}

/* --- reconciliation --- */

static void what_should_run_is_started(void **state)
{
	struct bench *b = *state;
	char id[EC2_ID_SIZE];

	b->away = true;
	run_one(b, "", id);
	assert_status(ec2_reconcile(&b->ec2, b->db, 0), RD_UNAVAILABLE);
	b->away = false;
	b->asked[RD_CTL_INSTANCE_RUN] = 0;
	assert_ok(ec2_reconcile(&b->ec2, b->db, 1000)); /* still in a call's hands */
	assert_int_equal(b->asked[RD_CTL_INSTANCE_RUN], 0);
	assert_ok(ec2_reconcile(&b->ec2, b->db, 0));
	assert_int_equal(b->asked[RD_CTL_INSTANCE_RUN], 1);
}

static void strangers_are_terminated(void **state)
{
	struct bench *b = *state;

	b->truth[0] = (struct rd_ctl_instance){
		.instance_id = "i-0123456789abcdef0", .state = RD_CTL_INSTANCE_RUNNING};
	b->n_truth = 1;
	assert_ok(ec2_reconcile(&b->ec2, b->db, 0));
	assert_int_equal(b->asked[RD_CTL_INSTANCE_TERMINATE], 1);
}

static void what_was_asked_before_a_crash_is_asked_again(void **state)
{
	struct bench *b = *state;
	char one[EC2_ID_SIZE], two[EC2_ID_SIZE], query[160];

	run_one(b, "", one);
	run_one(b, "", two);
	say(b, one, RD_CTL_INSTANCE_RUNNING, 0);
	say(b, two, RD_CTL_INSTANCE_RUNNING, 0);
	b->away = true;
	snprintf(query, sizeof(query), "StopInstances&InstanceId.1=%s", one);
	(void)bench_call(b, query);
	snprintf(query, sizeof(query), "TerminateInstances&InstanceId.1=%s", two);
	(void)bench_call(b, query);
	b->away = false;
	memset(b->asked, 0, sizeof(b->asked));
	snprintf(b->truth[0].instance_id, sizeof(b->truth[0].instance_id), "%s", one);
	b->truth[0].state = RD_CTL_INSTANCE_RUNNING;
	snprintf(b->truth[1].instance_id, sizeof(b->truth[1].instance_id), "%s", two);
	b->truth[1].state = RD_CTL_INSTANCE_RUNNING;
	b->n_truth = 2;
	assert_ok(ec2_reconcile(&b->ec2, b->db, 0));
	assert_int_equal(b->asked[RD_CTL_INSTANCE_STOP], 1);
	assert_int_equal(b->asked[RD_CTL_INSTANCE_TERMINATE], 1);
	b->n_truth = 0; /* both have ended meanwhile, and the news was lost */
	assert_ok(ec2_reconcile(&b->ec2, b->db, 0));
	expect_state(b, one, "stopped");
	expect_state(b, two, "terminated");
}

static void terminated_ones_are_forgotten_after_an_hour(void **state)
{
	struct bench *b = *state;
	char id[EC2_ID_SIZE], query[128];

	run_one(b, "", id);
	snprintf(query, sizeof(query), "TerminateInstances&InstanceId.1=%s", id);
	(void)bench_call(b, query);
	say(b, id, RD_CTL_INSTANCE_TERMINATED, 0);
	assert_ok(ec2_purge(&b->ec2, b->db));
	expect_state(b, id, "terminated");
	bench_clock += 61 * 60 * 1000;
	assert_ok(ec2_purge(&b->ec2, b->db));
	bench_has(b, "DescribeInstances", "<reservationSet></reservationSet>");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(denied_calls_change_nothing),
		TEST(a_dry_run_changes_nothing),
		TEST(errors_have_ec2s_form),
		TEST(lives_through_its_states),
		TEST(power_off_stops_or_terminates),
		TEST(a_crash_never_terminates),
		TEST(too_little_room_takes_everything_back),
		TEST(a_token_is_for_one_request),
		TEST(the_limit_of_instances_counts_those_that_live),
		TEST(ports_run_out_by_name),
		TEST(ports_of_other_programs_are_left_to_them),
		TEST(what_should_run_is_started),
		TEST(strangers_are_terminated),
		TEST(what_was_asked_before_a_crash_is_asked_again),
		TEST(terminated_ones_are_forgotten_after_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
