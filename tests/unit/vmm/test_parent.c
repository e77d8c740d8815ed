/* SPDX-License-Identifier: Apache-2.0 */
/* Claims about a parent's vmm that need no guest: QMP, network lines, QEMU's words, ends. */
#include "test.h"

#include "os/msg.h"

#include "net.h"
#include "parent.h"
#include "qemu_args.h"
#include "qmp.h"

#include <sys/socket.h>
#include <unistd.h>

#define BALLOON_ID 7

static enum rd_status read_line(const char *line, struct rd_qmp_news *ret)
{
	return rd_qmp_read_line(line, strlen(line), BALLOON_ID, ret);
}

static void qmp_says_what_somebody_waits_for(void **state)
{
	struct rd_qmp_news news = {0};

	(void)state;
	assert_ok(read_line("{\"return\": {}, \"id\": 1}\r", &news));
	assert_int_equal(news.event, RD_QMP_READY);
	assert_ok(read_line("{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
			    "\"guest-shutdown\"}, \"timestamp\": {\"seconds\": 1, "
			    "\"microseconds\": 2}}",
		&news));
	assert_int_equal(news.event, RD_QMP_SHUTDOWN);
	assert_true(news.by_guest);
	assert_ok(read_line("{\"event\": \"RESET\", \"data\": {\"guest\": false}}", &news));
	assert_int_equal(news.event, RD_QMP_RESET);
	assert_false(news.by_guest);
	assert_ok(read_line("{\"return\": {\"actual\": 536870912}, \"id\": 7}", &news));
	assert_int_equal(news.event, RD_QMP_BALLOON);
	assert_int_equal(news.bytes, 536870912);
}

static void qmp_passes_over_what_nobody_waits_for(void **state)
{
	static const char *const lines[] = {
		"{\"QMP\": {\"version\": {}, \"capabilities\": [\"oob\"]}}",
		"{\"event\": \"BALLOON_CHANGE\", \"data\": {\"actual\": 1}}",
		"{\"return\": {}, \"id\": 3}",
		/* An answer that nobody asked for. */
		"{\"return\": {\"actual\": 1}, \"id\": 8}",
		"{\"error\": {\"class\": \"DeviceNotActive\", \"desc\": \"no\"}, \"id\": 7}",
	};
	struct rd_qmp_news news = {0};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(lines); i++) {
		assert_status(read_line(lines[i], &news), RD_NOTFOUND);
	}
}

static void qmp_refuses_what_is_none(void **state)
{
	static const char *const lines[] = {"", "null", "[]", "{}", "{\"return\": {}}",
		"{\"return\": 1, \"id\": 1}", "{\"return\": {}, \"id\": -1}", "{\"event\": 3}",
		"{\"event\": \"RESET\"", "{\"return\": {\"actual\": -1}, \"id\": 7}",
		"{\"return\": {\"actual\": \"1\"}, \"id\": 7}",
		"{\"return\": {}, \"id\": 1, \"id\": 1}"};
	struct rd_qmp_news news = {0};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(lines); i++) {
		assert_status(read_line(lines[i], &news), RD_MALFORMED);
	}
}

static void network_lines_are_made_of_checked_parts(void **state)
{
	char line[128];

	(void)state;
	assert_ok(rd_net_ip_line("172.31.16.5/20", line, sizeof(line)));
	assert_string_equal(line, "ip 172.31.16.5/20 gateway 172.31.16.1\n");
	assert_ok(rd_net_ip_line("10.0.0.9", line, sizeof(line)));
	assert_string_equal(line, "ip 10.0.0.9/20 gateway 10.0.0.1\n");
	assert_ok(rd_net_forward_line("tcp:127.0.0.1:2222:22", true, line, sizeof(line)));
	assert_string_equal(line, "forward tcp 127.0.0.1:2222 22\n");
	assert_ok(rd_net_forward_line("udp:0.0.0.0:53:53", false, line, sizeof(line)));
	assert_string_equal(line, "unforward udp 0.0.0.0:53\n");
}

static void network_lines_refuse_the_rest(void **state)
{
	static const char *const addresses[] = {"", "172.31.16", "172.31.16.5/33", "172.31.16.5/",
		"172.31.16.5/x", "172.31.16.1/20", "::1"};
	static const char *const forwards[] = {"", "tcp", "tcp:127.0.0.1:1", "sctp:127.0.0.1:1:1",
		"tcp:localhost:1:1", "tcp:127.0.0.1:0:1", "tcp:127.0.0.1:1:65536",
		"tcp:127.0.0.1:1:1:1", "tcp:127.0.0.1:1:1 x"};
	char line[128];

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(addresses); i++) {
		assert_status(rd_net_ip_line(addresses[i], line, sizeof(line)), RD_MALFORMED);
	}
	for (size_t i = 0; i < RD_ARRAY_LEN(forwards); i++) {
		assert_status(
			rd_net_forward_line(forwards[i], true, line, sizeof(line)), RD_MALFORMED);
	}
}

/* The next line that redoubt-net would get; "" when there is none. */
static void next_line(int sock, char ret[128])
{
	ssize_t n = recv(sock, ret, 127, MSG_DONTWAIT);

	ret[n < 0 ? 0 : n] = '\0';
}

static void network_is_told_what_changes_and_nothing_else(void **state)
{
	struct rd_net net = RD_NET_INIT;
	struct rd_ctl_vmm_forwards change = {
		.forwards = {.count = 2, .items = {"tcp:127.0.0.1:1:22", "tcp:127.0.0.1:2:80"}}};
	char line[128];
	int pair[2];

	(void)state;
	assert_status(
		rd_net_change(&net, &change), RD_NOTFOUND); /* an instance without a network */
	assert_ok(rd_msg_pair(pair));
	net.control = pair[0];
	assert_ok(rd_net_change(&net, &change));
	next_line(pair[1], line);
	assert_string_equal(line, "forward tcp 127.0.0.1:1 22\n");
	next_line(pair[1], line);
	assert_string_equal(line, "forward tcp 127.0.0.1:2 80\n");
	change.hops = 64;
	change.forwards.count = 1;
	assert_ok(rd_net_change(&net, &change));
	next_line(pair[1], line);
	assert_string_equal(line, "hops 64\n");
	next_line(pair[1], line);
	assert_string_equal(line, "unforward tcp 127.0.0.1:2\n");
	change.hops = 0;
	assert_ok(rd_net_change(&net, &change));
	next_line(pair[1], line);
	assert_string_equal(line, "");
	close(pair[0]);
	close(pair[1]);
}

static bool has_word(const struct rd_qemu_args *args, const char *text)
{
	for (size_t i = 0; i < args->argc; i++) {
		if (strstr(args->argv[i], text) != NULL) {
			return true;
		}
	}
	return false;
}

static void qemu_gets_a_disk_and_no_path(void **state)
{
	struct rd_vmm_memory memory = {.size = (uint64_t)512 << 20};
	struct rd_engine_parent parent = {.instance_id = "i-0123456789abcdef0",
		.overlay_fd = 5,
		.base_fd = 6,
		.qmp_fd = 7,
		.net_fd = -1,
		.mac = ""};
	struct rd_engine_config config = {.parent = &parent, .memory = &memory, .cpus = 2};
	struct rd_qemu_args args;

	(void)state;
	assert_ok(rd_qemu_args_build(&config, &args, NULL));
	assert_true(has_word(&args, "q35,accel=tcg"));
	assert_true(has_word(&args, "/dev/fdset/1"));
	assert_true(has_word(&args, "\"driver\":\"raw\",\"node-name\":\"base\""));
	assert_true(has_word(&args, "uuid=ec200000-0000-0000-1234-56789abcdef0"));
	assert_true(has_word(&args, "asset=i-0123456789abcdef0"));
	assert_true(has_word(&args, "spawn=deny"));
	assert_false(has_word(&args, "-no-reboot"));
	assert_false(has_word(&args, "virtio-net"));
	assert_false(has_word(&args, "-kernel"));
	parent.base_qcow2 = true;
	parent.net_fd = 8;
	parent.mac = "52:54:00:12:34:56";
	assert_ok(rd_qemu_args_build(&config, &args, NULL));
	assert_true(has_word(&args, "\"driver\":\"qcow2\",\"node-name\":\"base\""));
	/* Whatever a base's own header names, it is not looked at. */
	assert_true(has_word(&args, "\"backing\":null"));
	assert_true(has_word(&args, "mac=52:54:00:12:34:56"));
}

static struct rd_ctl_ended judge(const struct rd_parent *parent, bool orderly)
{
	struct rd_engine_end end = {.orderly = orderly, .text = "QEMU died of signal 11"};
	struct rd_ctl_ended ended;

	rd_parent_judge(parent, &end, &ended);
	return ended;
}

static void ends_are_told_apart(void **state)
{
	static struct rd_parent parent = {.state = RD_CTL_STATE_RUNNING};

	(void)state;
	assert_int_equal(judge(&parent, false).cause, RD_CTL_CAUSE_ENGINE);
	assert_string_equal(judge(&parent, false).text, "QEMU died of signal 11");
	assert_int_equal(judge(&parent, true).cause, RD_CTL_CAUSE_CRASHED);
	parent.powered_off = true;
	assert_int_equal(judge(&parent, true).cause, RD_CTL_CAUSE_EXITED);
	parent.asked = true;
	assert_int_equal(judge(&parent, true).cause, RD_CTL_CAUSE_TERMINATED);
	assert_int_equal(judge(&parent, true).code, 0);
	parent.state = RD_CTL_STATE_BOOTING;
	parent.asked = parent.powered_off = false;
	assert_int_not_equal(judge(&parent, false).code, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qmp_says_what_somebody_waits_for),
		cmocka_unit_test(qmp_passes_over_what_nobody_waits_for),
		cmocka_unit_test(qmp_refuses_what_is_none),
		cmocka_unit_test(network_lines_are_made_of_checked_parts),
		cmocka_unit_test(network_lines_refuse_the_rest),
		cmocka_unit_test(network_is_told_what_changes_and_nothing_else),
		cmocka_unit_test(qemu_gets_a_disk_and_no_path),
		cmocka_unit_test(ends_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
