/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines, as they arrive at the other end of stderr. */
#include "test.h"

#include "log/log.h"

#include <fcntl.h>
#include <unistd.h>

static int stderr_kept = -1;
static int ends[2] = {-1, -1};

static int capture(void **state)
{
	(void)state;
	stderr_kept = dup(STDERR_FILENO);
	return stderr_kept < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0 ||
			       dup2(ends[1], STDERR_FILENO) < 0
		       ? -1
		       : 0;
}

static int release(void **state)
{
	(void)state;
	(void)dup2(stderr_kept, STDERR_FILENO);
	close(stderr_kept);
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* What one read gives: a record is one write, and a pipe keeps those of up to 4 KiB whole. */
static const char *taken(void)
{
	static char text[8192];
	ssize_t n = read(ends[0], text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

/* The text behind "[<level>][<time>] ", which must be there. */
static const char *text_of(const char *line, const char *level)
{
	char head[16];
	unsigned year, month, day, hour, minute, second, ms;
	int len = 0;

	snprintf(head, sizeof(head), "[%s][", level);
	assert_memory_equal(line, head, strlen(head));
	line += strlen(head);
	assert_int_equal(sscanf(line, "%4u-%2u-%2uT%2u:%2u:%2u.%3uZ] %n", &year, &month, &day,
				 &hour, &minute, &second, &ms, &len),
		7);
	assert_true(len > 0);
	return line + len;
}

static void writes_level_time_and_text_in_one_line(void **state)
{
	(void)state;
	rd_log_set_level("trace", RD_LOG_ERROR);
	rd_log(RD_LOG_ERROR, "%s %d", "one", 1);
	assert_string_equal(text_of(taken(), "ERROR"), "one 1\n");
	rd_log(RD_LOG_WARNING, "two");
	assert_string_equal(text_of(taken(), "WARN"), "two\n");
	rd_log(RD_LOG_INFO, "three");
	assert_string_equal(text_of(taken(), "INFO"), "three\n");
	rd_log(RD_LOG_DEBUG, "four");
	assert_string_equal(text_of(taken(), "DEBUG"), "four\n");
}

static void replaces_control_characters(void **state)
{
	(void)state;
	rd_log_set_level(NULL, RD_LOG_INFO);
	rd_log(RD_LOG_INFO, "%s",
		"a\n[ERROR] b\x1b[2J\x7f"
		"c\r\xc2\x9b"
		"d \xc3\xa4");
	assert_string_equal(text_of(taken(), "INFO"), "a?[ERROR] b?[2J?c???d \xc3\xa4\n");
}

static void cuts_what_is_too_long_and_keeps_the_line_end(void **state)
{
	char text[5000];
	const char *line;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	rd_log_set_level(NULL, RD_LOG_INFO);
	rd_log(RD_LOG_INFO, "%s", text);
	line = text_of(taken(), "INFO");
	assert_int_equal(strspn(line, "x"), 1023);
	assert_string_equal(line + 1023, "\n");
}

/* How many of the four levels are written. */
static unsigned written(const char *name, enum rd_log_level usual)
{
	unsigned count = 0;

	rd_log_set_level(name, usual);
	for (unsigned level = RD_LOG_ERROR; level <= RD_LOG_DEBUG; level++) {
		rd_log((enum rd_log_level)level, "text");
		count += taken()[0] != '\0' ? 1 : 0;
	}
	return count;
}

static void takes_the_level_from_the_name(void **state)
{
	(void)state;
	assert_int_equal(written("error", RD_LOG_INFO), 1);
	assert_int_equal(written("warn", RD_LOG_INFO), 2);
	assert_int_equal(written("info", RD_LOG_ERROR), 3);
	assert_int_equal(written("debug", RD_LOG_ERROR), 4);
	assert_int_equal(written("trace", RD_LOG_ERROR), 4);
}

static void falls_back_to_the_programs_level(void **state)
{
	static const char *const strangers[] = {NULL, "", "INFO ", "redoubtd=debug"};

	(void)state;
	for (size_t i = 0; i < RD_ARRAY_LEN(strangers); i++) {
		assert_int_equal(written(strangers[i], RD_LOG_WARNING), 2);
		assert_int_equal(written(strangers[i], RD_LOG_INFO), 3);
	}
}

static void brake_counts_what_it_swallows(void **state)
{
	struct rd_log_brake brake = {0};
	unsigned skipped = 99;

	(void)state;
	assert_true(rd_log_may(&brake, 100, &skipped));
	assert_int_equal(skipped, 0);
	assert_false(rd_log_may(&brake, 101, &skipped));
	assert_false(rd_log_may(&brake, 99 + RD_LOG_QUIET_MS, &skipped));
	assert_true(rd_log_may(&brake, 100 + RD_LOG_QUIET_MS, &skipped));
	assert_int_equal(skipped, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			writes_level_time_and_text_in_one_line, capture, release),
		cmocka_unit_test_setup_teardown(replaces_control_characters, capture, release),
		cmocka_unit_test_setup_teardown(
			cuts_what_is_too_long_and_keeps_the_line_end, capture, release),
		cmocka_unit_test_setup_teardown(takes_the_level_from_the_name, capture, release),
		cmocka_unit_test_setup_teardown(falls_back_to_the_programs_level, capture, release),
		cmocka_unit_test(brake_counts_what_it_swallows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
